"""What a stretch of time was spent on, so that a figure can say what it was limited by."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
FULL = 0.85
"""Of a thread, or of the machine: there isn't much more to be had."""
_USER, _SYSTEM = 11, 12  # proc_pid_stat(5), counted from the state on
_IDLE = (3, 4)  # proc_stat(5), counted from the name on: idle, and waiting for a disk


@dataclass
class Effort:
    """Processor seconds by name: of each process, and of its first thread, where Python's loop runs. `count`: for so
    many messages.
    """

    seconds: float = 0.0
    count: int = 0
    whole: dict[str, float] = field(default_factory=dict)
    loop: dict[str, float] = field(default_factory=dict)
    machine: float = 0.0
    """Of all processors together, whoever used them."""

    def __str__(self) -> str:
        """What it was limited by, and what that is taken from."""
        shares = ", ".join(f"{name} {self._share(name)}" for name in self.whole)
        others = max(0.0, self.machine - sum(self.whole.values()))
        cores = self.seconds * (os.cpu_count() or 1)
        return (
            f"limited by {self.limit}: {shares}, others {others / self.seconds:.0%}, machine {self.machine / cores:.0%}"
        )

    @property
    def limit(self) -> str:
        busiest = max(self.loop, key=lambda name: self.loop[name])
        if self.loop[busiest] >= FULL * self.seconds:
            return f"the loop of {busiest}"
        if self.machine >= FULL * self.seconds * (os.cpu_count() or 1):
            return "the processors of the machine, whoever uses them"
        return "waiting for one another"

    def add(self, other: Effort) -> None:
        self.seconds += other.seconds
        self.count += other.count
        self.machine += other.machine
        for mine, others in ((self.whole, other.whole), (self.loop, other.loop)):
            for name, spent in others.items():
                mine[name] = mine.get(name, 0.0) + spent

    def _share(self, name: str) -> str:
        whole, loop = self.whole[name], self.loop[name]
        each = f", {whole / self.count * 1000:.1f} ms a message" if self.count else ""
        return f"{whole / self.seconds:.0%} (its loop {loop / self.seconds:.0%}{each})"


@contextmanager
def measured(pids: Mapping[str, int], count: int = 0) -> Iterator[Effort]:
    """Filled in at the end."""
    effort = Effort(count=count)
    began, before = time.monotonic(), _look(pids)
    yield effort
    after = _look(pids)
    effort.seconds = time.monotonic() - began
    effort.machine = after.machine - before.machine
    effort.whole = {name: after.whole[name] - before.whole[name] for name in pids}
    effort.loop = {name: after.loop[name] - before.loop[name] for name in pids}


def _look(pids: Mapping[str, int]) -> Effort:
    fields = [int(ticks) for ticks in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    busy = sum(fields) - sum(fields[each] for each in _IDLE)
    return Effort(
        whole={name: _spent(Path(f"/proc/{pid}/stat")) for name, pid in pids.items()},
        loop={name: _spent(Path(f"/proc/{pid}/task/{pid}/stat")) for name, pid in pids.items()},
        machine=busy / TICKS_A_SECOND,
    )


def _spent(stat: Path) -> float:
    times = stat.read_text().rpartition(")")[2].split()
    return (int(times[_USER]) + int(times[_SYSTEM])) / TICKS_A_SECOND
