"""What follows from the answer to a try, and how endpoints and deliveries are shown."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.webhooks import (
    FAILING_DAYS,
    JITTER,
    LONGEST_RETRY_AFTER_SECONDS,
    PLACES,
    PROBE_AFTER,
    RESPONSE_BYTES,
    SCHEDULE_SECONDS,
    Answer,
    Attempt,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    EndpointStatus,
    Kind,
    Outcome,
    Type,
    Verdict,
    after,
    has_failed_too_long,
    response_text,
)

NOW = datetime(2026, 11, 24, 3, 4, 5, 123456, tzinfo=UTC)
MIDDLE = 0.5
"""The chance that leaves a wait as the schedule has it."""
TRIES = len(SCHEDULE_SECONDS)

ENDPOINT = Endpoint(
    id=3,
    klien_id=1,
    kind=Kind.STANDARD,
    url="https://example.com/hook",
    label="CRM",
    events=None,
    status=EndpointStatus.ENABLED,
    created_at=NOW,
    since_id=812,
    secret=b"sealed secret",
    previous_secret=b"sealed before",
)
DELIVERY = Delivery(
    id=9,
    klien_id=1,
    webhook_id=3,
    event_id="evt_01J",
    type=Type.MESSAGE_STATUS,
    seq=812,
    status=DeliveryStatus.PENDING,
    tries=1,
    next_at=NOW,
    is_replay=False,
    last_status=503,
    last_error="http_503",
    created_at=NOW,
    ended_at=None,
)


def answer(status: int | None, error: str | None = None, retry_after: float | None = None) -> Answer:
    return Answer(status, error, 12, b"", retry_after)


def wait_of(given_answer: Answer, tries: int = 1, chance: float = MIDDLE) -> float | None:
    """Seconds until the next try."""
    verdict = after(given_answer, tries, NOW, chance)
    return (verdict.at - NOW).total_seconds() if verdict.at else None


def test_the_last_try_comes_after_the_time_that_the_contract_says() -> None:
    hours = [seconds / 3600 for seconds in SCHEDULE_SECONDS]
    assert SCHEDULE_SECONDS[:4] == (0, 5, 300, 1800)
    assert hours[4:] == [2, 5, 10, 14, 20, 24]
    assert list(accumulate(SCHEDULE_SECONDS))[-1] == timedelta(hours=75, minutes=35, seconds=5).total_seconds()


@pytest.mark.parametrize(
    ("given_answer", "outcome", "problem"),
    [
        (answer(200), Outcome.DELIVERED, None),
        (answer(204), Outcome.DELIVERED, None),
        (answer(299), Outcome.DELIVERED, None),
        (answer(199), Outcome.RETRY, "http_199"),
        (answer(301), Outcome.RETRY, "http_301"),
        (answer(302, "redirected"), Outcome.RETRY, "redirected"),
        (answer(400), Outcome.RETRY, "http_400"),
        (answer(404), Outcome.RETRY, "http_404"),
        (answer(410), Outcome.GONE, "http_410"),
        (answer(429), Outcome.RETRY, "http_429"),
        (answer(500), Outcome.RETRY, "http_500"),
        (answer(503), Outcome.RETRY, "http_503"),
        (answer(200, "cut_off"), Outcome.RETRY, "cut_off"),
        (answer(None, "refused"), Outcome.RETRY, "refused"),
        (answer(None, "timeout"), Outcome.RETRY, "timeout"),
        (answer(None, "tls"), Outcome.RETRY, "tls"),
    ],
)
def test_only_a_whole_answer_of_2xx_is_a_success(given_answer: Answer, outcome: Outcome, problem: str | None) -> None:
    assert after(given_answer, 1, NOW, MIDDLE).outcome is outcome
    assert given_answer.problem == problem


@pytest.mark.parametrize("tries", range(1, TRIES))
def test_each_try_waits_as_long_as_the_schedule_says(tries: int) -> None:
    assert wait_of(answer(500), tries) == SCHEDULE_SECONDS[tries]


@pytest.mark.parametrize(
    ("given_answer", "tries", "status"),
    [
        (answer(200), TRIES, DeliveryStatus.DELIVERED),
        (answer(500), TRIES - 1, DeliveryStatus.PENDING),
        (answer(500), TRIES, DeliveryStatus.DEAD),
        (answer(500), TRIES + 5, DeliveryStatus.DEAD),
        (answer(410), 1, DeliveryStatus.PENDING),
        (answer(410), TRIES, DeliveryStatus.DEAD),
    ],
)
def test_what_becomes_of_the_delivery(given_answer: Answer, tries: int, status: DeliveryStatus) -> None:
    verdict = after(given_answer, tries, NOW, MIDDLE)
    assert verdict.status is status
    assert (verdict.at is not None) is (status is DeliveryStatus.PENDING)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, 60, 60),
        (503, 60, 60),
        (503, 7200, 3600),
        (503, math.inf, 3600),
        (429, 2, 5),
        (429, 0, 5),
        (429, -60, 5),
        (429, math.nan, 5),
        (429, None, 5),
        (500, 60, 5),
        (404, 60, 5),
        (200, 60, None),
    ],
)
def test_a_receiver_that_asks_for_time_gets_it_up_to_an_hour(
    status: int, retry_after: float | None, seconds: float | None
) -> None:
    assert wait_of(answer(status, retry_after=retry_after)) == seconds


def test_nobody_can_make_a_wait_shorter_than_it_is_planned() -> None:
    assert wait_of(answer(503, retry_after=3000), 4) == SCHEDULE_SECONDS[4]


@given(
    status=st.none() | st.integers(100, 599),
    error=st.none() | st.sampled_from(["refused", "timeout", "cut_off"]),
    retry_after=st.none() | st.floats(),
    tries=st.integers(1, 30),
    chance=st.floats(0, 1),
)
def test_whatever_is_answered_the_next_try_is_within_bounds(
    status: int | None, error: str | None, retry_after: float | None, tries: int, chance: float
) -> None:
    given_answer = answer(status, error, retry_after)
    verdict = after(given_answer, tries, NOW, chance)
    assert (verdict.outcome is Outcome.DELIVERED) is given_answer.is_success
    assert (given_answer.problem is None) is given_answer.is_success
    if verdict.at is None:
        assert given_answer.is_success or tries >= TRIES
    else:
        planned = SCHEDULE_SECONDS[tries]
        longest = max(planned * (1 + JITTER), LONGEST_RETRY_AFTER_SECONDS if status in {429, 503} else 0)
        assert planned * (1 - JITTER) - 0.001 <= (verdict.at - NOW).total_seconds() <= longest + 0.001


@given(st.integers(1, TRIES - 1), st.floats(0, 1), st.floats(0, 1))
def test_more_chance_is_more_wait(tries: int, one: float, other: float) -> None:
    waits = [wait_of(answer(500), tries, chance) or 0 for chance in sorted((one, other))]
    assert waits[0] <= waits[1]


@pytest.mark.parametrize(
    ("days", "has"), [(None, False), (0, False), (FAILING_DAYS - 0.001, False), (FAILING_DAYS, True), (30, True)]
)
def test_five_days_of_failures_are_too_long(days: float | None, *, has: bool) -> None:
    since = None if days is None else NOW - timedelta(days=days)
    endpoint = replace(ENDPOINT, failing_since=since, failures=PROBE_AFTER)
    assert has_failed_too_long(endpoint, NOW) is has
    assert not has_failed_too_long(replace(endpoint, failures=PROBE_AFTER - 1), NOW), "the clock was put right"


@pytest.mark.parametrize(("failures", "places"), [(0, PLACES), (PROBE_AFTER - 1, PLACES), (PROBE_AFTER, 1), (99, 1)])
def test_who_keeps_failing_is_only_probed(failures: int, places: int) -> None:
    assert replace(ENDPOINT, failures=failures).places == places


@pytest.mark.parametrize(
    ("kind", "events", "wanted"),
    [
        (Kind.STANDARD, None, set(Type) - {Type.CONNECTION_UPDATE}),
        (Kind.STANDARD, frozenset({Type.MESSAGE_RECEIVED}), {Type.MESSAGE_RECEIVED, Type.PING}),
        (Kind.OLDER, None, {Type.CONNECTION_UPDATE}),
    ],
)
def test_an_endpoint_gets_what_it_asked_for(kind: Kind, events: frozenset[Type] | None, wanted: set[Type]) -> None:
    endpoint = replace(ENDPOINT, kind=kind, events=events)
    assert {type_ for type_ in Type if endpoint.wants(type_)} == wanted


def test_an_endpoint_is_shown_without_its_secrets() -> None:
    assert ENDPOINT.as_dict() == {
        "id": 3,
        "klien_id": 1,
        "url": "https://example.com/hook",
        "label": "CRM",
        "events": None,
        "kind": "standard",
        "status": "enabled",
        "disabled_reason": None,
        "disabled_at": None,
        "failing_since": None,
        "created_at": "2026-11-24T03:04:05.123Z",
        "pending": 0,
    }
    assert "sealed" not in repr(ENDPOINT)


def test_an_endpoint_says_why_it_is_disabled() -> None:
    shown = replace(
        ENDPOINT,
        status=EndpointStatus.DISABLED,
        disabled_reason=DisabledReason.FAILING,
        disabled_at=NOW,
        failing_since=NOW,
        events=frozenset({Type.SESSION_STATUS, Type.MESSAGE_RECEIVED}),
    ).as_dict()
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "failing")
    assert shown["disabled_at"] == shown["failing_since"] == "2026-11-24T03:04:05.123Z"
    assert shown["events"] == ["message.received", "session.status"]


def test_a_delivery_is_shown_with_its_attempts_where_it_stands_alone() -> None:
    shown = {
        "id": 9,
        "webhook_id": 3,
        "event_id": "evt_01J",
        "type": "message.status",
        "seq": 812,
        "status": "pending",
        "tries": 1,
        "next_at": "2026-11-24T03:04:05.123Z",
        "is_replay": False,
        "last_status": 503,
        "last_error": "http_503",
        "created_at": "2026-11-24T03:04:05.123Z",
        "ended_at": None,
    }
    tried = {"number": 1, "at": shown["created_at"], "status": 503, "error": "http_503", "latency_ms": 12}
    assert DELIVERY.as_dict() == shown
    assert DELIVERY.as_dict([]) == {**shown, "attempts": []}
    assert DELIVERY.as_dict([Attempt(1, NOW, 503, "http_503", 12, "no")])["attempts"] == [{**tried, "response": "no"}]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"Halo\r\n\tdunia\n", "Halo\n\tdunia\n"),
        (b"a\x00b\x07c\x1b[31m\x7f", "abc[31m"),
        ("a\u202eb\u200bc\x85".encode(), "abc"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 9000, "x" * RESPONSE_BYTES),
        (b"\xff" * 9000, "\ufffd" * (RESPONSE_BYTES // 3)),
        ("é".encode() * 9000, "é" * (RESPONSE_BYTES // 2)),
    ],
)
def test_a_response_is_kept_as_it_may_be_shown(body: bytes, text: str) -> None:
    assert response_text(body) == text


@given(
    st.binary(max_size=3 * RESPONSE_BYTES)
    | st.text(min_size=500, max_size=4000).map(lambda text: text.encode("utf-8", "replace"))
)
def test_whatever_is_answered_fits_and_can_be_seen(body: bytes) -> None:
    text = response_text(body)
    assert len(text.encode()) <= RESPONSE_BYTES
    assert not [c for c in text if c not in "\n\t" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"}]


def test_a_verdict_that_is_not_again_is_the_end() -> None:
    assert Verdict(Outcome.DEAD).status is DeliveryStatus.DEAD
    assert Verdict(Outcome.GONE).status is DeliveryStatus.DEAD
