"""Services over a real database; WhatsApp, the clock and the watchers are played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from talkabiz.domain.events import Event
from talkabiz.domain.limits import Limits
from talkabiz.services.allowances import Allowances, Quotas
from talkabiz.services.audit import Audit
from talkabiz.services.journal import Journal
from talkabiz.services.painting import Painter
from talkabiz.services.runner import Surroundings
from talkabiz.services.sessions import Sessions
from talkabiz.store import database, kliens
from tests.databases import make_database
from tests.fakes import FixedWatchers, ManualClock, ScriptedWhatsApp

if TYPE_CHECKING:
    from tests.services.line import Line

FACT_SECONDS = 5


@dataclass
class Bench:
    """A Sessions service and everything around it."""

    whatsapp: ScriptedWhatsApp
    clock: ManualClock
    watchers: FixedWatchers
    journal: Journal
    sessions: Sessions
    events: list[Event] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        async for event in self.journal.reader():
            async with self.arrived:
                self.events.append(event)
                self.arrived.notify_all()

    async def be_read_by(self, readers: int) -> None:
        """Wait until the journal has so many readers: what happens before is for the net, a second later."""
        async with asyncio.timeout(FACT_SECONDS):
            while self.journal.readers < readers:
                await asyncio.sleep(0)

    async def wait_for(self, is_right: Callable[[Event], bool]) -> Event:
        """The first event that is right, of those that came or come."""
        async with asyncio.timeout(FACT_SECONDS), self.arrived:
            while True:
                for event in self.events:
                    if is_right(event):
                        return event
                await self.arrived.wait()

    async def reach(self, klien_id: int, status: str) -> Event:
        return await self.wait_for(lambda event: event.klien_id == klien_id and event.data["status"] == status)

    async def catch_up(self, klien_id: int) -> None:
        """Wait until everything said so far has been handled; pressing refresh changes nothing while it runs."""
        await self.sessions.refresh(klien_id)

    async def link(self, klien_id: int, phone: str = "628123456789") -> None:
        """All the way to connected."""
        await self.sessions.start(klien_id)
        self.whatsapp.enter(klien_id)
        self.whatsapp.show_code(klien_id)
        await self.reach(klien_id, "qr_ready")
        self.whatsapp.pair(klien_id, phone)
        await self.reach(klien_id, "scanning")
        self.whatsapp.link_up(klien_id)
        await self.reach(klien_id, "connected")


@pytest.fixture(name="db_url")
async def _db_url(tmp_path: Path) -> AsyncIterator[str]:
    url = await make_database(tmp_path / "talkabiz.db")
    await database.open_database(url)
    yield url
    await database.close_database()


@pytest.fixture(name="klien_id")
async def _klien_id(db_url: str) -> int:
    return (await kliens.add("Toko Sinar")).id


@pytest.fixture(name="bench")
async def _bench(db_url: str) -> AsyncIterator[Bench]:
    async for bench in open_bench(Limits()):
        yield bench


async def open_bench(limits: Limits, quotas: Quotas | None = None) -> AsyncIterator[Bench]:
    whatsapp, clock, watchers, painter = ScriptedWhatsApp(), ManualClock(), FixedWatchers(), Painter()
    journal = Journal(net_seconds=0.05)
    around = Surroundings(whatsapp, watchers, journal, painter, clock, limits)
    sessions = Sessions(around, Allowances(clock, quotas or Quotas()), Audit(clock))
    bench = Bench(whatsapp, clock, watchers, journal, sessions)
    listener = asyncio.create_task(bench.listen())
    await bench.be_read_by(1)
    yield bench
    await sessions.release()
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    painter.close()


@pytest.fixture(name="line")
async def _line(db_url: str, tmp_path: Path) -> AsyncIterator[Line]:
    """Real: see tests/services/line.py."""
    del db_url  # it is open
    from tests.services.line import open_line  # it loads the library

    async with open_line(tmp_path) as line:
        yield line
