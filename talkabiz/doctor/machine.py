"""What the machine gives a program: descriptors, memory, ffmpeg."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from talkabiz.doctor.findings import Check, fail, ok, warn

DESCRIPTORS, MEMORY, FFMPEG = "descriptors", "memory", "ffmpeg"
FEWEST_DESCRIPTORS, DESCRIPTORS_FOR_A_CROWD = 1024, 4096
LEAST_MB, SERVER_MB = 256, 300
ANSWER_SECONDS = 3.0

_MB = 1 << 20
_CGROUPS = Path("/sys/fs/cgroup")
_MEMORY_INFO = Path("/proc/meminfo")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def check_descriptors() -> Check:
    """By the hard limit: the server raises its own to that."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return ok(DESCRIPTORS, "no limit")
    found = f"{most} at most (hard limit)"
    advice = "Each session takes some. Raise it: LimitNOFILE=65536 (systemd), --ulimit nofile=65536 (docker)."
    if most < FEWEST_DESCRIPTORS:
        return fail(DESCRIPTORS, found, advice)
    return warn(DESCRIPTORS, found, advice) if most < DESCRIPTORS_FOR_A_CROWD else ok(DESCRIPTORS, found)


def check_memory(max_memory: int | None) -> Check:
    """`max_memory` is the setting: MB, 0 for no limit, None for the program's own."""
    limit = memory_limit_mb()
    allowed = SERVER_MB if max_memory is None else max_memory
    has = "unknown" if limit is None else f"{limit} MB for all that runs here"
    if limit is not None and limit < LEAST_MB:
        return fail(MEMORY, has, f"The server alone needs {LEAST_MB} MB. Give the machine or container more.")
    if max_memory and max_memory < LEAST_MB:
        return warn(
            MEMORY,
            f"{has}; TALKABIZ_MAX_MEMORY={max_memory}",
            f"The server would be restarted again and again. Set {SERVER_MB} or more, or leave it unset.",
        )
    if limit is not None and limit < allowed:
        return warn(
            MEMORY,
            f"{has}; the server may take {allowed} MB",
            "The system would kill it before it is restarted in order. Give it more, or set TALKABIZ_MAX_MEMORY lower.",
        )
    return ok(MEMORY, has)


def check_ffmpeg() -> Check:
    advice = "Only voice messages need it. Install it: apt install ffmpeg, brew install ffmpeg."
    program = shutil.which("ffmpeg")
    if program is None:
        return warn(FFMPEG, "not found", advice)
    try:
        done = subprocess.run(  # noqa: S603 - what PATH names, as the server would run it
            [program, "-version"], capture_output=True, text=True, errors="replace", timeout=ANSWER_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return warn(FFMPEG, f"{program} doesn't run ({type(error).__name__})", advice)
    version = done.stdout.partition("\n")[0].removeprefix("ffmpeg version ").split(" ")[0]
    return ok(FFMPEG, f"{version or 'found'} ({program})")


def memory_limit_mb() -> int | None:
    """The least of what the machine has, what its container may take, and what a process may map; None: not told."""
    _, mapped = resource.getrlimit(resource.RLIMIT_AS)
    limits = [*_of_the_machine(), *_of_the_container()]
    if mapped != resource.RLIM_INFINITY:
        limits.append(mapped)
    return min(limits) // _MB if limits else None


def _of_the_machine() -> Iterator[int]:
    if _MEMORY_INFO.exists():
        yield int(_MEMORY_INFO.read_text().split()[1]) * 1024  # the first line is MemTotal, in kB


def _of_the_container() -> Iterator[int]:
    """Of the process's own group and those above it (cgroups(7)): the new hierarchy's, and the old one's."""
    if not _OWN_CGROUPS.exists():
        return
    for line in _OWN_CGROUPS.read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers in {"", "memory"}:
            top, file = (_CGROUPS / "memory", "memory.limit_in_bytes") if controllers else (_CGROUPS, "memory.max")
            own = top / name.lstrip("/")
            for group in (own, *own.parents):
                limit = group / file
                if limit.is_file() and (text := limit.read_text().strip()).isdigit():
                    yield int(text)
                if group == top:
                    break
