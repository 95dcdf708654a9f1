"""What lets a virtual phone chat: a linked device of its account that nobody sees, run by somebody who can encrypt.

The sandbox itself only relays what it can't read. Whoever starts it may hand it Companions; without them its phones
pair and are paired with, but say nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from talkabiz.domain.answers import Change, Group, Member, Sent
from talkabiz.domain.content import Content, Kind, Media, Quote, Stored
from talkabiz.domain.heard import Heard

Scan: TypeAlias = Callable[[str], Awaitable[object]]
"""Takes the text of a QR code to the phone that is to scan it."""
Hear: TypeAlias = Callable[[Heard], None]
"""On the event loop, in the order in which things happened; returns at once."""


class Companion(Protocol):
    """Logged in until `close`, or until `is_open` says otherwise. Calls raise CallFailed."""

    @property
    def is_open(self) -> bool: ...

    def close(self) -> None:
        """Logs off. Its store stays."""

    async def send(self, to: str, content: Content, quote: Quote | None = None, forwards: int = 0) -> Sent: ...

    async def upload(self, data: bytes, kind: Kind) -> Stored: ...

    async def download(self, media: Media) -> bytes: ...

    async def mark_read(self, ids: Sequence[str], chat: str, sender: str, receipt: str) -> None: ...

    async def show_typing(self, chat: str, state: str) -> None: ...

    async def create_group(self, name: str, participants: Iterable[str]) -> Group: ...

    async def group_info(self, group: str) -> Group: ...

    async def change_participants(
        self, group: str, participants: Iterable[str], change: Change
    ) -> tuple[Member, ...]: ...

    async def leave_group(self, group: str) -> None: ...


class Companions(Protocol):
    async def open(self, number: str, scan: Scan, hear: Hear) -> Companion:
        """The number's companion, logged in; one that isn't paired yet lets `scan` have its code first. CallFailed,
        or what `scan` raises.
        """

    async def close(self) -> None:
        """All of them, for good."""
