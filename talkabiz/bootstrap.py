"""Builds, wires, starts and stops the house: the only file that knows every room.

Rooms are imported where they are needed, so that a command which only looks at the database doesn't load the Go library
and 100 MB with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
    nullcontext,
)
from functools import partial
from typing import TYPE_CHECKING, Any

from talkabiz import log
from talkabiz.announcing import Announce, in_words
from talkabiz.assets import static_dir, templates_dir
from talkabiz.config import Settings, read_or_exit
from talkabiz.domain.limits import Limits
from talkabiz.forwarded import Forwarded
from talkabiz.loopback import Reach, open_reach, panels
from talkabiz.parent import Parent, Told
from talkabiz.process import SystemClock, keep_what_is_there, listen, reporting, stop_signal
from talkabiz.services.allowances import Quotas
from talkabiz.services.chatting import Chatting
from talkabiz.services.desk import Desk, Office, open_desk, open_office
from talkabiz.services.health import Health, Load, resident_bytes
from talkabiz.services.hooks import Hooks
from talkabiz.services.journal import Journal
from talkabiz.services.media import MediaStore
from talkabiz.services.media_files import Files
from talkabiz.services.painting import Painter
from talkabiz.services.ports import Clock
from talkabiz.services.retention import KeepDays
from talkabiz.services.runner import Surroundings
from talkabiz.services.spool import FOLDER as HEARD, Spool
from talkabiz.services.voices import Voices
from talkabiz.store import database
from talkabiz.store.writing import Writer

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

    from talkabiz.realtime.rooms import Rooms
    from talkabiz.whatsapp.conversations import LocalConversations
    from talkabiz.whatsapp.devices import Devices
    from talkabiz.whatsapp.local import LocalWhatsApp

LARGEST_MESSAGE = 128 * 1024
"""Of a socket, as it arrives; what Socket.IO takes in is half of it."""
SHUTDOWN_SECONDS = 5.0
"""How long sessions may take to close; what hasn't by then ends with the process."""


# --- the whole house --------------------------------------------------------------------------------------------------


async def serve(settings: Settings, *, sandbox: bool, announce: Announce, parent: Parent) -> int:
    """Run the server until it is asked to stop. Returns the exit code.

    Raises:
        TalkabizError: it can't start; the sentence says why.
    """
    from hypercorn.asyncio import serve as serve_asgi
    from hypercorn.config import Config

    log.configure(settings.log_format, settings.log_level, is_terminal=parent.is_terminal, secrets=settings.secrets)
    log.catch_the_rest()
    parent.tell({"log_format": settings.log_format, "max_memory": settings.max_memory})
    listener = listen(settings.host, settings.port, parent)
    port: int = listener.getsockname()[1]
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(closing(_sessions_folder(settings)))
        reach = await stack.enter_async_context(_reach(settings, sandbox=sandbox))
        rooms = _rooms()
        desk = await stack.enter_async_context(_desk(settings, folder, reach, rooms, parent.restarts))
        await _welcome(desk, settings.public_url(port), announce, again=parent.has_announced)
        parent.tell({"has_announced": True})
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]
        config.graceful_timeout = 1.0
        config.websocket_max_message_size = LARGEST_MESSAGE
        config.errorlog = logging.getLogger("hypercorn.error")
        config.include_server_header = False
        app = _assemble(
            settings,
            port=port,
            rooms=rooms,
            open_house=lambda: nullcontext(desk),  # opened here, so that a start that fails ends with a sentence
            parent=parent,
            panels=panels(reach, desk, settings.language),
        )
        keep_what_is_there()
        await serve_asgi(app, config, shutdown_trigger=partial(reach.run_until, stop_signal()))
    return 0


def create_app(settings: Settings | None = None) -> ASGIFramework:
    """The same application for an ASGI server of the operator's choice, without the supervisor. Everything starts and
    stops in its lifespan; a start that fails says why through the server's own log.
    """
    chosen = settings or read_or_exit()
    log.configure(chosen.log_format, chosen.log_level, secrets=chosen.secrets)
    log.catch_the_rest()
    rooms = _rooms()

    @asynccontextmanager
    async def open_house() -> AsyncIterator[Desk]:
        with closing(_sessions_folder(chosen)) as folder:
            async with _reach(chosen, sandbox=False) as reach, _desk(chosen, folder, reach, rooms) as desk:
                await _welcome(desk, chosen.public_url(chosen.port), lambda told: print(in_words(told), flush=True))  # noqa: T201
                yield desk

    return _assemble(chosen, port=chosen.port, rooms=rooms, open_house=open_house, parent=Parent())


def _assemble(
    settings: Settings,
    *,
    port: int,
    rooms: Rooms,
    open_house: Callable[[], AbstractAsyncContextManager[Desk]],
    parent: Parent,
    panels: Sequence[Any] = (),
) -> ASGIFramework:
    from talkabiz.realtime.server import create_server
    from talkabiz.web.app import create_app as create_web

    base_url = settings.public_url(port)
    realtime = create_server(rooms, base_url=base_url, allowed_origins=settings.allowed_origins)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Desk]:
        async with open_house() as desk, realtime.serving(desk):
            await desk.sessions.restore()
            async with reporting(parent, partial(_size, desk.health)):
                yield desk

    web = create_web(
        lifespan,
        base_url=base_url,
        language=settings.language,
        static_dir=static_dir(),
        templates_dir=templates_dir(),
        sandbox=bool(panels),
    )
    for panel in panels:
        web.register_blueprint(panel)
    return Forwarded(realtime.wrap(web), settings.trusted_proxies)


@asynccontextmanager
async def _desk(
    settings: Settings, folder: Devices, reach: Reach, rooms: Rooms, restarts: Mapping[str, int] | None = None
) -> AsyncIterator[Desk]:
    """Everything behind the edges that talk to people, started; stopped in reverse."""
    from talkabiz.delivering import open_hooks
    from talkabiz.whatsapp.conversations import LocalConversations
    from talkabiz.whatsapp.local import LocalWhatsApp

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(open_database(settings))
        loop, journal, clock = asyncio.get_running_loop(), Journal(), SystemClock()
        writer = Writer(journal.publish)
        way = (settings.secret_key, settings.sessions_dir, settings.webhook_allow_hosts)
        hooks = await stack.enter_async_context(open_hooks(*way, writer=writer, journal=journal, clock=clock))
        media = stack.enter_context(_media(settings, writer, clock))
        spool = stack.enter_context(closing(Spool(settings.sessions_dir / HEARD)))
        whatsapp = LocalWhatsApp(reach.library, folder, proxy_url=reach.proxy_url, loop=loop, spool=spool)
        conversations = LocalConversations(whatsapp, loop=loop)
        chatting = Chatting(
            conversations, media, writer=writer, journal=journal, clock=clock, spool=spool, keep=_keep(settings)
        )
        await stack.enter_async_context(chatting.hearing())
        stack.push_async_callback(whatsapp.shutdown, SHUTDOWN_SECONDS)
        stack.push_async_callback(conversations.shutdown, 0)  # who sends has waited for what is under way
        painter = Painter()
        stack.callback(painter.close)
        around = Surroundings(whatsapp, rooms, journal, painter, clock, _limits(settings))
        load, quotas = partial(_load, whatsapp, conversations, chatting, hooks, rooms), _quotas(settings)
        desk = open_desk(
            around, chatting, hooks.webhooks, load, api_key=settings.api_key, quotas=quotas, restarts=restarts
        )
        yield await stack.enter_async_context(desk)


@contextmanager
def _media(settings: Settings, writer: Writer, clock: Clock) -> Iterator[MediaStore]:
    """Where files of messages are kept. TalkabizError: nothing can be written there."""
    from talkabiz.outside.fetch import Fetcher
    from talkabiz.outside.guard import Guard

    files = Files.open(settings.media_dir)
    with closing(Fetcher(Guard())) as fetcher:
        store = MediaStore(files, writer, clock, fetcher.fetch, Voices(), days=settings.media_days)
        with closing(store):
            yield store


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[None]:
    """The database, brought up to date and open."""
    await database.migrate(settings.database_url)
    await database.open_database(settings.database_url)
    try:
        yield
    finally:
        await database.close_database()


@asynccontextmanager
async def office(settings: Settings) -> AsyncIterator[Office]:
    """Who may, and who did, with the database open: for commands that need no gateway."""
    async with open_database(settings), open_office(SystemClock(), settings.api_key, _quotas(settings)) as opened:
        yield opened


async def _welcome(desk: Desk, base_url: str, announce: Announce, *, again: bool = False) -> None:
    """What the operator has to know, and on the first start has to keep; `again`, after a restart, only what is new."""
    told = {} if again else {"url": base_url}
    if key := await desk.access.ensure_admin_key():
        told["admin_key"] = key
    if not again and not await desk.operators.has_anybody_logged_in():
        told["login"] = f"{base_url}/login/{await desk.operators.make_login_link()}"
    if told:
        announce(told)


def _size(health: Health) -> Told:
    return {"sessions": health.load().running, "resident_bytes": resident_bytes()}


def _load(
    whatsapp: LocalWhatsApp, conversations: LocalConversations, chatting: Chatting, hooks: Hooks, rooms: Rooms
) -> Load:
    return Load(
        running=whatsapp.running,
        queued=whatsapp.queued,
        started=whatsapp.started,
        abandoned=whatsapp.abandoned,
        threads=whatsapp.threads,
        overdue=whatsapp.overdue + conversations.overdue,
        sending=conversations.sending,
        queues=chatting.queues,
        lag_seconds=whatsapp.lag_seconds,
        sockets=len(rooms.visitors()),
        heard=chatting.heard,
        webhook_tries=hooks.dispatch.outcomes,
    )


# --- small things -----------------------------------------------------------------------------------------------------


def _limits(settings: Settings) -> Limits:
    return Limits(
        qr_request_seconds=settings.qr_request_seconds,
        pairing_seconds=settings.pairing_seconds,
        auto_refresh_rounds=settings.auto_refresh_rounds,
    )


def _keep(settings: Settings) -> KeepDays:
    return KeepDays(messages=settings.message_days, journal=settings.journal_days, webhooks=settings.webhook_days)


def _reach(settings: Settings, *, sandbox: bool) -> AbstractAsyncContextManager[Reach]:
    root_key = bytes.fromhex(settings.wa_root_key) if settings.wa_root_key else None
    sandbox_dir = settings.sessions_dir / ".sandbox" if sandbox else None
    return open_reach(settings.wa_proxy_url, settings.wa_ca_file, root_key, sandbox_dir=sandbox_dir)


def _quotas(settings: Settings) -> Quotas:
    return Quotas(starts=settings.start_limit, logins=settings.login_limit, requests=settings.request_limit)


def _sessions_folder(settings: Settings) -> Devices:
    """sessions/, checked, and locked until it is closed or this process is gone."""
    from talkabiz.whatsapp.devices import Devices

    return Devices.open(settings.sessions_dir)


def _rooms() -> Rooms:
    from talkabiz.realtime.rooms import Rooms

    return Rooms()
