"""What a klien's person does with a link, from its first look to its end. Who else may what: test_matrix.py."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from talkabiz.domain.quota import Quota
from talkabiz.realtime.server import GUARD_SECONDS
from talkabiz.services.allowances import Quotas
from talkabiz.store import keys
from tests.edges import House, open_house, serving
from tests.realtime.conftest import Open, Socket
from tests.realtime.scenes import CALLER, id_of_link
from tests.realtime.wire import wire

SLACK_SECONDS = 1.0


@pytest.fixture(name="token")
async def _token(house: House, klien_id: int) -> str:
    return (await house.desk.access.make_link_token(klien_id, caller=CALLER)).token


async def test_a_link_goes_all_the_way(house: House, connect: Open, klien_id: int, token: str) -> None:
    socket = await connect(token)
    assert (await socket.wait_for("snapshot"))["status"] == "disconnected"
    assert house.rooms.count(klien_id) == 1, "it watches: rounds go on"
    assert (await socket.ask("start", klien_id=klien_id))["status"] == "qr_requested"
    house.whatsapp.enter(klien_id)
    house.whatsapp.show_code(klien_id)
    assert (await socket.wait_for("qr_ready"))["qr"]["svg"].startswith("<svg")
    assert (await socket.ask("refresh", klien_id=klien_id))["status"] == "qr_ready"
    house.whatsapp.pair(klien_id)
    await socket.wait_for("scanning")
    house.whatsapp.link_up(klien_id)
    await socket.wait_for("connected")
    assert (await socket.ask("disconnect_wa", klien_id=klien_id))["reason"] == "by_user"


async def test_what_it_does_is_noted_as_its_own(house: House, connect: Open, klien_id: int, token: str) -> None:
    socket = await connect(token)
    await socket.ask("start", klien_id=klien_id)
    newest = (await house.desk.audit.page())[0]
    link_id = await id_of_link(house, token)
    assert (newest.action, newest.actor, newest.address) == ("session_started", f"link:{link_id}", "127.0.0.1")


async def test_no_other_klien_and_no_list_is_there_for_it(
    house: House, connect: Open, klien_id: int, token: str
) -> None:
    other = await house.add_klien("Warung Bulan")
    socket = await connect(token)
    for command in ("subscribe", "unsubscribe", "start", "refresh", "disconnect_wa"):
        await socket.refusal(command, klien_id=other, code="not_found")
    await socket.refusal("subscribe", klien_id="*", code="not_found")
    await house.link(other, "628111222333")
    await house.link(klien_id)
    await socket.wait_for("connected")
    assert {data["klien_id"] for _, data in socket.events} == {klien_id}


async def test_too_many_starts_are_told_with_the_time_that_is_left(tmp_path: Path) -> None:
    quotas = Quotas(starts=Quota(1, 3600))
    async with open_house(tmp_path, quotas=quotas) as house, serving(house) as address, wire(address) as person:
        klien_id = await house.add_klien()
        await person.connect({"token": (await house.desk.access.make_link_token(klien_id, caller=CALLER)).token})
        for command in ("start", "disconnect_wa"):
            assert "error" not in await person.ask(command, {"klien_id": klien_id})
        house.clock.advance(600)
        for command in ("start", "refresh"):
            error = (await person.ask(command, {"klien_id": klien_id}))["error"]
            assert (error["code"], error["retry_after"]) == ("too_many_starts", 3000), command
            assert error["message"]["id"].startswith("Terlalu banyak request")
        assert (await house.desk.sessions.live(klien_id))["status"] == "disconnected"


async def be_closed(socket: Socket) -> None:
    async with asyncio.timeout(GUARD_SECONDS + SLACK_SECONDS):
        await socket.client.wait()


@pytest.mark.parametrize("end", ["expiry", "revocation"])
async def test_at_its_end_the_socket_is_closed_within_two_seconds_and_no_other_is_opened(
    house: House, connect: Open, klien_id: int, token: str, end: str
) -> None:
    socket, kept = await connect(token), await connect()
    await house.show_qr(klien_id)
    await socket.wait_for("qr_ready")
    if end == "expiry":
        house.clock.advance(15 * 60)
    else:
        await keys.revoke_key(await id_of_link(house, token), house.clock.now())
    await socket.refusal("refresh", klien_id=klien_id, code="unauthorized")  # not even until then
    await be_closed(socket)
    assert house.rooms.count(klien_id) == 0
    with pytest.raises(ConnectionRefusedError) as refused:
        await connect(token)
    assert refused.value.args == ({"message": "unauthorized"},)
    assert kept.client.connected
