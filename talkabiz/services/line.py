"""One klien's queue at work: one task takes message after message, claims it, sends it, writes down what came of it.

A message is claimed in a transaction before it is given to the library, and what comes of it is stored with the claim
of the next: one commit a message. So a crash leaves each one either queued, or `sending`, which may have left and is
never sent again.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import datetime

import structlog

from talkabiz.domain.backoff import delay_seconds
from talkabiz.domain.errors import NotFound
from talkabiz.domain.holds import by_session
from talkabiz.domain.message import Message, Status
from talkabiz.domain.outcomes import Outcome
from talkabiz.services import records
from talkabiz.services.turns import LONGEST_DELAY, Done, Plan, Room, Turns
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell

log = structlog.get_logger(__name__)


class Line:
    def __init__(self, klien_id: int, room: Room) -> None:
        self.klien_id = klien_id
        self.under_way: Message | None = None
        """Claimed, and what came of it isn't stored yet."""
        self._room = room
        self._turns = Turns(klien_id, room)
        self._news = asyncio.Event()
        self._done: Done | None = None
        self._paced_until: datetime | None = None
        self._doubts: dict[int, datetime] = {}  # chats with a message that may have left, and until when that matters
        self._is_closing = False

    def wake(self) -> None:
        """Something has changed."""
        self._news.set()

    def note_accepted(self, message: Message) -> None:
        """It waits behind the others, which may be all that there is to know of it for now."""
        expires_at, until = message.expires_at, self._paced_until
        if until is None or message.send_at or (expires_at and expires_at < until):
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
                rest = delay_seconds(faults, random.random(), longest=LONGEST_DELAY)  # noqa: S311 - jitter
                self._log_fault(error, rest)
            else:
                faults = 0
            if rest is None and not self._news.is_set():
                return
            await self._wait(rest or 0)

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()

    async def _step(self) -> float | None:
        """Seconds until the next; None: nothing waits."""
        self._paced_until = None
        plan = Plan() if self._is_closing else await self._turns.plan(self._done)
        claimed, is_more = await self._store(plan)
        if claimed:
            await self._send(claimed)
        self._paced_until = plan.paced_until
        return 0 if claimed or is_more else plan.rest

    async def _store(self, plan: Plan) -> tuple[Message | None, bool]:
        """What is claimed by now, and whether there is more of the same to do."""
        done, now = [each for each in (self._done, plan.concludes) if each], self._room.clock.now()
        if not (done or plan.claims or plan.expires or plan.fails):
            return None, False

        async def job(tell: Tell) -> tuple[Message | None, bool]:
            is_more = False
            for message, outcome in done:
                await self._conclude(tell, message, outcome, now)
            if plan.fails:
                is_more = await records.fail_all(tell, self.klien_id, "logged_out", now)
            if plan.expires:
                is_more = await records.expire(tell, self.klien_id, now)
            claims = None if self._is_closing else plan.claims  # it may have been prepared for minutes
            return await records.claim(tell, claims, now) if claims else None, is_more

        claimed, is_more = await self._room.writer.write(job)
        for message, outcome in done:
            self._note(message, outcome)
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
        elif outcome.status is Status.SENT and self._turns.tempo.note_familiar(message):
            self._room.paces.note_welcome(self.klien_id)

    async def _send(self, message: Message) -> None:
        """From here to the outcome nothing else may fail: it is claimed, and won't be tried again."""
        session = self._room.session_of(self.klien_id)
        self._turns.tempo.note_sent(self._room.clock.now())
        ready, attempt = self._turns.take(message), session.attempt or "" if session else ""
        outcome = await self._room.delivery.send(message, ready, attempt)
        self._done = message, self._turns.judge(message, outcome)

    def _log_fault(self, error: Exception, retry_seconds: float) -> None:
        if isinstance(error, StoreError):  # a full disk may stay so for hours
            why = str(error.__cause__ or error)
            log.warning("outbox_not_stored", klien_id=self.klien_id, why=why, retry_seconds=retry_seconds)
        else:
            log.error("outbox_fault", klien_id=self.klien_id, retry_seconds=retry_seconds, exc_info=error)
