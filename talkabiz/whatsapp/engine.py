"""Many runs on one library: starts one at a time, and what runs tell as facts, in order. Lives on the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from talkabiz.domain import inputs as i
from talkabiz.services.spool import Spool
from talkabiz.whatsapp import from_whatsapp
from talkabiz.whatsapp.attempt import Attempt
from talkabiz.whatsapp.binding import Binding
from talkabiz.whatsapp.gate import EXCLUSIVE_SECONDS
from talkabiz.whatsapp.incoming import CHATS, PASSING, TYPING
from talkabiz.whatsapp.route import Route
from talkabiz.whatsapp.run import DEVICE_EVENT, Hear, Kind, Run

log = structlog.get_logger(__name__)

STORE_WAIT_SECONDS = 120.0
"""How long a log-in waits for an earlier run on the same store to end. Two at once would throw each other out; but a
run that hangs in its dial for longer than the library's time-outs must not hold its device up for ever."""
_CHATS = frozenset(CHATS + TYPING)
_LASTING = frozenset(CHATS) - frozenset(PASSING)
_LAST_FACTS = (i.LoggedOut, i.Replaced, i.Banned, i.Outdated, i.ConnectRefused, i.NoRoute, i.EngineFailed)

Deliver = Callable[[int, i.Fact], None]
Overhear = Callable[[int, str, int, bytes], None]
"""Takes an event of a session's chats as the library gives it: the klien's id, the attempt, the event's number, the
bytes. On the loop, in the order in which they happened; returns at once. `incoming.heard_of` reads them.
"""


class Engine:
    """`ended` is told each attempt whose run is over; its store is free then. `spool` gets what is heard of chats on a
    thread of the library's, before that goes on.
    """

    def __init__(
        self,
        binding: Binding,
        *,
        proxy_url: str | None,
        loop: asyncio.AbstractEventLoop,
        deliver: Deliver,
        ended: Callable[[Attempt], None],
        spool: Spool | None = None,
    ) -> None:
        self._binding = binding
        self._proxy_url = proxy_url
        self._route = Route()
        self._loop = loop
        self._deliver = deliver
        self._ended = ended
        self._spool = spool
        self._attempts: dict[str, Attempt] = {}
        self._waiting: deque[Attempt] = deque()
        self._starting: Attempt | None = None
        self._lost: set[Run] = set()
        self.overhear: Overhear | None = None
        """Who listens to the chats. Nobody: their events are dropped where they arrive."""
        self.started = 0
        """How many runs have ever entered the library. Each leaves something behind for good (docs/leaks.md)."""

    # --- what is asked ------------------------------------------------------------------------------------------------

    def start(self, attempt: Attempt) -> None:
        """StartQueued is told if another start is under way, or the store is still in use."""
        self._attempts[attempt.name] = attempt
        self._waiting.append(attempt)
        self.start_next()
        if attempt.run is None:
            self._tell_place(attempt, len(self._waiting) - (0 if self._starting else 1))

    def close(self, attempt: Attempt) -> None:
        attempt.muted = True
        if attempt.closed_at is not None:
            return
        attempt.closed_at = time.monotonic()
        attempt.decided.set()
        if attempt.run is None:
            self._waiting.remove(attempt)
            self._forget(attempt)
        else:
            attempt.run.close()

    def find(self, name: str) -> Attempt | None:
        return self._attempts.get(name)

    def all(self) -> Iterable[Attempt]:
        return tuple(self._attempts.values())

    # --- starts, one at a time ----------------------------------------------------------------------------------------

    def start_next(self) -> None:
        """The first in the line whose store is free. Only one start stands before the gate: calls go in between."""
        if self._starting:
            return
        for attempt in self._waiting:
            if not self._is_held(attempt.store):
                self._waiting.remove(attempt)
                self._begin(attempt)
                self._tell_places()
                return

    def _tell_places(self) -> None:
        """To those whose way has become half as long: each hears of it a few times, however long the line is."""
        for ahead, attempt in enumerate(self._waiting, start=1 if self._starting else 0):
            if attempt.ahead is not None and ahead <= attempt.ahead // 2 and ahead < attempt.ahead:
                self._tell_place(attempt, ahead)

    def _tell_place(self, attempt: Attempt, ahead: int) -> None:
        """Later, as every fact; unless its turn has come by then."""
        attempt.ahead = ahead
        self._loop.call_soon(lambda: None if attempt.run else self.tell(attempt, i.StartQueued(attempt.name, ahead)))

    def _is_held(self, store: str) -> bool:
        now = time.monotonic()
        return any(
            other.store == store and (other.closed_at is None or now - other.closed_at < STORE_WAIT_SECONDS)
            for other in self._attempts.values()
            if other.run
        )

    def _begin(self, attempt: Attempt) -> None:
        self._starting = attempt
        hear = self._hearing(attempt)
        attempt.run = Run(
            self._binding, attempt.klien_id, attempt.name, attempt.store, pairing=attempt.pairing, hear=hear
        )
        try:
            attempt.run.begin(self._proxy_url, None if attempt.pairing else self._route.is_open)
        except RuntimeError as error:  # no more threads
            log.exception("a run couldn't be started", klien_id=attempt.klien_id)
            self._loop.call_soon(self._fail_to_start, attempt, str(error))

    def _fail_to_start(self, attempt: Attempt, why: str) -> None:
        self.tell(attempt, i.EngineFailed(attempt.name, why))
        self._forget(attempt)

    def _started(self, attempt: Attempt) -> None:
        if self._starting is attempt:
            self._starting = None
            self.start_next()

    # --- what runs tell -----------------------------------------------------------------------------------------------

    def _hearing(self, attempt: Attempt) -> Hear:
        def hear(kind: Kind, number: int, data: bytes) -> None:
            if kind is Kind.EVENT and number in _CHATS and self.overhear is None:
                return
            ticket = None
            if self._spool and kind is Kind.EVENT and number in _LASTING:
                ticket = self._spool.keep(attempt.klien_id, number, data)
            attempt.inbox.append((time.monotonic(), kind, number, data, ticket))
            with suppress(RuntimeError):  # the loop is closed: nobody is interested any more
                self._loop.call_soon_threadsafe(self._drain, attempt)

        return hear

    def _drain(self, attempt: Attempt) -> None:
        while attempt.inbox:
            _, kind, number, data, ticket = attempt.inbox.popleft()
            try:
                self._take(attempt, kind, number, data)
            except Exception:
                log.exception("an event of WhatsApp was lost", klien_id=attempt.klien_id, kind=kind.name, number=number)
            if self._spool and ticket is not None:
                self._spool.passed(ticket)

    def _take(self, attempt: Attempt, kind: Kind, number: int, data: bytes) -> None:
        if kind is Kind.LOG:
            said = from_whatsapp.log_line(data)
            attempt.notice(1)
            log.warning("whatsapp library", klien_id=attempt.klien_id, said=said)
            self.tell(attempt, from_whatsapp.fact_of_log(attempt.name, said))
        elif kind is Kind.ENTERED:
            self.started += 1
            self._loop.call_later(EXCLUSIVE_SECONDS, self._started, attempt)
            self.tell(attempt, i.StartEntered(attempt.name))
        elif kind is Kind.ENDED:
            self._forget(attempt)
        else:
            attempt.signed = True
            self._started(attempt)
            self._take_news(attempt, kind, number, data)

    def _take_news(self, attempt: Attempt, kind: Kind, number: int, data: bytes) -> None:
        name = attempt.name
        if kind is Kind.EVENT and number != DEVICE_EVENT:
            self._take_event(attempt, number, data)
            return
        text = data.decode(errors="replace")
        if kind is Kind.CODE:
            # A log-in gets codes if the library found no device in the store.
            logged_out = i.LoggedOut(name, i.LogoutCause.LOGGED_OUT)
            self.tell(attempt, i.CodeIssued(name, text) if attempt.pairing else logged_out)
        elif kind is Kind.STATUS:
            log.info("whatsapp pairing", klien_id=attempt.klien_id, status=text)
            attempt.scanned = text == "success"
            self.tell(attempt, from_whatsapp.fact_of_status(name, text))
            if text in from_whatsapp.LAST_STATUSES:
                self.close(attempt)
        elif kind is Kind.RETURNED:
            log.warning("whatsapp run ended", klien_id=attempt.klien_id, said=from_whatsapp.redact(text))
            self.tell(attempt, from_whatsapp.fact_of_return(name, text))
        else:
            attempt.me = from_whatsapp.me_of(data)
            if attempt.scanned:
                self.tell(attempt, i.Paired(name, attempt.me))

    def _take_event(self, attempt: Attempt, number: int, data: bytes) -> None:
        if number not in _CHATS:
            self.tell(attempt, from_whatsapp.fact_of_event(attempt.name, number, data, datetime.now(UTC)))
        elif self.overhear:  # also of an attempt that is closed: the library has acknowledged what it hands over
            self.overhear(attempt.klien_id, attempt.name, number, data)

    def tell(self, attempt: Attempt, fact: i.Fact | None) -> None:
        """Remembers what it means, and hands it on, unless nobody wants to hear of this attempt any more."""
        if isinstance(fact, i.Paired):
            if attempt.paired:
                return
            attempt.paired = True
        if isinstance(fact, i.Connected) and not attempt.paired:
            fact, attempt.me = i.Connected(attempt.name, attempt.me), None
        self._remember(attempt, fact)
        self._route.learn(fact)
        if fact and not attempt.muted:
            attempt.adopted = attempt.adopted or isinstance(fact, i.Paired)
            self._deliver(attempt.klien_id, fact)

    def _remember(self, attempt: Attempt, fact: i.Fact | None) -> None:
        """Whether the link is up now."""
        if isinstance(fact, i.Connected):
            attempt.told, attempt.doubts = True, 0
            attempt.noticed_at, attempt.lines = time.monotonic(), 0
            attempt.decided.set()
        elif isinstance(fact, i.LinkLost | i.StreamErrored):
            attempt.told, attempt.doubts = False, 0
            attempt.notice()
            attempt.decided.clear()
        elif isinstance(fact, i.KeepaliveRestored):
            attempt.recovered = True
        elif isinstance(fact, _LAST_FACTS):
            attempt.told = None
            attempt.decided.set()

    def _forget(self, attempt: Attempt) -> None:
        self._attempts.pop(attempt.name, None)
        self._lost = {run for run in (*self._lost, attempt.run) if run and run.is_lost}
        attempt.decided.set()
        self._ended(attempt)
        self._started(attempt)
        self.start_next()

    # --- figures ------------------------------------------------------------------------------------------------------

    @property
    def queued(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return sum(1 for attempt in self._attempts.values() if attempt.run)

    @property
    def abandoned(self) -> int:
        """Runs whose threads will never return. They stay for as long as the process lives."""
        return sum(run.is_lost for run in self._lost)

    @property
    def lag_seconds(self) -> float:
        """The age of the oldest event that hasn't become a fact yet."""
        oldest = [attempt.inbox[0][0] for attempt in self._attempts.values() if attempt.inbox]
        return time.monotonic() - min(oldest) if oldest else 0.0

    @property
    def threads(self) -> int:
        return sum(thread.name.startswith("wa-") for thread in threading.enumerate())
