"""Who may be inside the Go library at the same time: a fair readers-writer gate whose leases run out.

The library keeps its sessions in plain Go maps. Every call reads them as it enters; a start and a stop write them. A
read beside a write is `fatal error: concurrent map read and map write`, which ends the process and can't be caught. So
a call enters with a *shared* lease and a start or stop with an *exclusive* one.

Nobody can see from outside when a call has read its map: it is a matter of microseconds, but the same call may then
wait 75 s for the network. Holding the gate for all of it would let one slow call stop every start. So a lease counts
for a fixed time at most and then holds nobody up any more, whether it was given back or not. What remains is a call
that the machine leaves standing between these two moments for longer than that: see `SHARED_SECONDS`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

SHARED_SECONDS = 0.1
"""How long a call's entry counts. It takes microseconds; a thread that has the lease but not yet the processor for
longer than this is the risk that remains."""
EXCLUSIVE_SECONDS = 2.0
"""How long a start counts. It writes within milliseconds of opening its store, but then reads once more after the dial,
which a dead network makes a minute long."""


class Lease:
    """A right to be inside. May be given back late, twice, or by another thread; as a context manager too."""

    def __init__(self, gate: Gate, *, shared: bool, until: float) -> None:
        self._gate = gate
        self.shared = shared
        self.until = until

    def release(self) -> None:
        self._gate.take_back(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


class Gate:
    """One line, first come, first served: a stream of calls can't starve a start, nor the other way round."""

    def __init__(self, shared_seconds: float = SHARED_SECONDS, exclusive_seconds: float = EXCLUSIVE_SECONDS) -> None:
        self._shared_seconds = shared_seconds
        self._exclusive_seconds = exclusive_seconds
        self._changed = threading.Condition()
        self._line: deque[object] = deque()
        self._inside: set[Lease] = set()

    def shared(self) -> Lease:
        """Blocks until nobody is inside exclusively."""
        return self._enter(shared=True)

    def exclusive(self) -> Lease:
        """Blocks until nobody is inside."""
        return self._enter(shared=False)

    def take_back(self, lease: Lease) -> None:
        with self._changed:
            self._inside.discard(lease)
            self._changed.notify_all()

    def _enter(self, *, shared: bool) -> Lease:
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                while (wait_seconds := self._wait_seconds(ticket, shared=shared)) != 0:
                    self._changed.wait(wait_seconds)
                seconds = self._shared_seconds if shared else self._exclusive_seconds
                lease = Lease(self, shared=shared, until=time.monotonic() + seconds)
                self._inside.add(lease)
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()
        return lease

    def _wait_seconds(self, ticket: object, *, shared: bool) -> float | None:
        """0: may enter. None: until something changes. Else until then at most, when those in the way run out."""
        if self._line[0] is not ticket:
            return None
        now = time.monotonic()
        self._inside = {lease for lease in self._inside if lease.until > now}
        in_the_way = [lease.until for lease in self._inside if not (shared and lease.shared)]
        return max(in_the_way) - now if in_the_way else 0
