"""Receipts taken in: what became of messages of ours with others, and of theirs on the klien's other devices. Inside a
transaction.

A message of ours to a group is as far as it has come with anybody; its sums say with how many, and they alone change
with most receipts: that is told in passing, or a large group would fill the journal. What each person has told is kept,
also of messages that we don't know: their answer may be on its way, or nobody ever got one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from talkabiz.domain.heard import ReceiptHeard, ReceiptType
from talkabiz.domain.message import Direction, Message, Party, Status
from talkabiz.domain.telling import is_wa_id
from talkabiz.services.taking import Taking
from talkabiz.store import messages, parties, receipts
from talkabiz.store.reading import note_read_up_to
from talkabiz.store.recipients import other_address
from talkabiz.store.writing import Tell

MOST_IDS = 1000
"""Of one receipt. WhatsApp's own apps name some dozens; others hold up everybody while theirs are looked for."""
ACCOUNT_ID = 0
"""Stands for the klien's own account, where a party's id is wanted."""

_OTHERS: Mapping[ReceiptType, Status] = {
    ReceiptType.DELIVERED: Status.DELIVERED,
    ReceiptType.INACTIVE: Status.DELIVERED,
    ReceiptType.READ: Status.READ,
    ReceiptType.PLAYED: Status.PLAYED,
}
_OWN: Mapping[ReceiptType, Status] = {
    ReceiptType.READ: Status.READ,
    ReceiptType.READ_SELF: Status.READ,
    ReceiptType.PLAYED: Status.PLAYED,
    ReceiptType.PLAYED_SELF: Status.PLAYED,
}


Settle = Callable[[int, int, str, datetime, Tell], Awaitable[object]]
"""In the transaction: a message of ours with this id by WhatsApp has arrived in this klien's chat, at this time, and no
row has that id. It may be one that is `uncertain`.
"""


async def take_receipt(taking: Taking, heard: ReceiptHeard, settle: Settle) -> None:
    ids = [each for each in dict.fromkeys(heard.ids[:MOST_IDS]) if is_wa_id(each)]
    if heard.type is ReceiptType.SENDER:
        await _take_sender(taking, heard, ids, settle)
    elif heard.from_me and heard.type in _OWN:
        await _take_own(taking, heard, ids)
    elif not heard.from_me and heard.type in _OTHERS:
        await _take_others(taking, heard, ids, settle)


async def _take_others(taking: Taking, heard: ReceiptHeard, ids: list[str], settle: Settle) -> None:
    chat, party = await _who(taking, heard, ids)
    for wa_id in ids:
        is_new = await receipts.note(taking.klien_id, chat.id, wa_id, party.id, heard.type, heard.at)
        message = await _ours(taking, chat, wa_id, heard.at, settle)
        if message is None:
            continue
        if moved := await messages.move(taking.klien_id, message.id, _OTHERS[heard.type], taking.now):
            await taking.tell("message_status", moved)
        elif is_new and chat.is_group:
            taking.counted[message.id] = message


async def _take_sender(taking: Taking, heard: ReceiptHeard, ids: list[str], settle: Settle) -> None:
    """Another device of the account has got what we sent: so it has left. Kept where we don't know it (yet)."""
    chat = await parties.known(taking.klien_id, jid=heard.chat)
    for wa_id in ids:
        if await messages.by_wa_id(taking.klien_id, chat.id, wa_id) is None:
            await receipts.note(taking.klien_id, chat.id, wa_id, ACCOUNT_ID, heard.type, heard.at)
            await settle(taking.klien_id, chat.id, wa_id, heard.at, taking.append)


async def _take_own(taking: Taking, heard: ReceiptHeard, ids: list[str]) -> None:
    """Read or played on another device of the account."""
    chat = await parties.find(taking.klien_id, heard.chat)
    if chat is None:
        return
    found = [await messages.by_wa_id(taking.klien_id, chat.id, wa_id) for wa_id in ids]
    theirs = [message for message in found if message and message.direction is Direction.IN]
    for message in theirs:
        if moved := await messages.move(taking.klien_id, message.id, _OWN[heard.type], taking.now):
            await taking.tell("message_status", moved)
    if theirs:
        await note_read_up_to(taking.klien_id, chat.id, max(message.id for message in theirs))


async def _who(taking: Taking, heard: ReceiptHeard, ids: list[str]) -> tuple[Party, Party]:
    """In which chat, and who says so."""
    if not heard.chat.endswith("@g.us"):
        alt = heard.sender_alt or await _other_address(taking, heard.chat, ids)
        chat = await parties.known(taking.klien_id, jid=heard.chat, alt=alt)
        return chat, chat
    party = await parties.known(taking.klien_id, jid=heard.sender, alt=heard.sender_alt)
    chat = await parties.known(taking.klien_id, jid=heard.chat)
    if chat.name is None:
        taking.groups.add(chat.jid)
    return chat, party


async def _other_address(taking: Taking, chat: str, ids: list[str]) -> str:
    """Of somebody whose receipts come from a LID that we don't know as theirs, for what was sent to the number."""
    party = await parties.find(taking.klien_id, chat)
    if party and party.phone and party.lid:
        return ""
    for wa_id in ids if party else ():
        if party and await messages.by_wa_id(taking.klien_id, party.id, wa_id):
            return ""
    return await other_address(taking.klien_id, chat, ids)


async def _ours(taking: Taking, chat: Party, wa_id: str, at: datetime, settle: Settle) -> Message | None:
    message = await messages.by_wa_id(taking.klien_id, chat.id, wa_id)
    if message is None:
        await settle(taking.klien_id, chat.id, wa_id, at, taking.append)
        message = await messages.by_wa_id(taking.klien_id, chat.id, wa_id)
    return message if message and message.direction is Direction.OUT else None
