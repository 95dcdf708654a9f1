"""Who is inside when. Threads tell through events; a deadline ends a test that would hang."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from talkabiz.whatsapp.gate import Gate, Lease

SOON = 5.0  # seconds in which something that may happen has happened, on however slow a machine
NOT_YET = 0.05  # seconds in which something that must not happen would have happened on most machines


class Visitor:
    """Enters in a thread of its own."""

    def __init__(self, enter: Callable[[], Lease]) -> None:
        self.lease: Lease | None = None
        self._inside = threading.Event()
        self._thread = threading.Thread(target=self._enter, args=(enter,), daemon=True)
        self._thread.start()

    def _enter(self, enter: Callable[[], Lease]) -> None:
        self.lease = enter()
        self._inside.set()

    def is_inside(self, seconds: float = SOON) -> bool:
        return self._inside.wait(seconds)


def wait_for_line(gate: Gate, length: int) -> None:
    end = time.monotonic() + SOON
    while len(gate._line) < length:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_calls_are_inside_together() -> None:
    gate = Gate(shared_seconds=60)
    gate.shared()

    assert Visitor(gate.shared).is_inside()


def test_a_start_waits_until_the_last_call_is_out() -> None:
    gate = Gate(shared_seconds=60)
    first, second = gate.shared(), gate.shared()
    start = Visitor(gate.exclusive)

    first.release()
    assert not start.is_inside(NOT_YET)
    second.release()
    assert start.is_inside()


def test_a_call_waits_until_the_start_is_through() -> None:
    gate = Gate(exclusive_seconds=60)
    start = gate.exclusive()
    call = Visitor(gate.shared)

    assert not call.is_inside(NOT_YET)
    start.release()
    assert call.is_inside()


def test_a_start_waits_for_a_start() -> None:
    gate = Gate(exclusive_seconds=60)
    first = gate.exclusive()
    second = Visitor(gate.exclusive)

    assert not second.is_inside(NOT_YET)
    first.release()
    assert second.is_inside()


def test_a_call_that_comes_after_a_start_does_not_overtake_it() -> None:
    """A stream of calls would starve every start."""
    gate = Gate(shared_seconds=60, exclusive_seconds=60)
    inside = gate.shared()
    start = Visitor(gate.exclusive)
    wait_for_line(gate, 1)
    call = Visitor(gate.shared)
    wait_for_line(gate, 2)

    assert not call.is_inside(NOT_YET)
    inside.release()
    assert start.is_inside()
    assert not call.is_inside(NOT_YET)
    assert start.lease is not None
    start.lease.release()
    assert call.is_inside()


def test_a_call_that_came_before_the_second_start_goes_before_it() -> None:
    """Starts come one by one into the line, so calls and starts alternate."""
    gate = Gate(shared_seconds=60, exclusive_seconds=60)
    first = gate.exclusive()
    call = Visitor(gate.shared)
    wait_for_line(gate, 1)
    second = Visitor(gate.exclusive)
    wait_for_line(gate, 2)

    first.release()

    assert call.is_inside()
    assert not second.is_inside(NOT_YET)


def test_a_call_that_stays_holds_a_start_up_for_its_entry_only() -> None:
    gate = Gate(shared_seconds=0.1)
    before = time.monotonic()
    gate.shared()

    assert Visitor(gate.exclusive).is_inside()
    assert time.monotonic() - before >= 0.1


def test_a_start_that_hangs_holds_calls_up_for_a_limited_time() -> None:
    gate = Gate(exclusive_seconds=0.1)
    before = time.monotonic()
    gate.exclusive()

    assert Visitor(gate.shared).is_inside()
    assert time.monotonic() - before >= 0.1


def test_giving_back_late_or_twice_takes_nothing_from_others() -> None:
    gate = Gate(exclusive_seconds=0.05)
    late = gate.exclusive()
    time.sleep(0.06)
    gate._exclusive_seconds = 60
    gate.exclusive()

    late.release()
    late.release()

    assert not Visitor(gate.shared).is_inside(NOT_YET)


def test_a_lease_may_be_given_back_by_another_thread() -> None:
    gate = Gate(exclusive_seconds=60)
    lease = gate.exclusive()
    threading.Thread(target=lease.release).start()

    assert Visitor(gate.shared).is_inside()


def test_a_lease_is_given_back_when_its_block_fails() -> None:
    gate = Gate(exclusive_seconds=60)
    with pytest.raises(ZeroDivisionError), gate.exclusive():
        _ = 1 / 0

    assert Visitor(gate.shared).is_inside()


class Crowd:
    """Goes in and out, and notes whoever stands beside a start that still counts."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.inside: dict[int, Lease] = {}
        self.clashes: list[str] = []
        self.entries = {True: 0, False: 0}
        self._lock = threading.Lock()

    def visit(self, seed: int, until: float) -> None:
        chance = random.Random(seed)
        while time.monotonic() < until:
            shared = chance.random() < 0.8
            lease = self.gate.shared() if shared else self.gate.exclusive()
            with self._lock:
                self._note(lease)
            time.sleep(chance.choice([0, 0.0005, 0.002, 0.03]))  # the last is longer than a lease
            with self._lock:
                del self.inside[id(lease)]
            lease.release()

    def _note(self, lease: Lease) -> None:
        now = time.monotonic()
        others = [other for other in self.inside.values() if other.until > now and not (other.shared and lease.shared)]
        if others and lease.until > now:
            self.clashes.append(f"{lease.shared=} beside {len(others)}")
        self.inside[id(lease)] = lease
        self.entries[lease.shared] += 1


def test_nobody_is_ever_beside_a_start_that_still_counts() -> None:
    crowd = Crowd(Gate(shared_seconds=0.01, exclusive_seconds=0.02))
    end = time.monotonic() + 3
    threads = [threading.Thread(target=crowd.visit, args=(seed, end)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON * 4)

    assert crowd.clashes == []
    assert crowd.entries[True] > 100
    assert crowd.entries[False] > 30
