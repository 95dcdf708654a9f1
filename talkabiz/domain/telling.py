"""What a message that was heard becomes in our own words. Pure; whatever its sender wrote is taken for an attacker's.

`text` and `content` of each kind, in both directions:

    text                    the text                              {}; {"preview": true} where we were asked to show one
    image, video, audio,    the caption, or null                  {}; the file is the message's `media`
    voice, document,
    sticker
    location                null                                  {"latitude", "longitude", "name", "address"}
    contact                 null                                  {"name", "vcard"}
    poll                    the question                          {"options": [text, …], "choices": 0 for any number}
    reaction                the emoji; "" takes it back           {"wa_id", "message_id"}
    edit                    the new text                          {"wa_id", "message_id"}
    revoke                  null                                  {"wa_id", "message_id"}
    unknown                 null                                  {"name": what the protocol calls it}; {} while it
                                                                  is undecryptable

Degrees are north and east positive, null where they were no degrees at all; what wasn't told is "". `wa_id` is
WhatsApp's id of the message that is meant, `message_id` ours, null where we don't have it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from talkabiz.domain.content import Contact, Content, Edit, Kind, Location, Media, Poll, Reaction, Revoke, Text, Unknown
from talkabiz.domain.heard import MessageHeard
from talkabiz.domain.ids import LARGEST_ID, clean_name

LONGEST_WA_ID = 80
MOST_MENTIONS = 1024
LONGEST_FILENAME = 200
ANY_FILE = "application/octet-stream"

_WA_ID = re.compile(r"[!-~]{1,80}")
_PERSON = re.compile(r"[0-9]{1,20}@(?:s\.whatsapp\.net|lid)", re.ASCII)
_MIMETYPE = re.compile(
    r"[\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,60}(?: *; *[\w-]{1,30}=(?:\"[\w.,+ -]{1,30}\"|[\w.,+-]{1,30}))*", re.ASCII
)
_LONGEST_MIMETYPE = 120
_MOST_SECONDS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class File:
    """What the sender says of a file; neither has to be true."""

    mimetype: str
    filename: str | None = None
    size: int | None = None
    sha256: str | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """`means`: WhatsApp's id of the message that a reaction, an edit or a revocation is about."""

    kind: Kind
    text: str | None = None
    content: dict[str, Any] = field(default_factory=dict)
    means: str | None = None
    file: File | None = None
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    forwards: int = 0


def told(heard: MessageHeard) -> Told:
    content = heard.content
    means = _meant(content)
    return Told(
        kind=content.kind,
        text=_text(content),
        content=_content(content) if means is None else {"wa_id": means, "message_id": None},
        means=means,
        file=_file(content) if isinstance(content, Media) else None,
        reply_to=heard.reply_to if is_wa_id(heard.reply_to) else None,
        mentions=_mentions(heard.mentions),
        forwards=heard.forwards,
    )


def is_wa_id(text: str) -> bool:
    """Whether this can be a message's id. Its sender chooses it, so it may be anything."""
    return bool(_WA_ID.fullmatch(text))


def without_nul(text: str) -> str:
    """The text as it is, but for a character that not every database can hold."""
    return text.replace("\0", "")


def _text(content: Content) -> str | None:
    match content:
        case Text(text) | Edit(text=text) | Reaction(emoji=text) | Poll(question=text):
            return without_nul(text)
        case Media(caption=caption):
            return without_nul(caption) or None
    return None


def _content(content: Content) -> dict[str, Any]:
    match content:
        case Location(latitude, longitude, name, address):
            where = {"latitude": _degrees(latitude, 90), "longitude": _degrees(longitude, 180)}
            return {**where, "name": without_nul(name), "address": without_nul(address)}
        case Contact(name, vcard):
            return {"name": clean_name(name), "vcard": without_nul(vcard)}
        case Poll(_, options, choices):
            return {"options": [without_nul(option) for option in options], "choices": choices}
        case Unknown(name):
            return {"name": name}
    return {}


def _meant(content: Content) -> str | None:
    match content:
        case Reaction(to=ref) | Edit(of=ref) | Revoke(of=ref):
            return ref.id if is_wa_id(ref.id) else ""
    return None


def _degrees(value: float, most: float) -> float | None:
    """Neither NaN nor infinity is JSON."""
    return value if math.isfinite(value) and abs(value) <= most else None


def _file(media: Media) -> File:
    stored = media.stored
    filename = clean_name(re.sub(r"[/\\]", "_", media.filename), LONGEST_FILENAME)
    return File(
        mimetype=_mimetype(media.mimetype),
        filename=filename or None,
        size=stored.size if 0 < stored.size <= LARGEST_ID else None,
        sha256=stored.sha256.hex() if len(stored.sha256) == 32 else None,  # noqa: PLR2004 - bytes of a SHA-256
        seconds=media.seconds if 0 < media.seconds <= _MOST_SECONDS else None,
    )


def _mimetype(declared: str) -> str:
    is_one = len(declared) <= _LONGEST_MIMETYPE and _MIMETYPE.fullmatch(declared)
    return declared.lower() if is_one else ANY_FILE


def _mentions(named: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses of people, each once."""
    return tuple(dict.fromkeys(filter(_PERSON.fullmatch, named[:MOST_MENTIONS])))
