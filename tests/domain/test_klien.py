"""A klien, as it is named and shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.klien import Klien, iso, parse_name


def test_a_klien_is_shown_as_the_interface_says() -> None:
    klien = Klien(1, "Toko Maju", True, "628123456789", datetime(2026, 11, 24, 3, 4, 5, 123456, UTC))

    assert klien.as_dict() == {
        "id": 1,
        "nama": "Toko Maju",
        "wa_terhubung": True,
        "wa_nomor": "628123456789",
        "created_at": "2026-11-24T03:04:05.123Z",
    }
    assert json.dumps(klien.as_dict())


@pytest.mark.parametrize(
    ("text", "name"),
    [("Toko Maju", "Toko Maju"), ("  Toko \n Maju ", "Toko Maju"), ("x" * 100, "x" * 100), ("咖", "咖")],
)
def test_a_name_is_kept_as_one_line(text: str, name: str) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    "text", ["", " ", "\n\t", "\u200b\u202e", "x" * 101, "x" * 100 + " y", "x" * 10_000, "y " * 51]
)
def test_a_name_that_cannot_be_shown_whole_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_name(text)

    assert list(caught.value.fields) == ["nama"]


@given(st.text())
def test_a_name_is_refused_or_fits(text: str) -> None:
    try:
        name = parse_name(text)
    except InvalidInput:
        return
    assert 1 <= len(name) <= 100
    assert parse_name(name) == name


@pytest.mark.parametrize(
    ("microsecond", "written"),
    [(0, ".000Z"), (999, ".000Z"), (1000, ".001Z"), (123_456, ".123Z"), (999_999, ".999Z")],
)
def test_a_time_is_written_in_utc_with_milliseconds_that_never_run_ahead(microsecond: int, written: str) -> None:
    assert iso(datetime(2026, 1, 2, 3, 4, 5, microsecond, UTC)) == f"2026-01-02T03:04:05{written}"


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_a_written_time_is_read_back_to_the_millisecond(moment: datetime) -> None:
    assert timedelta() <= moment - datetime.fromisoformat(iso(moment)) < timedelta(milliseconds=1)
