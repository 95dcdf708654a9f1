"""What a process holds, as the kernel counts it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12  # proc_pid_stat(5), counted from the state on


@dataclass(frozen=True, slots=True)
class Footprint:
    threads: int
    descriptors: int
    megabytes: float
    """Resident memory."""
    deleted_megabytes: float
    """Of files that are deleted, but take room on the disk until the process closes them."""
    cpu_seconds: float
    """Since it began."""


def look_at(pid: int) -> Footprint:
    process = Path(f"/proc/{pid}")
    resident = int((process / "statm").read_text().split()[1]) * PAGE_BYTES
    times = (process / "stat").read_text().rpartition(")")[2].split()
    descriptors = list((process / "fd").iterdir())
    return Footprint(
        threads=len(list((process / "task").iterdir())),
        descriptors=len(descriptors),
        megabytes=resident / 2**20,
        deleted_megabytes=sum(map(_deleted_bytes, descriptors)) / 2**20,
        cpu_seconds=(int(times[_USER]) + int(times[_SYSTEM])) / TICKS_A_SECOND,
    )


def _deleted_bytes(descriptor: Path) -> int:
    try:
        return descriptor.stat().st_blocks * 512 if os.readlink(descriptor).endswith(" (deleted)") else 0  # noqa: PTH115
    except FileNotFoundError:  # closed since
        return 0
