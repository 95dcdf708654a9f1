"""One klien's session at work: one task takes inputs in order, decides, stores, tells, and only then acts.

Everything that changes a session passes through here. Row and journal entry are one transaction; people are told after
the commit; WhatsApp is touched last. So what is pushed, what REST answers and what the database holds can't disagree,
and a crash between two steps leaves a state that the next start understands.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from ulid import ULID

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.domain.errors import IllegalState, Starting, TalkabizError
from talkabiz.domain.events import Event, stored
from talkabiz.domain.limits import Limits
from talkabiz.domain.refusals import refusal_of
from talkabiz.domain.sentences import NUMBER_TAKEN
from talkabiz.domain.session import DueAlarm, decide, is_transition, next_alarm
from talkabiz.domain.states import Moment, Session, Status, Step
from talkabiz.services.deeds import Deeds, LogOuts
from talkabiz.services.journal import Journal
from talkabiz.services.painting import Painter, Painting
from talkabiz.services.ports import Clock, Watchers, WhatsApp
from talkabiz.services.snapshot import EVENT_TYPES, Snapshot, make_snapshot
from talkabiz.store import database, events, sessions
from talkabiz.store.errors import StoreError

STORE_RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every runner works with."""

    whatsapp: WhatsApp
    watchers: Watchers
    journal: Journal
    painter: Painter
    clock: Clock
    limits: Limits


Along = Callable[[Step], Awaitable[None]]
"""What is stored with the change that a wish brings about, in the same transaction; if it raises, neither happens."""


class _NumberTaken(IllegalState):
    """Another klien has this number."""


@dataclass(slots=True)
class _Letter:
    """An input on its way. `answer` is set for wishes, whose sender waits until the change is committed."""

    what: i.Input
    answer: asyncio.Future[LogOuts] | None = None
    session_id: str | None = None
    along: Along | None = None


class Runner:
    def __init__(self, row: sessions.StoredSession, surroundings: Surroundings) -> None:
        self.klien_id = row.klien_id
        self.session = row.session
        self.session_id = row.session_id
        self.seq = row.seq
        self.painting: Painting | None = None
        self._around = surroundings
        self._inbox: asyncio.Queue[_Letter] = asyncio.Queue()
        self._moved = asyncio.Event()
        self._armed: tuple[DueAlarm, float] | None = None
        self._deeds = Deeds(row.klien_id, surroundings.whatsapp)
        self._log = log.bind(klien_id=row.klien_id)

    # --- what others call ---------------------------------------------------------------------------------------------

    def tell(self, what: i.Input) -> None:
        """Hand over a fact. Returns at once."""
        self._inbox.put_nowait(_Letter(what))

    async def ask(self, wish: i.Wish, session_id: str | None = None, along: Along | None = None) -> bool:
        """Hand over a wish and wait until it is committed and, if it logs out, until WhatsApp has been asked.

        Returns False if a device had to be forgotten here that the phone still shows. Raises what the store or `along`
        raised, and if the session refuses the wish, what `refusal_of` says.
        """
        answer: asyncio.Future[LogOuts] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait(_Letter(wish, answer, session_id, along))
        return all([await asyncio.shield(log_out) for log_out in await answer])

    async def wait_for(self, is_reached: Callable[[Session], bool], seconds: float) -> None:
        """Wait until the session is as wanted, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not is_reached(self.session):
                    self._moved.clear()
                    await self._moved.wait()

    def be_watched(self) -> None:
        """Somebody has begun to look: a code that the end of a process took off the screen is put back on it.

        Nothing begins for whoever comes to a round that ended in its time.
        """
        if self.session.is_cut_short(Moment(self._around.clock.now(), self._around.limits)):
            self.tell(i.RefreshAsked(fresh_attempt(), by_program=True))

    def snapshot(self) -> Snapshot:
        """Of now; `seq` counts what others told of this klien, too, or a new code would look older than a message."""
        svg = self.painting.svg if self.painting else None
        return self._show(self.session, max(self.seq, self._around.journal.last_seq(self.klien_id)), svg)

    # --- the task -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled. An input that can't be stored isn't lost: the database is tried again until it can."""
        try:
            while True:
                await self._handle_safely(await self._next())
        finally:
            self._turn_away()

    def _turn_away(self) -> None:
        """At the end nobody may be left waiting for an answer."""
        while not self._inbox.empty():
            answer = self._inbox.get_nowait().answer
            if answer and not answer.done():
                answer.set_exception(Starting())

    async def _next(self) -> _Letter:
        """The next input: out of the inbox, or the alarm that is due before it."""
        alarm = next_alarm(self.session, self._around.limits)
        if alarm is None:
            return await self._inbox.get()
        wait_seconds = self._due_seconds(alarm) - self._around.clock.seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(wait_seconds, 0)):
                return await self._inbox.get()
        self._armed = None
        return _Letter(alarm.ring(fresh_attempt()))

    def _due_seconds(self, alarm: DueAlarm) -> float:
        """When an alarm rings is settled as it is first seen: a clock that is set later neither holds it up nor rings
        it early.
        """
        if self._armed is None or self._armed[0] != alarm:
            clock = self._around.clock
            self._armed = alarm, clock.seconds() + (alarm.at - clock.now()).total_seconds()
        return self._armed[1]

    async def _handle_safely(self, letter: _Letter) -> None:
        try:
            log_outs = await self._handle_stubbornly(letter)
        except Exception as error:  # noqa: BLE001 - a fault in one input must not end the session's task
            if isinstance(error, StoreError):  # who asked is told
                self._log.warning("input_not_stored", input=type(letter.what).__name__, why=str(error.__cause__))
            elif not isinstance(error, TalkabizError):
                self._log.exception("input_failed", input=type(letter.what).__name__)
            if letter.answer and not letter.answer.done():
                letter.answer.set_exception(error)
        else:
            if letter.answer and not letter.answer.done():
                letter.answer.set_result(log_outs)

    async def _handle_stubbornly(self, letter: _Letter) -> LogOuts:
        """A fact can't be asked for again, so it waits until the database takes it; a wish fails to its sender."""
        is_told = False  # once: a full disk may stay so for hours, and the log may lie on it
        while True:
            try:
                return await self._handle(letter)
            except StoreError as error:
                if letter.answer:
                    raise
                if not is_told:
                    self._log.error("input_waits_for_store", input=type(letter.what).__name__, why=str(error.__cause__))
                is_told = True
                await asyncio.sleep(STORE_RETRY_SECONDS)

    async def _handle(self, letter: _Letter) -> LogOuts:
        try:
            return await self._take(letter.what, letter)
        except _NumberTaken:
            match letter.what:
                case i.Paired(attempt, me) | i.DeviceFound(_, attempt, me):
                    return await self._take(i.AlreadyLinked(attempt, me), letter)
            raise

    async def _take(self, what: i.Input, letter: _Letter) -> LogOuts:
        moment = Moment(self._around.clock.now(), self._around.limits, random.random())  # noqa: S311 - jitter
        step = decide(self.session, what, moment)
        if step is None:
            self._log.debug("input_ignored", input=type(what).__name__, status=self.session.status.value)
            if isinstance(what, i.Wish):
                raise refusal_of(self.session, what, moment)
            return []
        before, named = self.session, self.session_id
        if _begins(what, before, step):
            self.session_id = letter.session_id or self.session_id or str(ULID())
        try:
            await self._commit(what, step, moment, letter.along)
        except BaseException:
            self.session_id = named
            raise
        log_outs = self._deeds.do(step.effects)
        self._moved.set()
        if before.status is not Status.EXPIRED:
            self._follow_up()
        return log_outs

    async def _commit(self, what: i.Input, step: Step, moment: Moment, along: Along | None) -> None:
        """Store and tell, but for codes and places in a line, which are only told. Draws while the row is written."""
        before, after = self.session, step.session
        painting = self._paint(after)
        row = await self._store(what, step, moment, along) if is_transition(before, after) else None
        if along and row is None and after != before:
            await along(step)
        self.seq = row.seq if row else self.seq
        self.session, self.painting = after, await painting if painting else None
        if row or (after.round, after.ahead) != (before.round, before.ahead):
            self._around.journal.publish(
                Event(row.id if row else None, self.klien_id, self.seq, _type(after), moment.now, self.snapshot())
            )

    async def _store(self, what: i.Input, step: Step, moment: Moment, along: Along | None) -> Event:
        """Row and journal entry in one; nothing of it is there if this raises."""
        after = step.session
        data = stored(self._show(after, self.seq, None))
        async with database.transaction():
            await self._check_number(what)
            if along:
                await along(step)
            row = await events.append(self.klien_id, _type(after), moment.now, data)
            await sessions.save(self.klien_id, after, self.session_id, moment.now)
        self._log.info("session_changed", status=after.status.value, reason=after.reason, seq=row.seq)
        return row

    async def _check_number(self, what: i.Input) -> None:
        """One number belongs to one klien, and only the tables know whose it is.

        Asked in the transaction that takes it: two who are scanned in one instant would both find it free before.
        """
        me = what.me if isinstance(what, i.Paired | i.DeviceFound | i.OutsideReported) else None
        if me and await sessions.owner_of(me.phone) not in {None, self.klien_id}:
            raise _NumberTaken(NUMBER_TAKEN)

    def _paint(self, session: Session) -> asyncio.Future[Painting] | None:
        """The picture of the code on show; the one we have, if it is of the same code."""
        code = session.round.code if session.round and session.status is Status.QR_READY else None
        if code is None:
            return None
        if self.painting and self.painting.text == code.text:
            known: asyncio.Future[Painting] = asyncio.get_running_loop().create_future()
            known.set_result(self.painting)
            return known
        return self._around.painter.paint(code.text)

    def _follow_up(self) -> None:
        """A round that has just expired is followed by the next while somebody looks, up to the limit."""
        round_ = self.session.round if self.session.status is Status.EXPIRED else None
        if round_ and round_.may_be_followed(self._around.limits) and self._around.watchers.count(self.klien_id):
            self.tell(i.RefreshAsked(fresh_attempt(), by_program=True))

    def _show(self, session: Session, seq: int, svg: str | None) -> Snapshot:
        around = self._around
        return make_snapshot(
            self.klien_id,
            session,
            session_id=self.session_id,
            seq=seq,
            limits=around.limits,
            now=around.clock.now(),
            svg=svg,
        )


def _type(session: Session) -> str:
    return EVENT_TYPES[session.status]


def _begins(what: i.Input, before: Session, step: Step) -> bool:
    """Whether a session begins with this, which the sender may name."""
    if isinstance(what, i.OutsideReported):
        return step.session.is_outside and step.session != before
    if isinstance(what, c.PairingCodeAsked):
        return step.session.attempt != before.attempt
    return isinstance(what, i.ConnectAsked | i.RefreshAsked) and bool(step.effects)


def fresh_attempt() -> str:
    """A name that no attempt ever had."""
    return str(ULID())
