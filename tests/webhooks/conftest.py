"""Webhooks over a real database, sent over real sockets on 127.0.0.1; the clock alone is moved by hand."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from talkabiz.domain.access import Caller
from talkabiz.domain.webhooks import Attempt, Delivery
from talkabiz.outside.guard import Guard
from talkabiz.outside.post import Poster
from talkabiz.services.hooks import Hooks
from talkabiz.services.journal import Journal
from talkabiz.services.sealing import Seal
from talkabiz.services.webhooks import Webhooks
from talkabiz.store import database, kliens
from talkabiz.store.writing import Tell, Writer
from talkabiz.webhooks.courier import Courier
from tests.databases import make_database
from tests.fakes import ManualClock
from tests.running import until
from tests.webhooks.receiver import Receiver

KEY = bytes(range(32))
CALLER = Caller("key:1")
ALLOWED = ("127.0.0.1/32",)


@dataclass
class Rig:
    """What there is between a journal and receivers. `post_seconds`: the most that a try takes."""

    clock: ManualClock
    trust: ssl.SSLContext
    journal: Journal
    writer: Writer
    post_seconds: float = 5.0
    names: dict[str, list[str]] = field(default_factory=dict)
    hooks: Hooks = field(init=False)
    courier: Courier = field(init=False)
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def webhooks(self) -> Webhooks:
        return self.hooks.webhooks

    async def start(self, *, carrying: bool = True, following: bool = True) -> None:
        poster = self._open.enter_context(closing(Poster(Guard(ALLOWED), resolve=self._resolve, trust=self.trust)))
        self.hooks = Hooks(Seal(KEY), self.writer, self.journal, clock=self.clock, judge=poster.judge)

        async def post(url: str, body: bytes, headers: Any) -> Any:
            return await poster.post(url, body, headers, self.post_seconds)

        self.courier = Courier(post, self.hooks.dispatch, self.clock)
        if carrying:
            await self._open.enter_async_context(self.courier.serving(0.5))
        if following:
            await self._open.enter_async_context(self.hooks.serving())

    async def stop(self) -> None:
        await self._open.aclose()

    async def tell(self, klien_id: int, type: str = "message", **data: Any) -> None:  # noqa: A002 - as the journal's column
        """Something happened."""
        told = {"direction": "in", "text": "Halo"} | data

        async def job(tell: Tell) -> None:
            await tell(klien_id, type, self.clock.now(), told)

        await self.writer.write(job)

    async def add(self, klien_id: int, url: str, **more: Any) -> tuple[int, str]:
        """The number and the secret of a new endpoint."""
        made = await self.webhooks.add(klien_id, url, caller=CALLER, **more)
        return made.webhook.id, made.secret

    async def deliveries(self, klien_id: int, webhook_id: int, status: str | None = None) -> Sequence[Delivery]:
        """The oldest first."""
        return (await self.webhooks.deliveries(klien_id, webhook_id, status=status, limit=500))[::-1]

    async def tried(self, klien_id: int, webhook_id: int, tries: int = 1) -> tuple[Delivery, Sequence[Attempt]]:
        """The first delivery of an endpoint, once it has been tried so often."""

        async def is_so() -> bool:
            found = await self.deliveries(klien_id, webhook_id)
            return bool(found) and len((await self.webhooks.delivery(klien_id, found[0].id)).attempts) >= tries

        await until(is_so)
        tried = await self.webhooks.delivery(klien_id, (await self.deliveries(klien_id, webhook_id))[0].id)
        return tried.delivery, tried.attempts

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.hooks.dispatch.bell.ring()

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        del port
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[None]:
    await database.open_database(await make_database(tmp_path / "talkabiz.db"))
    yield
    await database.close_database()


def make_rig(trust: ssl.SSLContext) -> Rig:
    journal = Journal(net_seconds=0.05)
    return Rig(ManualClock(datetime.now(UTC)), trust, journal, Writer(journal.publish))


@asynccontextmanager
async def open_rig(trust: ssl.SSLContext) -> AsyncIterator[Rig]:
    rig = make_rig(trust)
    await rig.start()
    try:
        yield rig
    finally:
        await rig.stop()


@pytest.fixture(name="rig")
async def _rig(db: None, trust: ssl.SSLContext) -> AsyncIterator[Rig]:
    async with open_rig(trust) as rig:
        yield rig


@pytest.fixture
async def klien_id(db: None) -> int:
    return (await kliens.add("Toko Sinar")).id


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as receiver:
        yield receiver
