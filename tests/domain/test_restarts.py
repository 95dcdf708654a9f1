"""When the application is started again, after what wait, and when it has outgrown its memory."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain import restarts as r

MB = 2**20
SIGKILL = -9

failures = st.integers(0, r.MOST_FAILURES)
ups = st.floats(0, 1e6)
chances = st.floats(0, 1)


@pytest.mark.parametrize(
    ("code", "ready", "verdict"),
    [
        (SIGKILL, "was ready", "again"),
        (SIGKILL, "never ready", "again"),
        (1, "was ready", "again"),
        (134, "was ready", "again"),
        (1, "never ready", "ended"),  # it has said why it can't start
        (2, "never ready", "ended"),
        (0, "was ready", "ended"),  # somebody asked it to end
        (0, "never ready", "ended"),
    ],
)
def test_what_dies_is_started_again_and_what_refuses_to_start_is_not(code: int, ready: str, verdict: str) -> None:
    assert r.should_restart(code, was_ready=ready == "was ready") is (verdict == "again")


def crash_loop(*ups: float, came_up: bool = False) -> list[float]:
    """The longest waits after runs that were up for so long."""
    count, waits = 0, []
    for up in ups:
        count = r.failures_after(count, up)
        waits.append(r.wait_seconds(count, 1.0, came_up=came_up))
    return waits


def test_a_crash_loop_waits_twice_as_long_each_time_up_to_half_a_minute() -> None:
    assert crash_loop(*[0] * 8) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_whoever_is_served_in_between_never_waits_long() -> None:
    assert crash_loop(*[0] * 8, came_up=True) == [1, 2, 4, 4, 4, 4, 4, 4]


def test_a_minute_well_makes_up_for_everything() -> None:
    assert crash_loop(*[0] * 20, 60) == [*crash_loop(*[0] * 20), 1]
    assert crash_loop(*[0] * 20, 49)[-1] > 1


def test_a_while_well_makes_up_for_a_part() -> None:
    assert crash_loop(0, 0, 0, 25) == [1, 2, 4, 2]


def test_who_dies_every_quarter_of_a_minute_is_always_back_soon() -> None:
    assert max(crash_loop(*[15] * 20)) == 1


@given(failures, ups)
def test_each_death_counts_and_none_counts_for_ever(count: int, up: float) -> None:
    assert 1 <= r.failures_after(count, up) <= min(count + 1, r.MOST_FAILURES)


@given(failures, ups, ups)
def test_a_longer_run_never_waits_longer(count: int, one: float, other: float) -> None:
    assert r.failures_after(count, max(one, other)) <= r.failures_after(count, min(one, other))


@given(failures, chances)
def test_there_is_always_a_wait_and_never_more_than_half_a_minute(count: int, chance: float) -> None:
    once_up, never_up = (r.wait_seconds(count, chance, came_up=came_up) for came_up in (True, False))
    assert r.SHORTEST_SECONDS <= once_up <= never_up <= r.LONGEST_SECONDS


@pytest.mark.parametrize(
    ("setting", "sessions", "allowed"), [(None, 0, 300), (None, 100, 500), (200, 0, 200), (200, 100, 200), (0, 100, 0)]
)
def test_memory_grows_with_the_sessions_unless_the_operator_says_otherwise(
    setting: int | None, sessions: int, allowed: int
) -> None:
    assert r.allowed_mb(setting, sessions) == allowed


def test_outgrown_is_what_has_more_than_it_is_allowed() -> None:
    assert not r.is_outgrown(300 * MB, 300)
    assert r.is_outgrown(300 * MB + 1, 300)
    assert not r.is_outgrown(10**15, 0)


def test_memory_is_a_reason_once_an_hour() -> None:
    assert r.may_restart_for_memory(5.0, None)
    assert not r.may_restart_for_memory(5.0 + 3599, 5.0)
    assert r.may_restart_for_memory(5.0 + 3600, 5.0)
