"""Builds, wires, starts and stops the house: the only file that knows every room.

Rooms are imported where they are needed, so that a command which only looks at the database doesn't load the Go library
and 100 MB with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from talkabiz import log
from talkabiz.assets import static_dir, templates_dir
from talkabiz.config import Settings
from talkabiz.domain.errors import Sentence, TalkabizError
from talkabiz.domain.limits import Limits
from talkabiz.services.access import Access
from talkabiz.services.desk import Desk
from talkabiz.services.health import Health
from talkabiz.services.journal import Journal
from talkabiz.services.kliens import Kliens
from talkabiz.services.painting import Painter
from talkabiz.services.runner import Surroundings
from talkabiz.services.sessions import Sessions
from talkabiz.store import database

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

    from talkabiz.realtime.rooms import Rooms
    from talkabiz.sandbox.world import Sandbox

Announce = Callable[[str], None]

SHUTDOWN_SECONDS = 5.0
"""How long sessions may take to close; what hasn't by then ends with the process."""


class PortTaken(TalkabizError):
    code = "port_taken"


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Network:
    """How WhatsApp is reached: directly (all None), or a loopback one by a proxy that shows its own CA and root key."""

    proxy_url: str | None = None
    ca_file: Path | None = None
    root_key: bytes | None = None


# --- the whole house --------------------------------------------------------------------------------------------------


async def serve(settings: Settings, *, sandbox: bool, announce: Announce) -> int:
    """Run the server until SIGTERM or SIGINT. Returns the exit code.

    Raises:
        TalkabizError: it can't start; the sentence says why.
    """
    from hypercorn.asyncio import serve as serve_asgi
    from hypercorn.config import Config

    log.configure(settings.log_format, settings.log_level)
    listener = _listen(settings.host, settings.port)
    port: int = listener.getsockname()[1]
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(_sandbox(settings.sessions_dir / ".sandbox")) if sandbox else None
        rooms = _rooms()
        desk = await stack.enter_async_context(_desk(settings, _network(settings, world), rooms))
        await _welcome(desk, settings.public_url(port), announce)
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]
        config.graceful_timeout = 1.0
        config.include_server_header = False
        app = _assemble(
            settings,
            port=port,
            rooms=rooms,
            open_house=lambda: _as_it_is(desk),
            world=world,
            sessions=desk.sessions,
        )
        await serve_asgi(app, config, shutdown_trigger=_stop_signal().wait)
    return 0


def create_app(settings: Settings | None = None) -> ASGIFramework:
    """The same application for an ASGI server of the operator's choice, without the supervisor.

    Everything starts and stops in its lifespan; a start that fails says why through the server's own log.
    """
    chosen = settings or Settings()
    log.configure(chosen.log_format, chosen.log_level)
    rooms = _rooms()

    @asynccontextmanager
    async def open_house() -> AsyncIterator[Desk]:
        async with _desk(chosen, _network(chosen, None), rooms) as desk:
            await _welcome(desk, chosen.public_url(chosen.port), lambda line: print(line, flush=True))  # noqa: T201
            yield desk

    return _assemble(chosen, port=chosen.port, rooms=rooms, open_house=open_house)


def _assemble(
    settings: Settings,
    *,
    port: int,
    rooms: Rooms,
    open_house: Callable[[], AbstractAsyncContextManager[Desk]],
    world: Sandbox | None = None,
    sessions: Sessions | None = None,
) -> ASGIFramework:
    from talkabiz.realtime.server import create_server
    from talkabiz.web.app import create_app as create_web

    base_url = settings.public_url(port)
    realtime = create_server(rooms, base_url=base_url, allowed_origins=settings.allowed_origins)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Desk]:
        async with open_house() as desk, realtime.serving(desk):
            await desk.sessions.restore()
            yield desk

    web = create_web(
        lifespan,
        base_url=base_url,
        language=settings.language,
        static_dir=static_dir(),
        templates_dir=templates_dir(),
        sandbox=world is not None,
    )
    if world and sessions:
        from talkabiz.sandbox.panel import blueprint

        web.register_blueprint(blueprint(world, klien_of=sessions.klien_of_device))
    return realtime.wrap(web)


@asynccontextmanager
async def _desk(settings: Settings, network: Network, rooms: Rooms) -> AsyncIterator[Desk]:
    """Everything behind the edges that talk to people, started; stopped in reverse."""
    from talkabiz.whatsapp import binding, devices, local

    async with AsyncExitStack() as stack:
        folder = devices.open_devices(settings.sessions_dir)
        stack.callback(folder.close)
        await stack.enter_async_context(open_database(settings))
        library = binding.load(ca_file=network.ca_file, root_key=network.root_key)
        whatsapp = local.LocalWhatsApp(library, folder, proxy_url=network.proxy_url)
        stack.push_async_callback(whatsapp.shutdown, SHUTDOWN_SECONDS)
        painter = Painter()
        stack.callback(painter.close)
        clock, journal = SystemClock(), Journal()
        sessions = Sessions(Surroundings(whatsapp, rooms, journal, painter, clock, _limits(settings)))
        stack.push_async_callback(sessions.release)
        access = Access(clock, settings.api_key)
        yield Desk(sessions, Kliens(sessions), access, journal, Health(sessions, lambda: whatsapp.is_alive))


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[None]:
    """The database, brought up to date and open."""
    await database.migrate(settings.database_url)
    await database.open_database(settings.database_url)
    try:
        yield
    finally:
        await database.close_database()


async def _welcome(desk: Desk, base_url: str, announce: Announce) -> None:
    """What the operator has to know, and on the first start has to keep."""
    announce(f"Talkabiz runs at {base_url}")
    if key := await desk.access.ensure_admin_key():
        announce(f"admin key: {key}")
    if await desk.access.has_anybody_logged_in():
        announce("A new login link: talkabiz login-link")
    else:
        announce(f"login: {base_url}/login/{await desk.access.make_login_link()}")


# --- the loopback WhatsApp --------------------------------------------------------------------------------------------


async def serve_sandbox(port: int, announce: Callable[[dict[str, str]], None]) -> int:
    """Run the loopback WhatsApp alone until SIGTERM or SIGINT."""
    from talkabiz.sandbox import app

    log.configure("console", "warning")
    with tempfile.TemporaryDirectory(prefix="talkabiz-sandbox-") as directory:
        async with _sandbox(Path(directory)) as world:

            def started(control_url: str) -> None:
                announce(world.describe(control_url))

            await app.serve(world, "127.0.0.1", port, stopping=_stop_signal(), started=started)
    return 0


@asynccontextmanager
async def _sandbox(directory: Path) -> AsyncIterator[Sandbox]:
    from talkabiz.sandbox.certificates import Certificates
    from talkabiz.sandbox.tokens import read_tokens
    from talkabiz.whatsapp import binding, library

    certificates = Certificates.create(directory)
    binding.load(ca_file=certificates.ca_file, root_key=None)
    from talkabiz.sandbox.world import Sandbox

    world = Sandbox(read_tokens(library.regions()), certificates, state_file=directory / "state.json")
    await world.start()
    try:
        yield world
    finally:
        await world.stop()


def _network(settings: Settings, world: Sandbox | None) -> Network:
    if world:
        return Network(world.proxy_url, world.ca_file, bytes.fromhex(world.root_key))
    root_key = bytes.fromhex(settings.wa_root_key) if settings.wa_root_key else None
    return Network(settings.wa_proxy_url, settings.wa_ca_file, root_key)


# --- small things -----------------------------------------------------------------------------------------------------


def _limits(settings: Settings) -> Limits:
    return Limits(
        qr_request_seconds=settings.qr_request_seconds,
        pairing_seconds=settings.pairing_seconds,
        auto_refresh_rounds=settings.auto_refresh_rounds,
    )


def _rooms() -> Rooms:
    from talkabiz.realtime.rooms import Rooms

    return Rooms()


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket, bound before anything else starts, so that a taken port costs nothing."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise PortTaken(
            Sentence(
                f"Tidak dapat memakai {host}:{port} ({why}). Pilih port lain dengan --port.",
                f"Can't listen on {host}:{port} ({why}). Choose another port with --port.",
            )
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listener


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    return stopping


@asynccontextmanager
async def _as_it_is(desk: Desk) -> AsyncIterator[Desk]:
    """The desk that `serve` opened, and closes, itself: so that a start that fails ends with a sentence."""
    yield desk
