"""One klien's queue at work: one task takes message after message, claims it, sends it, writes down what came of it.

A message is claimed in a transaction before it is given to the library, and what comes of it is stored with the claim
of the next: one commit a message. So a crash leaves each one either queued, or `sending`, which may have left and is
never sent again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from talkabiz.domain import outcomes
from talkabiz.domain.backoff import delay_seconds
from talkabiz.domain.content import MEDIA
from talkabiz.domain.errors import NotFound
from talkabiz.domain.holds import by_pause, by_session
from talkabiz.domain.message import Message, Status
from talkabiz.domain.outcomes import Outcome
from talkabiz.domain.states import Session
from talkabiz.services import records
from talkabiz.services.delivery import Delivery, Ready
from talkabiz.services.paces import Paces
from talkabiz.services.ports import Clock
from talkabiz.services.tempo import Tempo
from talkabiz.store import messages
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell, Writer

NET_SECONDS = 10.0
"""How long a queue that waits isn't looked at, at most."""
BLINK_SECONDS = 0.5
"""A link that was lost comes back without a word, if it is back soon."""
MOST_TRIES = 5
LONGEST_DELAY = 60.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """What every line works with."""

    delivery: Delivery
    paces: Paces
    writer: Writer
    clock: Clock
    session_of: Callable[[int], Session | None]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is stored next, and after how many seconds one looks again; None: nothing waits."""

    claims: Message | None = None
    expires: bool = False
    fails: bool = False
    rest: float | None = None


class Line:
    def __init__(self, klien_id: int, room: Room) -> None:
        self.klien_id = klien_id
        self.under_way: Message | None = None
        """Claimed, and what came of it isn't stored yet."""
        self._room = room
        self._tempo = Tempo(klien_id, room.paces)
        self._news = asyncio.Event()
        self._done: tuple[Message, Outcome] | None = None
        self._ready: tuple[int, Ready] | None = None
        self._tried: tuple[int, int] = (0, 0)  # a message, and how often
        self._not_before: datetime | None = None
        self._doubts: dict[int, datetime] = {}  # chats with a message that may have left, and until when that matters
        self._is_closing = False

    def wake(self) -> None:
        """Something has come, or the session has changed."""
        self._news.set()

    def close(self) -> None:
        """Claim nothing more. The task ends once what is under way is stored."""
        self._is_closing = True
        self._news.set()

    def doubt(self, message: Message) -> None:
        """It may have left."""
        self._doubts[message.chat.id] = self._room.clock.now() + records.SETTLING

    async def run(self) -> None:
        """Until nothing waits. A fault costs this klien a pause, and nobody else anything."""
        faults = 0
        while True:
            self._news.clear()
            try:
                rest = await self._step()
            except NotFound:  # the klien is gone
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the klien's outbox
                faults += 1
                rest = delay_seconds(faults, _chance(), longest=LONGEST_DELAY)
                self._log_fault(error, rest)
            else:
                faults = 0
            if rest is None and not self._news.is_set():
                return
            await self._wait(rest or 0)

    def _log_fault(self, error: Exception, retry_seconds: float) -> None:
        if isinstance(error, StoreError):  # a full disk may stay so for hours
            why = str(error.__cause__ or error)
            log.warning("outbox_not_stored", klien_id=self.klien_id, why=why, retry_seconds=retry_seconds)
        else:
            log.error("outbox_fault", klien_id=self.klien_id, retry_seconds=retry_seconds, exc_info=error)

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()

    async def _step(self) -> float | None:
        plan = await self._plan()
        claimed, is_more = await self._store(plan)
        if claimed:
            await self._send(claimed)
        return 0 if claimed or is_more else plan.rest

    # --- what to do ---------------------------------------------------------------------------------------------------

    async def _plan(self) -> _Plan:
        now, session = self._room.clock.now(), self._room.session_of(self.klien_id)
        if self._is_closing:
            return _Plan()
        if session and session.device is None:
            return _Plan(fails=True)
        if not session or by_session(session):
            is_blink = session and session.status.value == "connected"
            return await self._rest(now, now + timedelta(seconds=BLINK_SECONDS) if is_blink else None)
        pace = await self._room.paces.of(self.klien_id)
        held_until = pace.paused_until if by_pause(pace.paused_until, pace.reason, now) else self._not_before
        if held_until and held_until > now:
            return await self._rest(now, held_until)
        if self._done and self._done[1].status is not Status.SENT:
            return _Plan(rest=0)  # it may be its turn again, or pause the queue
        return await self._plan_next(now, session.attempt or "")

    async def _plan_next(self, now: datetime, attempt: str) -> _Plan:
        message = await messages.next_due(self.klien_id, now)
        if message is None:
            return await self._rest(now, None)
        if message.expires_at and message.expires_at <= now:
            return _Plan(expires=True, rest=0)
        is_new = await self._tempo.is_new(message)
        at = await self._tempo.when(now, is_new=is_new, unstored=int(self._done is not None))
        if at > now:
            return await self._rest(now, at)
        if self._ready is None or self._ready[0] != message.id:
            if self._done and (is_new or message.kind in MEDIA):
                return _Plan(rest=0)  # first what is done, for this may take minutes
            return await self._prepare(message, attempt, is_new=is_new)
        return _Plan(claims=message)

    async def _prepare(self, message: Message, attempt: str, *, is_new: bool) -> _Plan:
        made = await self._room.delivery.prepare(message, attempt, is_new=is_new)
        if isinstance(made, Ready):
            self._ready = message.id, made
            return _Plan(claims=message)
        if self._done is None:
            outcome = self._judge(message, made)
            self._done = (message, outcome) if outcome.status is not Status.QUEUED else None
        return _Plan(rest=0)

    async def _rest(self, now: datetime, until: datetime | None) -> _Plan:
        """Nothing goes before then, as far as is known."""
        if await messages.next_due(self.klien_id, now + records.END_OF_TIME) is None:
            return _Plan()
        times = [until, await messages.next_time(self.klien_id), now + timedelta(seconds=NET_SECONDS)]
        at = min(time for time in times if time and time > now)
        return _Plan(expires=True, rest=(at - now).total_seconds())

    # --- doing it -----------------------------------------------------------------------------------------------------

    async def _store(self, plan: _Plan) -> tuple[Message | None, bool]:
        """What is claimed by now, and whether there is more of the same to do."""
        if not (self._done or plan.claims or plan.expires or plan.fails):
            return None, False
        done, now, room = self._done, self._room.clock.now(), self._room

        async def job(tell: Tell) -> tuple[Message | None, bool]:
            is_more = False
            if done:
                await self._conclude(tell, *done, now)
            if plan.fails:
                is_more = await records.fail_all(tell, self.klien_id, "logged_out", now)
            if plan.expires:
                is_more = await records.expire(tell, self.klien_id, now)
            return await records.claim(tell, plan.claims, now) if plan.claims else None, is_more

        claimed, is_more = await room.writer.write(job)
        if done:
            self._note(*done)
        self._done, self.under_way = None, claimed
        return claimed, is_more

    async def _conclude(self, tell: Tell, message: Message, outcome: Outcome, now: datetime) -> None:
        held = by_session(self._room.session_of(self.klien_id)) if outcome.status is Status.QUEUED else None
        await records.conclude(tell, message, outcome, now, held)
        if message.chat.id in self._doubts:
            await records.reconcile(tell, self.klien_id, message.chat.id, now)
        if outcome.is_limited and (pause := await self._room.paces.pause(self.klien_id, outcome.error or "", now)):
            await records.tell_held(tell, self.klien_id, pause, now)

    def _note(self, message: Message, outcome: Outcome) -> None:
        """That is stored now."""
        now = self._room.clock.now()
        self._doubts = {chat_id: until for chat_id, until in self._doubts.items() if until > now}
        if outcome.is_limited:
            self._room.paces.note_pause(self.klien_id)
        elif outcome.status is Status.UNCERTAIN:
            self.doubt(message)
        elif outcome.status is Status.SENT:
            self._tempo.note_familiar(message)

    async def _send(self, message: Message) -> None:
        ready, self._ready = self._ready, None
        session = self._room.session_of(self.klien_id)
        assert ready  # noqa: S101 - only what is ready is claimed
        self._tempo.note_sent(self._room.clock.now())
        outcome = await self._room.delivery.send(message, ready[1], session.attempt or "" if session else "")
        self._done = message, self._judge(message, outcome)

    def _judge(self, message: Message, outcome: Outcome) -> Outcome:
        """What hasn't left is tried again, later each time, and some of it not for ever."""
        if outcome.status is not Status.QUEUED:
            return outcome
        tries = self._tried[1] + 1 if self._tried[0] == message.id else 1
        self._tried = message.id, tries
        if outcome.error and tries >= MOST_TRIES:
            return outcomes.failed(outcome.error)
        delay = delay_seconds(tries, _chance(), longest=LONGEST_DELAY)
        self._not_before = self._room.clock.now() + timedelta(seconds=delay)
        return Outcome(Status.QUEUED)


def _chance() -> float:
    return random.random()  # noqa: S311 - jitter
