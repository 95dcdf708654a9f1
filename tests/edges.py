"""The web and realtime edges over real services and a real database. The WhatsApp port alone is played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart
from quart.typing import TestClientProtocol

from talkabiz.assets import static_dir, templates_dir
from talkabiz.domain.access import Kind, Scope
from talkabiz.domain.limits import Limits
from talkabiz.outside.guard import Guard
from talkabiz.outside.post import Poster
from talkabiz.realtime.rooms import Rooms
from talkabiz.realtime.server import Realtime, create_server
from talkabiz.services.allowances import Quotas
from talkabiz.services.chatting import Chatting
from talkabiz.services.desk import Desk, open_desk
from talkabiz.services.health import Load
from talkabiz.services.hooks import Hooks
from talkabiz.services.journal import Journal
from talkabiz.services.media import MediaStore
from talkabiz.services.media_files import Files
from talkabiz.services.painting import Painter
from talkabiz.services.runner import Surroundings
from talkabiz.services.sealing import Seal
from talkabiz.services.voices import Voices
from talkabiz.store import database
from talkabiz.store.writing import Writer
from talkabiz.web.app import create_app
from tests.databases import make_database
from tests.fakes import ManualClock, ScriptedWhatsApp
from tests.scripted_chats import ScriptedConversations, ScriptedFetch

API_KEY = "an-admin-key-of-the-operator"
BASE_URL = "http://localhost"  # as Quart's test client calls it
FACT_SECONDS = 5

Json = dict[str, Any]


@dataclass
class House:
    """Everything, wired as bootstrap wires it."""

    whatsapp: ScriptedWhatsApp
    conversations: ScriptedConversations
    clock: ManualClock
    rooms: Rooms
    desk: Desk
    realtime: Realtime
    app: Quart
    keys: dict[tuple[int, str], str] = field(default_factory=dict)
    load: Load = field(default_factory=Load)
    """What the health is told that the edges carry."""
    restarts: dict[str, int] = field(default_factory=dict)
    fetch: ScriptedFetch = field(default_factory=ScriptedFetch)

    # --- kliens and credentials ---------------------------------------------------------------------------------------

    async def add_klien(self, nama: str = "Toko Sinar") -> int:
        return (await self.desk.kliens.add(nama)).id

    async def key_of(self, klien_id: int, *scopes: Scope) -> str:
        return (await self.desk.access.make_key(Kind.KLIEN, klien_id, frozenset(scopes or Scope), "test")).token

    async def login(self) -> str:
        """The value of an operator's cookie."""
        login = await self.desk.operators.log_in_by_link(await self.desk.operators.make_login_link())
        assert login
        return login

    def client(self, key: str | None = API_KEY) -> Client:
        return Client(self.app.test_client(use_cookies=False), {"Authorization": f"Bearer {key}"} if key else {})

    # --- what WhatsApp does -------------------------------------------------------------------------------------------

    async def show_qr(self, klien_id: int) -> None:
        """As far as a code on show."""
        await self.desk.sessions.start(klien_id)
        self.whatsapp.enter(klien_id)
        self.whatsapp.show_code(klien_id)
        await self.reach(klien_id, "qr_ready")

    async def link(self, klien_id: int, phone: str = "628123456789", name: str = "Ibu Sari") -> None:
        """All the way to connected."""
        await self.show_qr(klien_id)
        self.whatsapp.pair(klien_id, phone, name)
        await self.reach(klien_id, "scanning")
        self.whatsapp.link_up(klien_id)
        await self.reach(klien_id, "connected")

    async def reach(self, klien_id: int, status: str) -> Json:
        """The snapshot once the session is in that status."""
        runner = await self.desk.sessions._runner(klien_id)
        await runner.wait_for(lambda session: session.status.value == status, FACT_SECONDS)
        snapshot = await self.desk.sessions.live(klien_id)
        assert snapshot["status"] == status
        return snapshot


@dataclass
class Client:
    """Quart's test client with a credential. Answers are checked for what every answer has."""

    http: TestClientProtocol
    headers: dict[str, str]

    async def ask(self, method: str, path: str, *, expect: int, headers: Json | None = None, **how: Any) -> Any:
        """The answer's JSON, or its body where it isn't JSON."""
        answer = await self.send(method, path, headers=headers, **how)
        body = await answer.get_data(as_text=True)
        assert answer.status_code == expect, f"{answer.status_code}: {body[:500]}"
        return await answer.get_json() if answer.is_json else body

    async def refusal(self, method: str, path: str, *, expect: int, code: str, **how: Any) -> Json:
        """A problem with this status and code."""
        answer = await self.send(method, path, **how)
        problem: Json = await answer.get_json()
        assert (answer.status_code, problem.get("code")) == (expect, code), problem
        assert answer.content_type == "application/problem+json"
        assert problem["status"] == expect
        assert problem["message"].keys() == {"id", "en"}
        assert problem["request_id"] == answer.headers["X-Request-Id"]
        return problem

    async def send(self, method: str, path: str, *, headers: Json | None = None, **how: Any) -> Any:
        answer = await self.http.open(path, method=method, headers={**self.headers, **(headers or {})}, **how)
        assert answer.headers["X-Request-Id"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer


@asynccontextmanager
async def open_house(
    home: Path, limits: Limits | None = None, quotas: Quotas | None = None, **web: Any
) -> AsyncIterator[House]:
    """Built and open. `limits` and `web` (what `create_app` takes) may differ from the usual.

    Nothing is rationed unless `quotas` say so.
    """
    url = await make_database(home / "talkabiz.db")
    whatsapp, clock, rooms, painter, journal = ScriptedWhatsApp(), ManualClock(), Rooms(), Painter(), Journal(0.05)
    base_url: str = web.pop("base_url", BASE_URL)
    realtime = create_server(rooms, base_url=base_url, allowed_origins=web.pop("allowed_origins", ()))
    async with AsyncExitStack() as stack:
        await database.open_database(url)
        stack.push_async_callback(database.close_database)
        stack.callback(painter.close)
        around = Surroundings(whatsapp, rooms, journal, painter, clock, limits or Limits())
        restarts = {"crash": 0, "memory": 0}
        conversations, fetch = ScriptedConversations(), ScriptedFetch()
        chatting = stack.enter_context(_chatting(home, conversations, fetch, journal, clock))
        await stack.enter_async_context(chatting.hearing())
        poster = stack.enter_context(closing(Poster(Guard(), resolve=_public)))
        hooks = Hooks(Seal(bytes(range(32))), Writer(journal.publish), journal, clock=clock, judge=poster.judge)
        load: Callable[[], Load] = lambda: house.load  # noqa: E731 - it comes to be further down
        opened = open_desk(around, chatting, hooks.webhooks, load, api_key=API_KEY, quotas=quotas, restarts=restarts)
        desk = await stack.enter_async_context(opened)
        stack.callback(conversations.may_send.set)  # or the end waits for what is under way

        @asynccontextmanager
        async def lifespan() -> AsyncIterator[Desk]:
            async with realtime.serving(desk):
                yield desk

        app = create_app(lifespan, base_url=base_url, static_dir=static_dir(), templates_dir=templates_dir(), **web)
        house = House(whatsapp, conversations, clock, rooms, desk, realtime, app, restarts=restarts, fetch=fetch)
        yield house


async def _public(host: str, port: int) -> Sequence[str]:
    """Every name leads to a machine on the internet."""
    return ["1.1.1.1"]


@contextmanager
def _chatting(
    home: Path, conversations: ScriptedConversations, fetch: ScriptedFetch, journal: Journal, clock: ManualClock
) -> Iterator[Chatting]:
    writer = Writer(journal.publish)
    with closing(MediaStore(Files.open(home / "media"), writer, clock, fetch, Voices(), days=30)) as store:
        yield Chatting(conversations, store, writer=writer, journal=journal, clock=clock)


@asynccontextmanager
async def serving(house: House) -> AsyncIterator[str]:
    """The house behind a real server on a free port of this machine; its address."""
    config, stop, ready = Config(), asyncio.Event(), asyncio.Event()
    config.bind = ["127.0.0.1:0"]
    config.graceful_timeout = 0.1
    sockets = config.create_sockets()
    sockets.insecure_sockets[0].listen()  # whoever comes before the server is ready waits in line
    port = sockets.insecure_sockets[0].getsockname()[1]
    config.create_sockets = lambda: sockets  # type: ignore[method-assign] # it would take another port
    wrapped = house.realtime.wrap(house.app)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                ready.set()

        await wrapped(scope, receive, note)

    server = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    try:
        async with asyncio.timeout(FACT_SECONDS):
            await ready.wait()
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await server
