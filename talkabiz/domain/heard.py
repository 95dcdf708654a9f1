"""What a linked session hears of its chats. An address is a JID, `user@server`, without a device.

A person has two addresses, by phone number (`…@s.whatsapp.net`) and by LID (`…@lid`). `sender` is the one that the
message came with, `sender_alt` the other, or empty if it wasn't told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from talkabiz.domain.content import Content


@dataclass(frozen=True, slots=True)
class Source:
    """Which message, where and by whom. `from_me`: by another device of the same account, `chat` is who got it.

    `chat_alt` is the other address of `chat`, where that is a person and it was told. `at` is the server's time.
    """

    id: str
    chat: str
    chat_alt: str
    sender: str
    sender_alt: str
    from_me: bool
    is_group: bool
    at: datetime
    push_name: str


@dataclass(frozen=True, slots=True)
class MessageHeard:
    """`raw` is the protocol's message as it was decrypted, needed to download what it carries. `reply_to` is the id of
    the message that it answers, or empty; `mentions` are the addresses of whom it names, as its sender wrote them;
    `forwards` is how often it was sent on, by its sender's word, 0 where it isn't marked as forwarded.
    """

    source: Source
    content: Content
    reply_to: str
    raw: bytes
    mentions: tuple[str, ...] = ()
    forwards: int = 0


@dataclass(frozen=True, slots=True)
class UndecryptableHeard:
    """A message that can't be read. The library has asked for it again: it may come as a MessageHeard of the same id.

    `is_hidden`: of a kind that nobody is shown (a reaction, say).
    """

    source: Source
    is_hidden: bool


class ReceiptType(StrEnum):
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    READ_SELF = "read_self"
    """On another device of this account, which tells nobody else."""
    PLAYED_SELF = "played_self"
    SENDER = "sender"
    """Another device of this account has what we sent."""
    INACTIVE = "inactive"
    """Delivered to a device that isn't looked at."""
    RETRY = "retry"
    """It couldn't be decrypted; the library sends it again."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ReceiptHeard:
    """What became of messages: `sender` says so, of messages in `chat`."""

    ids: tuple[str, ...]
    type: ReceiptType
    chat: str
    sender: str
    sender_alt: str
    from_me: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class TypingHeard:
    """`state`: composing, recording or paused."""

    chat: str
    sender: str
    sender_alt: str
    state: str


@dataclass(frozen=True, slots=True)
class PresenceHeard:
    who: str
    online: bool
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class GroupHeard:
    """A group changed, or we came into it: then `joined` are all who are in it. `by`: empty if it wasn't told."""

    group: str
    by: str
    name: str | None
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()
    demoted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BacklogHeard:
    """What came while the device was away: `total` is announced before it is delivered and told again after it."""

    total: int
    is_over: bool


Heard: TypeAlias = (
    MessageHeard | UndecryptableHeard | ReceiptHeard | TypingHeard | PresenceHeard | GroupHeard | BacklogHeard
)
