"""The loaded Go library as memory: where it is mapped, and the one key in it that the sandbox replaces. Linux only.

The library trusts a single root key, a 32-byte value in its writable data. Only sandbox mode swaps it, for the loopback
server's own; the process then can't talk to the real service any more.
"""

from __future__ import annotations

import ctypes
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from talkabiz.domain.errors import Sentence, TalkabizError

# The root that the library is shipped with (whatsmeow, handshake.go).
WHATSAPP_ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")

_MAPS = Path("/proc/self/maps")
_LIBRARY = re.compile(r"/neonize/neonize-[^/]*\.so(?: \(deleted\))?$")


class LibraryError(TalkabizError):
    """The library isn't there, or isn't built as this version knows it."""

    def __init__(self, code: str, id: str, en: str) -> None:  # noqa: A002 - the language's code
        super().__init__(Sentence(id, en))
        self.code = code  # type: ignore[misc] # one class for the few things that can be wrong, each with its code


@dataclass(frozen=True, slots=True)
class Region:
    """Addresses start (included) to end (excluded); `perm` as the kernel writes it, e.g. `rw-p`."""

    start: int
    end: int
    perm: str


def regions() -> list[Region]:
    """Where the library is mapped. LibraryError `unsupported_platform` or `library_not_loaded`."""
    if not sys.platform.startswith("linux"):
        raise LibraryError(
            "unsupported_platform",
            "Mode sandbox hanya berjalan di Linux: memori pustaka dibaca lewat /proc.",
            "Sandbox mode runs on Linux only: it reads the library's memory through /proc.",
        )
    found = [_region(line) for line in _MAPS.read_text().splitlines() if _LIBRARY.search(line)]
    if not found:
        raise LibraryError(
            "library_not_loaded",
            "Pustaka WhatsApp (neonize) belum termuat di proses ini.",
            "The WhatsApp library (neonize) isn't loaded in this process yet.",
        )
    return found


def has_root_key(public_key: bytes = WHATSAPP_ROOT_KEY) -> bool:
    """Whether the library trusts this root now."""
    return len(_addresses(public_key)) == 1


def swap_root_key(public_key: bytes, current: bytes = WHATSAPP_ROOT_KEY) -> None:
    """Make the library trust `public_key` instead of `current`; nothing happens if it already does.

    LibraryError `root_key_not_found`, with nothing written, unless `current` stands in the library exactly once.
    """
    if len(public_key) != len(WHATSAPP_ROOT_KEY):
        raise ValueError(f"a root key has 32 bytes, not {len(public_key)}")
    places = _addresses(current)
    if not places and has_root_key(public_key):
        return
    if len(places) != 1:
        raise LibraryError(
            "root_key_not_found",
            f"Kunci akar WhatsApp ditemukan {len(places)} kali di pustaka (harus tepat 1); versinya tidak didukung.",
            f"WhatsApp's root key stands {len(places)} times in the library (not once); its version isn't supported.",
        )
    ctypes.memmove(places[0], public_key, len(public_key))


def _region(line: str) -> Region:
    span, perm, *_ = line.split(maxsplit=2)
    start, end = (int(address, 16) for address in span.split("-"))
    return Region(start, end, perm)


def _addresses(key: bytes) -> list[int]:
    search = re.compile(re.escape(key))
    return [
        region.start + match.start()
        for region in regions()
        if "rw" in region.perm
        for match in search.finditer((ctypes.c_char * (region.end - region.start)).from_address(region.start))
    ]
