"""What a session hears of its chats, as the domain tells it. Pure: an event's number and bytes in, values out.

These events aren't facts of the session machine: it never sees them. Each was read in the library's code for what could
end its event loop (goneonize/main.go and utils/encoder.go): it ends at a required field that its encoder left empty.

    17 message          none: what it carries has been decoded before
    18 receipt          a type that it has no word for: `server-error`, which only goes to the phone itself, or one
                        that WhatsApp invents. Can't be done without.
    19 chat presence    a state other than composing and paused, a medium other than audio. The library passes on
                        whatever a contact sent, so it isn't in CHATS: a program has to ask for it.
    20 presence         none
    21, 22 groups       a kind of link between groups that it has no word for; the server makes these, not people
    26, 27 offline      none
    44 undecryptable    none

It has no event for a contact's new push name: each message carries the name. And 13, the history, is left out: it is
as large as the phone wants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from talkabiz.domain.heard import (
    BacklogHeard,
    GroupHeard,
    Heard,
    MessageHeard,
    PresenceHeard,
    ReceiptHeard,
    ReceiptType,
    Source,
    TypingHeard,
    UndecryptableHeard,
)
from talkabiz.whatsapp.contents import carries_content, content_of, forwards_of, mentions_in, reply_to
from talkabiz.whatsapp.from_whatsapp import clean
from talkabiz.whatsapp.wire import address, library, text

CHATS = bytes([17, 18, 20, 21, 22, 26, 27, 44])
"""The library's numbers of these events."""
TYPING = bytes([19])
PASSING = bytes([20, 26, 27])
"""Those of them that nobody keeps."""

# By the library's numbers, which has one wrong: played-self comes as server-error.
_RECEIPTS = {
    1: ReceiptType.DELIVERED,
    2: ReceiptType.SENDER,
    3: ReceiptType.RETRY,
    4: ReceiptType.READ,
    5: ReceiptType.READ_SELF,
    6: ReceiptType.PLAYED,
    7: ReceiptType.PLAYED_SELF,
    8: ReceiptType.PLAYED_SELF,
    9: ReceiptType.INACTIVE,
}


def heard_of(number: int, data: bytes) -> Heard | None:
    """None for a number that isn't of these, and for messages that carry only keys, or are from the account's own
    phone to its devices. What can't be read raises, and is one event lost.
    """
    reader = _READERS.get(number)
    return reader(data) if reader else None


def _message(data: bytes) -> MessageHeard | None:
    event = library().Message.FromString(data)
    if event.Info.Category == "peer" or not carries_content(event.Message):
        return None
    message = event.Message
    return MessageHeard(
        _source(event.Info),
        content_of(message),
        reply_to(message),
        bytes(message.SerializePartialToString()),
        mentions_in(message),
        forwards_of(message),
    )


def _undecryptable(data: bytes) -> UndecryptableHeard:
    event = library().UndecryptableMessage.FromString(data)
    is_hidden = event.DecryptFailMode == event.DECRYPT_FAIL_HIDE
    return UndecryptableHeard(_source(event.Info), is_hidden)


def _receipt(data: bytes) -> ReceiptHeard:
    event = library().Receipt.FromString(data)
    where = event.MessageSource
    return ReceiptHeard(
        ids=tuple(map(text, event.MessageIDs)),
        type=_RECEIPTS.get(event.Type, ReceiptType.OTHER),
        chat=address(where.Chat),
        sender=address(where.Sender),
        sender_alt=address(where.SenderAlt),
        from_me=where.IsFromMe,
        at=datetime.fromtimestamp(max(0, event.Timestamp), UTC),
    )


def _typing(data: bytes) -> TypingHeard:
    event = library().ChatPresence.FromString(data)
    where = event.MessageSource
    state = "paused"
    if event.State == event.COMPOSING:
        state = "recording" if event.Media == event.AUDIO else "composing"
    return TypingHeard(address(where.Chat), address(where.Sender), address(where.SenderAlt), state)


def _presence(data: bytes) -> PresenceHeard:
    event = library().Presence.FromString(data)
    # Of a person who doesn't say it, the library tells a moment before 1970.
    last_seen = datetime.fromtimestamp(event.LastSeen, UTC) if event.LastSeen > 0 else None
    return PresenceHeard(address(event.From), not event.Unavailable, last_seen)


def _joined(data: bytes) -> GroupHeard:
    group = library().JoinedGroup.FromString(data).GroupInfo
    return GroupHeard(
        group=address(group.JID),
        by=address(group.OwnerJID),
        name=clean(text(group.GroupName.Name)),
        joined=tuple(address(member.JID) for member in group.Participants),
    )


def _group(data: bytes) -> GroupHeard:
    event = library().GroupInfoEvent.FromString(data)
    return GroupHeard(
        group=address(event.JID),
        by=address(event.Sender),
        name=clean(text(event.Name.Name)) if event.HasField("Name") else None,
        joined=tuple(map(address, event.Join)),
        left=tuple(map(address, event.Leave)),
        promoted=tuple(map(address, event.Promote)),
        demoted=tuple(map(address, event.Demote)),
    )


def _backlog_announced(data: bytes) -> BacklogHeard:
    return BacklogHeard(library().OfflineSyncPreview.FromString(data).Total, is_over=False)


def _backlog_over(data: bytes) -> BacklogHeard:
    return BacklogHeard(library().OfflineSyncCompleted.FromString(data).Count, is_over=True)


def _source(info: Any) -> Source:
    where = info.MessageSource
    return Source(
        id=text(info.ID),
        chat=address(where.Chat),
        chat_alt="" if where.IsGroup else address(where.RecipientAlt if where.IsFromMe else where.SenderAlt),
        sender=address(where.Sender),
        sender_alt=address(where.SenderAlt),
        from_me=where.IsFromMe,
        is_group=where.IsGroup,
        at=datetime.fromtimestamp(max(0, info.Timestamp) / 1000, UTC),
        push_name=clean(text(info.Pushname)),
    )


_READERS: Mapping[int, Callable[[bytes], Heard | None]] = {
    17: _message,
    18: _receipt,
    19: _typing,
    20: _presence,
    21: _joined,
    22: _group,
    26: _backlog_announced,
    27: _backlog_over,
    44: _undecryptable,
}
