"""A message as it is shown, with where it stands while it waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from talkabiz.domain.holds import Hold
from talkabiz.domain.message import Message, Status


@dataclass(frozen=True, slots=True)
class Standing:
    """`position`: how many of its klien's go before it, None where nobody counted. `held`: what holds them all up."""

    message: Message
    position: int | None = None
    held: Hold | None = None

    def as_dict(self) -> dict[str, Any]:
        """As REST, sockets and webhooks show it: `position` and `held` are there while it is queued."""
        shown = self.message.as_dict()
        if self.message.status is Status.QUEUED:
            shown |= {"position": self.position, "held": self.held.as_dict() if self.held else None}
        return shown


@dataclass(frozen=True, slots=True)
class Accepted(Standing):
    is_replay: bool = False
    """Nothing was accepted now: it was, by an earlier request with the same key."""
