from __future__ import annotations

import ctypes
from dataclasses import dataclass

import pytest

from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.tokens import Tokens, read_tokens


@dataclass(frozen=True)
class Piece:
    start: int
    end: int
    perm: str = "rw-p"


def test_the_loaded_library_has_the_dictionary_of_version_3(tokens: Tokens) -> None:
    assert len(tokens.single) == 236
    assert tokens.single[:4] == ["", "xmlstreamstart", "xmlstreamend", "s.whatsapp.net"]
    assert [len(book) for book in tokens.double] == [256] * 4
    assert tokens.double[0][:2] == ["read-self", "active"]


def test_no_token_is_empty_or_there_twice_in_its_book(tokens: Tokens) -> None:
    for book in (tokens.single[1:], *tokens.double):
        assert all(book)
        assert len(set(book)) == len(book)


def test_each_token_is_written_as_its_place(tokens: Tokens) -> None:
    assert tokens.codes["type"] == b"\x04"
    assert tokens.codes["read-self"] == b"\xec\x00"
    assert tokens.codes[tokens.double[3][255]] == b"\xef\xff"
    assert "" not in tokens.codes


def test_memory_without_a_dictionary_is_an_error() -> None:
    memory = ctypes.create_string_buffer(b"xmlstreamstart" + bytes(4096))
    start = ctypes.addressof(memory)
    with pytest.raises(SandboxError) as refused:
        read_tokens([Piece(start, start + len(memory))])
    assert refused.value.code == "tokens_not_found"


def test_memory_that_may_not_be_read_is_not_read() -> None:
    with pytest.raises(SandboxError):
        read_tokens([Piece(8, 4096, "---p")])
