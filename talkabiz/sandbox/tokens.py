"""The dictionary of the node codec, read out of the loaded library, so that it always fits the installed version.

The library is Go: a string is a pointer and a length, an array of strings lies in one piece, a slice is a pointer, a
length and a capacity. The single tokens are an array whose first entry is empty and whose second is `xmlstreamstart`;
the double ones are four slices of 256 in a row.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from talkabiz.sandbox.errors import SandboxError

SINGLE_COUNT = 236
DOUBLE_SHAPE = (4, 256)
_FIRST_TOKEN = b"xmlstreamstart"
_LONGEST_TOKEN = 255
_STRING = struct.Struct("<QQ")


class Region(Protocol):
    """A piece of this process's memory that belongs to the library."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def perm(self) -> str: ...


@dataclass(frozen=True)
class Tokens:
    """`single[i]` is written as the byte i; `double[d][i]` as 236 + d and i. The empty string is no token."""

    single: Sequence[str]
    double: Sequence[Sequence[str]]

    @cached_property
    def codes(self) -> Mapping[str, bytes]:
        """Each token's bytes; a string that is in both dictionaries goes out short."""
        double = {
            token: bytes((SINGLE_COUNT + book, index))
            for book, tokens in enumerate(self.double)
            for index, token in enumerate(tokens)
            if token
        }
        return double | {token: bytes((index,)) for index, token in enumerate(self.single) if token}


def read_tokens(regions: Sequence[Region]) -> Tokens:
    """SandboxError `tokens_not_found` if this version of the library keeps its dictionary in another shape."""
    memory = _Memory(regions)
    single = next(_single_tables(memory), None)
    double = next(_double_tables(memory), None)
    if single is None or double is None:
        raise SandboxError(
            "tokens_not_found",
            "Kamus simpul tidak ditemukan di pustaka WhatsApp yang termuat; versinya tidak didukung.",
            "The node dictionary wasn't found in the loaded WhatsApp library; its version isn't supported.",
            500,
        )
    return Tokens(single, double)


class _Memory:
    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = [region for region in regions if "r" in region.perm]

    def find(self, pattern: bytes) -> Iterator[int]:
        """Every address of a pattern, without copying the regions."""
        search = re.compile(re.escape(pattern))
        for region in self._regions:
            window = (ctypes.c_char * (region.end - region.start)).from_address(region.start)
            for match in search.finditer(window):
                yield region.start + match.start()

    def read(self, address: int, size: int) -> bytes | None:
        for region in self._regions:
            if region.start <= address and address + size <= region.end:
                return ctypes.string_at(address, size)
        return None

    def string(self, pointer: int, length: int) -> str | None:
        if length == 0:
            return ""
        raw = self.read(pointer, length) if length <= _LONGEST_TOKEN else None
        return raw.decode("ascii", "replace") if raw is not None else None

    def strings(self, address: int, count: int) -> list[str] | None:
        raw = self.read(address, count * _STRING.size)
        if raw is None:
            return None
        found = [self.string(pointer, length) for pointer, length in _STRING.iter_unpack(raw)]
        whole = [token for token in found if token is not None]
        return whole if len(whole) == count else None


def _single_tables(memory: _Memory) -> Iterator[list[str]]:
    for text in memory.find(_FIRST_TOKEN):
        for entry in memory.find(_STRING.pack(text, len(_FIRST_TOKEN))):
            table = memory.strings(entry - _STRING.size, SINGLE_COUNT)
            if table and not table[0] and all(table[1:]):
                yield table


def _double_tables(memory: _Memory) -> Iterator[list[list[str]]]:
    books, size = DOUBLE_SHAPE
    slice_size = 24
    for lengths in memory.find(_STRING.pack(size, size)):
        raw = memory.read(lengths - 8, books * slice_size)
        if raw is None:
            continue
        slices = list(struct.iter_unpack("<QQQ", raw))
        if any(length != size or capacity != size for _, length, capacity in slices):
            continue
        tables = [table for pointer, _, _ in slices if (table := memory.strings(pointer, size)) and all(table)]
        if len(tables) == books:
            yield tables
