"""Messages, parties and media as they stand in the tables, and as the domain sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from talkabiz.domain.content import Kind
from talkabiz.domain.ids import USER_SERVER
from talkabiz.domain.message import Direction, MediaState, Message, Origin, Party, Status

Row = Mapping[str, Any]

MESSAGE = """
    SELECT messages.*, wa_nomor, wa_lid, wa_nama,
        chat.jid AS chat_jid, chat.phone AS chat_phone, chat.lid AS chat_lid, chat.name AS chat_name,
        sender.jid AS sender_jid, sender.phone AS sender_phone, sender.lid AS sender_lid, sender.name AS sender_name,
        media.mimetype AS media_mimetype, media.status AS media_status, media.size AS media_size,
        media.sha256 AS media_sha256, media.filename AS media_filename, media.seconds AS media_seconds,
        media.error AS media_error, media.expires_at AS media_expires_at,
        CASE WHEN messages.direction = 'out' AND chat.jid LIKE '%@g.us' THEN (
            SELECT json_array(COUNT(delivered_at), COUNT(read_at), COUNT(played_at), chat.members)
            FROM receipts WHERE receipts.chat_id = messages.chat_id AND receipts.wa_id = messages.wa_id
        ) END AS receipts
    FROM messages JOIN kliens ON kliens.id = messages.klien_id
    JOIN parties AS chat ON chat.id = messages.chat_id AND chat.klien_id = messages.klien_id
    LEFT JOIN parties AS sender ON sender.id = messages.sender_id AND sender.klien_id = messages.klien_id
    LEFT JOIN media ON media.id = messages.media_id AND media.klien_id = messages.klien_id
"""


FORWARDS = "forwarded"
"""How often a message was forwarded stands in the column `content`, beside what its kind has there."""


def content_column(content: Mapping[str, Any], forwards: int) -> str:
    return json.dumps({**content, FORWARDS: forwards} if forwards else dict(content))


def time_of(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def party_of(row: Row, prefix: str = "") -> Party:
    """`prefix`: of its columns' names."""
    return Party(*(row[f"{prefix}{name}"] for name in ("id", "jid", "phone", "lid", "name")))


def account_of(row: Row) -> Party:
    """The klien's own, from its columns wa_…; without a linked device all of it is empty."""
    phone, lid = row["wa_nomor"], row["wa_lid"]
    return Party(0, f"{phone}@{USER_SERVER}" if phone else lid or "", phone, lid, row["wa_nama"])


def media_of(row: Row, prefix: str = "") -> MediaState:
    def column(name: str) -> Any:
        return row[f"{prefix}{name}"]

    return MediaState(
        id=column("id"),
        mimetype=column("mimetype"),
        status=column("status"),
        size=column("size"),
        sha256=column("sha256"),
        filename=column("filename"),
        seconds=column("seconds"),
        error=column("error"),
        expires_at=time_of(column("expires_at")),
    )


def message_of(row: Row) -> Message:
    account, chat, content = account_of(row), party_of(row, "chat_"), json.loads(row["content"])
    forwards = content.pop(FORWARDS, 0)
    return Message(
        id=row["id"],
        klien_id=row["klien_id"],
        chat=chat,
        sender=account if row["sender_id"] is None else party_of(row, "sender_") if row["sender_jid"] else chat,
        account=account,
        direction=Direction(row["direction"]),
        source=Origin(row["source"]),
        kind=Kind(row["type"]),
        text=row["text"],
        content=content,
        status=Status(row["status"]),
        status_at=datetime.fromisoformat(row["status_at"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        wa_id=row["wa_id"],
        at=time_of(row["at"]),
        media=media_of(row, "media_") if row["media_status"] else None,
        reply_to=row["reply_to"],
        mentions=tuple(json.loads(row["mentions"])),
        forwards=forwards,
        error=row["error"],
        send_at=time_of(row["send_at"]),
        expires_at=time_of(row["expires_at"]),
        edited_at=time_of(row["edited_at"]),
        revoked_at=time_of(row["revoked_at"]),
        receipts=sums_of(row["receipts"]),
    )


def sums_of(text: str | None) -> dict[str, int] | None:
    """`text`: [delivered, read, played, members or null] as JSON; null where it is of no group of ours."""
    if text is None:
        return None
    *counts, members = json.loads(text)
    return dict(zip(("delivered", "read", "played"), counts, strict=True)) | ({"of": members} if members else {})
