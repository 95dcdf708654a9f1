"""Whose turn it is in one klien's queue: what goes next, what has to be done for it first, and what it waits for."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from talkabiz.domain import outcomes
from talkabiz.domain.backoff import delay_seconds
from talkabiz.domain.content import MEDIA
from talkabiz.domain.holds import by_pause, by_session
from talkabiz.domain.message import Message, Status
from talkabiz.domain.outcomes import Outcome
from talkabiz.domain.states import Session, Status as State
from talkabiz.services.delivery import Delivery, Ready
from talkabiz.services.paces import Paces
from talkabiz.services.ports import Clock
from talkabiz.services.tempo import Tempo
from talkabiz.store import messages
from talkabiz.store.writing import Writer

NET_SECONDS = 10.0
"""How long a queue that waits isn't looked at, at most."""
BLINK_SECONDS = 0.5
"""A link that was lost comes back without a word, if it is back soon."""
MOST_TRIES = 5
LONGEST_DELAY = 60.0
_END_OF_TIME = timedelta(days=1000)

Done = tuple[Message, Outcome]
"""A message, and what came of it."""


@dataclass(frozen=True, slots=True)
class Room:
    """What every line works with."""

    delivery: Delivery
    paces: Paces
    writer: Writer
    clock: Clock
    session_of: Callable[[int], Session | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is stored next, and after how many seconds one looks again; `rest` None: nothing waits."""

    claims: Message | None = None
    concludes: Done | None = None
    """It ends before it was ever sent."""
    expires: bool = False
    fails: bool = False
    rest: float | None = None
    paced_until: datetime | None = None
    """The next one is known, and goes then: what comes behind it changes nothing."""


AT_ONCE = Plan(rest=0)


class Turns:
    def __init__(self, klien_id: int, room: Room) -> None:
        self._klien_id = klien_id
        self._room = room
        self.tempo = Tempo(klien_id, room.paces)
        self._ready: tuple[int, Ready] | None = None
        self._tried = (0, 0)  # a message, and how often
        self._not_before: datetime | None = None

    async def plan(self, done: Done | None) -> Plan:
        """`done` isn't stored yet; it will be with the plan."""
        now, session = self._room.clock.now(), self._room.session_of(self._klien_id)
        if session and session.device is None:
            return Plan(fails=True)
        if session is None or by_session(session):
            is_blink = session and session.status is State.CONNECTED
            return await self._rest(now, now + timedelta(seconds=BLINK_SECONDS) if is_blink else None)
        pace = await self._room.paces.of(self._klien_id)
        held_until = pace.paused_until if by_pause(pace.paused_until, pace.reason, now) else self._not_before
        if held_until and held_until > now:
            return await self._rest(now, held_until)
        if done and done[1].status is not Status.SENT:
            return AT_ONCE  # it may be its turn again, or pause the queue
        return await self._next(now, session.attempt or "", done)

    def take(self, message: Message) -> Ready:
        """What is sent of a message that was planned to be claimed."""
        ready, self._ready = self._ready, None
        assert ready  # noqa: S101 - only what is ready is claimed
        assert ready[0] == message.id  # noqa: S101 - as above
        return ready[1]

    def judge(self, message: Message, outcome: Outcome) -> Outcome:
        """What hasn't left is tried again, later each time, and some of it not for ever."""
        if outcome.status is not Status.QUEUED:
            return outcome
        tries = self._tried[1] + 1 if self._tried[0] == message.id else 1
        self._tried = message.id, tries
        if outcome.error and tries >= MOST_TRIES:
            return outcomes.failed(outcome.error)
        delay = delay_seconds(tries, random.random(), longest=LONGEST_DELAY)  # noqa: S311 - jitter
        self._not_before = self._room.clock.now() + timedelta(seconds=delay)
        return Outcome(Status.QUEUED)

    async def _next(self, now: datetime, attempt: str, done: Done | None) -> Plan:
        message = await messages.next_due(self._klien_id, now)
        if message is None:
            return await self._rest(now, None)
        if message.expires_at and message.expires_at <= now:
            return Plan(expires=True, rest=0)
        is_new = await self.tempo.is_new(message)
        at = await self.tempo.when(now, is_new=is_new, unstored=int(done is not None))
        if at > now:
            return replace(await self._rest(now, at), paced_until=at)
        if self._ready and self._ready[0] == message.id:
            return Plan(claims=message, rest=0)
        if done and (is_new or message.kind in MEDIA or message.wants_preview):
            return AT_ONCE  # first what is done is stored, for this may take minutes
        return await self._prepare(message, attempt, is_new=is_new)

    async def _prepare(self, message: Message, attempt: str, *, is_new: bool) -> Plan:
        made = await self._room.delivery.prepare(message, attempt, is_new=is_new)
        if isinstance(made, Ready):
            self._ready = message.id, made
            return Plan(claims=message, rest=0)
        outcome = self.judge(message, made)
        return AT_ONCE if outcome.status is Status.QUEUED else Plan(concludes=(message, outcome), rest=0)

    async def _rest(self, now: datetime, until: datetime | None) -> Plan:
        """Nothing goes before then, as far as is known."""
        if await messages.next_due(self._klien_id, now + _END_OF_TIME) is None:
            return Plan()
        begins, ends = await messages.next_times(self._klien_id)
        times = [until, begins, ends, now + timedelta(seconds=NET_SECONDS)]
        at = min(time for time in times if time and time > now)
        return Plan(expires=ends is not None and ends <= now, rest=(at - now).total_seconds())
