"""A credential that has ended ends its sockets, whatever they do to stay."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from talkabiz.domain.access import Kind, Principal
from talkabiz.realtime.server import GUARD_SECONDS
from talkabiz.store import keys
from tests.edges import API_KEY, FACT_SECONDS, House, Json
from tests.realtime.conftest import Open, Socket
from tests.realtime.scenes import (
    CALLER,
    EVERY_KLIEN,
    NAME,
    PHONE,
    UNAUTHORIZED,
    code_of,
    id_of_link,
    let_everything_happen,
)
from tests.realtime.wire import CONNECTED, EVENT, GONE, REFUSED, wire
from tests.web.test_matrix import rows

SLACK_SECONDS = 1.5


@pytest.fixture(name="secret_id")
async def _secret_id(house: House, address: str) -> int:
    klien_id = await house.add_klien(NAME)
    await house.link(klien_id, PHONE)
    return klien_id


@pytest.fixture(name="other_id")
async def _other_id(house: House, secret_id: int) -> int:
    return await house.add_klien("Toko Bulan")


@dataclass
class Ending:
    """A credential, and how it ends; `is_watching` it is put into its klien's room by the server."""

    name: str
    show: Json
    end: Callable[[], Awaitable[object]]
    cookie: str = ""


async def endings(house: House, klien_id: int, doomed_id: int) -> list[Ending]:
    """All of them, each of its own credential."""
    access, operators, now = house.desk.access, house.desk.operators, house.clock.now()

    async def revoke(kind: Kind, of: int | None = None) -> tuple[str, Callable[[], Awaitable[object]]]:
        made = await access.make_key(kind, of)
        return made.token, partial(access.revoke_key, made.row.id, caller=CALLER)

    async def revoke_link() -> None:
        await keys.revoke_key(await id_of_link(house, ended_link), house.clock.now())

    async def pass_time() -> None:
        house.clock.advance(61)

    async def change_password() -> None:
        await operators.set_password(await _person(house, kept), "a-long-new-password", current="", keep=kept)

    async def log_out_everywhere() -> None:
        await operators.log_out_everywhere(await _person(house, left))

    (admin, end_admin), (klien, end_klien) = await revoke(Kind.ADMIN), await revoke(Kind.KLIEN, klien_id)
    expiring = await access.make_key(Kind.KLIEN, klien_id, expires_at=now + timedelta(seconds=60))
    expiring_link = (await access.make_link_token(klien_id, 1, caller=CALLER)).token
    ended_link = (await access.make_link_token(klien_id, caller=CALLER)).token
    doomed_link = (await access.make_link_token(doomed_id, caller=CALLER)).token
    login, kept, changed = await house.login(), await login_as(house, "budi"), await login_as(house, "budi")
    left = await login_as(house, "sari")
    erase = partial(house.desk.kliens.erase, doomed_id)
    return [
        Ending("a revoked admin key", {"token": admin}, end_admin),
        Ending("a revoked klien key", {"token": klien}, end_klien),
        Ending("a revoked link token", {"token": ended_link}, revoke_link),
        Ending("the key of a deleted klien", {"token": await house.key_of(doomed_id)}, erase),
        Ending("the link token of a deleted klien", {"token": doomed_link}, _nothing_more),
        Ending("logged out", {}, partial(operators.log_out, login), login),
        Ending("logged out everywhere", {}, log_out_everywhere, left),
        Ending("another login changed the password", {}, change_password, changed),
        Ending("an expired klien key", {"token": expiring.token}, pass_time),
        Ending("an expired link token", {"token": expiring_link}, _nothing_more),
    ]


async def test_no_socket_outlives_its_credential_by_more_than_two_seconds(
    house: House, address: str, secret_id: int, other_id: int
) -> None:
    """Each way in which one ends. Clients that stay all the same hear nothing afterwards."""
    ways = await endings(house, secret_id, other_id)
    kept = [API_KEY, await house.key_of(secret_id)]
    async with AsyncExitStack() as stack:
        clients = []
        for way in ways:
            cookie = {"Cookie": f"talkabiz_session={way.cookie}"} if way.cookie else {}
            client = await stack.enter_async_context(wire(address, **cookie))
            assert (await client.connect(way.show or None)).startswith(CONNECTED), way.name
            if "klien" not in way.name and "link" not in way.name:
                assert "snapshot" in await client.ask("subscribe", {"klien_id": secret_id})
                assert "snapshots" in await client.ask("subscribe", {"klien_id": EVERY_KLIEN})
            clients.append(client)
        others = [await stack.enter_async_context(wire(address)) for _ in kept]
        for client, token in zip(others, kept, strict=True):
            await client.connect({"token": token})
        await house.show_qr(other_id)

        ended_at = time.monotonic()
        for way in ways:
            await way.end()
        async with asyncio.timeout(GUARD_SECONDS + SLACK_SECONDS):
            for way, client in zip(ways, clients, strict=True):
                assert await client.wait_for(GONE) == GONE, way.name
        assert time.monotonic() - ended_at < GUARD_SECONDS + SLACK_SECONDS
        heard = [len(client.frames) for client in clients]
        await let_everything_happen(house, address, secret_id)
        for way, client, before in zip(ways, clients, heard, strict=True):
            await client.connect(None, "/nowhere")  # whatever was on its way has arrived by the answer
            assert client.frames[before:] == [f'{REFUSED}/nowhere,"Unable to connect"'], way.name
            cookie = {"Cookie": f"talkabiz_session={way.cookie}"} if way.cookie else {}
            async with wire(address, **cookie) as again:
                assert await again.connect(way.show or None) == UNAUTHORIZED, f"{way.name}: it came back"
        assert [len(client.frames) > 1 and not client.is_closed for client in others] == [True, True]
        assert {GONE} & {frame for client in others for frame in client.frames} == set()
        assert len(house.rooms.visitors()) == len(others)
    assert house.rooms.count(secret_id) <= 1


async def test_nothing_is_done_with_a_credential_that_has_ended_while_its_socket_is_still_open(
    house: House, address: str, secret_id: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = await house.desk.access.make_key(Kind.KLIEN, secret_id)
    async with wire(address) as client:
        await client.connect({"token": made.token})
        await client.wait_for(f'{EVENT}["snapshot"')
        with monkeypatch.context() as patch:
            patch.setattr(house.realtime, "check_visitors", _nothing_more)  # as if it hadn't looked yet
            await house.desk.access.revoke_key(made.row.id, caller=CALLER)
            before, asked_before = rows(tmp_path), list(house.whatsapp.asked)
            for command in ("start", "refresh", "disconnect_wa"):
                assert code_of(await client.ask(command, {"klien_id": secret_id})) == "unauthorized"
            assert rows(tmp_path) == before
            assert house.whatsapp.asked == asked_before


async def test_an_event_named_disconnect_takes_no_socket_out_of_the_guards_sight(
    house: House, address: str, secret_id: int
) -> None:
    """The library hands a client's event of that name to the handler of real partings."""
    made = await house.desk.access.make_key(Kind.KLIEN, secret_id)
    async with wire(address) as client:
        await client.connect({"token": made.token})
        await client.wait_for(f'{EVENT}["snapshot"')
        for payload in ((), ("transport close",), (1, 2, 3)):
            assert code_of(await client.ask("disconnect", *payload)) == "not_found"
        assert house.rooms.count(secret_id) == 1
        await house.desk.access.revoke_key(made.row.id, caller=CALLER)
        await house.realtime.check_visitors()
        assert await client.wait_for(GONE) == GONE
        assert house.rooms.count(secret_id) == 0


async def test_an_event_named_connect_makes_nobody_somebody_else(
    house: House, address: str, secret_id: int, other_id: int
) -> None:
    """As above, of real comings: the client would choose its own address, and hide one credential behind another."""
    other_key = await house.key_of(other_id)
    async with wire(address) as client:
        answer = await client.connect({"token": await house.key_of(secret_id)})
        sid = json.loads(answer.removeprefix(CONNECTED))["sid"]
        before = house.rooms.visitor(sid)
        forged = {
            "asgi.scope": {"client": ["203.0.113.7", 1]},
            "HTTP_COOKIE": f"talkabiz_session={await house.login()}",
        }
        for payload in ((), (forged,), (forged, {"token": other_key}), (forged, {"token": other_key}, 1), (None, None)):
            assert code_of(await client.ask("connect", *payload)) == "not_found"
        assert house.rooms.visitor(sid) is before
        assert before
        assert before.address == "127.0.0.1"


NONSENSE = (
    *("42{}", "42[]", "42null", '42"x"', "42[[1]]", '42[{"a":1}]', "42[null]", "42[1]", "42", "43", "431", '43"x"'),
    *("451-", '451-["subscribe",{"_placeholder":true,"num":0}]', '4599-["x"]', "45", "46", "47", "48", "49", "4"),
    *('44"x"', "41/x,", "40/x", "40[", "40{", '42["subscribe"', "0", "1", "3", "5", "6", "7", "x", "", "b4AAAA"),
)


async def test_frames_that_make_no_sense_cost_the_others_nothing(
    house: House, address: str, connect: Open, klien_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Before and after somebody has come in. The server of the application takes none of them for a fault of ours."""
    socket: Socket = await connect()
    async with AsyncExitStack() as stack:
        for frame in NONSENSE:
            for auth in (None, {"token": API_KEY}):
                client = await stack.enter_async_context(wire(address))
                if auth:
                    await client.connect(auth)
                for each in (frame, frame, EVENT + '["subscribe"]'):
                    await client.say(each)
        assert (await socket.ask("subscribe", klien_id=klien_id))["snapshot"]["klien_id"] == klien_id
    async with asyncio.timeout(FACT_SECONDS):
        while len(house.rooms.visitors()) > 1:
            await asyncio.sleep(0.01)
    assert (await socket.ask("start", klien_id=klien_id))["status"] == "qr_requested"
    assert [record.name for record in caplog.records if record.name == "hypercorn.error" and record.exc_info] == []


async def login_as(house: House, name: str) -> str:
    operators = house.desk.operators
    login = await operators.log_in_by_link(await operators.make_login_link(name))
    assert login
    return login


async def _person(house: House, login: str) -> Principal:
    found = await house.desk.operators.by_login(login)
    assert found
    return found


async def _nothing_more() -> None:
    """It ends with the one before it."""
