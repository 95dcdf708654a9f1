"""Small pictures out of large ones that strangers made. Reads pixels: for a thread."""

from __future__ import annotations

import io

import filetype
from PIL import Image

from talkabiz.services.media_looks import READERS

LONGEST_SIDE = 200
"""Pixels. A phone shows it as wide as a thumb."""
MOST_PIXELS = 4_000_000
"""All of them are unpacked at once, four bytes each."""
_QUALITY = 70


def thumbnail_of(data: bytes) -> bytes:
    """A JPEG; empty for what is no picture that we read, or too large a one. OSError, SyntaxError or ValueError for one
    that is damaged.
    """
    read = READERS.get(filetype.guess_mime(data) or "")
    if read is None:
        return b""
    with read(io.BytesIO(data)) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            return b""
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        return _jpeg(picture)


def _jpeg(picture: Image.Image) -> bytes:
    """On white, where one could see through it."""
    layer = picture.convert("RGBA")
    flat = Image.new("RGB", layer.size, "white")
    flat.paste(layer, mask=layer)
    written = io.BytesIO()
    flat.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()
