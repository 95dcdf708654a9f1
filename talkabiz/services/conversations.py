"""What the centre needs of the phone network for messages. Bootstrap fills it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from talkabiz.domain.answers import Found, Group, Sent
from talkabiz.domain.content import Content, Kind, Quote, Stored
from talkabiz.domain.heard import Heard

Overhear = Callable[[int, str, int, bytes], None]
"""Takes what a session heard of its chats, unread: klien, attempt, the event's number, its bytes. On the loop, in
order; never blocks."""


class Conversations(Protocol):
    """`attempt` names a run that is connected. Addresses are JIDs without a device.

    Every call waits for WhatsApp and may raise CallFailed: `unanswered` past its deadline, when it may have happened
    all the same; `not_begun` if it wasn't even begun until then. ValueError or TypeError for what can't be meant.
    """

    def connect_chats(self, overhear: Overhear) -> None:
        """Where what is heard goes. Called once, before any session starts."""

    def read(self, number: int, data: bytes) -> Heard | None:
        """What was heard, in the domain's words; None: nothing that concerns anybody. Raises for what can't be read."""

    async def send(
        self,
        attempt: str,
        to: str,
        content: Content,
        quote: Quote | None = None,
        mentions: Sequence[str] = (),
        *,
        forwards: int = 0,
    ) -> Sent:
        """To a person or a group. `forwards`: how often it was sent on, this time included. ValueError: such a content
        can't be sent.
        """

    async def upload(self, attempt: str, data: bytes, kind: Kind) -> Stored:
        """Encrypted, to where WhatsApp keeps media; what it answers belongs into a Media content."""

    async def download(self, attempt: str, raw: bytes) -> bytes:
        """The medium in a message that was heard (`MessageHeard.raw`)."""

    async def mark_read(
        self, attempt: str, ids: Sequence[str], at: datetime, chat: str, *, sender: str = "", receipt: str = "read"
    ) -> None:
        """Messages of one sender, who is needed in groups. `receipt`: read, or played."""

    async def show_typing(self, attempt: str, chat: str, state: str) -> None:
        """`state`: composing, recording or paused."""

    async def show_presence(self, attempt: str, *, available: bool) -> None:
        """Whether this account is shown as online."""

    async def subscribe_presence(self, attempt: str, who: str) -> None:
        """PresenceHeard of this person from now on, for as long as the link stands and we are shown as online."""

    async def is_on_whatsapp(self, attempt: str, numbers: Sequence[str]) -> tuple[Found, ...]:
        """Digits with the country code. WhatsApp bans who asks for many: `services.contacts` keeps count."""

    async def group_info(self, attempt: str, group: str) -> Group:
        """Who is in it."""
