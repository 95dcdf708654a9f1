"""When a key ends, as a person types it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"(\d{1,6})([dh])", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}


def parse_expiry(text: str, now: datetime) -> datetime:
    """`30d` and `12h` from now on, `2027-01-31` at the beginning of that day, or an ISO time; in UTC unless it says so.

    Raises:
        ValueError: it is nothing of these.
        OverflowError: it is beyond the calendar.
    """
    written = text.strip()
    if span := _SPAN.fullmatch(written.lower()):
        return now + int(span[1]) * _UNITS[span[2]]
    moment = datetime.fromisoformat(written)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
