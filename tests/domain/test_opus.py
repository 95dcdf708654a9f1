"""Voice messages are recognised, and their length is read, whatever else a file pretends."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.opus import seconds_of
from tests.samples import RATE, ogg


def read(data: bytes) -> int | None:
    return seconds_of(data, data)


@pytest.mark.parametrize(
    ("position", "seconds"),
    [(312 + 2 * RATE, 2), (312 + 2 * RATE + 1, 3), (312 + 1, 1), (312, 0), (0, 0), (-1, 0), (2**62, 0)],
)
def test_the_length_is_what_the_last_page_says_less_what_is_skipped(position: int, seconds: int) -> None:
    assert read(ogg(position=position)) == seconds


@pytest.mark.parametrize(
    "data",
    [b"", b"OggS", ogg(b"\x01vorbis" + bytes(30)), ogg(flags=0), b"x" + ogg(), b"RIFF" + bytes(60), ogg()[:20]],
)
def test_something_else_is_something_else(data: bytes) -> None:
    assert read(data) is None


def test_a_page_of_another_stream_says_nothing() -> None:
    other = ogg(serial=8, position=900 * RATE)

    assert seconds_of(ogg(), ogg() + other) == 2


def test_a_capture_pattern_cut_off_at_the_end_is_passed_over() -> None:
    assert seconds_of(ogg(), ogg() + b"OggS\x00\x04") == 2


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_file_breaks_it(head: bytes, tail: bytes) -> None:
    for begun in (head, ogg() + head):
        found = seconds_of(begun, tail)
        assert found is None or found >= 0
