"""Which files may go as which kind of message, and what they are called. A type is a MIME type in small letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from talkabiz.domain.content import Kind
from talkabiz.domain.errors import Sentence
from talkabiz.domain.ids import clean_name
from talkabiz.domain.media_errors import MediaRefused, MediaTooLarge

MB = 1024 * 1024
MOST_BYTES: Mapping[Kind | None, int] = {
    Kind.IMAGE: 16 * MB,
    Kind.VIDEO: 64 * MB,
    Kind.AUDIO: 64 * MB,
    Kind.VOICE: 64 * MB,
    Kind.STICKER: 1 * MB,
    Kind.DOCUMENT: 100 * MB,
    None: 100 * MB,
}
"""None: it isn't known yet what the file is for."""
LARGEST = max(MOST_BYTES.values())
LARGE = 16 * MB
"""The library holds all of a file in memory, and so do we: of those that are larger than this, one at once."""
MOST_PIXELS = 120_000_000
"""Of a picture, width times height. More than any phone takes; whoever shows it has to hold all of them."""
LONGEST_FILENAME = 200

OPUS = "audio/ogg; codecs=opus"
UNKNOWN = "application/octet-stream"
TYPES: Mapping[Kind, frozenset[str]] = {
    Kind.IMAGE: frozenset({"image/jpeg", "image/png"}),
    Kind.VIDEO: frozenset({"video/mp4", "video/3gpp"}),
    Kind.AUDIO: frozenset({"audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", OPUS}),
    Kind.VOICE: frozenset({OPUS}),
    Kind.STICKER: frozenset({"image/webp"}),
}
_WISHES: Mapping[Kind, Sentence] = {
    Kind.IMAGE: Sentence("Gambar harus JPEG atau PNG.", "An image has to be JPEG or PNG."),
    Kind.VIDEO: Sentence("Video harus MP4 atau 3GP.", "A video has to be MP4 or 3GP."),
    Kind.AUDIO: Sentence(
        "Audio harus MP3, M4A, AAC, AMR, atau OGG dengan Opus.", "Audio has to be MP3, M4A, AAC, AMR, or OGG with Opus."
    ),
    Kind.VOICE: Sentence("Pesan suara harus berupa rekaman suara.", "A voice message has to be a recording of sound."),
    Kind.STICKER: Sentence("Stiker harus WebP.", "A sticker has to be WebP."),
}
_SAME: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/x-aac": "audio/aac",
    "audio/opus": "audio/ogg",
    "audio/wave": "audio/x-wav",
    "audio/wav": "audio/x-wav",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "binary/octet-stream": UNKNOWN,
}
_WRAPPERS = frozenset({"application/zip", "application/msword", "application/gzip", "application/x-ole-storage"})
"""What other types look like from outside: a spreadsheet is a zip with certain files in it."""
_PLAIN = frozenset({"application/pdf", "application/zip", "application/gzip"})
"""Types that aren't sound or pictures, and that a file is known by: nothing that looks otherwise goes by them."""
_SENSES = ("image", "audio", "video")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file shows of itself. `type` is None where it shows nothing that is known: text, for one.

    `is_opus`: OGG that carries Opus, of `seconds`.
    """

    type: str | None
    is_opus: bool = False
    seconds: int | None = None


def check_size(size: int, kind: Kind | None) -> None:
    """Raises MediaTooLarge, and MediaRefused for an empty file."""
    if size == 0:
        raise MediaRefused(Sentence("Berkasnya kosong.", "The file is empty."))
    if size > (most := MOST_BYTES[kind]):
        raise MediaTooLarge(
            Sentence(f"Berkasnya lebih besar dari {most // MB} MB.", f"The file is larger than {most // MB} MB.")
        )


def type_of(kind: Kind | None, seen: Seen, declared: str | None) -> str:
    """The type that the file goes by. What it shows counts before what was declared, for most types have several names.

    Raises:
        MediaRefused: one of them is a picture and the other isn't, or sound or moving pictures; or the kind can't be of
            such a type (`needs_converting` comes first).
    """
    said = read_type(declared)
    if seen.type and said and _sense(said) != _sense(seen.type):
        raise MediaRefused(
            Sentence(f"Berkasnya bukan {said}, melainkan {seen.type}.", f"The file isn't {said} but {seen.type}.")
        )
    shown = _shown(seen, said)
    if kind is None or kind is Kind.DOCUMENT:
        is_inside = shown in _WRAPPERS and said not in _PLAIN
        return said if said and (shown is None or is_inside) else shown or UNKNOWN
    if shown not in TYPES[kind]:
        raise MediaRefused(_WISHES[kind])
    return shown


def heard_type(seen: Seen, declared: str | None) -> str:
    """The type of a file that somebody sent to us: what was declared, unless the file shows otherwise."""
    try:
        return type_of(None, seen, declared)
    except MediaRefused:
        return _shown(seen, None) or UNKNOWN


def needs_converting(kind: Kind | None, seen: Seen) -> bool:
    """Whether this could be a voice message, though not as it is."""
    return kind is Kind.VOICE and not seen.is_opus and (seen.type or "").partition("/")[0] in {"audio", "video"}


def read_type(declared: str | None) -> str | None:
    """The type without parameters, by the one name that we have for it; None: nothing was said by it."""
    said = (declared or "").partition(";")[0].strip().lower()
    said = _SAME.get(said, said)
    parts = said.split("/")
    is_one = len(parts) == 2 and all(parts) and len(said) <= 100 and said.isascii() and said.isprintable()  # noqa: PLR2004
    return said if is_one and " " not in said and said != UNKNOWN else None


def clean_filename(name: str | None) -> str | None:
    """A name that strangers chose, fit to be shown and to be saved under: no path, no control characters."""
    last = unicodedata.normalize("NFC", name or "").replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = clean_name(last, 10_000).lstrip(". ").rpartition(".")
    room = LONGEST_FILENAME - len(dot + ending)
    return (f"{stem[:room]}{dot}{ending}" if room > 0 else stem[:LONGEST_FILENAME]) or None


def _shown(seen: Seen, said: str | None) -> str | None:
    """Sound in a container that mostly holds moving pictures is sound, if that is what was said."""
    if seen.is_opus:
        return OPUS
    if said and said.startswith("audio/") and seen.type == "video/mp4":
        return "audio/mp4"
    return seen.type


def _sense(type_: str) -> str | None:
    """Sound and moving pictures are one: the same containers hold both."""
    family = type_.partition("/")[0]
    return ("sound" if family in {"audio", "video"} else family) if family in _SENSES else None
