"""The message that another one is about or answers, found by our id of it or by WhatsApp's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from talkabiz.domain.content import Kind
from talkabiz.domain.message import Direction, Message
from talkabiz.domain.wish_contents import wrong
from talkabiz.store import messages, parties


@dataclass(frozen=True, slots=True)
class Reference:
    """`message_id` is ours; None: we don't have it."""

    wa_id: str
    message_id: int | None

    def as_dict(self) -> dict[str, Any]:
        return {"wa_id": self.wa_id, "message_id": self.message_id}


async def find_reference(
    klien_id: int, chat: str, message_id: int | str, field: str, kind: Kind | None = None
) -> Reference:
    """`chat` is the JID that it has to be in. With `kind`, it has to be one that such a message may be about.

    A person's message that we don't have may be named by WhatsApp's id; in a group its author has to be known.

    Raises:
        InvalidInput: naming the field.
    """
    found = await _find(klien_id, chat, message_id)
    if found is None and isinstance(message_id, str) and not chat.endswith("@g.us"):
        return Reference(message_id, None)
    if found is None:
        raise wrong(field, "pesan itu tidak ada dalam chat ini", "there is no such message in this chat")
    if found.wa_id is None:
        raise wrong(field, "pesan itu belum terkirim", "that message has not been sent (yet)")
    if kind is Kind.EDIT and (found.direction is not Direction.OUT or found.kind in {Kind.REACTION, Kind.REVOKE}):
        raise wrong(field, "hanya pesan sendiri yang dapat diubah", "only one's own message can be edited")
    if kind is Kind.REVOKE and found.direction is not Direction.OUT and not found.chat.is_group:
        raise wrong(field, "hanya pesan sendiri yang dapat ditarik", "only one's own message can be taken back")
    return Reference(found.wa_id, found.id)


async def find_anywhere(klien_id: int, message_id: int | str, field: str) -> Message:
    """In whatever chat. Raises InvalidInput, naming the field: also where WhatsApp's id is that of several messages."""
    if isinstance(message_id, int):
        found = [each for each in [await messages.get(klien_id, message_id)] if each]
    else:
        found = await messages.named(klien_id, message_id, limit=2)
    if not found:
        raise wrong(field, "pesan itu tidak ada", "there is no such message")
    if len(found) > 1:
        raise wrong(field, "id itu milik beberapa pesan; pakai id di sini", "several messages have it; use our id")
    return found[0]


async def _find(klien_id: int, chat: str, message_id: int | str) -> Message | None:
    party = await parties.find(klien_id, chat)
    if party is None:
        return None
    if isinstance(message_id, str):
        return await messages.by_wa_id(klien_id, party.id, message_id)
    found = await messages.get(klien_id, message_id)
    return found if found and found.chat.id == party.id else None
