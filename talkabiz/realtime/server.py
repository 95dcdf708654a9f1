"""The Socket.IO server: who may connect, and where their commands go."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import socketio
import structlog

from talkabiz.domain.access import Kind, Principal
from talkabiz.domain.errors import NotFound
from talkabiz.realtime.commands import Answer, Commands, refusal
from talkabiz.realtime.gate import SOCKET_PATH, AsgiApp, with_gate
from talkabiz.realtime.relay import Relay
from talkabiz.realtime.rooms import Rooms, Visitor, may_look
from talkabiz.services.access import LINK_PREFIX
from talkabiz.services.desk import Desk
from talkabiz.services.operators import cookie_name

LARGEST_MESSAGE = 64 * 1024
"""A browser sends ids; what is larger isn't meant well."""
GUARD_SECONDS = 2.0
"""How long a socket may outlive its credential."""

Environ = dict[str, Any]

log = structlog.get_logger(__name__)


def create_server(rooms: Rooms, *, base_url: str, allowed_origins: Iterable[str] = ()) -> Realtime:
    """`allowed_origins`: other sites whose pages may open a socket, beside `base_url` and the address it came by."""
    return Realtime(rooms, frozenset(_origin(url) for url in (base_url, *allowed_origins)), cookie_name(base_url))


class Realtime:
    """The server and everything that runs beside it. Until `serving` it refuses connections."""

    def __init__(self, rooms: Rooms, origins: frozenset[str], cookie: str) -> None:
        self._rooms = rooms
        self._origins = origins
        self._cookie = cookie
        self._desk: Desk | None = None
        self._commands: Commands | None = None
        self._greetings: set[asyncio.Task[None]] = set()
        self._sio = socketio.AsyncServer(
            async_mode="asgi",
            # A list would replace the check for the own address, and an empty one would switch it off.
            cors_allowed_origins=self._may_open,
            cors_credentials=False,  # pages of other sites come with a token; cookies are for our own
            max_http_buffer_size=LARGEST_MESSAGE,
            http_compression=False,  # secrets and strangers' text share a message: lengths would tell (BREACH)
        )
        self._relay = Relay(self._sio)
        self._sio.on("connect", self._connect)
        self._sio.on("disconnect", self._leave)
        self._sio.on("*", self._command)

    def wrap(self, app: AsgiApp) -> AsgiApp:
        """An application that takes /socket.io and leaves the rest, the lifespan too, to `app`."""
        return with_gate(socketio.ASGIApp(self._sio, app, socketio_path=SOCKET_PATH))

    @asynccontextmanager
    async def serving(self, desk: Desk) -> AsyncIterator[None]:
        """Take connections and pass events on, as long as this is open."""
        readers = desk.journal.readers
        tasks = [
            asyncio.create_task(self._relay.run(desk.journal), name="relay"),
            asyncio.create_task(self._guard(), name="guard of sockets"),
        ]
        while desk.journal.readers == readers:  # noqa: ASYNC110 - before anybody can subscribe, the relay reads
            await asyncio.sleep(0)
        self._desk, self._commands = desk, Commands(self._sio, self._rooms, desk)
        try:
            yield
        finally:
            self._desk = None
            await self.close_sockets()
            for task in (*tasks, *self._greetings):
                task.cancel()
            await asyncio.gather(*tasks, *self._greetings, return_exceptions=True)
            await self._sio.shutdown()

    async def close_sockets(self) -> None:
        """Say goodbye to everybody; their pages try again until a server answers."""
        for sid in self._rooms.visitors():
            await self._sio.disconnect(sid)

    # --- coming in ----------------------------------------------------------------------------------------------------

    def _may_open(self, origin: str | None, environ: Environ) -> bool:
        """Whether a page of this origin may talk to us: our own pages, and those of ALLOWED_ORIGINS."""
        if origin is None:
            return True
        scheme = {"ws": "http", "wss": "https"}.get(s := environ["asgi.scope"].get("scheme", "http"), s)
        # A browser lets no page set this header; behind a proxy it says how the browser came.
        schemes = {scheme, environ.get("HTTP_X_FORWARDED_PROTO", scheme).split(",")[0].strip()}
        own = {f"{each}://{environ.get('HTTP_HOST', '')}" for each in schemes}
        return bool(asked := _origin(origin)) and asked in self._origins | {_origin(url) for url in own}

    async def _connect(self, sid: str, environ: Any = None, auth: object = None, *_: object) -> Answer | None:
        """A client may also send an event of this name, with an `environ` of its own making: that is no connecting."""
        if self._desk is None:
            raise socketio.exceptions.ConnectionRefusedError("starting")
        real = self._sio.get_environ(sid)
        if real is None or environ is not real:
            return refusal(NotFound())
        visitor = await self._identify(self._desk, real, auth)
        if visitor is None or not may_look(visitor.principal):
            raise socketio.exceptions.ConnectionRefusedError("unauthorized")
        self._rooms.arrive(sid, visitor)
        if visitor.principal.kind in {Kind.KLIEN, Kind.LINK} and visitor.principal.klien_id:
            # Afterwards: a socket takes nothing in before the answer to its connecting has left.
            greeting = asyncio.create_task(self._receive(sid, visitor.principal.klien_id), name="greet a klien")
            self._greetings.add(greeting)
            greeting.add_done_callback(self._greetings.discard)
        return None

    async def _identify(self, desk: Desk, environ: Environ, auth: object) -> Visitor | None:
        """By `auth.token`, or else by the login cookie; a wrong token isn't made good by a cookie."""
        find: Callable[[str], Coroutine[Any, Any, Principal | None]]
        if isinstance(auth, dict) and "token" in auth:
            token = auth["token"]
            is_link = isinstance(token, str) and token.startswith(LINK_PREFIX)
            find = desk.access.by_link if is_link else desk.access.by_token
        else:
            token, find = _read_cookie(environ, self._cookie), desk.operators.by_login
        if not isinstance(token, str):
            return None
        principal = await find(token)
        name = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        return Visitor(principal, partial(find, token), name, _address(environ)) if principal else None

    async def _receive(self, sid: str, klien_id: int) -> None:
        """Put one klien's own socket into its room and show it how things are."""
        try:
            answer = await self._command("subscribe", sid, {"klien_id": klien_id})
            if snapshot := answer.get("snapshot"):
                await self._relay.greet(sid, snapshot)
        except Exception:
            log.exception("greeting_failed", klien=klien_id)

    async def _command(self, name: str, sid: str = "", *args: Any) -> Answer:
        """Any event but `connect` and `disconnect`. Of one that is named `*`, the client chooses all but the name."""
        if self._commands is None:
            return {}
        return await self._commands.answer(name, sid, args)

    async def _leave(self, sid: str, *_: object) -> Answer | None:
        """A client may also send an event of this name, and stay: it mustn't get out of the guard's sight."""
        if self._sio.manager.is_connected(sid, "/"):
            return refusal(NotFound())
        self._rooms.leave(sid)
        return None

    # --- being allowed to stay ----------------------------------------------------------------------------------------

    async def _guard(self) -> None:
        """Close sockets whose credential has ended: a logout or a revoked key must not leave an open window."""
        while True:
            await asyncio.sleep(GUARD_SECONDS)
            try:
                await self.check_visitors()
            except Exception:
                log.exception("guard_failed")

    async def check_visitors(self) -> None:
        good: dict[str, bool] = {}
        for sid, visitor in self._rooms.visitors().items():
            if not self._sio.manager.is_connected(sid, "/"):  # it went while it was still being let in
                self._rooms.leave(sid)
                continue
            if visitor.credential not in good:
                good[visitor.credential] = await visitor.check_again() is not None
            if not good[visitor.credential]:
                await self._sio.disconnect(sid)


def _read_cookie(environ: Environ, name: str) -> str | None:
    try:
        morsel = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None


def _address(environ: Environ) -> str | None:
    """Where it came from; from whom a proxy had it only if that is trusted (`talkabiz.forwarded`)."""
    client = environ["asgi.scope"].get("client")
    return client[0] if client else None


def _origin(url: str) -> str:
    """`scheme://host[:port]`, without a port that goes without saying; empty for what is no address (`null`)."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return ""
    if not parts.hostname:
        return ""
    if port is None or (parts.scheme, port) in {("http", 80), ("https", 443)}:
        return f"{parts.scheme}://{parts.hostname}"
    return f"{parts.scheme}://{parts.hostname}:{port}"
