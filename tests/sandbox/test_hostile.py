"""Clients that mean harm, while sessions of the real library go on chatting: each costs its own connection alone."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import random
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import HandshakeMessage

from talkabiz.sandbox import server
from talkabiz.sandbox.frames import MAX_FRAME, MAX_HELLO
from talkabiz.sandbox.link import Link
from talkabiz.sandbox.nodes import SERVER, Attribute, Content, Jid, Node
from talkabiz.sandbox.wire_format import MAX_BYTES
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NUMBER, Linked, NewWire
from tests.sandbox.waiting import until
from tests.sandbox.wire import HEADER, WireClient, login_payload, pairing_payload

OTHER, CULPRIT = "628987654321", "628555555555"
BASEPOINT = b"\x09" + bytes(31)
ANSWERED_WITHIN_SECONDS = 4.0
"""A message between two real sessions, whatever goes on beside them; 5 ms on an idle machine."""


def handshake(**part: dict[str, bytes]) -> bytes:
    return bytes(HandshakeMessage(**part).SerializeToString())


HELLO = handshake(clientHello={"ephemeral": BASEPOINT})
FINISH = handshake(clientFinish={"static": bytes(48), "payload": bytes(48)})

OPENINGS: dict[str, tuple[bytes, ...]] = {
    "another protocol's header": (b"WB\x06\x03\x00\x00\x01a",),
    "a version of yesterday": (b"WA\x05\x02\x00\x00\x01a",),
    "a header that never ends": (b"W", b"A", b"\x06"),
    "a hello that is too large": (HEADER + (MAX_HELLO + 1).to_bytes(3, "big") + bytes(100),),
    "a frame without content": (HEADER + bytes(3),),
    "a hello of another kind": (HEADER, FINISH),
    "a hello without a key": (HEADER, handshake(clientHello={"ephemeral": b""})),
    "a key that is too long": (HEADER, handshake(clientHello={"ephemeral": bytes(33)})),
    "a point of small order": (HEADER, handshake(clientHello={"ephemeral": b"\x01" + bytes(31)})),
    "hello twice": (HEADER, HELLO, HELLO),
    "a finish that nothing opens": (HEADER, HELLO, FINISH),
    "a finish without parts": (HEADER, HELLO, handshake(clientFinish={})),
    "a finish of a few bytes": (HEADER, HELLO, handshake(clientFinish={"static": b"1", "payload": b"2"})),
    "a finish that is garbage": (HEADER, HELLO, b"\xff" * 200),
    "a finish that is too large": (HEADER, HELLO, bytes(MAX_HELLO + 1)),
}
"""What is said on a fresh WebSocket, piece by piece. What follows a bare header goes as frames."""


@asynccontextmanager
async def chatting(linked: Linked) -> AsyncIterator[list[float]]:
    """Two sessions of the real library that write to each other all the while: how long each message took, in seconds.
    Each of them came.
    """
    shop, buyer = await asyncio.gather(linked(), linked(number=OTHER))
    took: list[float] = []
    over = asyncio.Event()

    async def chat() -> None:
        for number in itertools.count():
            began = time.monotonic()
            await shop.send(f"{OTHER}@s.whatsapp.net", f"message {number}")
            await buyer.message(f"message {number}")
            took.append(time.monotonic() - began)
            if over.is_set():
                return

    task = asyncio.create_task(chat())
    try:
        yield took
    finally:
        over.set()
        await asyncio.wait_for(task, 30)
    assert buyer.texts() == [f"message {number}" for number in range(len(took))]
    assert max(took) < ANSWERED_WITHIN_SECONDS


async def open_websocket(client: WireClient) -> None:
    await client.connect()
    await client.tunnel()
    await client.upgrade()


async def say(client: WireClient, opening: tuple[bytes, ...]) -> None:
    await open_websocket(client)
    if opening[0] != HEADER:
        for piece in opening:
            client.send_raw(piece)
        return
    for piece in opening[1:]:
        client.send_frame(piece)


def link_culprit(sandbox: Sandbox, client: WireClient) -> None:
    account, _ = sandbox.phones.add(CULPRIT, "")
    keys = (client.noise_key.public_key().public_bytes_raw(), client.identity_key.public_key().public_bytes_raw())
    for device in list(account.devices.values()):
        sandbox._accounts.remove(account, device.id)
    sandbox._accounts.link(account, account.new_device(*keys, "wire"))


async def log_in(sandbox: Sandbox, client: WireClient) -> None:
    link_culprit(sandbox, client)
    (device,) = sandbox._accounts.get(CULPRIT).devices
    await client.arrive(login_payload(CULPRIT, device))
    assert (await client.receive()).tag == "success"


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS.keys())
async def test_a_wrong_opening_ends_the_connection_at_once(
    sandbox: Sandbox, new_wire: NewWire, opening: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "".join(map(bytes.hex, opening)) == "574106":  # it can only be waited for
        monkeypatch.setattr(server, "ARRIVAL_SECONDS", 0.3)
    bystander, culprit = new_wire(), new_wire()
    await bystander.pair()

    await say(culprit, opening)

    assert await asyncio.wait_for(culprit.ended(), 5)
    assert await bystander.ping()


# --- what is said once the handshake is through -----------------------------------------------------------------------


BOMB = b"\x02" + zlib.compress(bytes(MAX_BYTES * 8), 1)
ATTRIBUTES = b"\0\xf8\2\x19\xf9\0\x0f" + (b"\xf9\xff\xff\x19" + b"\4\xfa\3\3" * 32767) * 15
PACKED = b"\x02" + zlib.compress(ATTRIBUTES[1:])


def send_twice(client: WireClient) -> None:
    sealed = client.outward.encrypt(b"\0\xf8\1\x19")
    client.send_frame(sealed)
    client.send_frame(sealed)


FRAMES: dict[str, Callable[[WireClient], None]] = {
    "a frame sent twice": send_twice,
    "a frame shorter than its seal": lambda client: client.send_frame(b"short"),
    "an empty frame": lambda client: client.send_frame(b""),
    "an empty payload": lambda client: client.send_plain(b""),
    "a bomb": lambda client: client.send_plain(BOMB),
    "half a bomb": lambda client: client.send_plain(BOMB[:1000]),
    "half a million attributes": lambda client: client.send_plain(ATTRIBUTES),
    "half a million attributes in two kilobytes": lambda client: client.send_plain(PACKED),
    "a frame of a size that none has": lambda client: client.send_raw((MAX_FRAME + 1).to_bytes(3, "big") + bytes(99)),
    "the header once more": lambda client: client.send_raw(HEADER),
}


@pytest.mark.parametrize("misbehave", FRAMES.values(), ids=FRAMES.keys())
async def test_a_wrong_frame_ends_the_connection_at_once(
    sandbox: Sandbox, new_wire: NewWire, misbehave: Callable[[WireClient], None]
) -> None:
    bystander, culprit = new_wire(), new_wire()
    await bystander.pair()
    await log_in(sandbox, culprit)

    misbehave(culprit)

    assert await asyncio.wait_for(culprit.ended(), 5)
    assert await bystander.ping()


TAGS = ("iq", "message", "receipt", "ack", "presence", "chatstate", "call", "notification", "ib", "stream:error")
SPACES = (
    *("encrypt", "usync", "w:g2", "w:m", "w:p", "privacy", "disappearing_mode", "urn:xmpp:whatsapp:push", "abt"),
    *("md", "passive", "w:stats", "blocklist", "w:profile:picture", "status", "tos", "w:sync:app:state", "newsletter"),
)
NAMES = (
    *("id", "to", "from", "type", "xmlns", "participant", "recipient", "class", "t", "v", "count", "phash", "offline"),
    *("name", "category", "sid", "mode", "context", "index", "last", "edit", "code", "jid", "reason", "error", "media"),
)
PARTS = (
    *("enc", "participants", "to", "device-identity", "list", "key", "id", "value", "skey", "registration", "identity"),
    *("usync", "query", "user", "devices", "contact", "create", "add", "remove", "promote", "demote", "participant"),
    *("subject", "leave", "group", "media_conn", "tokens", "token", "count", "rotate", "item", "composing", "paused"),
    *("retry", "keys", "body", "reporting", "meta", "unavailable", "privacy", "category", "link_code_companion_reg"),
)


class Babble:
    """Nodes of the words that the protocol has, put together by chance: some of them nearly right."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def node(self) -> Node:
        pick = self._chance.choice
        attrs = {name: self._attribute() for name in self._chance.sample(NAMES, self._chance.randint(0, 5))}
        if self._chance.random() < 0.9:
            attrs |= {"id": "1", "type": pick(("get", "set", "result", "text", "media", "read", "retry", "played"))}
            attrs |= {"xmlns": pick(SPACES), "to": self._jid()}
        return Node(pick(TAGS), attrs, tuple(self._part(3) for _ in range(self._chance.randint(0, 3))) or None)

    def _part(self, depth: int) -> Node:
        attrs = {name: self._attribute() for name in self._chance.sample(NAMES, self._chance.randint(0, 3))}
        return Node(self._chance.choice(PARTS), attrs, self._content(depth - 1))

    def _content(self, depth: int) -> Content:
        kind = self._chance.randrange(4 if depth else 3)
        if kind == 0:
            return None
        if kind < 3:
            return self._chance.randbytes(self._chance.choice((0, 1, 3, 4, 32, 33, 64, 200))) or None
        return tuple(self._part(depth) for _ in range(self._chance.randint(1, 4)))

    def _attribute(self) -> Attribute:
        return (
            self._jid()
            if self._chance.random() < 0.4
            else self._chance.choice(("1", "0", "-5", "x", "2", "é", "w" * 300))
        )

    def _jid(self) -> Jid:
        user = self._chance.choice((NUMBER, OTHER, CULPRIT, "0", "120363000000000001", "999999999999999", ""))
        where = self._chance.choice(("s.whatsapp.net", "s.whatsapp.net", "lid", "g.us", "broadcast", "newsletter"))
        return Jid(user, where, self._chance.choice((0, 0, 0, 1, 255)) if where in {"s.whatsapp.net", "lid"} else 0)


@pytest.mark.parametrize("is_linked", [True, False], ids=["logged in", "pairing"])
async def test_whatever_nodes_a_client_makes_up_it_is_answered_or_cut_off_and_nobody_else_notices(
    sandbox: Sandbox, linked: Linked, new_wire: NewWire, caplog: pytest.LogCaptureFixture, *, is_linked: bool
) -> None:
    babble = Babble(20261124)
    said = cut_off = 0
    with caplog.at_level(logging.WARNING):
        async with chatting(linked):
            while said < 4000:
                client = new_wire()
                if is_linked:
                    await log_in(sandbox, client)
                else:
                    await client.pair()
                for _ in range(40):
                    client.send(babble.node())
                    said += 1
                client.send(Node("iq", {"type": "get", "xmlns": "w:p", "id": "the last word"}))
                cut_off += not await was_heard(client)
                client.close()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert cut_off < said / 40, "nothing was ever answered"


async def was_heard(client: WireClient) -> bool:
    """Whether the last word is answered; False if the connection ended before."""
    try:
        while (await client.receive()).text("id") != "the last word":
            pass
    except (EOFError, ConnectionError):
        return False
    return True


# --- many at once -----------------------------------------------------------------------------------------------------


async def test_sessions_chat_on_through_a_storm_and_nothing_of_it_stays(
    sandbox: Sandbox, linked: Linked, new_wire: NewWire, caplog: pytest.LogCaptureFixture
) -> None:
    async def storm(opening: tuple[bytes, ...]) -> None:
        client = new_wire()
        await say(client, opening)
        if opening == OPENINGS["a header that never ends"]:
            client.close()
        assert await client.ended()

    async def break_in(misbehave: Callable[[WireClient], None]) -> None:
        client = new_wire()
        await client.arrive(pairing_payload(client))
        misbehave(client)
        assert await client.ended()

    async with chatting(linked) as took:
        before = len(sandbox._server._connections)
        for _ in range(4):
            await asyncio.gather(*map(storm, OPENINGS.values()), *map(break_in, FRAMES.values()))
        await until(lambda: len(sandbox._server._connections) == before)
        calm = len(took)
        await until(lambda: len(took) > calm)
    gc.collect()
    assert len([link for link in gc.get_objects() if isinstance(link, Link)]) <= 4
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


async def test_sessions_chat_on_beside_clients_that_are_slow_silent_or_deaf(
    sandbox: Sandbox, linked: Linked, new_wire: NewWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ARRIVAL_SECONDS", 1.5)
    silent, dripping, deaf = ([new_wire() for _ in range(count)] for count in (100, 20, 4))
    async with chatting(linked) as took:
        before = len(sandbox._server._connections)
        for client in silent:
            await client.connect()
        drips = [asyncio.create_task(drip(client)) for client in dripping]
        await asyncio.gather(*map(fill, deaf))
        assert all(await asyncio.gather(*drips)), "one of them got in"
        await until(lambda: len(sandbox._server._connections) == before + len(deaf))
        seen = len(took)
        await until(lambda: len(took) > seen)


async def drip(client: WireClient) -> bool:
    """A request, a byte at a time; whether the server lost its patience."""
    await client.connect()
    try:
        for byte in itertools.cycle(b"CONNECT web.whatsapp.com:443 HTTP/1.1\r\nX: "):
            client._writer.write(bytes([byte]))
            await client._writer.drain()
            await asyncio.sleep(0.05)
            if client._reader.at_eof():
                return True
    except OSError:
        return True
    return False


async def fill(client: WireClient) -> None:
    """Asks and asks, and reads nothing: what it is answered piles up, on its own account."""
    await client.pair()
    for _ in range(3000):
        client.send(Node("iq", {"type": "get", "xmlns": "w:p", "id": "x" * 200, "to": SERVER}))
