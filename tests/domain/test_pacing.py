from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings as tried, strategies as st

from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.pace_settings import changed
from talkabiz.domain.pacing import History, Pacing, Quiet, Why, after, begun, day_after, day_of, memory, when

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)  # 10:00 WIB
NIGHT = Quiet(time(21), time(6))
CALM = Pacing(jitter=0, new_contact_seconds=0)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def wib(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("Asia/Jakarta"))


def departures(settings: Pacing, count: int, history: History | None = None) -> list[float]:
    """Seconds after NOW at which so many messages go, if there are always some."""
    now, past, gone = NOW, history or History(), []
    for _ in range(count):
        now, _why = when(now, settings, past)
        gone.append((now - NOW).total_seconds())
        past = after(now, settings, past, past.chance)
    return gone


# --- the bucket ---


def test_the_first_message_goes_at_once() -> None:
    assert when(NOW, Pacing(), History(is_new=True)) == (NOW, None)


def test_a_burst_goes_at_once_and_the_rest_at_the_pace() -> None:
    assert departures(CALM, 8) == [0, 0, 0, 0, 0, 3, 6, 9]


def test_a_bucket_that_rested_is_full_again() -> None:
    past = History(full_at=later(-1), last=later(-20))
    assert departures(CALM, 6, past) == [0, 0, 0, 0, 0, 3]


def test_no_limit_is_no_limit_not_even_for_new_contacts() -> None:
    assert departures(replace(Pacing(), per_minute=0), 50, History(is_new=True)) == [0] * 50


def test_a_random_part_of_the_gap_lies_between_two_even_in_a_burst() -> None:
    past = History(last=NOW, chance=0.5)
    assert when(NOW, replace(CALM, jitter=0.5), past) == (later(0.75), Why.PACE)


def test_at_the_pace_no_two_gaps_are_alike_and_as_many_go_in_the_end() -> None:
    settings, past, now, gone = replace(CALM, jitter=0.5), History(), NOW, []
    for chance in (0.0, 1.0, 0.2, 0.9, 0.4) * 8:
        now = when(now, settings, past)[0]
        past = after(now, settings, past, chance)
        gone.append((now - NOW).total_seconds())
    paced = gone[5:]
    assert len({round(end - begin, 6) for begin, end in pairwise(paced)}) >= 5
    assert all(0 <= at - 3 * n <= 1.5 for n, at in enumerate(paced, 1))  # each within half a gap of its token


def test_the_first_message_to_a_new_contact_is_slower() -> None:
    past = History(last=later(-5), is_new=True)
    assert when(NOW, Pacing(), past) == (later(10), Why.NEW_CONTACT)
    assert when(NOW, Pacing(), replace(past, is_new=False)) == (NOW, None)


def test_what_went_before_the_process_began_counts() -> None:
    assert memory(CALM) == timedelta(seconds=15)
    assert departures(CALM, 3, begun(NOW, CALM, 4, 0.5)) == [0, 3, 6]
    assert departures(CALM, 2, begun(NOW, CALM, 900, 0.5)) == [3, 6]


def test_a_clock_that_is_set_back_holds_nothing_up_for_long() -> None:
    past = History(full_at=NOW + timedelta(days=400), last=NOW + timedelta(days=400), is_new=True)
    assert when(NOW, Pacing(), past)[0] <= later(15)


@tried(deadline=None)
@given(
    per_minute=st.floats(0.1, 6000),
    burst=st.integers(1, 50),
    jitter=st.floats(0, 1),
    pauses=st.lists(st.floats(0, 30), min_size=2, max_size=60),
    chance=st.floats(0, 1),
)
def test_no_stretch_of_time_ever_sees_more_than_the_burst_and_the_pace(
    per_minute: float, burst: int, jitter: float, pauses: list[float], chance: float
) -> None:
    settings = Pacing(per_minute, burst, jitter)
    past, now, gone = History(chance=chance), NOW, []
    for pause in pauses:
        now = when(now + timedelta(seconds=pause), settings, past)[0]
        gone.append(now)
        past = after(now, settings, past, chance)
    for first, begin in enumerate(gone):
        for last, end in enumerate(gone[first:], first):
            minutes = (end - begin).total_seconds() / 60
            assert last - first + 1 <= burst + minutes * per_minute + 0.01


@given(history=st.builds(History, last=st.none() | st.just(NOW), is_new=st.booleans(), chance=st.floats(0, 1)))
def test_when_it_is_time_it_is_time(history: History) -> None:
    settings = Pacing(quiet=NIGHT, daily_cap=5)
    at, why = when(NOW, settings, history)
    assert (why is None) == (at == NOW)
    assert when(at, settings, history) == (at, None)


# --- quiet hours, days ---


@pytest.mark.parametrize(
    ("local", "goes"),
    [
        (wib(24, 20, 59), wib(24, 20, 59)),
        (wib(24, 21), wib(25, 6)),
        (wib(24, 23, 59), wib(25, 6)),
        (wib(25, 0), wib(25, 6)),
        (wib(25, 5, 59), wib(25, 6)),
        (wib(25, 6), wib(25, 6)),
    ],
)
def test_nothing_goes_in_quiet_hours(local: datetime, goes: datetime) -> None:
    at, why = when(local.astimezone(UTC), Pacing(quiet=NIGHT), History())
    assert at == goes
    assert why is (Why.QUIET_HOURS if goes > local else None)


def test_quiet_hours_may_be_by_day() -> None:
    siesta = Pacing(quiet=Quiet(time(12), time(13, 30)))
    assert when(wib(24, 12), siesta, History())[0] == wib(24, 13, 30)
    assert when(wib(24, 13, 30), siesta, History())[1] is None


@pytest.mark.parametrize(("zone", "utc"), [("WIB", 23), ("WITA", 22), ("WIT", 21), ("Asia/Makassar", 22)])
def test_the_night_ends_by_the_clock_of_the_klien(zone: str, utc: int) -> None:
    midnight = datetime(2026, 11, 24, 17, tzinfo=UTC)
    assert when(midnight, Pacing(quiet=NIGHT, zone=zone), History())[0] == midnight.replace(hour=utc)


def test_a_message_that_the_pace_brings_into_the_night_waits_for_the_morning() -> None:
    now = wib(24, 20, 59).astimezone(UTC) + timedelta(seconds=58)
    past = History(full_at=now + timedelta(seconds=15))
    assert when(now, Pacing(quiet=NIGHT), past) == (wib(25, 6).astimezone(UTC), Why.QUIET_HOURS)


def test_the_days_cap_holds_until_midnight_and_the_night_after_it() -> None:
    settings = Pacing(daily_cap=3)
    assert when(NOW, settings, History(sent_today=2)) == (NOW, None)
    assert when(NOW, settings, History(sent_today=3)) == (wib(25, 0).astimezone(UTC), Why.DAILY_CAP)
    both = replace(settings, quiet=NIGHT)
    assert when(NOW, both, History(sent_today=3)) == (wib(25, 6).astimezone(UTC), Why.DAILY_CAP)


def test_a_day_is_the_kliens_own() -> None:
    late = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)  # 23:30 WIB, 01:30 WIT
    assert day_of(late, Pacing()) == wib(24, 0)
    assert day_of(late, Pacing(zone="WIT")) == datetime(2026, 11, 24, 15, tzinfo=UTC)
    assert day_after(late, Pacing()) == wib(25, 0)


# --- settings ---


def test_settings_are_written_as_they_are_read() -> None:
    chosen = Pacing(30, 2, 0.25, 5, NIGHT, "WITA", 100, "MY")
    assert changed(Pacing(), chosen.as_dict()) == chosen


def test_what_is_not_named_stays_and_null_is_as_if_nobody_chose() -> None:
    before = Pacing(per_minute=7, quiet=NIGHT, daily_cap=9)
    assert changed(before, {"burst": 3, "quiet": None, "per_minute": None}) == Pacing(burst=3, daily_cap=9)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("per_minute", -1),
        ("per_minute", 0.01),
        ("per_minute", "20"),
        ("per_minute", True),
        ("per_minute", float("nan")),
        ("burst", 0),
        ("burst", 1.5),
        ("jitter", 1.1),
        ("new_contact_seconds", -0.1),
        ("quiet", {"from": "21:00"}),
        ("quiet", {"from": "21:00", "to": "21:00"}),
        ("quiet", {"from": "24:00", "to": "06:00"}),
        ("quiet", "21:00-06:00"),
        ("zone", "Asia/Nowhere"),
        ("zone", "../../etc/passwd"),
        ("zone", ""),
        ("zone", 7),
        ("daily_cap", 0),
        ("region", "id"),
        ("region", "ZZ"),
        ("speed", 1),
    ],
)
def test_what_is_no_setting_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        changed(Pacing(), {field: value})
    assert list(refused.value.fields) == [field]


def test_zero_a_minute_switches_the_pace_off() -> None:
    assert changed(Pacing(), {"per_minute": 0}).gap == timedelta()
