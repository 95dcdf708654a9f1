"""A shop: a session of the product that is linked and chats, by the layer of calls alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from talkabiz.domain.answers import Sent
from talkabiz.domain.content import Content, Quote
from talkabiz.domain.heard import Heard
from talkabiz.whatsapp.calls import Calls
from talkabiz.whatsapp.incoming import heard_of
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.outgoing import message_of

if TYPE_CHECKING:
    from talkabiz.sandbox.world import Sandbox  # needs the library

T = TypeVar("T")
H = TypeVar("H", bound=Heard)
KLIEN = 7
SHOP = "6281200000001"
ANI = "628111111111"
BUDI = "628222222222"


def jid(number: str) -> str:
    return f"{number}@s.whatsapp.net"


class Shop:
    """A session of the product that is linked, and what it has heard of its chats."""

    def __init__(self, edge: LocalWhatsApp, world: Sandbox) -> None:
        self.edge = edge
        self.world = world
        self.attempt = ""
        self.numbers: list[int] = []
        self.whose: set[tuple[int, str]] = set()
        self.heard: list[Heard] = []
        self._news = asyncio.Event()
        edge.connect_chats(self._take)

    async def ask(self, call: Callable[[Calls], T]) -> T:
        return await self.edge.ask(self.attempt, call, seconds=30)

    async def send(self, to: str, content: Content, quote: Quote | None = None) -> Sent:
        return await self.ask(lambda calls: calls.send(to, message_of(content, to, quote)))

    async def wait(self, kind: type[H], wanted: Callable[[H], bool] = lambda _: True) -> H:
        async with asyncio.timeout(20):
            while True:
                self._news.clear()
                for heard in self.heard:
                    if isinstance(heard, kind) and wanted(heard):
                        return heard
                await self._news.wait()

    async def shown(self, number: str, id_: str) -> Any:
        """The message on a phone."""
        log = self.world.chats.handset(number).log
        async with asyncio.timeout(20):
            while not (entry := log.find(id_)):
                await log.changed()
        return entry

    def _take(self, klien_id: int, attempt: str, number: int, data: bytes) -> None:
        self.whose.add((klien_id, attempt))
        self.numbers.append(number)
        if heard := heard_of(number, data):
            self.heard.append(heard)
            self._news.set()
