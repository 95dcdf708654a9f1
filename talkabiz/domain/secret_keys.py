"""The key that seals what the database keeps secret: how it is written, and what is none."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress

KEY_BYTES = 32
FEWEST_BYTES = 16
"""Different ones; of 32 random bytes 25 differ or more, for all practical purposes."""


def parse_secret_key(text: str) -> bytes:
    """32 bytes, as 64 hex digits or in base64 of either alphabet. ValueError says the rest of a sentence."""
    key = _decode(text.strip())
    if len(key) != KEY_BYTES:
        raise ValueError("must be 32 random bytes, as 64 hex digits or in base64; `openssl rand -hex 32` makes them")
    if len(set(key)) < FEWEST_BYTES:
        raise ValueError("is too easy to guess; `openssl rand -hex 32` makes a good one")
    return key


def _decode(text: str) -> bytes:
    with suppress(ValueError):
        if len(text) == 2 * KEY_BYTES:
            return bytes.fromhex(text)
    padded = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
