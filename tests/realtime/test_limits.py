"""What a socket may ask for how often: pairing attempts from one address, requests with one credential."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.access import Caller, Scope
from talkabiz.domain.limits import Limits
from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Quotas
from tests.edges import API_KEY, House, Json, open_house
from tests.realtime.conftest import Open
from tests.web.test_matrix import rows

STARTS, REQUESTS = Quota(2, 3600), Quota(20, 60)
WORDS = {"id": "Terlalu banyak request. Coba lagi nanti."}


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    quotas = Quotas(starts=STARTS, requests=REQUESTS)
    async with open_house(tmp_path, Limits(qr_request_seconds=30), quotas) as house:
        yield house


async def _links(house: House, klien_id: int) -> str:
    return (await house.desk.access.make_link_token(klien_id, caller=Caller("test"))).token


# --- pairing attempts -------------------------------------------------------------------------------------------------


async def test_attempts_count_by_address_whoever_asks_and_by_whichever_command(
    house: House, connect: Open, tmp_path: Path
) -> None:
    ids = [await house.add_klien(f"Toko {n}") for n in range(4)]
    by_link, by_key = await connect(await _links(house, ids[0])), await connect(await house.key_of(ids[1]))
    assert (await by_link.ask("start", klien_id=ids[0]))["status"] == "qr_requested"
    assert (await by_key.ask("refresh", klien_id=ids[1]))["status"] == "qr_requested"

    login = await house.login()
    operator = await connect(token=None, headers={"Cookie": f"talkabiz_session={login}"})
    others = [
        (await connect(await _links(house, ids[2])), ids[2]),
        (await connect(await house.key_of(ids[3])), ids[3]),
        (await connect(API_KEY), ids[3]),
        (operator, ids[3]),
    ]
    before, asked_before = rows(tmp_path), list(house.whatsapp.asked)
    for socket, klien_id in others:
        for command in ("start", "refresh"):
            error = await socket.refusal(command, klien_id=klien_id, code="too_many_starts")
            assert (error["retry_after"], error["message"]["id"]) == (3600, WORDS["id"])
    assert rows(tmp_path) == before
    assert house.whatsapp.asked == asked_before

    house.clock.advance(3599)
    assert (await operator.refusal("start", klien_id=ids[3], code="too_many_starts"))["retry_after"] == 1
    house.clock.advance(1)
    assert (await operator.ask("start", klien_id=ids[3]))["status"] == "qr_requested"


async def test_a_right_that_is_missing_uses_no_attempt_up(house: House, connect: Open, klien_id: int) -> None:
    other = await house.add_klien("Toko Bulan")
    reader, own = await connect(await house.key_of(klien_id, Scope.READ)), await connect(await house.key_of(klien_id))
    for _ in range(STARTS.count):
        await reader.refusal("start", klien_id=klien_id, code="missing_scope")
        await own.refusal("start", klien_id=other, code="not_found")
        await own.refusal("start", klien_id=str(klien_id), code="invalid_input")
    assert (await own.ask("start", klien_id=klien_id))["status"] == "qr_requested"


async def test_what_begins_no_attempt_counts_as_none(house: House, connect: Open, klien_id: int) -> None:
    """Asking for what is there, looking, the program's own rounds, and a stored device that comes back."""
    other = await house.add_klien("Toko Bulan")
    socket = await connect()
    await socket.ask("subscribe", klien_id=klien_id)
    await socket.ask("start", klien_id=klien_id)
    house.whatsapp.enter(klien_id)
    house.whatsapp.show_code(klien_id)
    await house.reach(klien_id, "qr_ready")
    for command in ("start", "refresh", "subscribe"):
        await socket.ask(command, klien_id=klien_id)
    house.whatsapp.say(klien_id, i.CodesRanOut(house.whatsapp.attempts[klien_id]))
    await socket.wait_for("expired")
    await house.whatsapp.be_asked(2)
    house.whatsapp.pair(klien_id)
    house.whatsapp.link_up(klien_id)
    await house.reach(klien_id, "connected")
    for command in ("start", "refresh"):
        assert (await socket.ask(command, klien_id=klien_id))["status"] == "connected"
    await house.desk.sessions.stop(klien_id)
    assert (await socket.ask("start", klien_id=klien_id))["status"] == "reconnecting"
    assert [what for what, *_ in house.whatsapp.asked].count("start_pairing") == 2

    assert (await socket.ask("start", klien_id=other))["status"] == "qr_requested"
    await socket.ask("disconnect_wa", klien_id=other)
    await socket.refusal("start", klien_id=other, code="too_many_starts")


async def test_an_event_named_connect_brings_no_other_address(house: House, connect: Open, klien_id: int) -> None:
    other = await house.add_klien("Toko Bulan")
    socket = await connect()
    for n in range(STARTS.count):
        await socket.ask("start", klien_id=klien_id)
        await socket.ask("disconnect_wa", klien_id=klien_id)
        forged = {"asgi.scope": {"client": [f"203.0.113.{n}", 1]}, "REMOTE_ADDR": f"203.0.113.{n}"}
        await socket.refusal("connect", forged, {"token": API_KEY}, code="not_found")
    await socket.refusal("start", klien_id=other, code="too_many_starts")


# --- requests ---------------------------------------------------------------------------------------------------------


async def test_requests_count_by_credential_over_all_its_sockets_and_rest_alike(
    house: House, connect: Open, klien_id: int
) -> None:
    key, other = await house.key_of(klien_id), await house.key_of(klien_id)
    first, second = await connect(key), await connect(key)  # each was put into its room: one request
    for socket in (first, second):
        await socket.wait_for("snapshot")
    client = house.client(key)
    for n in range(REQUESTS.count - 2):
        if n % 3 == 0:
            await client.ask("GET", f"/api/v1/kliens/{klien_id}/session", expect=200)
        else:
            await (first if n % 3 == 1 else second).ask("unsubscribe", klien_id=klien_id)
    asked_before = list(house.whatsapp.asked)
    error: Json = {}
    for socket in (first, second, await connect(key)):
        for command in ("subscribe", "unsubscribe", "start", "refresh", "disconnect_wa"):
            error = await socket.refusal(command, klien_id=klien_id, code="rate_limited")
            assert 1 <= error["retry_after"] <= 2 * REQUESTS.seconds
            assert error["message"]["id"] == WORDS["id"]
    answer = await client.send("GET", f"/api/v1/kliens/{klien_id}/session")
    assert (answer.status_code, (await answer.get_json())["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) == (await answer.get_json())["retry_after"] == error["retry_after"]
    assert house.whatsapp.asked == asked_before

    assert "snapshot" in await (await connect(other)).ask("subscribe", klien_id=klien_id)
    house.clock.advance(error["retry_after"])
    assert "snapshot" in await first.ask("subscribe", klien_id=klien_id)


async def test_requests_that_are_refused_count_too(house: House, connect: Open, klien_id: int) -> None:
    """Else guessing would be free."""
    socket = await connect(await house.key_of(klien_id, Scope.READ))
    await socket.wait_for("snapshot")
    for n in range(REQUESTS.count - 1):
        command, wrong = ("start", klien_id) if n % 2 else ("subscribe", klien_id + 1)
        assert "error" in await socket.ask(command, klien_id=wrong)
    await socket.refusal("subscribe", klien_id=klien_id, code="rate_limited")
