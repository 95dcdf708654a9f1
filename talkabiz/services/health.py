"""Is it well? What may be told to anybody who asks: no klien's data."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from talkabiz.services.sessions import Sessions
from talkabiz.store import database

_STATM = Path("/proc/self/statm")
_STATM_RESIDENT = 1  # proc(5): the second figure is the resident set, in pages


@dataclass(frozen=True, slots=True)
class HealthReport:
    database: bool
    engine: bool
    uptime_seconds: float
    sessions: dict[str, int]
    """How many sessions are in which status."""
    memory: dict[str, int]
    """`rss_bytes` now and `peak_bytes` since the start."""

    @property
    def ok(self) -> bool:
        return self.database and self.engine


class Health:
    def __init__(
        self,
        sessions: Sessions,
        engine_alive: Callable[[], bool],
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._engine_alive = engine_alive
        self._now_seconds = now_seconds
        self._started = now_seconds()

    async def report(self) -> HealthReport:
        return HealthReport(
            database=await _database_answers(),
            engine=self._engine_alive(),
            uptime_seconds=self._now_seconds() - self._started,
            sessions=self._sessions.count(),
            memory={"rss_bytes": resident_bytes(), "peak_bytes": peak_bytes()},
        )


async def _database_answers() -> bool:
    try:
        await database.ping()
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
