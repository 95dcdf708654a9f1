"""The protocol's messages as contents; the other direction is `talkabiz.whatsapp.outgoing`. Pure.

What it is wrapped in (disappearing, seen once, with a caption, from another device) the library has taken off already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from talkabiz.domain.content import (
    Contact,
    Content,
    Edit,
    Kind,
    Location,
    Media,
    Poll,
    Preview,
    Reaction,
    Ref,
    Revoke,
    Stored,
    Text,
    Unknown,
)
from talkabiz.whatsapp.wire import e2e, text

_SILENT = {"messageContextInfo", "senderKeyDistributionMessage"}
"""What stands beside a content."""


def carries_content(message: Any) -> bool:
    """In a group, keys come as a message of their own, under the id of the one that they are for."""
    return bool(_name_of(message))


def content_of(message: Any) -> Content:
    """Unknown for what this version can't read."""
    name = _name_of(message)
    reader = _READERS.get(name)
    return reader(getattr(message, name)) if reader else Unknown(name)


def _name_of(message: Any) -> str:
    return next((field.name for field, _ in message.ListFields() if field.name not in _SILENT), "")


def content_in(raw: bytes) -> Content:
    """Of a message's bytes, as `MessageHeard.raw` has them. DecodeError if they aren't one."""
    return content_of(e2e().Message.FromString(raw))


def reply_to(message: Any) -> str:
    """The id of the message that this one answers, or empty."""
    context = _context_of(message)
    return text(context.stanzaID) if context is not None else ""


def mentions_in(message: Any) -> tuple[str, ...]:
    """Whom it names, as its sender wrote it: not always addresses."""
    context = _context_of(message)
    return tuple(map(text, context.mentionedJID)) if context is not None else ()


def forwards_of(message: Any) -> int:
    """How often it was sent on, by its sender's word: 1 at least where it is marked as forwarded, else 0."""
    context = _context_of(message)
    return max(1, context.forwardingScore) if context is not None and context.isForwarded else 0


def _context_of(message: Any) -> Any:
    for field, part in message.ListFields():
        if field.message_type and "contextInfo" in field.message_type.fields_by_name:
            return part.contextInfo
    return None


def _conversation(words: str | bytes) -> Text:
    return Text(text(words))


def _extended(part: Any) -> Text:
    if not part.matchedText or not part.title:
        return Text(text(part.text))
    preview = Preview(text(part.matchedText), text(part.title), text(part.description), part.JPEGThumbnail)
    return Text(text(part.text), preview)


def _location(part: Any) -> Location:
    return Location(part.degreesLatitude, part.degreesLongitude, text(part.name), text(part.address))


def _contact(part: Any) -> Contact:
    return Contact(text(part.displayName), text(part.vcard))


def _poll(part: Any) -> Poll:
    return Poll(text(part.name), tuple(text(option.optionName) for option in part.options), part.selectableOptionsCount)


def _reaction(part: Any) -> Reaction:
    return Reaction(_ref(part.key), text(part.text))


def _protocol(part: Any) -> Content:
    if part.type == part.REVOKE and part.HasField("key"):
        return Revoke(_ref(part.key))
    if part.type == part.MESSAGE_EDIT:
        return Edit(_ref(part.key), _words(part.editedMessage))
    kind = part.DESCRIPTOR.enum_types_by_name["Type"].values_by_number.get(part.type)
    return Unknown(kind.name.lower() if kind else "protocolMessage")


def _edited(part: Any) -> Content:
    return _protocol(part.message.protocolMessage)


def _words(message: Any) -> str:
    """The text of an edited message, or the caption of an edited medium."""
    content = content_of(message)
    return content.text if isinstance(content, Text) else getattr(content, "caption", "")


def _media(kind: Kind) -> Callable[[Any], Media]:
    def read(part: Any) -> Media:
        is_voice = kind is Kind.AUDIO and part.PTT
        return Media(
            Kind.VOICE if is_voice else kind,
            Stored(
                url=text(part.URL),
                direct_path=text(part.directPath),
                media_key=part.mediaKey,
                encrypted_sha256=part.fileEncSHA256,
                sha256=part.fileSHA256,
                size=part.fileLength,
            ),
            mimetype=text(part.mimetype),
            caption=text(getattr(part, "caption", "")),
            filename=text(getattr(part, "fileName", "")),
            seconds=getattr(part, "seconds", 0),
        )

    return read


def _ref(key: Any) -> Ref:
    """`sender` is empty where the message that is meant was written by whom this one is from."""
    return Ref(text(key.ID), "" if key.fromMe else text(key.participant) or text(key.remoteJID))


_READERS: Mapping[str, Callable[[Any], Content]] = {
    "conversation": _conversation,
    "extendedTextMessage": _extended,
    "imageMessage": _media(Kind.IMAGE),
    "videoMessage": _media(Kind.VIDEO),
    "ptvMessage": _media(Kind.VIDEO),
    "audioMessage": _media(Kind.AUDIO),
    "documentMessage": _media(Kind.DOCUMENT),
    "stickerMessage": _media(Kind.STICKER),
    "locationMessage": _location,
    "contactMessage": _contact,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "reactionMessage": _reaction,
    "protocolMessage": _protocol,
    "editedMessage": _edited,
}
