"""`POST …/session/pairing-code`."""

from __future__ import annotations

import asyncio

import pytest

from talkabiz.domain import code_inputs as c
from talkabiz.domain.code_inputs import CodeRefusal
from tests.edges import Client, House

NUMBER = "6281234567890"


@pytest.fixture(name="path")
async def _path(klien_id: int) -> str:
    return f"/api/v1/kliens/{klien_id}/session/pairing-code"


async def test_it_links_by_a_code_to_type(house: House, admin: Client, klien_id: int, path: str) -> None:
    asking = asyncio.create_task(admin.ask("POST", path, json={"phone": "0812-3456-7890"}, expect=200))
    await house.whatsapp.be_asked(1)
    house.whatsapp.enter(klien_id)
    house.whatsapp.show_code(klien_id)
    await house.whatsapp.be_asked(2)
    house.whatsapp.show_pairing_code(klien_id, NUMBER)

    answer = await asking

    shown = await admin.ask("GET", path.removesuffix("/pairing-code"), expect=200)
    assert answer == {"code": "ABCD-EFGH", "expires_at": shown["pairing"]["code_expires_at"]}
    assert (shown["pairing"]["code"], shown["qr"]["n"]) == ("ABCD-EFGH", 1)
    assert await admin.ask("POST", path, json={"phone": "+62 81234567890"}, expect=200) == answer


@pytest.mark.parametrize("phone", ["0812", "", "halo", 81234567890, None, True, ["081234567890"]])
async def test_a_phone_is_a_number_as_people_write_it(house: House, admin: Client, path: str, phone: object) -> None:
    problem = await admin.refusal("POST", path, json={"phone": phone}, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"phone"}
    assert house.whatsapp.asked == []


@pytest.mark.parametrize("body", [{}, {"phone": NUMBER, "wait": 5}])
async def test_nothing_else_is_taken(house: House, admin: Client, path: str, body: object) -> None:
    await admin.refusal("POST", path, json=body, expect=422, code="invalid_input")
    assert house.whatsapp.asked == []


@pytest.mark.parametrize(
    ("cause", "status", "code"),
    [
        (CodeRefusal.INVALID_PHONE, 422, "invalid_input"),
        (CodeRefusal.TOO_OFTEN, 429, "rate_limited"),
        (CodeRefusal.UNANSWERED, 504, "pairing_code_timeout"),
        (CodeRefusal.FAILED, 502, "pairing_code_refused"),
    ],
)
async def test_a_refusal_of_whatsapp_has_a_code(
    house: House, admin: Client, klien_id: int, *, path: str, cause: CodeRefusal, status: int, code: str
) -> None:
    await house.show_qr(klien_id)
    asked = len(house.whatsapp.asked)
    asking = asyncio.create_task(admin.refusal("POST", path, json={"phone": NUMBER}, expect=status, code=code))
    await house.whatsapp.be_asked(asked + 1)
    house.whatsapp.say(klien_id, c.PairingCodeRefused(house.whatsapp.attempts[klien_id], NUMBER, cause))
    problem = await asking
    assert problem.get("retry_after") == (60 if cause is CodeRefusal.TOO_OFTEN else None)


async def test_a_linked_klien_gets_none(house: House, admin: Client, klien_id: int, path: str) -> None:
    await house.link(klien_id)
    await admin.refusal("POST", path, json={"phone": NUMBER}, expect=409, code="illegal_state")
