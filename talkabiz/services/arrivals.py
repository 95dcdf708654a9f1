"""Messages that were heard, taken in: who, where, the row, and what it changes of others. Inside a transaction.

Whoever writes may claim anything. An edit or a revocation counts where it comes from the author of the message that it
means; what the klien's own phone takes back in a group counts too, for WhatsApp lets only administrators do that. Those
of an administrator among the others are kept as messages of their own and change nothing.
"""

from __future__ import annotations

import structlog

from talkabiz.domain.content import Kind
from talkabiz.domain.heard import MessageHeard, Source, UndecryptableHeard
from talkabiz.domain.message import Direction, Message, Origin, Party, Status
from talkabiz.domain.telling import File, Told, is_wa_id, told
from talkabiz.services.taking import Taking
from talkabiz.store import media, messages, parties
from talkabiz.store.amendments import amendments
from talkabiz.store.arrivals import ABOUT_OTHERS, HeardMessage, set_edited, set_revoked, take_in

STATUS_BROADCAST = "status@broadcast"

log = structlog.get_logger(__name__)


async def take_message(taking: Taking, heard: MessageHeard) -> None:
    """Nothing happens where it was taken in before. ValueError: it has no id that anybody could point at."""
    what = told(heard)
    await _take(taking, heard.source, what, Status.SENT if heard.source.from_me else Status.RECEIVED, heard.raw)


async def take_undecryptable(taking: Taking, heard: UndecryptableHeard) -> None:
    """Shown as such until it comes again in a form that can be read."""
    if not heard.is_hidden:
        await _take(taking, heard.source, Told(Kind.UNKNOWN), Status.UNDECRYPTABLE, b"")


async def _take(taking: Taking, source: Source, what: Told, status: Status, raw: bytes) -> None:
    if not is_wa_id(source.id):
        raise ValueError("a message without a usable id")
    where = await _chat(taking, source)
    if where is None:
        log.debug("message_of_no_chat", klien_id=taking.klien_id, server=source.chat.rpartition("@")[2])
        return
    chat, sender = where
    if what.file and await _is_here(taking, chat, source.id, sender):
        return
    meant = await messages.by_wa_id(taking.klien_id, chat.id, what.means) if what.means else None
    row = HeardMessage(
        chat_id=chat.id,
        sender_id=sender.id if sender else None,
        source=Origin.CONTACT if sender else Origin.PHONE,
        wa_id=source.id,
        kind=what.kind,
        text=what.text,
        content={**what.content, "message_id": meant.id} if meant else what.content,
        media_id=await _fetch_later(taking, what.file, raw) if what.file else None,
        reply_to=what.reply_to,
        mentions=what.mentions,
        forwards=what.forwards,
        at=source.at,
        now=taking.now,
        status=status,
    )
    message = await take_in(taking.klien_id, row)
    if message is None:
        return
    await taking.tell("message", await _amended(taking, message))
    if meant and (changed := await _amend(taking, meant, message)):
        await taking.tell("message_status", changed)


async def _is_here(taking: Taking, chat: Party, wa_id: str, sender: Party | None) -> bool:
    """Whether it won't be taken in, for it was before and could be read then, or for it is somebody else's: its file
    mustn't be fetched.
    """
    before = await messages.by_wa_id(taking.klien_id, chat.id, wa_id)
    if before is None:
        return False
    author_id = sender.id if sender else before.account.id
    return before.status is not Status.UNDECRYPTABLE or before.sender.id != author_id


async def _chat(taking: Taking, source: Source) -> tuple[Party, Party | None] | None:
    """Where it was said, and by whom: None for the klien's own account. None at all: nowhere that people write to us.

    What somebody sends to a list of people arrives in the chat with them, as on a phone.
    """
    server = source.chat.rpartition("@")[2]
    chat, alt = source.chat, source.chat_alt
    if server == "broadcast":
        if source.chat == STATUS_BROADCAST or source.from_me:
            return None
        chat, alt = source.sender, source.sender_alt
    elif server == "newsletter":
        return None
    if server == "g.us":
        return await _group(taking, source)
    name = None if source.from_me else source.push_name
    party = await parties.known(taking.klien_id, jid=chat, alt=alt, name=name)
    return party, None if source.from_me else party


async def _group(taking: Taking, source: Source) -> tuple[Party, Party | None]:
    sender = None
    if not source.from_me:
        sender = await parties.known(taking.klien_id, jid=source.sender, alt=source.sender_alt, name=source.push_name)
    group = await parties.known(taking.klien_id, jid=source.chat)
    if group.name is None:
        taking.groups.add(group.jid)
    return group, sender


async def _fetch_later(taking: Taking, file: File, raw: bytes) -> int:
    taking.has_media = True
    row = await media.add(
        taking.klien_id,
        status="pending",
        mimetype=file.mimetype,
        filename=file.filename,
        size=file.size,
        sha256=file.sha256,
        seconds=file.seconds,
        source=raw,
        now=taking.now,
    )
    return row.id


# --- edits and revocations --------------------------------------------------------------------------------------------


async def _amended(taking: Taking, message: Message) -> Message:
    """As it is after the edits and revocations that overtook it."""
    if message.kind in ABOUT_OTHERS or message.status is Status.UNDECRYPTABLE:
        return message
    for change in await amendments(taking.klien_id, message.chat.id, message.wa_id or ""):
        message = await _amend(taking, message, change) or message
    return message


async def _amend(taking: Taking, message: Message, change: Message) -> Message | None:
    """As `change` makes it; None: it isn't one, or not this one's to make, or it came too late."""
    klien_id, where = taking.klien_id, (message.chat.id, message.wa_id or "")
    is_own = change.direction is Direction.OUT
    sender_id, at = None if is_own else change.sender.id, change.at or taking.now
    if change.kind is Kind.EDIT:
        return await set_edited(klien_id, *where, sender_id=sender_id, text=change.text or "", at=at)
    if change.kind is Kind.REVOKE:
        by_admin = is_own and message.chat.is_group
        return await set_revoked(klien_id, *where, sender_id=sender_id, at=at, by_admin=by_admin)
    return None
