"""What can be seen on screens: the codes that kliens show right now where the product runs in the same process, and
codes in pictures.
"""

from __future__ import annotations

import asyncio
import io
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

import zxingcpp
from PIL import Image

from talkabiz.sandbox.errors import SandboxError

LARGEST_PICTURE = 8 << 20
MOST_PIXELS = 40_000_000


@dataclass(frozen=True, slots=True)
class Screen:
    klien_id: int
    name: str
    qr: str = field(repr=False)


Screens: TypeAlias = Callable[[], Awaitable[list[Screen]]]


async def no_screens() -> list[Screen]:
    """Where the product runs elsewhere."""
    return []


async def look_at(screens: Screens, klien_id: int) -> str:
    """The code on that klien's screen. SandboxError `no_qr`."""
    for screen in await screens():
        if screen.klien_id == klien_id:
            return screen.qr
    raise SandboxError(
        "no_qr",
        "Klien itu sedang tidak menampilkan kode QR.",
        "That klien doesn't show a QR code right now.",
        404,
    )


async def read_picture(data: bytes) -> str:
    """The text of the one QR code in a picture: a screenshot, a photograph. SandboxError `too_large`,
    `unsupported_image` or `no_qr_in_image`.
    """
    if len(data) > LARGEST_PICTURE:
        raise SandboxError("too_large", "Gambar terlalu besar.", "The picture is too large.", 413)
    thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-picture")
    try:
        texts = await asyncio.get_running_loop().run_in_executor(thread, _read, data)
    finally:
        thread.shutdown(wait=False)
    if len(texts) == 1:
        return texts[0]
    raise SandboxError(
        "no_qr_in_image",
        "Gambar harus memuat tepat satu kode QR yang terbaca.",
        "The picture must hold exactly one QR code that can be read.",
    )


def _read(data: bytes) -> list[str]:
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF")) as picture:
            warnings.simplefilter("ignore")
            if picture.width * picture.height > MOST_PIXELS:
                raise _unreadable()
            grey = _on_white(picture).convert("L")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise _unreadable() from None
    found = zxingcpp.read_barcodes(grey, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return sorted({each.text for each in found})


def _on_white(picture: Image.Image) -> Image.Image:
    """What is transparent would come out black."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture
    colours = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)


def _unreadable() -> SandboxError:
    return SandboxError(
        "unsupported_image",
        "Ini bukan gambar PNG, JPEG, WebP atau GIF yang bisa dibaca.",
        "This isn't a PNG, JPEG, WebP or GIF picture that can be read.",
    )
