"""The ports of messages, played by hand: for tests of the edges. What the real library sends is tested apart."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from talkabiz.domain.answers import CallFailed, Found, Group, Sent
from talkabiz.domain.content import Content, Kind, Quote, Stored
from talkabiz.domain.heard import Heard
from talkabiz.domain.media_errors import UrlRefused
from talkabiz.services.conversations import Overhear
from talkabiz.services.fetching import Fetched, Sink

STRANGER = "628999"
"""How numbers begin that aren't on WhatsApp."""


@dataclass
class ScriptedConversations:
    """Takes everything, unless `failure` says otherwise; remembers what it was asked for. Hears what it is told to."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    failure: str = ""
    """The code of what every call comes to."""
    may_send: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing is sent until this is set."""
    lids: dict[str, str] = field(default_factory=dict)
    """What some numbers are told to be."""
    heard: dict[bytes, Heard] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def connect_chats(self, overhear: Overhear) -> None:
        self._overhear = overhear

    def hear(self, klien_id: int, heard: Heard) -> None:
        data = str(len(self.heard)).encode()
        self.heard[data] = heard
        self._overhear(klien_id, "attempt", 1, data)

    def read(self, number: int, data: bytes) -> Heard | None:
        del number
        return self.heard[data]

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
        await self.may_send.wait()
        self._note("send", attempt, to, content, quote, tuple(mentions), *([forwards] if forwards else []))
        return Sent(f"3EB0{next(self._ids):016X}", datetime.now(UTC).replace(microsecond=0))

    async def upload(self, attempt: str, data: bytes, kind: Kind) -> Stored:
        self._note("upload", attempt, data, kind)
        return Stored("https://mmg.whatsapp.net/x", "/x", b"key", b"encrypted", b"hash", len(data))

    async def download(self, attempt: str, raw: bytes) -> bytes:
        self._note("download", attempt, raw)
        return raw

    async def mark_read(
        self, attempt: str, ids: Sequence[str], at: datetime, chat: str, *, sender: str = "", receipt: str = "read"
    ) -> None:
        del at
        self._note("mark_read", attempt, tuple(ids), chat, sender, receipt)

    async def show_typing(self, attempt: str, chat: str, state: str) -> None:
        self._note("show_typing", attempt, chat, state)

    async def show_presence(self, attempt: str, *, available: bool) -> None:
        self._note("show_presence", attempt, available)

    async def subscribe_presence(self, attempt: str, who: str) -> None:
        self._note("subscribe_presence", attempt, who)

    async def is_on_whatsapp(self, attempt: str, numbers: Sequence[str]) -> tuple[Found, ...]:
        self._note("is_on_whatsapp", attempt, tuple(numbers))
        return tuple(
            Found(number, "", is_in=False)
            if number.startswith(STRANGER)
            else Found(number, self.lids.get(number, f"{number}@s.whatsapp.net"), is_in=True)
            for number in numbers
        )

    async def group_info(self, attempt: str, group: str) -> Group:
        self._note("group_info", attempt, group)
        return Group(group, "Grup", "", ())

    def of(self, what: str) -> list[list[Any]]:
        """What it was asked for by this name, without the attempt."""
        return [list(each[2:]) for each in self.asked if each[0] == what]

    def _note(self, what: str, attempt: str, *more: object) -> None:
        self.asked.append((what, attempt, *more))
        if self.failure:
            raise CallFailed(self.failure)


@dataclass
class ScriptedFetch:
    """Other people's servers: at each address what was put there, and nothing elsewhere."""

    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, url: str, into: Sink, *, most_bytes: int, seconds: float = 20.0) -> Fetched:
        del most_bytes, seconds
        self.asked.append(url)
        if url not in self.files:
            raise UrlRefused
        data, type_ = self.files[url]
        await into(data)
        return Fetched(type_, url.rpartition("/")[2], len(data))
