"""Taking in what was heard: one transaction's worth, and what it leaves to do once that is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from talkabiz.domain.message import Message
from talkabiz.store.writing import Tell


@dataclass(slots=True)
class Taking:
    """Of one klien. Nothing of it counts if the transaction fails; a new one is made for the next try."""

    klien_id: int
    now: datetime
    append: Tell
    """To the journal."""
    has_media: bool = False
    """There is something to fetch."""
    groups: set[str] = field(default_factory=set)
    """The JIDs of those of which it isn't known (any more) what they are called and who is in them."""
    counted: dict[int, Message] = field(default_factory=dict)
    """Messages of ours in groups of which only the sums of receipts have changed."""

    async def tell(self, type_: str, message: Message) -> None:
        self.counted.pop(message.id, None)
        await self.append(self.klien_id, type_, self.now, message.as_dict())
