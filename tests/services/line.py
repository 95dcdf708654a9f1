"""Services over a real database and a real line: the library, linked to virtual phones of the sandbox that chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sandbox.authority import certificates

CERTIFICATES = certificates()

# Only now, for these need the library.
from talkabiz.domain.content import Text  # noqa: E402
from talkabiz.domain.events import Event  # noqa: E402
from talkabiz.domain.limits import Limits  # noqa: E402
from talkabiz.process import SystemClock  # noqa: E402
from talkabiz.sandbox.chat_log import Entry  # noqa: E402
from talkabiz.sandbox.faults import Fault  # noqa: E402
from talkabiz.sandbox.noise import Authority  # noqa: E402
from talkabiz.sandbox.tokens import read_tokens  # noqa: E402
from talkabiz.sandbox.world import Sandbox  # noqa: E402
from talkabiz.services.allowances import Allowances, Quotas  # noqa: E402
from talkabiz.services.audit import Audit  # noqa: E402
from talkabiz.services.journal import Journal  # noqa: E402
from talkabiz.services.painting import Painter  # noqa: E402
from talkabiz.services.runner import Surroundings  # noqa: E402
from talkabiz.services.sessions import Sessions  # noqa: E402
from talkabiz.store import kliens  # noqa: E402
from talkabiz.store.writing import Writer  # noqa: E402
from talkabiz.whatsapp import library  # noqa: E402
from talkabiz.whatsapp.binding import load  # noqa: E402
from talkabiz.whatsapp.conversations import LocalConversations  # noqa: E402
from talkabiz.whatsapp.devices import Devices  # noqa: E402
from talkabiz.whatsapp.local import LocalWhatsApp  # noqa: E402
from tests.fakes import FixedWatchers  # noqa: E402
from tests.sandbox.chatting import fast_directory, let_chat  # noqa: E402

SHOP = "6281200000001"
OTHER_SHOP = "6281200000002"
ANI = "628111111111"
BUDI = "628222222222"
NOBODY = "628999999999"
"""Not on WhatsApp."""
LINE_SECONDS = 20


def jid(number: str) -> str:
    return f"{number}@s.whatsapp.net"


@dataclass
class Line:
    """`heard` is what the sessions of all kliens heard, unread, while nobody else has connected to the chats."""

    world: Sandbox
    whatsapp: LocalWhatsApp
    conversations: LocalConversations
    sessions: Sessions
    journal: Journal
    writer: Writer
    clock: SystemClock
    heard: list[tuple[int, str, int, bytes]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def link(self, number: str = SHOP, name: str = "Toko") -> int:
        """A new klien, linked and connected. Its phone itself stays out of the chats, which spares a companion;
        `world.chats.set_chats(number, chats=True)` lets it write and read.
        """
        klien_id = (await kliens.add(name)).id
        self.world.phones.add(number, name)
        await self.world.chats.set_chats(number, chats=False)
        await self.sessions.start(klien_id)
        shown = await self.wait(
            lambda event: event.klien_id == klien_id and bool((event.data.get("qr") or {}).get("code"))
        )
        await self.world.phones.scan(number, shown.data["qr"]["code"])
        await self.reach(klien_id, "connected")
        return klien_id

    async def attempt(self, klien_id: int) -> str:
        """The run that is linked, as calls of Conversations need it."""
        found = (await self.sessions._runner(klien_id)).session.attempt
        assert found
        return found

    def fault(self, name: str, number: str | None = SHOP, count: int | None = None, **more: Any) -> Fault:
        return self.world.inject(name, number, count=count, **more)

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def wait(self, is_right: Callable[[Event], bool], after: int = 0) -> Event:
        """The first event that is right, of those from number `after` on that came or come."""
        async with asyncio.timeout(LINE_SECONDS), self._news:
            while True:
                for event in self.events[after:]:
                    if is_right(event):
                        return event
                await self._news.wait()

    async def reach(self, klien_id: int, status: str, after: int = 0) -> Event:
        """Of the session."""
        return await self.wait(
            lambda event: event.klien_id == klien_id and event.data.get("status") == status and "qr" in event.data,
            after,
        )

    async def shown(self, number: str, is_right: Callable[[Entry], bool]) -> Entry:
        """The first message on that phone that is right."""
        log = self.world.chats.handset(number).log
        async with asyncio.timeout(LINE_SECONDS):
            while True:
                for entry in log.all():
                    if is_right(entry):
                        return entry
                await log.changed()

    async def shown_text(self, number: str, text: str) -> Entry:
        return await self.shown(number, lambda entry: entry.content == Text(text))

    async def listen(self) -> None:
        async for event in self.journal.reader():
            async with self._news:
                self.events.append(event)
                self._news.notify_all()


@asynccontextmanager
async def open_line(fallback: Path) -> AsyncIterator[Line]:
    """Over the database that is open. `fallback`: a directory for stores, where memory can't be had."""
    binding = load(ca_file=CERTIFICATES.ca_file, root_key=Authority(CERTIFICATES.noise_root()).root_key)
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(fast_directory(fallback))
        world = Sandbox(read_tokens(library.regions()), CERTIFICATES)
        await world.start()
        stack.push_async_callback(world.stop)
        let_chat(world, directory)
        for number, name in ((ANI, "Ani"), (BUDI, "Budi")):
            world.phones.add(number, name)
        devices = Devices.open(directory / "sessions")
        stack.callback(devices.close)
        loop = asyncio.get_running_loop()
        whatsapp = LocalWhatsApp(binding, devices, proxy_url=world.proxy_url, loop=loop)
        stack.push_async_callback(whatsapp.shutdown, 10)
        conversations = LocalConversations(whatsapp, loop=loop)
        stack.push_async_callback(conversations.shutdown, 0)
        painter, clock, journal = Painter(), SystemClock(), Journal(net_seconds=0.05)
        stack.callback(painter.close)
        around = Surroundings(whatsapp, FixedWatchers(), journal, painter, clock, Limits())
        sessions = Sessions(around, Allowances(clock, Quotas()), Audit(clock))
        stack.push_async_callback(sessions.release)
        line = Line(world, whatsapp, conversations, sessions, journal, Writer(journal.publish), clock)
        conversations.connect_chats(lambda *heard: line.heard.append(heard))
        listener = asyncio.create_task(line.listen())
        try:
            yield line
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
