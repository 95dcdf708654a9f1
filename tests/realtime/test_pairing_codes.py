"""`pairing_code`: a code to type, for a socket."""

from __future__ import annotations

import asyncio

import pytest

from talkabiz.domain import code_inputs as c
from talkabiz.domain.code_inputs import CodeRefusal
from tests.edges import House
from tests.realtime.conftest import Open
from tests.realtime.scenes import CALLER

NUMBER = "6281234567890"


async def test_it_answers_the_snapshot_with_the_code_and_everybody_in_the_room_sees_it(
    house: House, connect: Open, klien_id: int
) -> None:
    await house.show_qr(klien_id)
    asked = len(house.whatsapp.asked)
    link = await house.desk.access.make_link_token(klien_id, caller=CALLER)
    watcher, person = await connect(), await connect(link.token)
    await watcher.ask("subscribe", klien_id=klien_id)

    asking = asyncio.create_task(person.ask("pairing_code", klien_id=klien_id, phone="0812-3456-7890"))
    await house.whatsapp.be_asked(asked + 1)
    house.whatsapp.show_pairing_code(klien_id, NUMBER)
    answer = await asking

    assert (answer["status"], answer["pairing"]["code"]) == ("qr_ready", "ABCD-EFGH")
    async with asyncio.timeout(5), watcher.arrived:
        while not (codes := [data for _, data in watcher.events if data["pairing"]["code"]]):
            await watcher.arrived.wait()
    assert watcher.names() == ["qr_ready"] * len(watcher.events)
    assert codes[0]["seq"] == answer["seq"]
    assert codes[0]["qr"]["code"] == answer["qr"]["code"]


@pytest.mark.parametrize("phone", ["0812", "", 81234567890, None, True, ["081234567890"], {"phone": "0812"}])
async def test_a_phone_is_a_number_as_people_write_it(
    house: House, connect: Open, klien_id: int, phone: object
) -> None:
    error = await (await connect()).refusal("pairing_code", klien_id=klien_id, phone=phone, code="invalid_input")
    assert error["fields"].keys() == {"phone"}
    assert house.whatsapp.asked == []


async def test_why_there_is_none_is_told_to_who_asked(house: House, connect: Open, klien_id: int) -> None:
    await house.show_qr(klien_id)
    asked = len(house.whatsapp.asked)
    socket = await connect()
    asking = asyncio.create_task(
        socket.refusal("pairing_code", klien_id=klien_id, phone="081234567890", code="rate_limited")
    )
    await house.whatsapp.be_asked(asked + 1)
    attempt = house.whatsapp.attempts[klien_id]
    house.whatsapp.say(klien_id, c.PairingCodeRefused(attempt, NUMBER, CodeRefusal.TOO_OFTEN))

    assert (await asking)["retry_after"] == 60


async def test_a_linked_klien_gets_none(house: House, connect: Open, klien_id: int) -> None:
    await house.link(klien_id)
    await (await connect()).refusal("pairing_code", klien_id=klien_id, phone="081234567890", code="illegal_state")
