"""Every command of a socket, and the connection itself, x every credential that must not do: the documented code,
nothing leaks, nothing changes.

The commands and rooms come from the product's own tables. One that isn't known here fails: write down what it needs,
and it is asked in every wrong way.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from talkabiz.domain.access import Kind, Scope
from talkabiz.realtime import rooms
from talkabiz.store import keys
from tests.edges import API_KEY, House
from tests.realtime.scenes import (
    CALLER,
    EVERY_KLIEN,
    NAME,
    PHONE,
    SAID,
    SECRETS,
    UNAUTHORIZED,
    code_of,
    id_of_link,
    let_everything_happen,
    say,
)
from tests.realtime.wire import CONNECTED, EVENT, REFUSED, Wire, wire
from tests.web.test_matrix import rows

# Each command of a socket: whether it acts, and so needs the scope `session`.
COMMANDS = {
    "subscribe": False,
    "unsubscribe": False,
    "start": True,
    "refresh": True,
    "pairing_code": True,
    "disconnect_wa": True,
}
# What who may is told when nothing but the klien is named, if not a snapshot.
INCOMPLETE = {"pairing_code": "invalid_input"}
# Names that Socket.IO has a meaning for, or that other servers take.
NO_COMMANDS = ("connect", "disconnect", "*", "connect_error", "join", "enter_room", "room", "message", "emit", "")
ROOMS = {"LIST_ROOM", "klien_room", "chats_room"}


def test_the_matrix_knows_every_command(house: House) -> None:
    from talkabiz.realtime.commands import Commands

    for name in Commands(None, rooms.Rooms(), house.desk)._known:
        assert name in COMMANDS, f"{name} is new: put into COMMANDS whether it acts"
        assert name not in NO_COMMANDS, f"{name} means something to Socket.IO itself"
    assert set(Commands(None, rooms.Rooms(), house.desk)._known) == set(COMMANDS), "one of these is gone"


def test_the_matrix_knows_every_room() -> None:
    found = {name for name in vars(rooms) if name.lower().endswith("_room")}
    assert found == ROOMS, "a new room: prove below that nobody gets into it who may not, then put it into ROOMS"


@pytest.fixture(name="secret_id")
async def _secret_id(house: House, address: str) -> int:
    """A linked klien, about whom others must learn nothing."""
    klien_id = await house.add_klien(NAME)
    await house.link(klien_id, PHONE)
    return klien_id


@pytest.fixture(name="other_id")
async def _other_id(house: House, secret_id: int) -> int:
    return await house.add_klien("Toko Bulan")


# --- who doesn't even get in ------------------------------------------------------------------------------------------


@dataclass
class Stranger:
    """What somebody shows at the door. `auth` is sent as it is."""

    name: str
    auth: object = None
    cookie: str = ""
    expected: str = UNAUTHORIZED

    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie} if self.cookie else {}


async def strangers(house: House, klien_id: int) -> list[Stranger]:
    access = house.desk.access
    soon = house.clock.now() + timedelta(seconds=1)
    expired, expired_klien = (
        await access.make_key(Kind.ADMIN, expires_at=soon),
        await access.make_key(Kind.KLIEN, klien_id, expires_at=soon),
    )
    revoked = await access.make_key(Kind.ADMIN)
    await access.revoke_key(revoked.row.id, caller=CALLER)
    old_link = await access.make_link_token(klien_id, 1, caller=CALLER)
    ended_link = await access.make_link_token(klien_id, caller=CALLER)
    await keys.revoke_key(await id_of_link(house, ended_link.token), house.clock.now())
    ended_login = await house.login()
    await house.desk.operators.log_out(ended_login)
    house.clock.advance(61)
    link = await access.make_link_token(klien_id, caller=CALLER)
    key, login = await house.key_of(klien_id), await house.login()
    tokens: dict[str, object] = {
        "an empty token": "",
        "a made-up token": "tkb_00000000_00000000000000000000000000000000",
        "a made-up link token": "tkl_00000000000000000000000000000000",
        "an expired admin key": expired.token,
        "an expired klien key": expired_klien.token,
        "a revoked key": revoked.token,
        "an expired link token": old_link.token,
        "a revoked link token": ended_link.token,
        "a key for messages": await house.key_of(klien_id, Scope.MESSAGE),
        "a key for webhooks": await house.key_of(klien_id, Scope.WEBHOOK),
        "a login as a token": login,
        "a key with more behind it": f"{key} ",
        "a key within a scheme": f"Bearer {key}",
        "a key in a list": [key],
        "a key in an object": {"token": key},
        "a link token as a key": link.token.replace("tkl_", "tkb_"),
        "a key as a link token": key.replace("tkb_", "tkl_"),
        "a number": 1,
        "true": True,
        "nothing": None,
        "a long token": "x" * 60_000,
    }
    return [
        Stranger("no credential"),
        *(Stranger(name, {"token": token}) for name, token in tokens.items()),
        Stranger("a key without its name", key),
        Stranger("a key by another name", {"key": key, "apikey": key, "Authorization": f"Bearer {key}"}),
        Stranger("a list", [{"token": key}]),
        Stranger("a token of 1 MB", {"token": "x" * 1_000_000}, expected="closed"),
        Stranger("a login that was ended", cookie=f"talkabiz_session={ended_login}"),
        Stranger("a key as a cookie", cookie=f"talkabiz_session={key}"),
        Stranger("a link token as a cookie", cookie=f"talkabiz_session={link.token}"),
        Stranger("a login beside a wrong key", {"token": "wrong"}, f"talkabiz_session={login}"),
    ]


async def test_whoever_may_not_come_in_learns_nothing_and_changes_nothing(
    house: House, address: str, secret_id: int, tmp_path: Path
) -> None:
    """A refused client sends its commands all the same: the connection below Socket.IO is still there."""
    everybody = await strangers(house, secret_id)
    before, asked_before = rows(tmp_path), list(house.whatsapp.asked)
    async with AsyncExitStack() as stack:
        there: list[tuple[Stranger, Wire]] = []
        for stranger in everybody:
            client = await stack.enter_async_context(wire(address, **stranger.headers()))
            there.append((stranger, client))
            assert await client.connect(stranger.auth) == stranger.expected, stranger.name
            if not client.is_closed:
                await _try_everything(client, secret_id)
        assert house.rooms.visitors() == {}
        assert rows(tmp_path) == before
        assert house.whatsapp.asked == asked_before
        await let_everything_happen(house, address, secret_id)
        for stranger, client in there:
            said = [frame for frame in client.frames if not frame.startswith(("0{", REFUSED))]
            assert (stranger.name, said) == (stranger.name, [])


async def _try_everything(client: Wire, klien_id: int) -> None:
    for command in (*COMMANDS, *NO_COMMANDS):
        await client.say(f"{EVENT}7{json.dumps([command, {'klien_id': klien_id}])}")
        await client.say(f"{EVENT}7{json.dumps([command, {'klien_id': EVERY_KLIEN}])}")
    for namespace in (f"/klien:{klien_id}", "/kliens", "/*", "/admin"):
        await client.connect({"token": API_KEY}, namespace)
    # It answers nothing until it has read all the above: they are taken in order.
    await client.say(CONNECTED + '/end,{"token":""}')
    assert await client.wait_for(f"{REFUSED}/end,") != "closed"


async def test_a_foreign_page_with_an_operators_cookie_gets_no_socket(
    house: House, address: str, secret_id: int, tmp_path: Path
) -> None:
    cookie = f"talkabiz_session={await house.login()}"
    before = rows(tmp_path)
    for origin in ("https://evil.example", "null", f"{address}.evil.example", "http://127.0.0.1"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with wire(address, Cookie=cookie, Origin=origin):
                pass
        assert refused.value.status == 403
        url = f"{address}/socket.io/?EIO=4&transport=polling"
        async with (
            aiohttp.ClientSession() as http,
            http.get(url, headers={"Cookie": cookie, "Origin": origin}) as answer,
        ):
            assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (400, False)
    async with wire(address, Cookie=cookie, Origin=address) as own:
        assert (await own.connect()).startswith(CONNECTED)
        assert "snapshot" in await own.ask("subscribe", {"klien_id": secret_id})
    assert rows(tmp_path) == before


async def test_a_credential_in_the_address_or_in_a_header_opens_no_socket(address: str, secret_id: int) -> None:
    for name in ("token", "key", "apikey", "api_key", "access_token", "auth", "authorization"):
        async with wire(address, f"&{name}={API_KEY}") as client:
            assert await client.connect() == UNAUTHORIZED, name
    for name in ("Authorization", "X-Api-Key"):
        async with wire(address, **{name: f"Bearer {API_KEY}"}) as client:
            assert await client.connect() == UNAUTHORIZED, name


async def test_an_admin_gets_into_no_other_namespace(house: House, address: str, other_id: int) -> None:
    async with wire(address) as client:
        for namespace in ("/admin", f"/klien:{other_id}", "/kliens", "/*", "/sandbox"):
            assert await client.connect({"token": API_KEY}, namespace) == f'{REFUSED}{namespace},"Unable to connect"'
        assert (await client.connect({"token": API_KEY})).startswith(CONNECTED)
    assert set(house.realtime._sio.manager.get_namespaces()) == {"/"}


# --- who gets in, and may not do everything ---------------------------------------------------------------------------


@dataclass
class Guest:
    """Somebody with a right to come in, and the code that each command about the secret klien is answered with."""

    name: str
    token: str
    looking: str | None = "not_found"
    acting: str | None = "not_found"
    list_of_all: str | None = "not_found"
    hears: bool = False
    """Whether it may know what is said."""

    def code(self, command: str) -> str | None:
        """None: it may."""
        return self.acting if COMMANDS[command] else self.looking


async def guests(house: House, secret_id: int, other_id: int) -> list[Guest]:
    link, but_sessions = house.desk.access.make_link_token, set(Scope) - {Scope.SESSION}
    return [
        Guest("another klien's key", await house.key_of(other_id)),
        Guest("another klien's key for reading", await house.key_of(other_id, Scope.READ)),
        Guest("another klien's link", (await link(other_id, caller=CALLER)).token),
        Guest("its own key for reading", await house.key_of(secret_id, Scope.READ), None, "missing_scope", hears=True),
        Guest(
            "its own key for all but sessions",
            await house.key_of(secret_id, *but_sessions),
            None,
            "missing_scope",
            hears=True,
        ),
        Guest("its own key for sessions", await house.key_of(secret_id, Scope.SESSION), None, None),
        Guest("its own key", await house.key_of(secret_id), None, None, hears=True),
        Guest("its own link", (await link(secret_id, caller=CALLER)).token, None, None),
        Guest("an admin key", API_KEY, None, None, None, hears=True),
    ]


@dataclass
class There:
    guest: Guest
    client: Wire
    sid: str


@pytest.fixture(name="there")
async def _there(house: House, address: str, secret_id: int, other_id: int) -> AsyncIterator[list[There]]:
    """All of them, connected."""
    async with AsyncExitStack() as stack:
        found = []
        for guest in await guests(house, secret_id, other_id):
            client = await stack.enter_async_context(wire(address))
            answer = await client.connect({"token": guest.token})
            assert answer.startswith(CONNECTED), guest.name
            if guest.token != API_KEY:
                assert (await client.wait_for(f'{EVENT}["snapshot"')) != "closed"
            found.append(There(guest, client, json.loads(answer.removeprefix(CONNECTED))["sid"]))
        yield found


async def test_whoever_may_not_do_it_is_told_so_learns_nothing_and_changes_nothing(
    house: House, address: str, secret_id: int, other_id: int, there: list[There], *, tmp_path: Path
) -> None:
    before, asked_before = rows(tmp_path), list(house.whatsapp.asked)
    refused = 0
    for each in there:
        asked: list[tuple[str, object, str | None]] = [
            *((command, secret_id, each.guest.code(command)) for command in COMMANDS),
            *((command, EVERY_KLIEN, each.guest.list_of_all) for command in ("subscribe", "unsubscribe")),
        ]
        for command, klien_id, code in asked:
            if code is None:
                continue
            answer = await each.client.ask(command, {"klien_id": klien_id})
            assert code_of(answer) == code, f"{command} {klien_id} by {each.guest.name}: {answer}"
            assert not [secret for secret in SECRETS if secret in str(answer)]
            refused += 1
    assert refused == 42
    assert rows(tmp_path) == before
    assert house.whatsapp.asked == asked_before
    await let_everything_happen(house, address, secret_id)
    for each in there:
        await _hears_what_it_may(each, secret_id, other_id)


async def _hears_what_it_may(each: There, secret_id: int, other_id: int) -> None:
    await each.client.ask("unsubscribe", {"klien_id": 0})  # whatever was on its way has arrived by the answer
    about = {data["klien_id"] for _, data in each.client.events()}
    if each.guest.token == API_KEY:
        assert about == set(), "it asked for nothing"
    elif each.guest.looking is None:
        assert about == {secret_id}, each.guest.name
        assert any(SAID in frame for frame in each.client.frames) is each.guest.hears, each.guest.name
    else:
        assert about == {other_id}, each.guest.name
        assert not [secret for secret in SECRETS for frame in each.client.frames if secret in frame], each.guest.name


async def test_each_command_of_the_matrix_is_right_but_for_its_credential(
    house: House, secret_id: int, there: list[There]
) -> None:
    """Else a refusal could have another cause."""
    for each in there:
        for command in COMMANDS:
            if each.guest.code(command) is None:
                answer = await each.client.ask(command, {"klien_id": secret_id})
                assert code_of(answer) == INCOMPLETE.get(command), f"{command} by {each.guest.name}: {answer}"
        if each.guest.list_of_all is None:
            assert "snapshots" in await each.client.ask("subscribe", {"klien_id": EVERY_KLIEN})


async def test_what_was_said_is_told_afterwards_to_those_who_may_know_it(
    house: House, secret_id: int, there: list[There]
) -> None:
    await say(house, secret_id)
    for each in there:
        if each.guest.looking is None:
            answer = await each.client.ask("subscribe", {"klien_id": secret_id, "since": 0})
            assert (SAID in str(answer)) is each.guest.hears, each.guest.name
            assert answer["events"][0]["seq"] == 1, "all else is told to both"


async def test_no_payload_leads_into_a_room(
    house: House, address: str, secret_id: int, other_id: int, there: list[There], *, tmp_path: Path
) -> None:
    """Whatever a client sends, in whichever command: its rooms are its own, and that of its own klien."""
    strangers_here = [each for each in there if each.guest.looking]
    before, asked_before = rows(tmp_path), list(house.whatsapp.asked)
    payloads = _payloads(secret_id, other_id, there[-1].sid)
    payloads += [({"klien_id": rooms.chats_room(secret_id)},), (rooms.chats_room(secret_id),)]
    asked = [(command, payload) for command in COMMANDS for payload in payloads]
    asked += [(name, payload) for name in NO_COMMANDS for payload in payloads[::7] + payloads[-3:]]
    for each in strangers_here:
        for command, payload in asked:
            answer = await each.client.ask(command, *payload)
            known = code_of(answer) in {"not_found", "invalid_input", "missing_scope"}
            assert known, f"{command} {payload}: {answer}"
    for each in strangers_here:
        own = {each.sid, rooms.klien_room(other_id)}
        assert own <= set(house.realtime._sio.rooms(each.sid)) <= own | {rooms.chats_room(other_id)}
    assert house.rooms.visitors().keys() == {each.sid for each in there}
    assert rows(tmp_path) == before
    assert house.whatsapp.asked == asked_before
    await let_everything_happen(house, address, secret_id)
    for each in strangers_here:
        await _hears_what_it_may(each, secret_id, other_id)


def _payloads(secret_id: int, own_id: int, sid: str) -> list[tuple[object, ...]]:
    """What might be taken for the id of a klien, or for a room."""
    room = rooms.klien_room(secret_id)
    ids = [
        *(str(secret_id), f" {secret_id}", f"0{secret_id}", f"{own_id},{secret_id}", "\u0661", room, rooms.LIST_ROOM),
        *(
            [secret_id],
            [own_id, secret_id],
            {"klien_id": secret_id},
            {"id": secret_id},
            [EVERY_KLIEN],
            float(secret_id),
        ),
        *(
            True,
            None,
            -secret_id,
            0,
            2**63,
            1e99,
            "",
            sid,
            [room],
            f"../{secret_id}",
            f"{secret_id}; DROP TABLE kliens",
        ),
    ]
    own = {"klien_id": own_id}
    beside = ("room", "rooms", "namespace", "sid", "to", "klien", "klien_ids", "token")
    return [
        *(({"klien_id": value},) for value in ids),
        *(({**own, name: value},) for name in beside for value in (room, [room], secret_id, EVERY_KLIEN, sid)),
        *((value,) for value in (room, secret_id, EVERY_KLIEN, [secret_id], None)),
        *((), (own, {"klien_id": secret_id}), ({"room": room},), (sid, {"klien_id": secret_id}), (sid, own)),
    ]
