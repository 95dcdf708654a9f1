"""Is it well, and how much does it carry? No klien's data in any of it."""

from __future__ import annotations

import asyncio
import resource
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from talkabiz.domain.states import Status
from talkabiz.services.inbound import HeardFigures
from talkabiz.services.sessions import Sessions
from talkabiz.store import database, deliveries, events

LONGEST_LAG_SECONDS = 10.0
"""An event of the library that has waited for longer than this means that the engine is down."""

LONGEST_WRITE_SECONDS = 2.0
"""A database that takes longer than this to store next to nothing is down for whoever waits for it."""
WRITTEN_SECONDS = 2.0
"""How long one look is good for: each costs a write to the disk."""

_DESCRIPTORS = Path("/dev/fd")
_TASKS = Path("/proc/self/task")
_STATM = Path("/proc/self/statm")
_STATM_RESIDENT = 1  # proc(5): the second figure is the resident set, in pages


@dataclass(frozen=True, slots=True)
class Load:
    """What the edges hold right now."""

    running: int = 0
    """Runs on the WhatsApp library: those of sessions, and pairings that were left to their own time-out."""
    queued: int = 0
    """Runs that wait for their turn to start."""
    started: int = 0
    """Runs that were ever started: each leaves a descriptor and some memory behind."""
    abandoned: int = 0
    """Runs that the library will never end: each keeps a thread and a descriptor as long as the process lives."""
    threads: int = 0
    """Threads for runs and calls."""
    overdue: int = 0
    """Calls into the library that are past their deadline and haven't returned."""
    sending: int = 0
    """Messages that are being sent: those that the library has and WhatsApp hasn't acknowledged."""
    queues: int = 0
    """Kliens that have messages waiting, or on their way."""
    lag_seconds: float = 0.0
    """The age of the oldest event of the library that isn't a fact yet."""
    sockets: int = 0
    """Browsers and programs on Socket.IO."""
    heard: HeardFigures | None = None
    """What sessions heard of their chats. None: nothing is heard."""
    webhook_tries: Mapping[str, int] = field(default_factory=dict)
    """Of webhooks, since the start, by how they ended."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    database: bool
    engine: bool
    uptime_seconds: float
    sessions: dict[str, int]
    """How many sessions are in which status."""
    memory: dict[str, int]
    """`rss_bytes` now and `peak_bytes` since the start."""
    load: Load
    threads: int
    """All of the process."""

    @property
    def ok(self) -> bool:
        return self.database and self.engine


@dataclass(frozen=True, slots=True)
class Figures:
    """What is worth watching over time."""

    uptime_seconds: float
    sessions: dict[str, int]
    """How many sessions are in which status; every status is there."""
    load: Load
    threads: int
    open_descriptors: int
    most_descriptors: int
    resident_bytes: int
    journal_events: int | None
    """How many durable facts were ever told; None: the database doesn't answer."""
    webhooks_pending: int | None
    """Deliveries that wait for their first or next try, or are on their way; None: as above."""
    restarts: Mapping[str, int] | None
    """By the supervisor, by reason; None: there is none."""


class Health:
    def __init__(
        self,
        sessions: Sessions,
        load: Callable[[], Load],
        restarts: Mapping[str, int] | None = None,
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`restarts` counts those by the supervisor, by reason; None: there is no supervisor."""
        self.load = load
        self._sessions = sessions
        self._restarts = restarts
        self._now_seconds = now_seconds
        self._started = now_seconds()
        self._look: asyncio.Task[bool] | None = None
        self._looked_at = 0.0

    async def report(self) -> HealthReport:
        load = self.load()
        return HealthReport(
            database=await self._is_stored(),
            engine=load.lag_seconds < LONGEST_LAG_SECONDS,
            uptime_seconds=self._now_seconds() - self._started,
            sessions=self._sessions.count(),
            memory={"rss_bytes": resident_bytes(), "peak_bytes": peak_bytes()},
            load=load,
            threads=thread_count(),
        )

    async def figures(self) -> Figures:
        answers = await _succeeds(database.ping)
        return Figures(
            uptime_seconds=self._now_seconds() - self._started,
            sessions=dict.fromkeys(Status, 0) | self._sessions.count(),
            load=self.load(),
            threads=thread_count(),
            open_descriptors=descriptor_count(),
            most_descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            resident_bytes=resident_bytes(),
            journal_events=await events.last_id() if answers else None,
            webhooks_pending=await deliveries.count_pending() if answers else None,
            restarts=self._restarts,
        )

    async def _is_stored(self) -> bool:
        """Whether the database takes what it is given. One look at a time, and nobody waits for it for long."""
        if self._look is None or (self._look.done() and self._now_seconds() - self._looked_at >= WRITTEN_SECONDS):
            self._looked_at = self._now_seconds()
            self._look = asyncio.create_task(_succeeds(database.try_writing), name="try writing")
        done, _ = await asyncio.wait([self._look], timeout=LONGEST_WRITE_SECONDS)
        return bool(done) and self._look.result()


async def _succeeds(attempt: Callable[[], Awaitable[None]]) -> bool:
    try:
        await attempt()
    except Exception:  # noqa: BLE001 - whatever the fault is: it doesn't answer
        return False
    return True


def peak_bytes() -> int:
    """Linux counts in KiB, macOS in bytes (getrusage(2) of each)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes() -> int:
    """Where there is no /proc, the peak is the nearest figure that the system gives."""
    if not _STATM.exists():
        return peak_bytes()
    return int(_STATM.read_text().split()[_STATM_RESIDENT]) * resource.getpagesize()


def thread_count() -> int:
    """Of the whole process, the library's own too; where there is no /proc, those that Python knows."""
    return len(list(_TASKS.iterdir())) if _TASKS.exists() else threading.active_count()


def descriptor_count() -> int:
    """Those open; the one that the look itself takes isn't counted."""
    return len(list(_DESCRIPTORS.iterdir())) - 1
