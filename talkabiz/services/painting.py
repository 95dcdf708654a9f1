"""QR codes as pictures, drawn once a code for everybody who watches, off the event loop."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property

from qrcode.constants import ERROR_CORRECT_L
from qrcode.image.pil import PilImage
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
        stream = io.BytesIO()
        _code(self.text, PNG_PIXELS_A_MODULE).make_image().save(stream, "PNG")
        return stream.getvalue()


class Painter:
    """Draws on a thread of its own: 3 ms a picture, which the loop must not wait for."""

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
    rows: list[list[bool]] = _code(text).get_matrix()
    size = len(rows)
    runs = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, row in enumerate(rows) for x, length in _runs(row))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{runs}"/></svg>'
    )
    return Painting(text, svg)


def _code(text: str, pixels: int = 1) -> QRCode[PilImage]:
    version = _version(len(text.encode()))
    code = QRCode(version, ERROR_CORRECT_L, pixels, QUIET_ZONE, image_factory=PilImage, mask_pattern=MASK)
    code.add_data(text, optimize=0)
    code.make(fit=False)
    return code


@cache
def _version(length: int) -> int:
    """The smallest size that holds so many bytes. Looked for once a length: it takes longer than the drawing."""
    code = QRCode(error_correction=ERROR_CORRECT_L)
    code.add_data(b"x" * length, optimize=0)
    return int(code.best_fit())


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Where dark runs begin, and how long they are."""
    found: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and found and sum(found[-1]) == x:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif dark:
            found.append((x, 1))
    return found
