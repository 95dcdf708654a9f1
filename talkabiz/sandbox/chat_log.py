"""What a virtual phone shows of its chats: messages in both directions, and what became of them. In memory alone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from talkabiz.domain.content import Content, Edit, Reaction, Revoke
from talkabiz.domain.heard import MessageHeard, ReceiptHeard, ReceiptType, TypingHeard, UndecryptableHeard

REMEMBERED = 1000
"""Messages a phone. The oldest go."""
_EARLY = 100

# How far a message of the phone has come. Never back.
_STAGES = ("sent", "delivered", "read", "played")
_STAGE_OF = {
    ReceiptType.DELIVERED: "delivered",
    ReceiptType.INACTIVE: "delivered",
    ReceiptType.READ: "read",
    ReceiptType.READ_SELF: "read",
    ReceiptType.PLAYED: "played",
    ReceiptType.PLAYED_SELF: "played",
}
_SEEN = {"read", "played"}


@dataclass(slots=True)
class Entry:
    """`status`: sent, delivered, read or played if it is the phone's own; else received, undecryptable, read or played.
    `by_device`: written on another device of the phone's account. `forwards`: how often it was sent on, if it is marked
    as that. `receipts`: how far it has come, by who said so.
    """

    id: str
    outward: bool
    chat: str
    sender: str
    content: Content | None
    reply_to: str
    at: datetime
    status: str
    status_at: datetime
    push_name: str = ""
    by_device: bool = False
    forwards: int = 0
    edited: str | None = None
    revoked: bool = False
    reactions: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)


class ChatLog:
    """Of one phone. Addresses in it are those of `address`: a person is always the same, however he was named."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._early: OrderedDict[str, list[tuple[ReceiptHeard, str]]] = OrderedDict()
        self.typing: dict[tuple[str, str], str] = {}
        """By chat and person, who is at it right now: composing or recording."""
        self.version = 0
        """Counts the changes."""
        self.told: Callable[[], None] = lambda: None
        """Called after each change."""
        self._news = asyncio.Event()

    def all(self) -> list[Entry]:
        """Newest last."""
        return list(self._entries.values())

    def find(self, id_: str) -> Entry | None:
        return self._entries.get(id_)

    def after(self, id_: str | None) -> list[Entry]:
        """Those behind that one; all if it isn't known."""
        entries = self.all()
        place = next((place for place, entry in enumerate(entries, 1) if entry.id == id_), 0)
        return entries[place:]

    async def changed(self) -> None:
        """Returns at the next change."""
        await self._news.wait()

    # --- what happens -------------------------------------------------------------------------------------------------

    def add(self, entry: Entry) -> None:
        known = self._entries.get(entry.id)
        if known and known.status != "undecryptable":
            return  # it came twice
        self._entries[entry.id] = entry
        while len(self._entries) > REMEMBERED:
            self._entries.popitem(last=False)
        self._apply(entry)
        for receipt, sender in self._early.pop(entry.id, ()):
            self._advance(entry, receipt, sender)
        self._tell()

    def hear_message(self, heard: MessageHeard, chat: str, sender: str) -> None:
        source = heard.source
        self.typing.pop((chat, sender), None)
        self.add(
            Entry(
                id=source.id,
                outward=source.from_me,
                chat=chat,
                sender=sender,
                content=heard.content,
                reply_to=heard.reply_to,
                at=source.at,
                status="sent" if source.from_me else "received",
                status_at=source.at,
                push_name=source.push_name,
                by_device=source.from_me,
                forwards=heard.forwards,
            )
        )

    def hear_undecryptable(self, heard: UndecryptableHeard, chat: str, sender: str) -> None:
        source = heard.source
        if not heard.is_hidden:
            self.add(Entry(source.id, source.from_me, chat, sender, None, "", source.at, "undecryptable", source.at))

    def hear_receipt(self, receipt: ReceiptHeard, sender: str) -> None:
        for id_ in receipt.ids:
            entry = self._entries.get(id_)
            if entry:
                self._advance(entry, receipt, sender)
            else:  # faster than the answer to the message itself
                self._early.setdefault(id_, []).append((receipt, sender))
        while len(self._early) > _EARLY:
            self._early.popitem(last=False)
        self._tell()

    def hear_typing(self, heard: TypingHeard, chat: str, sender: str) -> None:
        if heard.state == "paused":
            self.typing.pop((chat, sender), None)
        else:
            self.typing[chat, sender] = heard.state
        self._tell()

    def mark(self, entry: Entry, status: str, at: datetime) -> None:
        """Of one that was received."""
        if entry.status != "played":
            entry.status, entry.status_at = status, at
            self._tell()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _apply(self, entry: Entry) -> None:
        """What a message does to another one. Only its author may edit or take back."""
        match entry.content:
            case Reaction(to, emoji) if target := self._entries.get(to.id):
                target.reactions[entry.sender] = emoji
                if not emoji:
                    del target.reactions[entry.sender]
            case Edit(of, text) if (target := self._entries.get(of.id)) and target.sender == entry.sender:
                target.edited = text
            case Revoke(of) if (target := self._entries.get(of.id)) and target.sender == entry.sender:
                target.revoked = True

    def _advance(self, entry: Entry, receipt: ReceiptHeard, sender: str) -> None:
        stage = _STAGE_OF.get(receipt.type)
        if receipt.from_me or not entry.outward:
            if stage in _SEEN and receipt.from_me and not entry.outward:  # on another device of this account
                self.mark(entry, stage, receipt.at)
            return
        if stage is None:
            return
        if _rank(stage) > _rank(entry.receipts.get(sender)):
            entry.receipts[sender] = stage
        if _rank(stage) > _rank(entry.status):
            entry.status, entry.status_at = stage, receipt.at

    def _tell(self) -> None:
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()
        self.told()


def _rank(stage: str | None) -> int:
    return _STAGES.index(stage) if stage in _STAGES else -1
