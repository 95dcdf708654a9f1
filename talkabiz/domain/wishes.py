"""What somebody wants to have sent, checked: every field by its kind, every address made into a JID."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from talkabiz.domain.content import MEDIA, Kind
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.ids import LID_SERVER, USER_SERVER, is_phone, parse_jid
from talkabiz.domain.phones import HOME_REGION, parse_phone
from talkabiz.domain.wish_contents import checked_content, checked_reference, checked_text, wrong

MOST_MENTIONS = 256
LATEST = timedelta(days=366)
"""After now, for `send_at`."""
EARLIEST = timedelta(days=1)
"""Before now: a clock may be wrong, and a program late."""
LONGEST_SECONDS = 30 * 24 * 3600
"""For `expires_in`."""

POINTING = frozenset({Kind.REACTION, Kind.EDIT, Kind.REVOKE})
"""Kinds that are about another message: they answer nothing and mention nobody."""
_SERVERS = {USER_SERVER: USER_SERVER, "c.us": USER_SERVER, LID_SERVER: LID_SERVER, "g.us": "g.us"}


@dataclass(frozen=True, slots=True)
class Wish:
    """`to`: a phone's number in any spelling, or the JID of a person or a group; checked, a JID.

    `text`: a text, a caption, a poll's question, a reaction's emoji ("" takes it back) or an edit's new text.
    `content`: of a text `{preview}` (whether to show its link's page), a location `{latitude, longitude, name,
    address}`, a contact `{name, vcard}`, a poll `{options, choices}`, a reaction, edit or revoke `{message_id}`; else
    empty. `message_id` and `reply_to`: a number of ours, or WhatsApp's id as text. `expires_in` is in seconds from
    `send_at`, or from now. `forwards`: how often it was sent on, this time included; 0: it was written for this chat.
    """

    to: str
    kind: Kind
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    media_id: int | None = None
    reply_to: int | str | None = None
    mentions: tuple[str, ...] = ()
    send_at: datetime | None = None
    expires_in: int | None = None
    forwards: int = 0


@dataclass(frozen=True, slots=True)
class Forward:
    """An earlier message, to be sent on as it is: `domain.forwarding` makes a wish of it. `message_id`: a number of
    ours, or WhatsApp's id as text; of whatever chat. The others as in a wish.
    """

    to: str
    message_id: int | str
    send_at: datetime | None = None
    expires_in: int | None = None


def checked(wish: Wish, now: datetime, region: str = HOME_REGION) -> Wish:
    """The same with every address a JID and every field there that its kind has. `region`: whose numbers need no code.

    Raises:
        InvalidInput: naming the field.
    """
    _check_frame(wish, now)
    return replace(
        wish,
        to=parse_address(wish.to, region),
        text=checked_text(wish.kind, wish.text),
        content=checked_content(wish.kind, wish.content),
        mentions=tuple(parse_address(who, region, "mentions") for who in wish.mentions),
    )


def parse_address(text: str, region: str = HOME_REGION, field: str = "to") -> str:
    """A person's JID, by number or LID, or a group's; what a device part says is left out. Raises InvalidInput."""
    if "@" not in text:
        return f"{parse_phone(text, field, region)}@{USER_SERVER}"
    try:
        jid = parse_jid(text.strip())
    except InvalidInput:
        raise wrong(field, "alamat WhatsApp tidak sah", "not a WhatsApp address") from None
    server = _SERVERS.get(jid.server, "")
    if not re.fullmatch(r"[0-9]{5,32}(-[0-9]{5,16})?" if server == "g.us" else r"[0-9]{5,32}", jid.user):
        server = ""
    if not server or (server == USER_SERVER and not is_phone(jid.user)):
        raise wrong(field, "bukan alamat orang atau grup", "not the address of a person or a group")
    return f"{jid.user}@{server}"


def _check_frame(wish: Wish, now: datetime) -> None:
    if wish.kind is Kind.UNKNOWN:
        raise wrong("type", "tidak dapat dikirim", "can't be sent")
    if (wish.kind in MEDIA) != (wish.media_id is not None):
        raise wrong("media", "hanya dan selalu pada jenis media", "belongs to a kind of media, and always there")
    if wish.kind in POINTING and (wish.reply_to is not None or wish.mentions):
        name = "mentions" if wish.mentions else "reply_to"
        raise wrong(name, "tidak ada pada jenis ini", "isn't part of this kind")
    if wish.reply_to is not None:
        checked_reference("reply_to", wish.reply_to)
    if len(wish.mentions) > MOST_MENTIONS:
        raise wrong("mentions", f"paling banyak {MOST_MENTIONS}", f"{MOST_MENTIONS} at most")
    _check_times(wish, now)


def _check_times(wish: Wish, now: datetime) -> None:
    if wish.send_at and wish.send_at.tzinfo is None:
        raise wrong("send_at", "harus menyebut zona waktu", "has to name its time zone")
    if wish.send_at and wish.send_at > now + LATEST:
        raise wrong("send_at", "terlalu jauh", "is too far ahead")
    if wish.send_at and wish.send_at < now - EARLIEST:
        raise wrong("send_at", "sudah lama lewat", "is long past")
    if wish.expires_in is not None and not 0 < wish.expires_in <= LONGEST_SECONDS:
        raise wrong("expires_in", f"1 sampai {LONGEST_SECONDS} detik", f"1 to {LONGEST_SECONDS} seconds")
