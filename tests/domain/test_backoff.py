"""The wait before the next try: full jitter under a ceiling that doubles."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.backoff import LONGEST_SECONDS, SHORTEST_SECONDS, delay_seconds

tries = st.integers(min_value=-3, max_value=10**9)
chances = st.floats(0, 1)


@pytest.mark.parametrize(
    ("number", "ceiling"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (10, 300), (64, 300), (5000, 300)]
)
def test_the_ceiling_doubles_up_to_the_longest_wait(number: int, ceiling: float) -> None:
    assert delay_seconds(number, 1.0) == ceiling
    assert delay_seconds(number, 0.0) == SHORTEST_SECONDS
    assert delay_seconds(number, 0.5) == SHORTEST_SECONDS + (ceiling - SHORTEST_SECONDS) / 2


@given(tries, chances)
def test_a_wait_is_between_the_shortest_and_the_longest(number: int, chance: float) -> None:
    assert SHORTEST_SECONDS <= delay_seconds(number, chance) <= LONGEST_SECONDS


@given(tries, chances)
def test_a_further_try_never_waits_less(number: int, chance: float) -> None:
    assert delay_seconds(number, chance) <= delay_seconds(number + 1, chance)


@given(tries, chances, chances)
def test_more_chance_never_waits_less(number: int, one: float, other: float) -> None:
    assert delay_seconds(number, min(one, other)) <= delay_seconds(number, max(one, other))


@given(tries)
def test_a_try_before_the_first_waits_as_the_first(number: int) -> None:
    assert delay_seconds(min(number, 0), 1.0) == delay_seconds(1, 1.0)


def test_another_use_sets_its_own_bounds() -> None:
    assert [delay_seconds(n, 1.0, shortest=5, longest=25) for n in (1, 2, 3, 4)] == [10, 20, 25, 25]
    assert delay_seconds(9, 0.0, shortest=5, longest=25) == 5
