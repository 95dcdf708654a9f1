"""What files show of themselves, by their first and last bytes. Everything here reads from the disk: for a thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import filetype
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from talkabiz.domain.errors import Sentence
from talkabiz.domain.media_errors import MediaRefused
from talkabiz.domain.media_rules import MOST_PIXELS, Seen
from talkabiz.domain.opus import LONGEST_PAGE, seconds_of

# By its reader alone: `Image.open` would try all that there are on a file that says it is a picture.
READERS: Mapping[str, Callable[[BinaryIO], Image.Image]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/webp": WebPImageFile,
}


def look(path: Path) -> Seen:
    with path.open("rb") as file:
        head = file.read(LONGEST_PAGE)
        file.seek(max(0, path.stat().st_size - LONGEST_PAGE))
        seconds = seconds_of(head, file.read(LONGEST_PAGE))
    if seconds is not None:
        return Seen("audio/ogg", is_opus=True, seconds=seconds)
    return Seen(filetype.guess_mime(head))


def check_picture(path: Path, type_: str) -> None:
    """Raises MediaRefused for a picture that can't be read, or is too large to be shown. Its pixels stay packed."""
    try:
        with path.open("rb") as file, READERS[type_](file) as picture:
            width, height = picture.size
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
        raise MediaRefused(Sentence("Gambarnya rusak.", "The picture is damaged.")) from error
    if width * height > MOST_PIXELS:
        raise MediaRefused(Sentence("Gambarnya punya terlalu banyak piksel.", "The picture has too many pixels."))
