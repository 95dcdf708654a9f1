"""What a message to be sent looks like: one model a kind, told apart by `type`, and by what they hold beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, RootModel, Tag

from talkabiz.domain.content import Kind
from talkabiz.domain.ids import LARGEST_ID
from talkabiz.web.reading import VARIANT, Body, KlienChoice

LONGEST_TEXT = 65_536
LONGEST_NAME = 255
LONGEST_VCARD = 65_536
LONGEST_URL = 2_048
MOST_MENTIONS = 256
MOST_OPTIONS = 12
LONGEST_EXPIRY_SECONDS = 30 * 86_400

Address = Annotated[str, Field(min_length=1, max_length=100, examples=["081234567890"])]
"""A phone's number in any spelling, or a WhatsApp address (`…@s.whatsapp.net`, `…@lid`, `…@g.us`)."""
Words = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Caption = Annotated[str, Field(max_length=LONGEST_TEXT)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
OptionalName = Annotated[str, Field(max_length=LONGEST_NAME)]


def _tag(name: str) -> Tag:
    return Tag(VARIANT + name)


def _discriminator(choose: Callable[[object], str | None], otherwise: str) -> Discriminator:
    """`otherwise` is said of what `choose` finds no variant for."""
    return Discriminator(choose, custom_error_type="variant", custom_error_message=otherwise)


def _the_one_of(value: object, *names: str) -> str | None:
    """The tag of the only one of these names that is there."""
    found = [name for name in names if name in value] if isinstance(value, Mapping) else []
    return VARIANT + found[0] if len(found) == 1 else None


def _int_or_text(value: object) -> str:
    return f"{VARIANT}{'id' if isinstance(value, int) and not isinstance(value, bool) else 'wa_id'}"


MessageRef = Annotated[
    Annotated[int, Field(ge=1, le=LARGEST_ID), _tag("id")]
    | Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,80}$"), _tag("wa_id")],
    _discriminator(_int_or_text, "An id or a wa_id."),
    Field(description="A message's `id`, or its `wa_id`.", examples=[12]),
]


# --- files ------------------------------------------------------------------------------------------------------------


class MediaByUrl(Body):
    """Fetched from a public https address, within 20 s."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL, examples=["https://example.com/nota.pdf"])]
    filename: Name | None = None


class MediaByBase64(Body):
    """As it stands; larger files are better uploaded."""

    base64: Annotated[str, Field(min_length=1)]
    mimetype: Annotated[str, Field(pattern=r"^[!-~]{1,60}/[!-~ ]{1,60}$", examples=["image/png"])] | None = None
    filename: Name | None = None


class MediaById(Body):
    """Uploaded before, or of a message that came in."""

    media_id: Annotated[int, Field(ge=1, le=LARGEST_ID)]


def _source(value: object) -> str | None:
    return _the_one_of(value, "url", "base64", "media_id")


MediaSource = Annotated[
    Annotated[MediaByUrl, _tag("url")]
    | Annotated[MediaByBase64, _tag("base64")]
    | Annotated[MediaById, _tag("media_id")],
    _discriminator(_source, "One of url, base64 and media_id, and one alone."),
]


# --- messages ---------------------------------------------------------------------------------------------------------


class Outgoing(Body):
    """What all messages have. `send_at`: RFC 3339; `expires_in`: seconds, from then or from now on."""

    to: Address
    send_at: Annotated[str, Field(max_length=40, examples=["2027-01-31T17:00:00+07:00"])] | None = None
    expires_in: Annotated[int, Field(ge=1, le=LONGEST_EXPIRY_SECONDS)] | None = None


class Answering(Outgoing):
    """What may answer another message."""

    reply_to: MessageRef | None = None


class Mentioning(Answering):
    """What has words, in which people may be mentioned: `@628…` in the words, and the same number here."""

    mentions: Annotated[list[Address], Field(max_length=MOST_MENTIONS, default_factory=list)]


class NewText(Mentioning):
    """`preview`: show title, description and picture of the page that the first https link in it leads to."""

    type: Literal["text"] = "text"
    text: Words
    preview: bool = False


class NewPicture(Mentioning):
    """`caption`: the words below it."""

    type: Literal["image", "video", "document"]
    media: MediaSource
    caption: Caption = ""


class NewSound(Answering):
    """A voice message is OGG with Opus, a sticker WebP."""

    type: Literal["audio", "voice", "sticker"]
    media: MediaSource


class Place(Body):
    """Degrees, north and east positive."""

    latitude: Annotated[float, Field(ge=-90, le=90, examples=[-6.2])]
    longitude: Annotated[float, Field(ge=-180, le=180, examples=[106.8])]
    name: OptionalName = ""
    address: OptionalName = ""


class NewLocation(Answering):
    type: Literal["location"]
    location: Place


class CardByPhone(Body):
    name: Name
    phone: Address


class CardByVcard(Body):
    name: Name
    vcard: Annotated[str, Field(max_length=LONGEST_VCARD, pattern="^BEGIN:VCARD")]


def _card(value: object) -> str | None:
    return _the_one_of(value, "phone", "vcard")


class NewContact(Answering):
    type: Literal["contact"]
    contact: Annotated[
        Annotated[CardByPhone, _tag("phone")] | Annotated[CardByVcard, _tag("vcard")],
        _discriminator(_card, "A name, and one of phone and vcard."),
    ]


class Question(Body):
    """`choices`: how many options one may tick; 0: any number."""

    question: Name
    options: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]],
        Field(min_length=2, max_length=MOST_OPTIONS, json_schema_extra={"uniqueItems": True}),
    ]
    choices: Annotated[int, Field(ge=0, le=MOST_OPTIONS)] = 1


class NewPoll(Answering):
    type: Literal["poll"]
    poll: Question


class NewReaction(Outgoing):
    """Without a `reaction`, the earlier one is taken back."""

    type: Literal["reaction"]
    message_id: MessageRef
    reaction: Annotated[str, Field(max_length=64, examples=["👍"])] = ""


class NewEdit(Outgoing):
    type: Literal["edit"]
    message_id: MessageRef
    text: Words


class NewRevocation(Outgoing):
    type: Literal["revoke"]
    message_id: MessageRef


class NewForward(Outgoing):
    """An earlier message, of any chat, sent on as it is: text, a file, a location or a contact."""

    type: Literal["forward"]
    message_id: MessageRef


def _kind(value: object) -> str | None:
    """Which model it is to be."""
    named = value.get("type", "text") if isinstance(value, Mapping) else None
    model = _MODELS.get(named) if isinstance(named, str) else None
    return VARIANT + model.__name__ if model else None


_MODELS: Mapping[str, type[Outgoing]] = {
    "text": NewText,
    **dict.fromkeys(("image", "video", "document"), NewPicture),
    **dict.fromkeys(("audio", "voice", "sticker"), NewSound),
    "location": NewLocation,
    "contact": NewContact,
    "poll": NewPoll,
    "reaction": NewReaction,
    "edit": NewEdit,
    "revoke": NewRevocation,
    "forward": NewForward,
}
assert set(_MODELS) == {kind.value for kind in Kind} - {Kind.UNKNOWN} | {"forward"}  # noqa: S101 - held together here


class NewMessage(RootModel[Any]):
    """A message to be sent. `type` is text unless it says otherwise."""

    root: Annotated[
        Annotated[NewText, _tag("NewText")]
        | Annotated[NewPicture, _tag("NewPicture")]
        | Annotated[NewSound, _tag("NewSound")]
        | Annotated[NewLocation, _tag("NewLocation")]
        | Annotated[NewContact, _tag("NewContact")]
        | Annotated[NewPoll, _tag("NewPoll")]
        | Annotated[NewReaction, _tag("NewReaction")]
        | Annotated[NewEdit, _tag("NewEdit")]
        | Annotated[NewRevocation, _tag("NewRevocation")]
        | Annotated[NewForward, _tag("NewForward")],
        _discriminator(_kind, f"An object, with a type that is one of {', '.join(_MODELS)}."),
    ]


class NewFile(Body):
    """A message with its file, as `multipart/form-data`: the file in `file`, all else as text."""

    to: Address
    type: Literal["image", "video", "audio", "voice", "document", "sticker"] = "document"
    caption: Caption = ""
    reply_to: MessageRef | None = None
    mentions: Annotated[list[Address], Field(max_length=MOST_MENTIONS, default_factory=list)]
    send_at: str | None = None
    expires_in: Annotated[int, Field(ge=1, le=LONGEST_EXPIRY_SECONDS)] | None = None


class MessageSend(KlienChoice):
    """The older path's."""

    to: Address
    text: Words
