"""Rounds of codes against the clock of the library: 60 s for the first of six codes, 20 s for each other."""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.limits import Limits
from talkabiz.domain.pairing import CODES_OF_AN_ATTEMPT, Round, code_seconds, codes_shown
from tests.domain.examples import BEGAN, LIMITS, at


def test_an_attempt_of_the_library_lasts_160_seconds() -> None:
    seconds = [code_seconds(n) for n in range(1, CODES_OF_AN_ATTEMPT + 1)]

    assert seconds == [60, 20, 20, 20, 20, 20]
    assert sum(seconds) == 160


@pytest.mark.parametrize(
    ("pairing_seconds", "shown"),
    [(120, 4), (160, 6), (159, 6), (140, 5), (141, 6), (60, 1), (61, 2), (80, 2), (10, 1), (0.5, 1), (0, 1), (900, 6)],
)
def test_a_round_shows_the_codes_that_begin_before_it_closes(pairing_seconds: float, shown: int) -> None:
    assert codes_shown(Limits(pairing_seconds=pairing_seconds)) == shown


def test_a_round_of_two_minutes_shows_four_codes_each_until_the_next() -> None:
    current, shown = Round(1), []
    for begins in (0, 60, 80, 100):
        current = current.show(f"2@{begins}", at(begins), LIMITS)
        assert current.code
        shown.append((current.code.n, current.code.of, current.code.issued_at, current.code.expires_at))

    assert shown == [
        (1, 4, at(0), at(60)),
        (2, 4, at(60), at(80)),
        (3, 4, at(80), at(100)),
        (4, 4, at(100), at(120)),
    ]
    assert current.closes_at == at(120)


def test_a_round_shorter_than_its_first_code_ends_with_it() -> None:
    short = Round(2).show("2@code", BEGAN, Limits(pairing_seconds=15))

    assert short.code
    assert (short.number, short.closes_at, short.code.expires_at, short.code.of) == (2, at(15), at(15), 1)


def test_a_code_that_comes_late_ends_with_its_round() -> None:
    late = Round(1).show("2@first", BEGAN, LIMITS).show("2@late", at(110), LIMITS)

    assert late.code
    assert (late.closes_at, late.code.expires_at) == (at(120), at(120))


def test_the_next_round_may_follow_by_itself_below_the_limit() -> None:
    assert [Round(n).may_be_followed(LIMITS) for n in (1, 2, 3, 4)] == [True, True, False, False]
    assert not Round(1).may_be_followed(Limits(auto_refresh_rounds=1))
    assert not Round(1).may_be_followed(Limits(auto_refresh_rounds=0))


def test_a_code_keeps_its_secret_to_itself() -> None:
    """Whoever reads the text in a log can link a device."""
    shown = Round(1).show("2@secret", BEGAN, LIMITS)

    assert shown.code
    assert shown.code.text == "2@secret"
    assert "secret" not in repr(shown)


@given(
    pairing_seconds=st.floats(0, 1000),
    gaps=st.lists(st.floats(0, 100), max_size=12),
)
def test_codes_count_up_within_their_number_and_never_outlive_their_round(
    pairing_seconds: float, gaps: list[float]
) -> None:
    limits, current = Limits(pairing_seconds=pairing_seconds), Round(1)
    for n, seconds in enumerate(accumulate([0.0, *gaps]), 1):
        current = current.show(f"2@{n}", BEGAN + timedelta(seconds=seconds), limits)
        assert current.code
        assert current.closes_at
        assert current.code.n == n <= current.code.of
        assert current.code.of >= codes_shown(limits)
        assert current.code.expires_at <= current.closes_at == BEGAN + timedelta(seconds=pairing_seconds)
        assert current.code.expires_at <= current.code.issued_at + timedelta(seconds=code_seconds(n))


@given(pairing_seconds=st.floats(0, 1000))
def test_a_longer_round_never_shows_fewer_codes(pairing_seconds: float) -> None:
    shown = codes_shown(Limits(pairing_seconds=pairing_seconds))

    assert 1 <= shown <= CODES_OF_AN_ATTEMPT
    assert shown <= codes_shown(Limits(pairing_seconds=pairing_seconds + 20))
