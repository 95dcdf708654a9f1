"""When the application is started again, after what wait, and when it has grown too large: the rules of its parent."""

from __future__ import annotations

from talkabiz.domain.backoff import delay_seconds

FORGIVEN_SECONDS = 10.0
"""Every ten seconds that it was up make up for one failure; a minute makes up for all of them."""
MOST_FAILURES = 6
SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
LONGEST_ONCE_UP_SECONDS = 4.0
"""For an application that came up before it died: it serves people in between, who shall not wait for it."""

MEMORY_MB = 300
MEMORY_MB_A_SESSION = 2
MEMORY_PAUSE_SECONDS = 3600.0


def should_restart(code: int, *, was_ready: bool) -> bool:
    """`code` is how it ended: its exit code, or a signal as a negative number.

    `was_ready`: it, or one before it under the same parent, came up. Before that an exit is a refusal, with a sentence
    for the person who has just started it; later nobody stands there, and a full disk may have room again in a minute.
    """
    return code < 0 or (code > 0 and was_ready)


def failures_after(failures: int, ready_seconds: float) -> int:
    """One more than before, and less what it has made up for since it was ready."""
    return min(MOST_FAILURES, max(0, failures - int(ready_seconds // FORGIVEN_SECONDS)) + 1)


def wait_seconds(failures: int, chance: float, *, came_up: bool) -> float:
    """Before the next start. `chance` is a random number from 0 to 1; `came_up`: the last run was ready once."""
    longest = LONGEST_ONCE_UP_SECONDS if came_up else LONGEST_SECONDS
    return delay_seconds(failures, chance, shortest=SHORTEST_SECONDS, longest=longest)


def allowed_mb(max_memory: int | None, sessions: int) -> int:
    """How many MB it may have resident; 0: as many as it likes. `max_memory` is the setting, None: not set."""
    return MEMORY_MB + MEMORY_MB_A_SESSION * sessions if max_memory is None else max_memory


def is_outgrown(resident_bytes: int, allowed: int) -> bool:
    """`allowed` is in MB."""
    return allowed > 0 and resident_bytes > allowed * 2**20


def may_restart_for_memory(now_seconds: float, last_seconds: float | None) -> bool:
    """Once an hour at most: an application that needs more than it is allowed must not be down all the time."""
    return last_seconds is None or now_seconds - last_seconds >= MEMORY_PAUSE_SECONDS
