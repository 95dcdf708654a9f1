"""How long something took, counted in steps: a histogram, as /metrics shows it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

STEPS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Seconds, each the upper end of its step."""


class Durations:
    def __init__(self, steps: Sequence[float] = STEPS) -> None:
        self._steps = tuple(steps)
        self._counts = [0] * (len(self._steps) + 1)
        self.sum_seconds = 0.0
        self.longest_seconds = 0.0

    def note(self, seconds: float) -> None:
        self._counts[bisect_left(self._steps, seconds)] += 1
        self.sum_seconds += seconds
        self.longest_seconds = max(self.longest_seconds, seconds)

    @property
    def count(self) -> int:
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, int]]:
        """`(upper end in seconds, how many took so long or less)`, the last one `+Inf`: as Prometheus wants them."""
        ends = [*map(str, self._steps), "+Inf"]
        return list(zip(ends, accumulate(self._counts), strict=True))
