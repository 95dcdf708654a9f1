"""What became of the messages that a klien sent, with each who got them; also of those that aren't known (yet)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from talkabiz.domain.heard import ReceiptType
from talkabiz.domain.message import Party
from talkabiz.store.database import connected
from talkabiz.store.message_rows import party_of, sums_of, time_of

_STEPS: Mapping[ReceiptType, int] = MappingProxyType(
    {
        ReceiptType.SENDER: 0,
        ReceiptType.DELIVERED: 1,
        ReceiptType.INACTIVE: 1,
        ReceiptType.READ: 2,
        ReceiptType.PLAYED: 3,
    }
)
"""How far it has come, of delivered, read and played. What says nothing of that isn't kept."""


@dataclass(frozen=True, slots=True)
class Given:
    """By one person. Who has read it has got it, too."""

    party: Party
    delivered_at: datetime | None
    read_at: datetime | None
    played_at: datetime | None


_NOTE = """
    INSERT INTO receipts (klien_id, chat_id, party_id, wa_id, delivered_at, read_at, played_at, created_at)
    SELECT klien_id, id, ?, ?, ?, ?, ?, ? FROM parties WHERE id = ? AND klien_id = ?
    ON CONFLICT (chat_id, wa_id, party_id) DO UPDATE SET
        delivered_at = COALESCE(delivered_at, excluded.delivered_at), read_at = COALESCE(read_at, excluded.read_at),
        played_at = COALESCE(played_at, excluded.played_at)
    WHERE (delivered_at IS NULL AND excluded.delivered_at IS NOT NULL)
        OR (read_at IS NULL AND excluded.read_at IS NOT NULL) OR (played_at IS NULL AND excluded.played_at IS NOT NULL)
    RETURNING id
"""
_SUMS = """
    SELECT json_array(COUNT(delivered_at), COUNT(read_at), COUNT(played_at),
                      (SELECT members FROM parties WHERE id = ?1)) AS sums
    FROM receipts WHERE chat_id = ?1 AND klien_id = ?2 AND wa_id = ?3
"""
_OF = """
    SELECT receipts.*, party.jid AS party_jid, party.phone AS party_phone, party.lid AS party_lid,
           party.name AS party_name
    FROM receipts JOIN parties AS party ON party.id = receipts.party_id AND party.klien_id = receipts.klien_id
    WHERE receipts.klien_id = ? AND receipts.chat_id = ? AND receipts.wa_id = ? ORDER BY receipts.id
"""
_UNCLAIMED = """
    SELECT wa_id FROM receipts WHERE klien_id = ? AND chat_id = ? AND created_at >= ? AND NOT EXISTS (
        SELECT 1 FROM messages WHERE messages.chat_id = receipts.chat_id AND messages.wa_id = receipts.wa_id
    ) GROUP BY wa_id ORDER BY MIN(id)
"""


async def note(  # noqa: PLR0917 - who says what of which
    klien_id: int,
    chat_id: int,
    wa_id: str,
    party_id: int,
    type: ReceiptType,  # noqa: A002 - what it is called
    at: datetime,
) -> bool:
    """Inside a transaction. Whether it says something new: never less than what is known, and not of every type.

    SENDER, by another device of the account, says no more than that there is such a message.
    """
    if type not in _STEPS:
        return False
    times = [at if _STEPS[type] > step else None for step in range(3)]
    _, rows = await connected().execute_query(_NOTE, [party_id, wa_id, *times, at, chat_id, klien_id])
    return bool(rows)


async def sums(klien_id: int, chat_id: int, wa_id: str) -> dict[str, int]:
    """`{"delivered", "read", "played"}`: how many; and `of` how many, where the size of the group is known."""
    _, rows = await connected().execute_query(_SUMS, [chat_id, klien_id, wa_id])
    return sums_of(rows[0]["sums"]) or {}


async def of(klien_id: int, chat_id: int, wa_id: str) -> list[Given]:
    """By each who gave any, the first first."""
    _, rows = await connected().execute_query(_OF, [klien_id, chat_id, wa_id])
    return [_given(row) for row in rows]


async def unclaimed(klien_id: int, chat_id: int, since: datetime) -> list[str]:
    """WhatsApp's ids that receipts since then name in this chat and no message has, the first first."""
    _, rows = await connected().execute_query(_UNCLAIMED, [klien_id, chat_id, since])
    return [row["wa_id"] for row in rows]


def _given(row: Mapping[str, Any]) -> Given:
    times = (time_of(row[name]) for name in ("delivered_at", "read_at", "played_at"))
    return Given(party_of(row, "party_"), *times)
