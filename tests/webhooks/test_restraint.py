from __future__ import annotations

from datetime import UTC, datetime

import pytest

from talkabiz.domain.webhooks import PROBE_AFTER, Answer, Endpoint, EndpointStatus, Kind
from talkabiz.webhooks.restraint import KNOWN_SECONDS, LONGEST_PROBE_SECONDS, MOST_FAILING, SLOW_MS, Restraint

FAULT = Answer(500, None, 1)


def endpoint(number: int, failures: int = 0) -> Endpoint:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return Endpoint(number, 1, Kind.STANDARD, "", "", None, EndpointStatus.ENABLED, now, 0, failures=failures)


@pytest.mark.parametrize(
    ("answer", "failures", "seconds"),
    [
        (FAULT, 1, None),
        (FAULT, PROBE_AFTER - 1, None),
        (FAULT, PROBE_AFTER, 5),
        (FAULT, PROBE_AFTER + 1, 10),
        (FAULT, PROBE_AFTER + 4, LONGEST_PROBE_SECONDS),
        (FAULT, 10_000, LONGEST_PROBE_SECONDS),
        (Answer(429, None, 1, retry_after=7.5), 1, 7.5),
        (Answer(503, None, 1, retry_after=1e9), 1, 3600),
        (Answer(503, None, 1, retry_after=1.0), PROBE_AFTER, 5),
        (Answer(500, None, 1, retry_after=100.0), 1, None),
        (Answer(429, None, 1, retry_after=0.0), 1, None),
    ],
)
def test_how_long_one_that_fails_gets_nothing(answer: Answer, failures: int, seconds: float | None) -> None:
    restraint = Restraint()
    restraint.note(7, answer, failures, 100.0)

    assert restraint.seconds_left(100.0) == seconds
    if seconds:
        assert 7 in restraint.resting({}, 100.0 + seconds - 0.01)
    assert 7 not in restraint.resting({}, 100.0 + (seconds or 0))
    assert restraint.seconds_left(1e10) is None


def test_what_comes_later_of_an_earlier_try_shortens_nothing() -> None:
    restraint = Restraint()
    restraint.note(7, FAULT, PROBE_AFTER + 3, 100.0)
    restraint.note(7, FAULT, PROBE_AFTER, 100.0)
    assert restraint.seconds_left(100.0) == 40


def test_a_success_or_a_wish_ends_the_pause() -> None:
    restraint = Restraint()
    restraint.note(7, FAULT, PROBE_AFTER, 100.0)
    restraint.note(7, Answer(200, None, 1), 0, 100.0)
    assert not restraint.resting({}, 100.0)

    restraint.note(7, FAULT, PROBE_AFTER, 100.0)
    restraint.forget(7)
    assert not restraint.resting({}, 100.0)


def test_those_that_fail_get_half_of_the_places_together_and_others_the_rest() -> None:
    restraint, on_way = Restraint(), dict.fromkeys(range(MOST_FAILING - 1), 7)
    restraint.note(7, FAULT, 1, 0.0)
    assert restraint.may_start(endpoint(8, failures=3), on_way, 0.0), "nobody has told of this one before"
    assert not restraint.resting(on_way, 0.0)

    on_way[1000] = 8
    assert not restraint.may_start(endpoint(7, failures=1), on_way, 0.0)
    assert not restraint.may_start(endpoint(9, failures=1), on_way, 0.0)
    assert restraint.may_start(endpoint(10), on_way, 0.0)
    assert set(restraint.resting(on_way, 0.0)) == {7, 8, 9}

    restraint.note(8, Answer(200, None, 1), 0, 0.0)
    assert not restraint.resting(on_way, 0.0)
    assert restraint.may_start(endpoint(7, failures=1), on_way, 0.0)


def test_one_that_takes_long_counts_as_one_that_fails_until_it_is_quick_again() -> None:
    restraint, on_way = Restraint(), dict.fromkeys(range(MOST_FAILING), 7)
    restraint.note(7, Answer(200, None, SLOW_MS), 0, 0.0)
    assert not restraint.resting(on_way, 0.0)

    restraint.note(7, Answer(200, None, SLOW_MS + 1), 0, 0.0)
    assert set(restraint.resting(on_way, 0.0)) == {7}
    assert not restraint.may_start(endpoint(7), on_way, 0.0)
    assert restraint.seconds_left(0.0) is None, "it has places, and no pause"

    restraint.note(7, Answer(200, None, 1), 0, 0.0)
    assert restraint.may_start(endpoint(7), on_way, 0.0)


def test_what_nobody_heard_of_for_an_hour_is_forgotten() -> None:
    restraint, on_way = Restraint(), dict.fromkeys(range(MOST_FAILING), 7)
    restraint.note(7, FAULT, 1, 0.0)
    assert restraint.resting(on_way, KNOWN_SECONDS - 1)
    assert not restraint.resting(on_way, KNOWN_SECONDS)
    assert not restraint._seen
