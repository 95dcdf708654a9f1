"""Messages both ways on a real line, as bootstrap puts them together: for tests of what a phone gets to see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkabiz.domain.content import Kind
from talkabiz.domain.wishes import Wish
from talkabiz.services.allowances import Allowances, Quotas
from talkabiz.services.chatting import Chatting, Rooms
from talkabiz.services.conversations import Conversations
from talkabiz.services.fetching import Fetch
from talkabiz.services.media import MediaStore
from talkabiz.services.media_files import Files
from talkabiz.services.voices import Voices
from tests.services.line import ANI, SHOP, Line
from tests.services.sending import OFF, fetch_nothing


@dataclass
class Talk:
    line: Line
    rooms: Rooms
    media: MediaStore

    async def link(self, number: str = SHOP) -> int:
        klien_id = await self.line.link(number)
        await self.rooms.messages.set_pace(klien_id, OFF)
        return klien_id

    async def send(
        self, klien_id: int, text: str | None = "halo", to: str = ANI, kind: Kind = Kind.TEXT, **more: Any
    ) -> int:
        return (await self.rooms.messages.send(klien_id, Wish(to, kind, text, **more))).message.id

    async def told(self, message_id: int, status: str) -> dict[str, Any]:
        return await self.hear(lambda data: data["id"] == message_id and data["status"] == status)

    async def hear(self, is_right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return (await self.line.wait(lambda event: event.type.startswith("message") and is_right(event.data))).data


@asynccontextmanager
async def open_talk(
    line: Line, folder: Path, fetch: Fetch = fetch_nothing, conversations: Conversations | None = None
) -> AsyncIterator[Talk]:
    clock, writer = line.clock, line.writer
    media = MediaStore(Files.open(folder / "media"), writer, clock, fetch, Voices(), days=30)
    chatting = Chatting(conversations or line.conversations, media, writer=writer, journal=line.journal, clock=clock)
    async with AsyncExitStack() as stack:
        stack.callback(media.close)
        await stack.enter_async_context(chatting.hearing())
        links, allowances = line.sessions.links, Allowances(clock, Quotas())
        rooms = await stack.enter_async_context(chatting.open(links, allowances, drain_seconds=0))
        yield Talk(line, rooms, media)
