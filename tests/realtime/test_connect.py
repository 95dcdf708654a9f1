"""Who may connect, from where, and for how long."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
import socketio

from talkabiz.domain.access import Scope
from talkabiz.store import keys
from tests.edges import API_KEY, FACT_SECONDS, House
from tests.realtime.conftest import Open, Socket


async def assert_refused(connect: Open, **how: object) -> None:
    with pytest.raises(ConnectionRefusedError) as refused:
        await connect(**how)
    assert refused.value.args == ({"message": "unauthorized"},)


async def be_gone(socket: Socket) -> None:
    """Wait until the server has closed this socket."""
    async with asyncio.timeout(FACT_SECONDS):
        await socket.client.wait()


@pytest.mark.parametrize("token", ["wrong", "", 1, True, ["x"], {}, "\ud800", "x" * 10_000])
async def test_a_wrong_token_is_refused(connect: Open, token: object) -> None:
    await assert_refused(connect, token=token)


async def test_a_wrong_token_is_not_made_good_by_a_cookie(house: House, connect: Open) -> None:
    await assert_refused(connect, token="wrong", headers={"Cookie": f"talkabiz_session={await house.login()}"})


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_an_operators_cookie_opens_a_socket(house: House, connect: Open, klien_id: int, transport: str) -> None:
    headers = {"Cookie": f"theme=dark; talkabiz_session={await house.login()}"}
    socket = await connect(token=None, transport=transport, headers=headers)
    assert (await socket.ask("subscribe", klien_id=klien_id))["snapshot"]["klien_id"] == klien_id


async def test_a_made_up_cookie_is_refused(connect: Open) -> None:
    await assert_refused(connect, token=None, headers={"Cookie": "talkabiz_session=made-up"})
    await assert_refused(connect, token=None)


async def test_a_key_that_may_not_look_is_refused(house: House, connect: Open, klien_id: int) -> None:
    await assert_refused(connect, token=await house.key_of(klien_id, Scope.MESSAGE, Scope.WEBHOOK))


async def test_a_kliens_key_is_put_into_its_room_and_shown_how_things_are(
    house: House, connect: Open, klien_id: int
) -> None:
    socket = await connect(await house.key_of(klien_id))
    assert (await socket.wait_for("snapshot"))["klien_id"] == klien_id
    assert house.rooms.count(klien_id) == 1
    await house.link(klien_id)
    await socket.wait_for("connected")
    assert socket.names() == ["snapshot", "qr_requested", "qr_ready", "scanning", "connected"]


# --- from where -------------------------------------------------------------------------------------------------------


async def handshake(address: str, origin: str | None, **headers: str) -> int:
    """The status of a browser's first request from a page of that origin."""
    url = f"{address}/socket.io/?EIO=4&transport=polling"
    given = {**headers, **({"Origin": origin} if origin else {})}
    async with aiohttp.ClientSession() as http, http.get(url, headers=given) as answer:
        return answer.status


async def test_a_page_of_another_site_opens_nothing(address: str) -> None:
    for origin in ("http://evil.example", "https://127.0.0.1", f"{address}.evil.example", "null", "x", f"{address}0"):
        assert await handshake(address, origin) == 400, origin
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(
                f"{address}/socket.io/?EIO=4&transport=websocket", headers={"Origin": "http://evil.example"}
            )


async def test_our_own_pages_do(address: str) -> None:
    for origin in (address, None, "http://localhost", "http://localhost:80"):  # the last two: BASE_URL
        assert await handshake(address, origin) == 200, origin
    behind_proxy = {"Host": "wa.example.com", "X-Forwarded-Proto": "https"}
    assert await handshake(address, "https://wa.example.com", **behind_proxy) == 200
    assert await handshake(address, "https://other.example.com", **behind_proxy) == 400


async def test_messages_are_never_compressed(address: str) -> None:
    url = f"{address}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as http, http.ws_connect(url, compress=15) as socket:
        assert socket.compress == 0
        assert (await socket.receive_str()).startswith("0{")


async def test_messages_have_a_limit(connect: Open, klien_id: int) -> None:
    socket = await connect()
    await socket.client.emit("subscribe", {"klien_id": klien_id, "x": "y" * 70_000})
    await be_gone(socket)
    assert (await (await connect()).ask("subscribe", klien_id=klien_id))["gap"] is False


# --- for how long -----------------------------------------------------------------------------------------------------


async def test_a_socket_ends_with_its_login(house: House, connect: Open, klien_id: int) -> None:
    login = await house.login()
    socket = await connect(token=None, headers={"Cookie": f"talkabiz_session={login}"})
    admin = await connect()
    await socket.ask("subscribe", klien_id=klien_id)
    await house.desk.operators.log_out(login)
    await be_gone(socket)
    assert house.rooms.count(klien_id) == 0
    assert admin.client.connected


async def test_a_socket_ends_with_its_key(house: House, connect: Open, klien_id: int) -> None:
    key = await house.key_of(klien_id)
    principal = await house.desk.access.by_token(key)
    assert principal
    socket = await connect(key)
    await socket.wait_for("snapshot")
    await keys.revoke_key(principal.credential_id, house.clock.now())
    await be_gone(socket)


async def test_closing_down_says_goodbye(house: House, connect: Open) -> None:
    socket = await connect()
    await house.realtime.close_sockets()
    await be_gone(socket)


async def test_before_it_is_open_nobody_is_let_in(house: House) -> None:
    refused = await _refusal_of(house)
    assert refused.error_args == {"message": "starting"}


async def _refusal_of(house: House) -> socketio.exceptions.ConnectionRefusedError:
    with pytest.raises(socketio.exceptions.ConnectionRefusedError) as refused:
        await house.realtime._connect("sid", {}, {"token": API_KEY})
    found: socketio.exceptions.ConnectionRefusedError = refused.value
    return found
