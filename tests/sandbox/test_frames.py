from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from talkabiz.sandbox.frames import MAX_HELLO, FrameError, FrameReader, frame

HEADER = b"WA\x06\x03"


@given(contents=st.lists(st.binary(max_size=50), max_size=8), cuts=st.lists(st.integers(1, 20), max_size=60))
def test_frames_come_out_whole_however_the_stream_was_cut(contents: list[bytes], cuts: list[int]) -> None:
    stream = HEADER + b"".join(map(frame, contents))
    reader = FrameReader()
    found: list[bytes] = []
    for size in [*cuts, len(stream)]:
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == contents
    assert reader.header == HEADER


@pytest.mark.parametrize("header", [b"GET ", b"WA\x05\x03", b"ED\x00\x01"])
def test_another_header_is_refused(header: bytes) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(header)


def test_a_frame_over_the_limit_is_refused_before_it_has_come() -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(HEADER + (MAX_HELLO + 1).to_bytes(3, "big"))
