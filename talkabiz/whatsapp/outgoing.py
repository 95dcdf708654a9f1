"""Contents as the protocol's messages (whatsmeow, send.go: its Build… functions). Pure: contents in, bytes out.

The text helpers of the Python library aren't used: they fetch addresses that stand in a text, and read files.
"""

from __future__ import annotations

import os
import time
from functools import singledispatch
from typing import Any

from talkabiz.domain.content import (
    Contact,
    Content,
    Edit,
    Kind,
    Location,
    Media,
    Poll,
    Quote,
    Reaction,
    Ref,
    Revoke,
    Text,
)
from talkabiz.whatsapp.wire import e2e, jid

SECRET_SIZE = 32
_FIELDS = {
    Kind.IMAGE: "imageMessage",
    Kind.VIDEO: "videoMessage",
    Kind.AUDIO: "audioMessage",
    Kind.VOICE: "audioMessage",
    Kind.DOCUMENT: "documentMessage",
    Kind.STICKER: "stickerMessage",
}
_TIMED = {Kind.VIDEO, Kind.AUDIO, Kind.VOICE}
_CAPTIONED = {Kind.IMAGE, Kind.VIDEO, Kind.DOCUMENT}
_PEOPLE = ("@s.whatsapp.net", "@lid")


def message_of(
    content: Content, chat: str, quote: Quote | None = None, mentions: tuple[str, ...] = (), forwards: int = 0
) -> bytes:
    """What `Calls.send` takes. ValueError for what can't be sent: Unknown, or an address that isn't one.

    A quote, mentions and how often it was forwarded count where the protocol has a place for them: not in a reaction,
    an edit or a revocation.
    """
    jid(chat)
    message = _build(content, chat)
    if (quote or mentions or forwards) and (context := _context_of(message)) is not None:
        _fill_context(context, quote, mentions, forwards)
    return bytes(message.SerializeToString())


@singledispatch
def _build(content: object, chat: str) -> Any:
    del chat
    raise ValueError(f"a message of this kind can't be sent: {type(content).__name__}")


@_build.register
def _(content: Text, chat: str) -> Any:
    del chat
    if content.preview is None:
        return e2e().Message(conversation=content.text)
    message = e2e().Message()
    part, preview = message.extendedTextMessage, content.preview
    part.text, part.matchedText, part.title = content.text, preview.url, preview.title
    if preview.description:
        part.description = preview.description
    if preview.thumbnail:
        part.JPEGThumbnail = preview.thumbnail
    return message


@_build.register
def _(content: Media, chat: str) -> Any:
    del chat
    stored = content.stored
    message = e2e().Message()
    part = getattr(message, _FIELDS[content.kind])
    part.URL, part.directPath, part.mediaKey = stored.url, stored.direct_path, stored.media_key
    part.fileEncSHA256, part.fileSHA256, part.fileLength = stored.encrypted_sha256, stored.sha256, stored.size
    part.mimetype = content.mimetype
    part.mediaKeyTimestamp = int(time.time())
    if content.caption and content.kind in _CAPTIONED:
        part.caption = content.caption
    if content.kind is Kind.DOCUMENT:
        part.fileName = part.title = content.filename
    if content.kind in _TIMED and content.seconds:
        part.seconds = content.seconds
    if content.kind is Kind.VOICE:
        part.PTT = True
    return message


@_build.register
def _(content: Location, chat: str) -> Any:
    del chat
    message = e2e().Message()
    message.locationMessage.degreesLatitude = content.latitude
    message.locationMessage.degreesLongitude = content.longitude
    if content.name:
        message.locationMessage.name = content.name
    if content.address:
        message.locationMessage.address = content.address
    return message


@_build.register
def _(content: Contact, chat: str) -> Any:
    del chat
    message = e2e().Message()
    message.contactMessage.displayName = content.name
    message.contactMessage.vcard = content.vcard
    return message


@_build.register
def _(content: Poll, chat: str) -> Any:
    del chat
    message = e2e().Message()
    poll = message.pollCreationMessage
    poll.name = content.question
    poll.selectableOptionsCount = content.choices
    for option in content.options:
        poll.options.add(optionName=option)
    message.messageContextInfo.messageSecret = os.urandom(SECRET_SIZE)  # votes are encrypted with it
    return message


@_build.register
def _(content: Reaction, chat: str) -> Any:
    message = e2e().Message()
    _point(message.reactionMessage.key, content.to, chat)
    message.reactionMessage.text = content.emoji
    message.reactionMessage.senderTimestampMS = time.time_ns() // 1_000_000
    return message


@_build.register
def _(content: Edit, chat: str) -> Any:
    message = e2e().Message()
    protocol = message.editedMessage.message.protocolMessage
    _point(protocol.key, content.of, chat)
    protocol.type = protocol.MESSAGE_EDIT
    protocol.editedMessage.conversation = content.text
    protocol.timestampMS = time.time_ns() // 1_000_000
    return message


@_build.register
def _(content: Revoke, chat: str) -> Any:
    message = e2e().Message()
    _point(message.protocolMessage.key, content.of, chat)
    message.protocolMessage.type = message.protocolMessage.REVOKE
    return message


def _point(key: Any, ref: Ref, chat: str) -> None:
    key.fromMe = not ref.sender
    key.ID = ref.id
    key.remoteJID = chat
    if ref.sender and not chat.endswith(_PEOPLE):
        jid(ref.sender)
        key.participant = ref.sender


def _context_of(message: Any) -> Any:
    """Where its content keeps what is around it; None: there is no place for it. A plain text becomes one that has."""
    if message.HasField("conversation"):
        words = message.conversation
        message.Clear()
        message.extendedTextMessage.text = words
    part = next((value for field, value in message.ListFields() if "contextInfo" in _names(field)), None)
    return None if part is None else part.contextInfo


def _fill_context(context: Any, quote: Quote | None, mentions: tuple[str, ...], forwards: int) -> None:
    if quote:
        jid(quote.sender)
        context.stanzaID = quote.id
        context.participant = quote.sender
        context.quotedMessage.conversation = quote.text
    for mention in mentions:
        jid(mention)
        context.mentionedJID.append(mention)
    if forwards:
        context.isForwarded = True
        context.forwardingScore = forwards


def _names(field: Any) -> set[str]:
    return set(field.message_type.fields_by_name) if field.message_type else set()
