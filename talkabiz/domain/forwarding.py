"""An earlier message as the wish to send it on: which ones may go, and what they are called then. Pure."""

from __future__ import annotations

from talkabiz.domain.content import MEDIA, Kind
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.message import Message
from talkabiz.domain.wish_contents import checked_content, checked_text, wrong
from talkabiz.domain.wishes import Forward, Wish

FORWARDABLE = MEDIA | {Kind.TEXT, Kind.LOCATION, Kind.CONTACT}
"""The others mean something in their own chat alone: who votes in a poll, for one, tells whoever asked there."""
MOST_FORWARDS = 2**32 - 1
"""WhatsApp's field holds no more, and any sender may have filled it."""


def wish_of(forward: Forward, original: Message) -> Wish:
    """Its kind, text, content and file, for another chat. Whom it mentions and what it answers stay behind.

    Raises:
        InvalidInput: naming `message_id`: this one can't be sent on.
    """
    _check(original)
    return Wish(
        to=forward.to,
        kind=original.kind,
        text=original.text,
        content=original.content,
        media_id=original.media.id if original.media else None,
        send_at=forward.send_at,
        expires_in=forward.expires_in,
        forwards=min(original.forwards + 1, MOST_FORWARDS),
    )


def _check(original: Message) -> None:
    if original.kind not in FORWARDABLE:
        raise _refused("jenis pesan ini tidak dapat diteruskan", "a message of this kind can't be forwarded")
    if original.revoked_at:
        raise _refused("pesan itu sudah ditarik", "that message was taken back")
    if original.wa_id is None:
        raise _refused("pesan itu belum terkirim", "that message has not been sent (yet)")
    try:
        checked_text(original.kind, original.text)
        checked_content(original.kind, original.content)
    except InvalidInput:  # strangers send what we wouldn't
        raise _refused("isi pesan itu tidak dapat dikirim", "what that message says can't be sent") from None


def _refused(id_: str, en: str) -> InvalidInput:
    return wrong("message_id", id_, en)
