"""OGG files with Opus in them, as voice messages are: recognised, and how long they are (RFC 3533, RFC 7845)."""

from __future__ import annotations

import struct

_PAGE = struct.Struct("<4sBBqLLLB")
"""capture, version, flags, granule position, serial, number, checksum, segments"""
_FIRST = 0x02
_RATE = 48_000
_PRE_SKIP = slice(10, 12)
LONGEST_PAGE = 65_307


def seconds_of(head: bytes, tail: bytes) -> int | None:
    """The length of an OGG file with Opus, rounded up; 0 where it doesn't tell. None: it is something else.

    `head` is how the file begins, `tail` how it ends: LONGEST_PAGE bytes of each are enough.
    """
    if len(head) < _PAGE.size:
        return None
    capture, version, flags, _, serial, _, _, segments = _PAGE.unpack_from(head)
    packet = head[_PAGE.size + segments :]
    if (capture, version) != (b"OggS", 0) or not flags & _FIRST or not packet.startswith(b"OpusHead"):
        return None
    skipped = int.from_bytes(packet[_PRE_SKIP], "little")
    return max(0, -(-(_last_position(tail, serial) - skipped) // _RATE))


def _last_position(tail: bytes, serial: int) -> int:
    """How many samples there are, by the last page of that stream; 0 where no page says."""
    at = len(tail)
    while (at := tail.rfind(b"OggS", 0, at)) >= 0:
        if len(tail) - at >= _PAGE.size:
            _, version, _, position, owner, _, _, _ = _PAGE.unpack_from(tail, at)
            if version == 0 and owner == serial and 0 <= position < _RATE * 86_400:
                return int(position)
    return 0
