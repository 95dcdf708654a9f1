"""Threads for calls that may take long, shared out so that whoever waits long holds up nobody but himself.

`talkabiz.whatsapp.pool` has a few that are always there; of these there are as many as are needed, up to a limit, and
those with nothing to do end. One session has no more than its share of them: its further calls wait in a line of their
own. Lives on the loop; never waits for a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)

IDLE_SECONDS = 30.0


class NotBegun(TimeoutError):
    """Its turn didn't come in time, and it is never made."""


@dataclass(eq=False, slots=True)
class _Job:
    whose: str
    function: Callable[[], Any]
    future: asyncio.Future[Any]
    since: float = 0.0
    """When it was handed out, by the loop's clock."""
    begun: bool = False
    """Set by the thread, before it looks whether somebody still waits for it."""


class Crew:
    """`most` threads in all, `share` of them for one session. `name` is what its threads are called."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, name: str, *, most: int, share: int, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._loop = loop
        self._name = name
        self._most = most
        self._share = share
        self._idle_seconds = idle_seconds
        self._numbers = itertools.count()
        self._waiting: deque[_Job] = deque()
        self._under_way: set[_Job] = set()
        self._busy: Counter[str] = Counter()
        self._orders: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        """Over `_threads`, together with a look at the orders."""
        self._threads = 0
        self._closed = False
        self._changed = asyncio.Event()

    async def call(self, whose: str, function: Callable[[], T], *, seconds: float) -> T:
        """What the function returns or raises. TimeoutError past the deadline: the call goes on and its result is
        dropped; NotBegun: it isn't made, in time or ever.
        """
        if self._closed:
            raise NotBegun
        job = _Job(whose, function, self._loop.create_future())
        self._waiting.append(job)
        self._hand_out()
        try:
            async with asyncio.timeout(seconds):
                return await job.future  # type: ignore[no-any-return]
        except TimeoutError:
            if job.begun:
                raise
            raise NotBegun from None
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(job)

    async def drain(self, seconds: float) -> int:
        """Begins nothing more. Gives what is under way so long to end; returns how many calls haven't by then."""
        self._closed = True
        for job in tuple(self._waiting):
            if not job.future.done():
                job.future.set_exception(NotBegun())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._under_way:
                    self._changed.clear()
                    await self._changed.wait()
        for _ in range(self._threads):
            self._orders.put(None)
        return len(self._under_way)

    # --- figures ------------------------------------------------------------------------------------------------------

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    def seconds_of(self, whose: str) -> float:
        """For how long the longest call of that session has been under way; 0 if none is."""
        return max((self._loop.time() - job.since for job in self._under_way if job.whose == whose), default=0.0)

    @property
    def threads(self) -> int:
        return self._threads

    @property
    def overdue(self) -> int:
        """Calls that nobody waits for any more and that haven't returned: each of them holds a thread."""
        return sum(job.future.done() for job in self._under_way)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        """To threads, in the order in which they came, but for those whose session has its share already."""
        for job in tuple(self._waiting):
            if self._closed or len(self._under_way) >= self._most:
                return
            if self._busy[job.whose] < self._share and not job.future.done():
                self._waiting.remove(job)
                self._busy[job.whose] += 1
                self._under_way.add(job)
                job.since = self._loop.time()
                self._order(job)

    def _order(self, job: _Job) -> None:
        with self._lock:
            if self._threads >= len(self._under_way) or self._begin_thread() or self._threads:
                self._orders.put(job)
                return
        self._settle(job, None, NotBegun())

    def _begin_thread(self) -> bool:
        thread = threading.Thread(target=self._work, name=f"wa-{self._name}-{next(self._numbers)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads: one of those that are there takes it
            log.exception("no thread for a call into the library", threads=self._threads)
            return False
        self._threads += 1
        return True

    def _work(self) -> None:
        while job := self._next():
            job.begun = True
            result, error = None, None
            if not job.future.done():
                try:
                    result = job.function()
                except Exception as caught:  # noqa: BLE001 - it is raised again where the call was made
                    error = caught
            with contextlib.suppress(RuntimeError):  # the loop is closed, and with it whoever waited
                self._loop.call_soon_threadsafe(self._settle, job, result, error)
            del job, result, error  # while it waits for the next, it holds nothing of this one

    def _next(self) -> _Job | None:
        while True:
            with contextlib.suppress(Empty):
                return self._leave_with(self._orders.get(timeout=self._idle_seconds))
            with self._lock:
                if self._orders.empty():
                    self._threads -= 1
                    return None

    def _leave_with(self, job: _Job | None) -> _Job | None:
        if job is None:
            with self._lock:
                self._threads -= 1
        return job

    def _settle(self, job: _Job, result: Any, error: Exception | None) -> None:
        self._under_way.discard(job)
        self._busy[job.whose] -= 1
        self._busy = +self._busy
        if not job.future.done():
            if error:
                job.future.set_exception(error)
            else:
                job.future.set_result(result)
        self._changed.set()
        self._hand_out()
