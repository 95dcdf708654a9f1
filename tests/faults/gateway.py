"""The real services over the real library, with a WhatsApp of its own: everything but the edges that people talk to.

Its times are short, so that what takes minutes takes seconds; nothing else is different.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkabiz.domain.limits import Limits
from talkabiz.domain.states import Session
from talkabiz.process import SystemClock
from talkabiz.services.allowances import Allowances, Quotas
from talkabiz.services.audit import Audit
from talkabiz.services.journal import Journal
from talkabiz.services.painting import Painter
from talkabiz.services.runner import Surroundings
from talkabiz.services.sessions import Sessions
from talkabiz.store import database, kliens
from talkabiz.whatsapp.binding import Binding
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.local import LocalWhatsApp
from tests.databases import make_database
from tests.fakes import FixedWatchers

if TYPE_CHECKING:
    from talkabiz.sandbox.tokens import Tokens  # needs the library
    from talkabiz.sandbox.world import Sandbox

DEADLINE_SECONDS = 30.0
WATCH_SECONDS = 0.5
SCAN_SECONDS = 10.0

SHORT = Limits(
    qr_request_seconds=4,
    pairing_seconds=8,
    auto_refresh_rounds=1,
    link_loss_seconds=1.5,
    route_seconds=3,
    reconnect_seconds=5,
    scan_stall_seconds=6,
    keepalive_seconds=3,
    replaced_retry_seconds=6,
    refused_tries=2,
    retry_shortest_seconds=0.5,
    retry_longest_seconds=1,
)
"""Far enough apart for a busy machine to keep them in order."""


class Gateway:
    """`told` is what everybody was told of each klien, as `status(reason)`, oldest first."""

    def __init__(self, sandbox: Sandbox, edge: LocalWhatsApp, sessions: Sessions) -> None:
        self.sandbox = sandbox
        self.edge = edge
        self.sessions = sessions
        self.told: defaultdict[int, list[str]] = defaultdict(list)
        self.seen: dict[int, dict[str, Any]] = {}
        """The last snapshot of each klien."""
        self.places: defaultdict[int, list[int]] = defaultdict(list)
        """In the line, as they were shown."""
        self._kliens: set[int] = set()
        self._news = asyncio.Event()

    # --- what people do -----------------------------------------------------------------------------------------------

    async def add(self) -> int:
        """A new klien with a phone in its hand."""
        klien_id = (await kliens.add("Toko")).id
        self._kliens.add(klien_id)
        self.sandbox.phones.add(number_of(klien_id), "Toko")
        return klien_id

    async def show_code(self, klien_id: int) -> str:
        await self.sessions.start(klien_id)
        await self.until(klien_id, "qr_ready")
        code: str = self.seen[klien_id]["qr"]["code"]
        return code

    async def scan(self, klien_id: int, code: str, within_seconds: float = SCAN_SECONDS) -> None:
        await self.sandbox.phones.scan(number_of(klien_id), code, within_seconds)

    async def link(self, klien_id: int) -> None:
        await self.scan(klien_id, await self.show_code(klien_id))
        await self.until(klien_id, "connected")

    async def linked(self) -> int:
        klien_id = await self.add()
        await self.link(klien_id)
        return klien_id

    # --- what is seen -------------------------------------------------------------------------------------------------

    async def until(self, klien_id: int, told: str, after: int = 0, seconds: float = DEADLINE_SECONDS) -> None:
        """Waits until it is told, as word number `after` or later."""
        await self.wait(lambda: told in self.told[klien_id][after:], seconds)

    async def wait(self, holds: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"only this was told: {dict(self.told)}") from None

    def session(self, klien_id: int) -> Session:
        return self.sessions._runners[klien_id].session

    def devices_on_phone(self, klien_id: int) -> int:
        return len(self.sandbox.phones.get(number_of(klien_id)).devices)

    async def listen(self, journal: Journal) -> None:
        async for event in journal.reader():
            if event.klien_id not in self._kliens:
                continue
            self.seen[event.klien_id] = event.data
            if "ahead" in (event.data["detail"] or {}):
                self.places[event.klien_id].append(event.data["detail"]["ahead"])
            if event.is_durable:
                reason = f"({event.data['reason']})" if event.data["reason"] else ""
                self.told[event.klien_id].append(f"{event.data['status']}{reason}")
            self._news.set()


def number_of(klien_id: int) -> str:
    return f"62812{klien_id:08}"


@asynccontextmanager
async def opened_database(directory: Path) -> AsyncIterator[None]:
    url = await make_database(directory / "talkabiz.db")
    await database.open_database(url)
    try:
        yield
    finally:
        await database.close_database()


@asynccontextmanager
async def gateway(
    binding: Binding, sandbox: Sandbox, directory: Path, limits: Limits = SHORT, proxy_url: str = ""
) -> AsyncIterator[Gateway]:
    """Over a database that is open already; several may share it."""
    async with AsyncExitStack() as stack:
        devices = Devices.open(directory)
        stack.callback(devices.close)
        loop, proxy = asyncio.get_running_loop(), proxy_url or sandbox.proxy_url
        edge = LocalWhatsApp(binding, devices, proxy_url=proxy, loop=loop, watch_seconds=WATCH_SECONDS)
        stack.push_async_callback(edge.shutdown, 10)
        painter, journal = Painter(), Journal()
        stack.callback(painter.close)
        clock = SystemClock()
        around = Surroundings(edge, FixedWatchers(), journal, painter, clock, limits)
        sessions = Sessions(around, Allowances(clock, Quotas()), Audit(clock))
        stack.push_async_callback(sessions.release)
        opened = Gateway(sandbox, edge, sessions)
        listening = asyncio.create_task(opened.listen(journal))
        stack.push_async_callback(_end, listening)
        while not journal.readers:  # what happens before is for the journal's net, a second later
            await asyncio.sleep(0)
        yield opened


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def sandboxed(tokens: Tokens) -> AsyncIterator[Sandbox]:
    from talkabiz.sandbox.world import Sandbox
    from tests.sandbox.authority import certificates

    world = Sandbox(tokens, certificates())
    await world.start()
    try:
        yield world
    finally:
        await world.stop()
