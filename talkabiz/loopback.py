"""How WhatsApp is reached: the real one, somebody's loopback one, or our own with its virtual phones.

Rooms are imported where they are needed: without a sandbox, none of it is.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkabiz import log
from talkabiz.domain.errors import Sentence, TalkabizError
from talkabiz.parent import Parent
from talkabiz.process import listen, stop_at_end_of_input, stop_signal
from talkabiz.services.desk import Desk

if TYPE_CHECKING:
    from talkabiz.sandbox.world import Sandbox
    from talkabiz.whatsapp.binding import Binding

_LOCK = ".lock"


class SandboxUnusable(TalkabizError):
    """Its directory, its state, or the library that it reads its dictionary from."""

    code = "sandbox_unusable"


@dataclass(frozen=True, slots=True)
class Reach:
    """The loaded library, the proxy on the way (None: none), the sandbox behind it."""

    library: Binding
    proxy_url: str | None = None
    sandbox: Sandbox | None = None

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Returns once the server is to stop."""
        await (self.sandbox.run_until(stopping) if self.sandbox else stopping.wait())


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


def panels(reach: Reach, desk: Desk, language: str) -> list[Any]:
    """The page and the control paths of the sandbox; without one, none of it is imported and no path exists."""
    if reach.sandbox is None:
        return []
    from talkabiz.sandbox.page import page_blueprint
    from talkabiz.sandbox.panel import blueprint
    from talkabiz.sandbox.screens import Screen

    async def screens() -> list[Screen]:
        shown = desk.sessions.codes_on_show()
        return [Screen(klien_id, (await desk.kliens.get(klien_id)).nama, qr) for klien_id, qr in shown.items()]

    control = blueprint(reach.sandbox, klien_of=desk.sessions.klien_of_device, screens=screens)
    return [control, page_blueprint(language, in_product=True)]


async def run_sandbox(
    port: int, announce: Callable[[dict[str, str]], None], *, state_dir: Path | None = None, until_eof: bool = False
) -> int:
    """The loopback WhatsApp alone, until SIGTERM or SIGINT, or with `until_eof` until its input ends as well. Without a
    `state_dir` its phones end with it.

    Raises:
        PortTaken: before anything else is done.
        SandboxUnusable: the sentence says why.
    """
    log.configure("console", "warning")
    stopping = stop_signal()
    if until_eof:
        stop_at_end_of_input(stopping)
    with ExitStack() as stack:
        listener = stack.enter_context(listen("127.0.0.1", port, Parent()))
        directory = stack.enter_context(_kept(state_dir) if state_dir else _passing())
        async with _sandbox(directory) as (_, world):
            from talkabiz.sandbox import app  # loads the library, which has to trust the sandbox by then

            await app.serve(world, listener, stopping=stopping, started=partial(_describe, world, announce))
    return 0


@contextmanager
def _passing() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="talkabiz-sandbox-") as directory:
        yield Path(directory)


@contextmanager
def _kept(directory: Path) -> Iterator[Path]:
    """Made, or as an earlier sandbox has left it, and nobody else's meanwhile."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if {entry.name for entry in directory.iterdir()} - {_LOCK} and not (directory / "noise.key").exists():
            raise SandboxUnusable(
                Sentence(
                    f"{directory} berisi hal lain. Pilih direktori kosong, atau yang dibuat sandbox sebelumnya.",
                    f"{directory} holds other things. Choose an empty directory, or one that a sandbox has made.",
                )
            )
        lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise _unusable(f"{directory}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield directory
    except BlockingIOError:
        raise SandboxUnusable(
            Sentence(f"Sandbox lain memakai {directory}.", f"Another sandbox uses {directory}.")
        ) from None
    finally:
        os.close(lock)


def _unusable(why: str) -> SandboxUnusable:
    return SandboxUnusable(Sentence(f"Sandbox tidak dapat berjalan: {why}", f"The sandbox can't run: {why}"))


def _describe(world: Sandbox, announce: Callable[[dict[str, str]], None], control_url: str) -> None:
    announce(world.describe(control_url))


@asynccontextmanager
async def _sandbox(directory: Path) -> AsyncIterator[tuple[Binding, Sandbox]]:
    """The library reads which authority it trusts as it is loaded: first the certificates, then it, then the server.
    From then on it trusts nobody else, also where it only lets the virtual phones chat.
    """
    from talkabiz.sandbox.certificates import Certificates
    from talkabiz.sandbox.errors import SandboxError
    from talkabiz.sandbox.tokens import read_tokens
    from talkabiz.whatsapp import binding, library

    try:
        certificates = Certificates.create(directory)
        loaded = binding.load(ca_file=certificates.ca_file)
        from talkabiz.sandbox.world import Sandbox
        from talkabiz.whatsapp.companion import LocalCompanions

        world = Sandbox(read_tokens(library.regions()), certificates, state_file=directory / "state.json")
    except SandboxError as error:
        raise SandboxUnusable(Sentence(error.id, error.en)) from error
    except OSError as error:
        raise _unusable(f"{directory}: {error.strerror}") from error
    loaded = binding.trust(loaded, bytes.fromhex(world.root_key))
    await world.start()
    try:
        world.let_chat(LocalCompanions(loaded, directory / "companions", proxy_url=world.back_door_url))
        yield loaded, world
    finally:
        await world.stop()
