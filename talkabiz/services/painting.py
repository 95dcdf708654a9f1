"""QR codes as pictures, drawn once a code for everybody who watches, off the event loop."""

from __future__ import annotations

import asyncio
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

from qrcode.constants import ERROR_CORRECT_L
from qrcode.main import QRCode

QUIET_ZONE = 4
"""Modules of white around the code; the standard asks for four."""
MASK = 2
"""Trying all eight masks costs 20 ms a code. They exist for data with patterns; a pairing code is random."""
PNG_PIXELS_A_MODULE = 6


@dataclass(frozen=True)
class Painting:
    """One code drawn. `svg` is a whole document with a white ground, so that it reads on a dark page too."""

    text: str = field(repr=False)
    svg: str = field(repr=False)

    @cached_property
    def png(self) -> bytes:
        return _png(_grid(self.text), PNG_PIXELS_A_MODULE)


class Painter:
    """Draws on a thread of its own: 5 ms a picture, which the loop must not wait for."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="painter")

    def paint(self, text: str) -> asyncio.Future[Painting]:
        """Begins at once."""
        return asyncio.get_running_loop().run_in_executor(self._thread, draw, text)

    async def png(self, painting: Painting) -> bytes:
        """The PNG of a painting; drawn by the first who asks."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: painting.png)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def draw(text: str) -> Painting:
    """The code as an SVG: one path, a rectangle for each run of dark modules in a row."""
    rows = _grid(text)
    size = len(rows)
    runs = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, row in enumerate(rows) for x, length in _runs(row))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{runs}"/></svg>'
    )
    return Painting(text, svg)


def _grid(text: str) -> list[list[bool]]:
    """Rows of modules, dark ones true, with the quiet zone around them."""
    code = QRCode(error_correction=ERROR_CORRECT_L, border=QUIET_ZONE, mask_pattern=MASK)
    code.add_data(text, optimize=0)
    code.make(fit=True)
    rows: list[list[bool]] = code.get_matrix()
    return rows


def _png(rows: list[list[bool]], pixels: int) -> bytes:
    """A grey picture of one bit a pixel (PNG, third edition): `pixels` wide and high a module."""
    size = len(rows) * pixels
    padding = "0" * (-size % 8)
    lines = bytearray()
    for row in rows:
        bits = "".join(("0" if dark else "1") * pixels for dark in row) + padding
        lines += (b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")) * pixels  # 0: the line is as it is
    header = size.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Where dark runs begin, and how long they are."""
    found: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and found and sum(found[-1]) == x:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif dark:
            found.append((x, 1))
    return found
