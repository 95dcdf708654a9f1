"""Which endpoints get nothing now, though something is due: because they fail, take long, or have asked for time.

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
"""Places that endpoints which fail, or take long, may have together: those that hang would else take all, one klien
after another.
"""
SLOW_MS = 2000
"""An answer that takes longer is slow, whatever it says."""
KNOWN_SECONDS = 3600.0
"""How long an endpoint is known to fail or to be slow, after it was seen to be so last: it may be gone."""
_SLOW_DOWN = frozenset({429, 503})


class Restraint:
    """Times in seconds, of a clock that never jumps."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}  # those that fail or are slow: when that was last
        self._until: dict[int, float] = {}

    def note(self, webhook_id: int, answer: Answer, failures: int, now: float) -> None:
        """A try came to this; `failures` in a row."""
        if failures or answer.latency_ms > SLOW_MS:
            self._seen[webhook_id] = now
        else:
            self._seen.pop(webhook_id, None)
        if not failures:
            self.forget(webhook_id)
            return
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
        """Whether endpoints that fail or are slow have all the places that they may have. `on_way`: as the courier has
        it.
        """
        return sum(webhook_id in self._seen for webhook_id in on_way.values()) >= MOST_FAILING

    def may_start(self, endpoint: Endpoint, on_way: Mapping[int, int], now: float) -> bool:
        """As it stands in the database just now."""
        if endpoint.failures:
            self._seen[endpoint.id] = now
        return endpoint.id not in self._seen or not self.is_full(on_way)

    def resting(self, on_way: Mapping[int, int], now: float) -> Collection[int]:
        self._until = {webhook_id: until for webhook_id, until in self._until.items() if until > now}
        self._seen = {webhook_id: at for webhook_id, at in self._seen.items() if at > now - KNOWN_SECONDS}
        return self._until.keys() | (self._seen.keys() if self.is_full(on_way) else set())

    def seconds_left(self, now: float) -> float | None:
        """Until the first pause is over; None: there is none."""
        return min(self._until.values()) - now if self._until else None
