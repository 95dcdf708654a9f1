from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.independent.session import Session, session
from tests.sandbox.authority import certificates
from tests.whatsapp.ear import Ear, link

CERTIFICATES = certificates()

# Only now, for these need the library.
from talkabiz.sandbox.tokens import Tokens, read_tokens  # noqa: E402
from talkabiz.sandbox.world import Sandbox  # noqa: E402
from talkabiz.whatsapp import library  # noqa: E402
from talkabiz.whatsapp.binding import load  # noqa: E402
from talkabiz.whatsapp.devices import Devices  # noqa: E402
from talkabiz.whatsapp.local import LocalWhatsApp  # noqa: E402
from tests.sandbox.chatting import fast_directory, let_chat  # noqa: E402
from tests.whatsapp.shop import ANI, BUDI, KLIEN, SHOP, Shop  # noqa: E402

OpenGuest: TypeAlias = Callable[[], AbstractAsyncContextManager[Session]]


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return read_tokens(library.regions())


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Iterator[Path]:
    with fast_directory(tmp_path) as directory:
        yield directory


@pytest.fixture
async def world(tokens: Tokens, home: Path) -> AsyncIterator[Sandbox]:
    """With the phones of Ani, Budi and a shop; Ani's chats."""
    made = Sandbox(tokens, CERTIFICATES)
    await made.start()
    let_chat(made, home)
    for number, name in ((ANI, "Ani"), (BUDI, "Budi"), (SHOP, "Toko")):
        made.phones.add(number, name)
    for number in (BUDI, SHOP):
        await made.chats.set_chats(number, chats=False)  # what their linked devices hear is enough
    yield made
    await made.stop()


@pytest.fixture
async def shop(world: Sandbox, home: Path) -> AsyncIterator[Shop]:
    """A session of the product, linked to the shop's phone."""
    binding = load(ca_file=CERTIFICATES.ca_file, root_key=bytes.fromhex(world.root_key))
    devices, ear = Devices.open(home / "sessions"), Ear()
    edge = LocalWhatsApp(binding, devices, proxy_url=world.proxy_url, loop=asyncio.get_running_loop())
    edge.connect_facts(ear)
    made = Shop(edge, world)
    made.attempt = await link(edge, world, ear, KLIEN, SHOP)
    yield made
    await edge.shutdown(10)
    devices.close()


@pytest.fixture
def open_guest(world: Sandbox, home: Path) -> OpenGuest:
    """A client of the other package; the same device each time."""
    return lambda: session(home / "guest", world.proxy_url, world.ca_file, world.root_key)


@pytest.fixture
async def guest(world: Sandbox, open_guest: OpenGuest) -> AsyncIterator[Session]:
    """Linked to Budi's phone by its QR, and connected."""
    async with open_guest() as made:
        await made.connect()
        await world.phones.scan(BUDI, await made.qr())
        await made.opened()
        yield made
