"""A chat: what was last said with a person or in a group, and how much of it is unread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from talkabiz.domain.klien import iso
from talkabiz.domain.message import Message, Party


@dataclass(frozen=True, slots=True)
class Chat:
    """`last_at` is when something was last said in it; `last` is that, or None if it isn't kept any more."""

    party: Party
    last: Message | None
    unread: int
    last_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """As REST shows it."""
        return {
            "id": self.party.id,
            "chat": self.party.as_dict(),
            "is_group": self.party.is_group,
            "unread": self.unread,
            "last_at": iso(self.last_at),
            "last_message": self.last.as_dict() if self.last else None,
        }
