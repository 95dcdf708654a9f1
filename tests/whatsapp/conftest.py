from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from talkabiz.whatsapp import library
from talkabiz.whatsapp.binding import Binding, load
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.local import LocalWhatsApp
from tests.sandbox.authority import certificates
from tests.whatsapp.ear import Ear, link
from tests.whatsapp.shop import ANI, BUDI, KLIEN, SHOP, Shop

CERTIFICATES = certificates()

# Only now, for these need the library.
from talkabiz.sandbox.noise import Authority  # noqa: E402
from talkabiz.sandbox.tokens import Tokens, read_tokens  # noqa: E402
from talkabiz.sandbox.world import Sandbox  # noqa: E402
from tests.sandbox.chatting import fast_directory, let_chat  # noqa: E402

Open: TypeAlias = Callable[..., LocalWhatsApp]


@pytest.fixture(scope="session")
def binding() -> Binding:
    root_key = Authority(CERTIFICATES.noise_root()).root_key
    return load(ca_file=CERTIFICATES.ca_file, root_key=root_key)


@pytest.fixture(scope="session")
def tokens(binding: Binding) -> Tokens:
    return read_tokens(library.regions())


@pytest.fixture
async def sandbox(tokens: Tokens) -> AsyncIterator[Sandbox]:
    world = Sandbox(tokens, CERTIFICATES)
    await world.start()
    yield world
    await world.stop()


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be had: a pairing writes 800 keys, and waits for a disk after each."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="talkabiz-test-", dir=memory if memory.is_dir() else tmp_path) as directory:
        yield Path(directory) / "sessions"


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
async def opened() -> AsyncIterator[list[tuple[LocalWhatsApp, Devices]]]:
    edges: list[tuple[LocalWhatsApp, Devices]] = []
    yield edges
    await close_all(edges)


async def close_all(edges: list[tuple[LocalWhatsApp, Devices]]) -> None:
    while edges:
        edge, devices = edges.pop()
        await edge.shutdown(10)
        devices.close()


@pytest.fixture
def open_edge(
    binding: Binding, sandbox: Sandbox, sessions: Path, ear: Ear, opened: list[tuple[LocalWhatsApp, Devices]]
) -> Open:
    def open_(proxy_url: str | None = None, watch_seconds: float = 15.0) -> LocalWhatsApp:
        devices = Devices.open(sessions)
        edge = LocalWhatsApp(
            binding,
            devices,
            proxy_url=proxy_url or sandbox.proxy_url,
            loop=asyncio.get_running_loop(),
            watch_seconds=watch_seconds,
        )
        edge.connect_facts(ear)
        opened.append((edge, devices))
        return edge

    return open_


@pytest.fixture
def close_edge(opened: list[tuple[LocalWhatsApp, Devices]]) -> Callable[[], Awaitable[None]]:
    """Shuts the edge down, as the process does at its end."""
    return lambda: close_all(opened)


@pytest.fixture
async def edge(open_edge: Open) -> LocalWhatsApp:
    return open_edge()


@pytest.fixture
async def shop(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, tmp_path: Path) -> AsyncIterator[Shop]:
    with fast_directory(tmp_path) as directory:
        let_chat(sandbox, directory)
        made = Shop(edge, sandbox)
        for number, name in ((ANI, "Ani"), (BUDI, "Budi")):
            sandbox.phones.add(number, name)
        sandbox.phones.add(SHOP, "Toko")
        await sandbox.chats.set_chats(SHOP, chats=False)  # what it hears itself is enough
        made.attempt = await link(edge, sandbox, ear, KLIEN, SHOP)
        yield made
        await edge.shutdown(10)
        await sandbox.stop()
