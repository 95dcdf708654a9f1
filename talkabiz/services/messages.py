"""Messages, as people and programs ask for them: accepted, looked at, cancelled, marked as read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from talkabiz.domain.message import Message
from talkabiz.domain.wishes import Wish


@dataclass(frozen=True, slots=True)
class Standing:
    """A message and, while it is queued, how many of its klien's go before it and what holds them up."""

    message: Message
    position: int | None = None
    held: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As REST, sockets and webhooks show it: `position` and `held` are there while it is queued."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Accepted(Standing):
    is_replay: bool = False
    """Nothing was accepted now: it was, by an earlier request with the same key."""


class Messages:
    async def send(
        self, klien_id: int, wish: Wish, *, key: str | None = None, fingerprint: str | None = None
    ) -> Accepted:
        """Accept a message: it is stored when this returns, and goes out in its turn. Both or neither of the last two.

        Raises:
            InvalidInput: naming the field. NotFound: no such klien, or medium.
            IllegalState: the klien has no linked device.
            KeyReused: that key belongs to a request that said something else.
            TalkabizError: what `MediaStore.fit` raises.
        """
        raise NotImplementedError

    async def earlier(self, klien_id: int, key: str, fingerprint: str) -> Accepted | None:
        """What an earlier request with this key was answered, as it stands now. Raises KeyReused."""
        raise NotImplementedError

    async def get(self, klien_id: int, message_id: int) -> Standing:
        """Raises NotFound."""
        raise NotImplementedError

    async def page(
        self,
        klien_id: int,
        *,
        chat: str | None = None,
        direction: str | None = None,
        status: str | None = None,
        since: int = 0,
        limit: int = 100,
    ) -> list[Standing]:
        """Those with an id above `since`, oldest first. `chat` as in a wish. Raises InvalidInput."""
        raise NotImplementedError

    async def cancel(self, klien_id: int, message_id: int) -> Standing:
        """Raises NotFound, or IllegalState: it isn't queued any more."""
        raise NotImplementedError

    async def mark_read(self, klien_id: int, message_id: int) -> Standing:
        """Tell its sender, and of all that came before it in the same chat.

        Raises:
            NotFound. IllegalState: it didn't come in, or the klien isn't connected.
            Unreachable: WhatsApp didn't take it.
        """
        raise NotImplementedError

    async def show_typing(self, klien_id: int, chat: str, state: str) -> None:
        """`state`: composing, recording or paused. Raises InvalidInput, IllegalState, Unreachable."""
        raise NotImplementedError

    async def pace(self, klien_id: int) -> dict[str, Any]:
        """`{per_minute, burst, jitter, new_contact_seconds, quiet, zone, daily_cap, region, paused_until, pause_reason,
        held}`. Raises NotFound.
        """
        raise NotImplementedError

    async def set_pace(self, klien_id: int, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Those settings that are named, the others as they were; `"paused": false` lets a paused queue go on.

        Raises:
            NotFound, InvalidInput naming the field.
        """
        raise NotImplementedError
