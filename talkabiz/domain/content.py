"""What a message says, of each kind, in both directions. An address is a JID, `user@server`, without a device."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    POLL = "poll"
    REACTION = "reaction"
    EDIT = "edit"
    REVOKE = "revoke"
    UNKNOWN = "unknown"


MEDIA = frozenset({Kind.IMAGE, Kind.VIDEO, Kind.AUDIO, Kind.VOICE, Kind.DOCUMENT, Kind.STICKER})


@dataclass(frozen=True, slots=True)
class Ref:
    """Another message of the same chat. `sender` is empty where it is by whoever this one is from."""

    id: str
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that is answered: who wrote it, and the text that is shown of it."""

    id: str
    sender: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """Where WhatsApp keeps the encrypted bytes of a medium, and what opens and proves them."""

    url: str
    direct_path: str
    media_key: bytes = field(repr=False)
    encrypted_sha256: bytes
    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown of the page that a text leads to, by the `url` in it. `thumbnail`: a small JPEG, or empty."""

    url: str
    title: str
    description: str = ""
    thumbnail: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    preview: Preview | None = None

    @property
    def kind(self) -> Kind:
        return Kind.TEXT


@dataclass(frozen=True, slots=True)
class Media:
    """`kind` is one of MEDIA. Which of the last three there are depends on it."""

    kind: Kind
    stored: Stored
    mimetype: str
    caption: str = ""
    filename: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Location:
    """Degrees, north and east positive."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""

    @property
    def kind(self) -> Kind:
        return Kind.LOCATION


@dataclass(frozen=True, slots=True)
class Contact:
    name: str
    vcard: str

    @property
    def kind(self) -> Kind:
        return Kind.CONTACT


@dataclass(frozen=True, slots=True)
class Poll:
    """`choices`: how many options one may tick; 0: any number."""

    question: str
    options: tuple[str, ...]
    choices: int = 1

    @property
    def kind(self) -> Kind:
        return Kind.POLL


@dataclass(frozen=True, slots=True)
class Reaction:
    """Without an emoji the earlier one is taken back."""

    to: Ref
    emoji: str

    @property
    def kind(self) -> Kind:
        return Kind.REACTION


@dataclass(frozen=True, slots=True)
class Edit:
    of: Ref
    text: str

    @property
    def kind(self) -> Kind:
        return Kind.EDIT


@dataclass(frozen=True, slots=True)
class Revoke:
    of: Ref

    @property
    def kind(self) -> Kind:
        return Kind.REVOKE


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that this version can't read; `name` is what the protocol calls it, if it has a name."""

    name: str = ""

    @property
    def kind(self) -> Kind:
        return Kind.UNKNOWN


Content: TypeAlias = Text | Media | Location | Contact | Poll | Reaction | Edit | Revoke | Unknown
