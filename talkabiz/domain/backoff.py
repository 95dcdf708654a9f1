"""How long to wait before the next try. The one copy, used wherever something is tried again."""

from __future__ import annotations

SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = 300.0


def delay_seconds(
    tries: int, chance: float, *, shortest: float = SHORTEST_SECONDS, longest: float = LONGEST_SECONDS
) -> float:
    """The wait before try number `tries` (1 for the first repeat): full jitter under a doubling ceiling.

    `chance` is a random number from 0 to 1, given by the caller so that this stays a pure function.
    """
    # 2 ** 64 s is past every ceiling; a larger exponent would only cost time.
    ceiling = min(longest, shortest * 2.0 ** min(max(tries, 1), 64))
    return shortest + (ceiling - shortest) * chance
