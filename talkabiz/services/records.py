"""What is written down of messages on their way, and told: each function works inside a job of the writer."""

from __future__ import annotations

from datetime import datetime, timedelta

from talkabiz.domain.content import Kind
from talkabiz.domain.holds import Hold
from talkabiz.domain.message import Message, Status
from talkabiz.domain.outcomes import UNANSWERED, Outcome, reached
from talkabiz.services.standing import Standing
from talkabiz.store import arrivals, messages, receipts
from talkabiz.store.writing import Tell

ACCEPTED = "message"
MOVED = "message_status"

SETTLING = timedelta(minutes=10)
"""How long after it was sent a message may be found to have left."""
_SENDING = timedelta(seconds=90)
"""The longest time from its sending until a message is called uncertain, by who sends it."""
_END_OF_TIME = timedelta(days=1000)


async def tell_moved(tell: Tell, message: Message, held: Hold | None = None) -> None:
    is_waiting = message.status is Status.QUEUED
    position = await messages.position(message.klien_id, message.id) if is_waiting else None
    await tell(message.klien_id, MOVED, message.status_at, Standing(message, position, held).as_dict())


async def claim(tell: Tell, message: Message, now: datetime) -> Message | None:
    """From here on it may have left. None: somebody was faster, it is cancelled."""
    moved = await messages.move(message.klien_id, message.id, Status.SENDING, now, sending_at=now)
    if moved:
        await tell_moved(tell, moved)
    return moved


async def conclude(tell: Tell, message: Message, outcome: Outcome, now: datetime, held: Hold | None) -> None:
    """What came of it. Receipts that were faster than this count."""
    if outcome.status is Status.SENT:
        await _sent(tell, message, outcome, now)
        return
    moved = await messages.move(message.klien_id, message.id, outcome.status, now, error=outcome.error)
    if moved:
        await tell_moved(tell, moved, held)
    if moved and moved.status is Status.UNCERTAIN:
        await reconcile(tell, moved.klien_id, moved.chat.id, now)


async def reconcile(tell: Tell, klien_id: int, chat_id: int, now: datetime) -> None:
    """Look whether a receipt is there of what may have left in this chat."""
    found = await messages.uncertain_in(klien_id, chat_id, now - SETTLING)
    if len(found) != 1:
        return
    since = found[0].status_at - _SENDING if found[0].error == UNANSWERED.error else now - SETTLING
    unclaimed = await receipts.unclaimed(klien_id, chat_id, since)
    if len(unclaimed) == 1:
        await settle(tell, klien_id, chat_id, unclaimed[0], now)


async def settle(tell: Tell, klien_id: int, chat_id: int, wa_id: str, at: datetime) -> Message | None:
    """A receipt names a message of ours that nobody knows: it is the one that may have left, if there is only one.

    With two of them a receipt doesn't tell which, and none is taken for sent that may not be.
    """
    found = await messages.uncertain_in(klien_id, chat_id, at - SETTLING)
    if len(found) != 1 or (found[0].error == UNANSWERED.error and at < found[0].status_at - _SENDING):
        return None
    return await _sent(tell, found[0], Outcome(Status.SENT, wa_id=wa_id, at=at), at)


async def expire(tell: Tell, klien_id: int, now: datetime) -> bool:
    """Whether there may be more to expire."""
    return await _tell_all(tell, await messages.expire_due(klien_id, now))


async def fail_all(tell: Tell, klien_id: int, code: str, now: datetime) -> bool:
    """Everything that waits. Whether there may be more."""
    return await _tell_all(tell, await messages.fail_waiting(klien_id, code, now))


async def interrupt(tell: Tell, now: datetime) -> list[Message]:
    """At start: what was on its way when the program ended may have left, and receipts may say so already."""
    found = await messages.interrupted(now)
    await _tell_all(tell, found)
    for klien_id, chat_id in {(message.klien_id, message.chat.id) for message in found}:
        await reconcile(tell, klien_id, chat_id, now)
    return found


async def tell_held(tell: Tell, klien_id: int, held: Hold, now: datetime) -> None:
    """That the queue waits now, by the message at its head."""
    if head := await messages.next_due(klien_id, now + _END_OF_TIME):
        await tell(klien_id, MOVED, now, Standing(head, 0, held).as_dict())


async def _sent(tell: Tell, message: Message, outcome: Outcome, now: datetime) -> Message | None:
    klien_id, wa_id = message.klien_id, outcome.wa_id or ""
    moved = await messages.move(klien_id, message.id, Status.SENT, now, wa_id=wa_id, at=outcome.at, sent_at=now)
    if moved is None:
        return None
    sums = await receipts.sums(klien_id, moved.chat.id, wa_id)
    if further := reached(sums):
        moved = await messages.move(klien_id, message.id, further, now) or moved
    await tell_moved(tell, moved)
    if changed := await _change_target(moved, outcome.at or now):
        await tell_moved(tell, changed)
    return moved


async def _change_target(message: Message, at: datetime) -> Message | None:
    """What was edited or taken back says so itself."""
    klien_id, chat_id, wa_id = message.klien_id, message.chat.id, message.content.get("wa_id", "")
    if message.kind is Kind.EDIT:
        text = message.text or ""
        return await arrivals.set_edited(klien_id, chat_id, wa_id, sender_id=None, text=text, at=at)
    if message.kind is Kind.REVOKE:
        return await arrivals.set_revoked(klien_id, chat_id, wa_id, sender_id=None, at=at, by_admin=True)
    return None


async def _tell_all(tell: Tell, found: list[Message]) -> bool:
    for message in found:
        await tell_moved(tell, message)
    return len(found) >= messages.LOT
