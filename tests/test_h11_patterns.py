"""What is read by h11 means the same as before, and never takes long."""

from __future__ import annotations

import re
import time

import h11
import pytest
from h11 import _abnf, _readers
from hypothesis import given, strategies as st

from talkabiz.h11_patterns import make_linear

BLANKS = b" " * 60_000
LONG_SECONDS = 0.5
"""h11's own patterns take ten seconds and more."""


@pytest.fixture(autouse=True, scope="module")
def _linear() -> None:
    make_linear()


@pytest.mark.parametrize(
    "head",
    [
        b"A:" + BLANKS + b"\x0b\r\n\r\n",
        b"A: x" + BLANKS + b"\x00\r\n\r\n",
        b"A:" + b"\r\n  " * 20_000 + b"\x0c\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nA:" + BLANKS + b"\x0b\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1;" + BLANKS + b"\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1" + BLANKS + b"x\r\n",
    ],
    ids=["header", "after a value", "folded", "trailer", "chunk extension", "chunk"],
)
def test_blanks_without_end_take_no_time(head: bytes) -> None:
    for role, first in ((h11.CLIENT, b"HTTP/1.1 200 OK\r\n"), (h11.SERVER, b"POST / HTTP/1.1\r\nHost: a\r\n")):
        connection = h11.Connection(role, max_incomplete_event_size=200_000)
        if role is h11.CLIENT:
            connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
            connection.send(h11.EndOfMessage())
        connection.receive_data(first + head)
        began = time.perf_counter()
        with pytest.raises(h11.RemoteProtocolError):
            list(iter(connection.next_event, h11.NEED_DATA))
        assert time.perf_counter() - began < LONG_SECONDS


@given(st.text("a:; \t\x00\x0b1f\r\n", max_size=14).map(str.encode))
def test_what_is_read_means_the_same(line: bytes) -> None:
    for ours, theirs in (
        (_readers.header_field_re, re.compile(_abnf.header_field.encode())),
        (_readers.chunk_header_re, re.compile(_abnf.chunk_header.encode())),
    ):
        for each in (line, b"a:" + line, b"1" + line + b"\r\n", b"1;" + line + b"\r\n"):
            found, expected = ours.fullmatch(each), theirs.fullmatch(each)
            assert bool(found) is bool(expected), each
            if found and expected:
                names = ("field_name", "field_value", "chunk_size")
                for name in (each for each in names if each in ours.groupindex):
                    assert found[name] == expected[name]
