from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.sandbox.authority import certificates

CERTIFICATES = certificates()

# Only now, for these load the library.
from talkabiz.sandbox.codec import Codec  # noqa: E402
from talkabiz.sandbox.tokens import Tokens, read_tokens  # noqa: E402
from talkabiz.sandbox.world import Sandbox  # noqa: E402
from talkabiz.whatsapp import library as mapped  # noqa: E402
from tests.sandbox.chatting import fast_directory  # noqa: E402
from tests.sandbox.client import Client, Library  # noqa: E402
from tests.sandbox.wire import WireClient  # noqa: E402

NewClient: TypeAlias = Callable[..., Client]
NewWire: TypeAlias = Callable[[], WireClient]
Linked: TypeAlias = Callable[..., Awaitable[Client]]
NUMBER = "628123456789"
_names = itertools.count(1)


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return read_tokens(mapped.regions())


@pytest.fixture(scope="session")
def codec(tokens: Tokens) -> Codec:
    return Codec(tokens)


@pytest.fixture(scope="session")
def library(tokens: Tokens) -> Iterator[Library]:
    holder = Library(CERTIFICATES.ca_file, Sandbox(tokens, CERTIFICATES).root_key)
    yield holder
    holder.close()


@pytest.fixture
async def sandbox(tokens: Tokens) -> AsyncIterator[Sandbox]:
    world = Sandbox(tokens, CERTIFICATES)
    await world.start()
    yield world
    await world.stop()


@pytest.fixture
async def new_client(library: Library, sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[NewClient]:
    """Makes sessions of the real library; the same store again is the same device again."""
    clients: list[Client] = []
    with fast_directory(tmp_path) as stores:  # a pairing writes 800 keys, and waits for a disk after each

        def make(store: str = "", proxy_url: str = "") -> Client:
            name = f"session-{next(_names)}"
            client = library.client(name, stores / (store or f"{name}.db"), proxy_url or sandbox.proxy_url)
            clients.append(client)
            return client

        yield make
        for client in clients:
            library.forget(client)


@pytest.fixture
def linked(sandbox: Sandbox, new_client: NewClient) -> Linked:
    """A session of the library that is linked and connected."""

    async def link(store: str = "", number: str = NUMBER, *, hidden: bool = False) -> Client:
        name = sandbox.phones.get(number).name if number in {phone.number for phone in sandbox.phones.all()} else ""
        sandbox.phones.add(number, name)
        client = new_client(store)
        client.start()
        await sandbox.phones.scan(number, await client.qr(), hidden=hidden)
        await client.event("Connected")
        return client

    return link


@pytest.fixture
def new_wire(sandbox: Sandbox, codec: Codec) -> Iterator[NewWire]:
    """Makes clients that aren't the library, for what the library never says."""
    clients: list[WireClient] = []

    def make() -> WireClient:
        client = WireClient(sandbox.proxy_url, sandbox.ca_file, codec)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()
