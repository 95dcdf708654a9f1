"""How WhatsApp is reached: the real one, somebody's loopback one, or our own with its virtual phones.

Rooms are imported where they are needed: without a sandbox, none of it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkabiz.process import stop_signal
from talkabiz.services.sessions import Sessions

if TYPE_CHECKING:
    from talkabiz.sandbox.world import Sandbox
    from talkabiz.whatsapp.binding import Binding


@dataclass(frozen=True, slots=True)
class Reach:
    """The loaded library, the proxy on the way (None: none), the sandbox behind it."""

    library: Binding
    proxy_url: str | None = None
    sandbox: Sandbox | None = None


@asynccontextmanager
async def open_reach(
    proxy_url: str | None, ca_file: Path | None, root_key: bytes | None, *, sandbox_dir: Path | None
) -> AsyncIterator[Reach]:
    """With `sandbox_dir`, a sandbox that keeps its state there; else as the three settings WA_… say."""
    from talkabiz.whatsapp import binding

    if sandbox_dir is None:
        yield Reach(binding.load(ca_file=ca_file, root_key=root_key), proxy_url)
        return
    async with _sandbox(sandbox_dir) as (loaded, world):
        yield Reach(loaded, world.proxy_url, world)


def panel(reach: Reach, sessions: Sessions) -> Any:
    """The control paths of the sandbox; without one, none of it is imported and no path exists."""
    if reach.sandbox is None:
        return None
    from talkabiz.sandbox.panel import blueprint

    return blueprint(reach.sandbox, klien_of=sessions.klien_of_device)


async def run_sandbox(port: int, announce: Callable[[dict[str, str]], None]) -> int:
    """The loopback WhatsApp alone, until SIGTERM or SIGINT."""
    with tempfile.TemporaryDirectory(prefix="talkabiz-sandbox-") as directory:
        async with _sandbox(Path(directory)) as (_, world):
            from talkabiz.sandbox import app  # loads the library, which has to trust the sandbox by then

            told = partial(_describe, world, announce)
            await app.serve(world, "127.0.0.1", port, stopping=stop_signal(), started=told)
    return 0


def _describe(world: Sandbox, announce: Callable[[dict[str, str]], None], control_url: str) -> None:
    announce(world.describe(control_url))


@asynccontextmanager
async def _sandbox(directory: Path) -> AsyncIterator[tuple[Binding, Sandbox]]:
    """The library reads which authority it trusts as it is loaded: first the certificates, then it, then the server.
    From then on it trusts nobody else, also where it only lets the virtual phones chat.
    """
    from talkabiz.sandbox.certificates import Certificates
    from talkabiz.sandbox.tokens import read_tokens
    from talkabiz.whatsapp import binding, library

    certificates = Certificates.create(directory)
    loaded = binding.load(ca_file=certificates.ca_file)
    from talkabiz.sandbox.world import Sandbox
    from talkabiz.whatsapp.companion import LocalCompanions

    world = Sandbox(read_tokens(library.regions()), certificates, state_file=directory / "state.json")
    loaded = binding.trust(loaded, bytes.fromhex(world.root_key))
    await world.start()
    try:
        world.let_chat(LocalCompanions(loaded, directory / "companions", proxy_url=world.back_door_url))
        yield loaded, world
    finally:
        await world.stop()
