"""What is pushed to who looks on: through the control API, as a browser's EventSource reads it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import ClientPayload
from quart import Quart
from quart.typing import TestHTTPConnectionProtocol as Connection

from talkabiz.sandbox import streams
from talkabiz.sandbox.bell import Bell
from talkabiz.sandbox.chat_log import Entry
from talkabiz.sandbox.node_log import KEPT, LARGEST_NODES, LONGEST_TEXT, SHOWN_BYTES, SHOWN_FIRST, NodeLog, show
from talkabiz.sandbox.nodes import Jid, Node
from talkabiz.sandbox.panel import blueprint
from talkabiz.sandbox.streams import NodeReader, StateReader, tell
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NewClient, NewWire
from tests.sandbox.test_panel import NUMBER, Api

WAIT_SECONDS = 5
Event = tuple[str, Any, str]


class Stream:
    """The events of one connection, as they arrive."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._text = ""
        self._events: list[Event] = []

    async def next(self) -> Event:
        async with asyncio.timeout(WAIT_SECONDS):
            while not self._events:
                self._take(await self.connection.receive())
        return self._events.pop(0)

    async def until(self, name: str, is_right: Callable[[Any], bool] = lambda _: True) -> Any:
        """The data of the next such event; those before it are dropped."""
        while True:
            found, data, _ = await self.next()
            if found == name and is_right(data):
                return data

    def _take(self, data: bytes) -> None:
        *whole, self._text = (self._text + data.decode()).split("\n\n")
        for block in whole:
            if not block.startswith(":"):
                fields = dict(line.split(": ", 1) for line in block.split("\n"))
                self._events.append((fields["event"], json.loads(fields["data"]), fields.get("id", "")))


@pytest.fixture
def app(sandbox: Sandbox) -> Quart:
    app = Quart(__name__)
    app.register_blueprint(blueprint(sandbox, {f"{NUMBER}:1@s.whatsapp.net": 7}.get))
    return app


@asynccontextmanager
async def reading(app: Quart, path: str, **headers: str) -> AsyncIterator[Stream]:
    sent = {"Host": "127.0.0.1:8000"} | {name.replace("_", "-"): value for name, value in headers.items()}
    client = app.test_client()
    scope = {"client": ("127.0.0.1", 50000)}
    async with client.request(f"/sandbox/api{path}", headers=sent, scope_base=scope) as connection:
        await connection.send_complete()
        yield Stream(connection)
        await connection.disconnect()


def link_of(number: int | None = None, device: int = 0, *, spared: bool = False) -> Any:
    class Link:
        payload = ClientPayload(username=number or 0, device=device)

    if number is None:
        Link.payload.devicePairingData.eIdent = b"x"
    Link.spared = spared  # type: ignore[attr-defined] # of a stand-in
    return Link()


def events_of(text: str) -> list[Event]:
    stream = Stream(None)  # type: ignore[arg-type] # nothing is received
    stream._take(text.encode())
    return stream._events


# ── the state ──


async def test_what_is_there_comes_first_and_each_change_follows(app: Quart, sandbox: Sandbox) -> None:
    sandbox.phones.add(NUMBER, "Ibu")
    async with reading(app, "/events") as stream:
        assert (await stream.next())[:2] == ("hello", {"goes_on": False})
        name, phone, _ = await stream.next()
        assert (name, phone["number"], phone["name"], phone["devices"]) == ("phone", NUMBER, "Ibu", [])
        assert (phone["offline"], phone["unread"]) == (False, 0)
        await stream.until("ready")
        sandbox.phones.add(NUMBER, "Ibu Sari")
        assert (await stream.next())[1]["name"] == "Ibu Sari"
        await sandbox.chats.go_offline(NUMBER, None)
        assert (await stream.next())[1]["offline"] is True
        sandbox.inject("bad_hmac", NUMBER, count=2)
        name, found, _ = await stream.next()
        assert (name, found["faults"][0]["fault"], found["faults"][0]["count"]) == ("faults", "bad_hmac", 2)
        sandbox.faults.strike("bad_hmac", NUMBER)
        struck = (await stream.next())[1]["faults"][0]
        assert (struck["hit"], struck["count"]) == (1, 1)
        sandbox.faults.clear()
        assert (await stream.next())[:2] == ("faults", {"faults": []})


async def test_a_fault_that_ends_by_its_time_is_told(app: Quart, sandbox: Sandbox) -> None:
    async with reading(app, "/events") as stream:
        await stream.until("ready")
        sandbox.inject("silence", seconds=0.2)
        (fault,) = (await stream.until("faults"))["faults"]
        assert 0 < fault["seconds_left"] <= 0.2
        assert await stream.until("faults") == {"faults": []}


async def test_a_device_is_told_as_it_is_linked_comes_and_goes(
    app: Quart, sandbox: Sandbox, new_client: NewClient
) -> None:
    sandbox.phones.add(NUMBER)
    client = new_client()
    client.start()
    async with reading(app, "/events") as stream:
        await stream.until("ready")
        await sandbox.phones.scan(NUMBER, await client.qr())
        phone = await stream.until("phone", lambda told: any(each["online"] for each in told["devices"]))
        assert [(each["device"], each["klien_id"]) for each in phone["devices"]] == [(1, 7)]
        sandbox.remove_device(NUMBER, 1)
        await stream.until("phone", lambda told: told["devices"] == [])
        await client.event("LoggedOut")


def message(id_: str, *, status: str = "received", outward: bool = False) -> Entry:
    from datetime import UTC, datetime

    from talkabiz.domain.content import Text

    jid, at = f"{NUMBER}@s.whatsapp.net", datetime.now(UTC)
    return Entry(id_, outward, jid, jid, Text("halo"), "", at, status, at)


async def test_messages_are_told_once_and_again_when_they_change(app: Quart, sandbox: Sandbox) -> None:
    sandbox.phones.add(NUMBER)
    log = sandbox.chats.handset(NUMBER).log
    log.add(message("A"))
    async with reading(app, "/events") as stream:
        first = await stream.until("message")
        assert (first["number"], first["message"]["id"]) == (NUMBER, "A")
        await stream.until("ready")
        log.add(message("B"))
        assert (await stream.until("phone"))["unread"] == 2
        assert (await stream.next())[1]["message"]["id"] == "B"
        entry = log.find("A")
        assert entry
        log.mark(entry, "read", entry.at)
        assert (await stream.until("phone"))["unread"] == 1
        told = (await stream.next())[1]["message"]
        assert (told["id"], told["status"]) == ("A", "read")
        log.typing["chat@s.whatsapp.net", "who@s.whatsapp.net"] = "composing"
        log._tell()
        assert (await stream.until("typing"))["typing"][0]["state"] == "composing"


async def test_a_reader_is_told_the_newest_messages_and_remembers_no_more(sandbox: Sandbox) -> None:
    sandbox.phones.add(NUMBER)
    log, reader = sandbox.chats.handset(NUMBER).log, StateReader(sandbox, lambda _: None)
    for n in range(3):
        for each in range(streams.SHOWN_MESSAGES):
            log.add(message(f"{n}-{each}"))
        told = [data for name, data, _ in events_of("".join(reader.read())) if name == "message"]
        assert len(told) == streams.SHOWN_MESSAGES
        assert told[-1]["message"]["id"] == f"{n}-{streams.SHOWN_MESSAGES - 1}"
    assert len(reader._told) == streams.SHOWN_MESSAGES + len(("phone", "typing", "faults"))


async def test_what_changes_often_is_told_once(app: Quart, sandbox: Sandbox) -> None:
    async with reading(app, "/events") as stream:
        await stream.until("ready")
        for n in range(500):
            sandbox.phones.add(NUMBER, str(n))
        assert (await stream.until("phone"))["name"] == "499"


# ── the nodes ──


async def test_nodes_are_told_decoded_as_they_pass(app: Quart, sandbox: Sandbox, new_wire: NewWire) -> None:
    async with reading(app, "/log") as stream:
        assert (await stream.next())[:2] == ("hello", {"goes_on": False})
        wire = new_wire()
        await wire.pair()
        name, passed, id_ = await stream.next()
        assert (name, passed["direction"], passed["number"], passed["phones_own"]) == ("node", "out", None, False)
        node = passed["node"]
        assert (node["tag"], node["attrs"]["xmlns"], node["children"][0]["tag"]) == ("iq", "md", "pair-device")
        assert node["children"][0]["children"][0]["text"].startswith("2@")
        assert id_ == sandbox.nodes.id_of(passed["n"])
        wire.send(Node("iq", {"type": "result", "id": node["attrs"]["id"]}))
        assert (await stream.next())[1]["direction"] == "in"


async def test_both_come_by_one_stream_if_that_is_wished(app: Quart, sandbox: Sandbox) -> None:
    sandbox.nodes.note(link_of(628123456789, 3), Node("presence"), True)
    async with reading(app, "/events?log=1") as stream:
        await stream.until("ready")
        passed = await stream.until("node")
        assert (passed["number"], passed["device"], passed["node"]["tag"]) == ("628123456789", 3, "presence")
        sandbox.phones.add(NUMBER)
        await stream.until("phone")
    status, code = await Api(app).call("GET", "/events?log=yes")
    assert (status, code) == (422, "invalid_input")


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_reader_goes_on_where_it_was(app: Quart, sandbox: Sandbox, *, by_header: bool) -> None:
    for n in range(10):
        sandbox.nodes.note(link_of(), Node("n", {"n": str(n)}), True)
    seen = sandbox.nodes.id_of(7)
    path, headers = ("/log", {"Last_Event_ID": seen}) if by_header else (f"/log?after={seen}", {})
    async with reading(app, path, **headers) as stream:
        assert (await stream.next())[:2] == ("hello", {"goes_on": True})
        assert [(await stream.next())[1]["n"] for _ in range(3)] == [8, 9, 10]


@pytest.mark.parametrize("id_", ["x", "-1", "00000000-3", "-", "\u0663", "9" * 400])
async def test_an_id_of_another_log_begins_a_little_before_now(sandbox: Sandbox, id_: str) -> None:
    for _ in range(SHOWN_FIRST + 5):
        sandbox.nodes.note(link_of(), Node("n"), True)
    for after in (id_, f"{sandbox.nodes.name}-{id_}", sandbox.nodes.id_of(10_000)):
        reader = NodeReader(sandbox.nodes, after)
        assert not reader.goes_on
        assert events_of("".join(reader.read()))[0][1]["n"] == 6


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    log = NodeLog(Bell(), kept=20)
    log.note(link_of(), Node("n"), True)
    reader = NodeReader(log, log.id_of(1))
    for _ in range(1000):
        log.note(link_of(), Node("n"), True)
    (gap, *nodes) = events_of("".join(reader.read()))
    assert gap[:2] == ("gap", {"lost": 980})
    assert [data["n"] for _, data, _ in nodes] == list(range(982, 1002))
    assert "".join(reader.read()) == ""


async def test_a_helping_is_bounded_and_nothing_is_left_out(sandbox: Sandbox) -> None:
    for _ in range(KEPT):
        sandbox.nodes.note(link_of(), Node("n"), True)
    reader = NodeReader(sandbox.nodes, sandbox.nodes.id_of(0))
    helpings = [events_of("".join(reader.read())) for _ in range(KEPT // streams.LARGEST_HELPING + 1)]
    assert [len(each) for each in helpings[:-1]] == [streams.LARGEST_HELPING] * (KEPT // streams.LARGEST_HELPING)
    assert [data["n"] for each in helpings for _, data, _ in each] == list(range(1, KEPT + 1))


def test_a_node_is_cut_to_a_bounded_size() -> None:
    key = Node("key", {"id": Jid("628")}, (Node("value", {}, b"\x00" * 1000), Node("name", {}, "x" * 1000)))
    shown = show(Node("iq", {"id": "y" * 1000}, (key,) * 800))
    assert shown["more"] + len(shown["children"]) == 800
    assert len(json.dumps(shown)) < LARGEST_NODES * (LONGEST_TEXT + 2 * SHOWN_BYTES + 100)
    first = shown["children"][0]["children"]
    assert first[0] == {"tag": "value", "attrs": {}, "bytes": 1000, "hex": "00" * SHOWN_BYTES}
    assert first[1]["text"] == "x" * LONGEST_TEXT + "…"


def test_a_deep_node_is_cut_too() -> None:
    node = Node("leaf")
    for _ in range(500):
        node = Node("in", {}, (node,))
    text = json.dumps(show(node))
    assert text.count('"tag"') == LARGEST_NODES
    assert '"more": 1' in text


# ── beginning and end ──


async def test_a_stream_ends_with_its_reader(app: Quart, sandbox: Sandbox) -> None:
    before = asyncio.all_tasks()
    async with reading(app, "/events?log=1") as stream:
        await stream.until("ready")
        assert asyncio.all_tasks() - before
    async with asyncio.timeout(WAIT_SECONDS):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0)


async def test_streams_end_before_the_server_does(app: Quart, sandbox: Sandbox) -> None:
    stopping = asyncio.Event()
    async with reading(app, "/events?log=1") as stream, reading(app, "/log") as other:
        await stream.until("ready")
        await other.until("hello")
        stopping.set()
        await sandbox.run_until(stopping)
        for each in (stream, other):
            async with asyncio.timeout(WAIT_SECONDS):
                assert (await each.connection.as_response()).status_code == 200


async def test_a_quiet_stream_beats(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BEAT_SECONDS", 0.01)
    told = tell(sandbox, None, NodeReader(sandbox.nodes))
    assert [await anext(told), await anext(told)] == ['event: hello\ndata: {"goes_on": false}\n\n', ": nothing new\n\n"]
    sandbox.nodes.note(link_of(), Node("n"), True)
    assert (await anext(told)).startswith("id: ")
    await told.aclose()


@pytest.mark.parametrize("path", ["/events", "/log", "/screens"])
async def test_who_may_not_gets_no_stream(app: Quart, path: str) -> None:
    api = Api(app)
    assert await api.call("GET", path, peer="192.168.1.7") == (403, "forbidden")
    assert await api.call("GET", path, Host="evil.example") == (403, "forbidden")
    assert await api.call("GET", path, Origin="https://evil.example") == (403, "forbidden")
    assert await api.call("GET", path, Sec_Fetch_Site="cross-site") == (403, "forbidden")
    assert await api.call("GET", path, X_Forwarded_For="127.0.0.1") == (403, "forbidden")
