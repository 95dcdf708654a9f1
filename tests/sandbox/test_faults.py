from __future__ import annotations

from typing import Any

import pytest

from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.faults import KINDS, Faults

NUMBER = "628123456789"
CONTRACT = """
    no_qr slow_qr one_qr bad_hmac lost_515 drop http_503 silence device_removed replaced temporary_ban client_outdated
    account_locked account_banned no_ack error_463 cut_off undecryptable duplicate reorder offline_backlog
"""


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_every_fault_of_the_interface_is_made() -> None:
    assert sorted(KINDS) == sorted(CONTRACT.split())


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("dorp", {}),
        ("no_qr", {"number": NUMBER}),  # nobody knows the number yet
        ("no_qr", {"count": 0}),
        ("no_qr", {"count": 10**9}),
        ("no_qr", {"seconds": 0}),
        ("no_qr", {"seconds": -1}),
        ("no_qr", {"seconds": float("nan")}),
        ("no_qr", {"seconds": float("inf")}),
        ("slow_qr", {}),  # slow by how much?
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(name: str, limits: dict[str, Any]) -> None:
    faults = Faults()
    with pytest.raises(SandboxError) as refused:
        faults.add(name, **limits)
    assert refused.value.code == "invalid_input"
    assert not faults.all()


def test_a_counted_fault_strikes_that_often() -> None:
    faults = Faults()
    fault = faults.add("no_qr", count=2)
    assert [faults.strike("no_qr") is fault for _ in range(3)] == [True, True, False]
    assert fault.hit == 2
    assert not faults.all()


def test_a_timed_fault_strikes_until_its_end() -> None:
    clock = Clock()
    faults = Faults(clock)
    fault = faults.add("silence", seconds=5)
    clock.now += 4.9
    assert faults.strike("silence", NUMBER) is fault
    assert faults.seconds_left(fault) == pytest.approx(0.1)
    clock.now += 0.1
    assert faults.strike("silence", NUMBER) is None
    assert not faults.all()


def test_a_fault_without_limits_strikes_until_it_is_cleared() -> None:
    faults = Faults()
    faults.add("bad_hmac")
    assert all(faults.strike("bad_hmac", NUMBER) for _ in range(10))
    faults.clear()
    assert faults.strike("bad_hmac", NUMBER) is None


def test_clearing_them_is_told() -> None:
    told = []
    faults = Faults()
    faults.ended = lambda: told.append(faults.all())
    faults.add("offline_backlog")
    assert faults.stands("offline_backlog", NUMBER)
    faults.clear()
    assert told == [[]]
    assert not faults.stands("offline_backlog", NUMBER)


def test_a_fault_with_a_number_strikes_that_number_alone() -> None:
    faults = Faults()
    fault = faults.add("bad_hmac", NUMBER)
    assert faults.strike("bad_hmac", "628999999999") is None
    assert faults.strike("bad_hmac") is None
    assert faults.strike("bad_hmac", NUMBER) is fault


@pytest.mark.parametrize("name", ["drop", "device_removed", "replaced"])
def test_what_acts_on_links_is_gone_at_once_unless_it_is_limited(name: str) -> None:
    faults = Faults()
    faults.add(name)
    assert not faults.all()
    faults.add(name, count=1)
    faults.add(name, seconds=1)
    assert len(faults.all()) == 2


def test_the_seconds_of_a_slow_qr_are_its_delay_and_not_its_end() -> None:
    clock = Clock()
    faults = Faults(clock)
    fault = faults.add("slow_qr", seconds=3)
    clock.now += 100
    assert faults.strike("slow_qr") is fault
