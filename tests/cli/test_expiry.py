"""When a key ends, as a person types it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from talkabiz.cli.expiry import parse_expiry

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30d", NOW + timedelta(days=30)),
        (" 12H ", NOW + timedelta(hours=12)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T17:00", datetime(2027, 1, 31, 17, tzinfo=UTC)),
        ("2027-01-31T17:00:00Z", datetime(2027, 1, 31, 17, tzinfo=UTC)),
        ("2027-01-31T17:00+07:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_span_a_day_and_a_time_are_read(text: str, moment: datetime) -> None:
    found = parse_expiry(text, NOW)
    assert (found, found.tzinfo) == (moment, UTC)


@pytest.mark.parametrize("text", ["", "soon", "30", "30m", "-1d", "1.5d", "٣d", "2027-02-30", "31/01/2027"])
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month|day"):
        parse_expiry(text, NOW)


@pytest.mark.parametrize("text", ["9999-12-31T23:00-12:00", "999999999h", "999999d" * 2])
def test_what_is_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises((OverflowError, ValueError)):
        parse_expiry(text, NOW)
