"""Which endpoints get nothing now, though something is due: because they fail, or have asked for time.

Kept in memory alone: after a start each is tried again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from talkabiz.domain.webhooks import LONGEST_RETRY_AFTER_SECONDS, PROBE_AFTER, Answer, Endpoint

PROBE_SECONDS = 5.0
"""After so many failures in a row that one at a time is tried: so long after the first of these tries, and twice as
long after each that follows.
"""
LONGEST_PROBE_SECONDS = 60.0
MOST_FAILING = 32
"""Places that endpoints which fail may have together: those that hang would else take all, one klien after another."""
_SLOW_DOWN = frozenset({429, 503})


class Restraint:
    """Times in seconds, of a clock that never jumps."""

    def __init__(self) -> None:
        self._failing: set[int] = set()
        self._until: dict[int, float] = {}

    def note(self, webhook_id: int, answer: Answer, failures: int, now: float) -> None:
        """A try came to this; `failures` in a row."""
        if not failures:
            self.forget(webhook_id)
            self._failing.discard(webhook_id)
            return
        self._failing.add(webhook_id)
        pause = 0.0
        if failures >= PROBE_AFTER:
            pause = min(PROBE_SECONDS * 2 ** min(failures - PROBE_AFTER, 10), LONGEST_PROBE_SECONDS)
        if answer.status in _SLOW_DOWN and answer.retry_after:
            pause = max(pause, min(answer.retry_after, LONGEST_RETRY_AFTER_SECONDS))
        if pause:
            self._until[webhook_id] = max(now + pause, self._until.get(webhook_id, 0.0))

    def forget(self, webhook_id: int) -> None:
        """It needn't wait any more."""
        self._until.pop(webhook_id, None)

    def is_full(self, on_way: Mapping[int, int]) -> bool:
        """Whether endpoints that fail have all the places that they may have. `on_way`: as the courier has it."""
        return sum(webhook_id in self._failing for webhook_id in on_way.values()) >= MOST_FAILING

    def may_start(self, endpoint: Endpoint, on_way: Mapping[int, int]) -> bool:
        """As it stands in the database just now."""
        if not endpoint.failures:
            return True
        self._failing.add(endpoint.id)
        return not self.is_full(on_way)

    def resting(self, on_way: Mapping[int, int], now: float) -> Collection[int]:
        self._until = {webhook_id: until for webhook_id, until in self._until.items() if until > now}
        return self._until.keys() | (self._failing if self.is_full(on_way) else set())

    def seconds_left(self, now: float) -> float | None:
        """Until the first pause is over; None: there is none."""
        return min(self._until.values()) - now if self._until else None
