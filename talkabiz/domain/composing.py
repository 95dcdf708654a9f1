"""A stored message as the content that is sent of it. Pure."""

from __future__ import annotations

from talkabiz.domain.content import (
    MEDIA,
    Contact,
    Content,
    Edit,
    Kind,
    Location,
    Media,
    Poll,
    Preview,
    Quote,
    Reaction,
    Ref,
    Revoke,
    Stored,
    Text,
)
from talkabiz.domain.message import Direction, Message


def content_of(
    message: Message, *, stored: Stored | None = None, target: Message | None = None, preview: Preview | None = None
) -> Content:
    """`stored`: where a medium was uploaded to. `target`: the message that a reaction, an edit or a revocation is
    about, if we have it. `preview`: of a text's link. ValueError: there is no such content.
    """
    text, more = message.text or "", message.content
    if message.kind in MEDIA:
        return _media(message, stored)
    match message.kind:
        case Kind.TEXT:
            return Text(text, preview)
        case Kind.LOCATION:
            return Location(more["latitude"], more["longitude"], more["name"], more["address"])
        case Kind.CONTACT:
            return Contact(more["name"], more["vcard"])
        case Kind.POLL:
            return Poll(text, tuple(more["options"]), more["choices"])
        case Kind.REACTION:
            return Reaction(_ref(message, target), text)
        case Kind.EDIT:
            return Edit(_ref(message, target), text)
        case Kind.REVOKE:
            return Revoke(_ref(message, target))
    raise ValueError(f"a message of this kind can't be sent: {message.kind}")


def quote_of(message: Message, original: Message | None) -> Quote | None:
    """What `message` answers, with as much of it as we have; None: it answers nothing, or nobody knows whom."""
    if message.reply_to is None:
        return None
    if original:
        author = original.account if original.direction is Direction.OUT else original.sender
        return Quote(message.reply_to, author.jid, original.text or "") if author.jid else None
    return None if message.chat.is_group else Quote(message.reply_to, message.chat.jid)


def _ref(message: Message, target: Message | None) -> Ref:
    """Of a message that we don't have: to react to is what the other one wrote, to change is what we wrote."""
    is_ours = target.direction is Direction.OUT if target else message.kind is not Kind.REACTION
    author = "" if is_ours else target.sender.jid if target else message.chat.jid
    return Ref(message.content["wa_id"], author)


def _media(message: Message, stored: Stored | None) -> Media:
    if stored is None or message.media is None:
        raise ValueError("a medium has to be uploaded first")
    file = message.media
    return Media(
        message.kind,
        stored,
        mimetype=file.mimetype,
        caption=message.text or "",
        filename=file.filename or "",
        seconds=file.seconds or 0,
    )
