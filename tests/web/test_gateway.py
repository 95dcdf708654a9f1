"""A gateway outside that has no key: it signs its reports with the klien's incoming secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from talkabiz.domain.access import Kind, Principal, Scope
from talkabiz.domain.errors import NotFound
from talkabiz.web import older
from talkabiz.web.auth import principal
from talkabiz.web.gateway import allow_gateway
from tests.edges import Client, House

REPORTS = "/api/whatsapp/webhook"

Json = dict[str, Any]
Headers = dict[str, str]


def report(klien_id: int, status: str = "connected", **more: Any) -> Json:
    return {
        "event": "connection.update",
        "klien_id": klien_id,
        "status": status,
        "phone_number": "628777777777",
        **more,
    }


def sign(secret: str, body: str, at: datetime | None = None) -> Headers:
    at = at or datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body),
    }


@pytest.fixture(name="secret")
async def _secret(admin: Client, klien_id: int) -> str:
    return await make_secret(admin, klien_id)


async def make_secret(admin: Client, klien_id: int) -> str:
    made = await admin.ask("POST", f"/api/v1/kliens/{klien_id}/incoming-secret", expect=201)
    return str(made["secret"])


@pytest.fixture(name="gateway")
async def _gateway(house: House) -> Client:
    """Without a key."""
    return house.client(None)


async def send(gateway: Client, secret: str, body: Json, where: str = REPORTS) -> Json:
    text = json.dumps(body)
    answer: Json = await gateway.ask("POST", where, data=text, headers=sign(secret, text), expect=200)
    return answer


async def test_a_signed_report_needs_no_key(
    house: House, admin: Client, gateway: Client, klien_id: int, secret: str
) -> None:
    told = await send(gateway, secret, report(klien_id, session_id="shop-7"))
    assert told == {"success": True, "message": "Connection confirmed"}
    snapshot = await house.desk.sessions.live(klien_id)
    assert (snapshot["status"], snapshot["reason"], snapshot["me"]["phone"]) == (
        "connected",
        "external",
        "628777777777",
    )
    entries = (await admin.ask("GET", "/api/v1/audit", expect=200))["entries"]
    assert (entries[0]["action"], entries[0]["actor"]) == ("session_told", f"gateway:{klien_id}")
    body = {"event": "connection.update", "status": "disconnected"}
    assert (await send(gateway, secret, body, f"{REPORTS}?klien_id={klien_id}"))["message"] == "Disconnection confirmed"
    assert (await house.desk.sessions.live(klien_id))["status"] == "disconnected"


async def test_what_is_signed_is_judged_as_any_report(
    house: House, gateway: Client, klien_id: int, secret: str
) -> None:
    async def refuse(body: Json, status: int, code: str) -> None:
        text = json.dumps(body)
        await gateway.refusal("POST", REPORTS, data=text, headers=sign(secret, text), expect=status, code=code)

    await refuse(report(klien_id, "connecting"), 422, "invalid_input")
    await refuse(report(klien_id, more=1), 422, "invalid_input")
    await house.show_qr(klien_id)
    await refuse(report(klien_id), 409, "illegal_state")


WRONG: dict[str, Callable[[Headers], Headers]] = {
    "no id": lambda right: {name: value for name, value in right.items() if name != "webhook-id"},
    "another id": lambda right: {**right, "webhook-id": "msg_2"},
    "no time": lambda right: {name: value for name, value in right.items() if name != "webhook-timestamp"},
    "another time": lambda right: {**right, "webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)},
    "no number": lambda right: {**right, "webhook-timestamp": "now"},
    "no time at all": lambda right: {**right, "webhook-timestamp": "nan"},
    "empty": lambda right: {**right, "webhook-signature": ""},
    "no version": lambda right: {**right, "webhook-signature": right["webhook-signature"].removeprefix("v1,")},
    "another version": lambda right: {**right, "webhook-signature": right["webhook-signature"].replace("v1", "v1a")},
    "no base64": lambda right: {**right, "webhook-signature": "v1,x"},
    "cut off": lambda right: {**right, "webhook-signature": right["webhook-signature"][:-4]},
    "no letters": lambda right: {**right, "webhook-signature": "v1,\xff\xfe"},
    "many": lambda right: {**right, "webhook-signature": " ".join(["v1,AAAA"] * 500)},
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_signature_that_is_not_right_opens_nothing(
    house: House, gateway: Client, klien_id: int, secret: str, name: str
) -> None:
    body = json.dumps(report(klien_id))
    headers = WRONG[name](sign(secret, body))
    await gateway.refusal("POST", REPORTS, data=body, headers=headers, expect=401, code="unauthorized")
    assert (await house.desk.sessions.live(klien_id))["seq"] == 0


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_an_old_report_is_worth_nothing_nor_one_of_tomorrow(
    house: House, gateway: Client, klien_id: int, secret: str, minutes: int
) -> None:
    body = json.dumps(report(klien_id))
    headers = sign(secret, body, datetime.now(UTC) + timedelta(minutes=minutes))
    await gateway.refusal("POST", REPORTS, data=body, headers=headers, expect=401, code="unauthorized")
    assert (await house.desk.sessions.live(klien_id))["seq"] == 0


async def test_what_was_changed_on_the_way_is_worth_nothing(
    house: House, gateway: Client, klien_id: int, secret: str
) -> None:
    body = json.dumps(report(klien_id))
    headers = sign(secret, body)
    for changed in (body.replace("7777", "8888"), f"{body} ", body.encode() + b"\xff"):
        answer = await gateway.send("POST", REPORTS, data=changed, headers=headers)
        assert answer.status_code in {400, 401}
    assert (await house.desk.sessions.live(klien_id))["seq"] == 0


async def test_one_kliens_secret_speaks_for_no_other(
    house: House, admin: Client, gateway: Client, klien_id: int, secret: str
) -> None:
    other = await house.add_klien("Warung Bulan")
    without = await house.add_klien("Warung Bintang")
    await make_secret(admin, other)
    for of in (other, without, without + 1):
        body = json.dumps(report(of))
        how: Json = {"data": body, "headers": sign(secret, body)}
        await gateway.refusal("POST", REPORTS, **how, expect=401, code="unauthorized")
    body = json.dumps(report(klien_id))
    how = {"data": body, "headers": sign(secret, body)}
    await gateway.refusal("POST", f"{REPORTS}?klien_id={other}", **how, expect=422, code="invalid_input")
    for each in (klien_id, other, without):
        assert (await house.desk.sessions.live(each))["seq"] == 0


@pytest.mark.parametrize("wrong", ["1", 1.0, True, None, 0, -1, 2**63, [1]])
async def test_of_whom_a_report_tells_has_to_be_seen(gateway: Client, secret: str, wrong: object) -> None:
    for body in (json.dumps({**report(1), "klien_id": wrong}), "[]", "7"):
        how: Json = {"data": body, "headers": sign(secret, body)}
        await gateway.refusal("POST", REPORTS, **how, expect=401, code="unauthorized")
        await gateway.refusal("POST", f"{REPORTS}?klien_id=x", **how, expect=401, code="unauthorized")


async def test_the_secret_before_is_void_at_once(admin: Client, gateway: Client, klien_id: int, secret: str) -> None:
    new = await make_secret(admin, klien_id)
    body = json.dumps(report(klien_id))
    how: Json = {"data": body, "headers": sign(secret, body)}
    await gateway.refusal("POST", REPORTS, **how, expect=401, code="unauthorized")
    await send(gateway, new, report(klien_id))


async def test_a_wrong_key_is_not_made_good_by_a_signature(house: House, klien_id: int, secret: str) -> None:
    body = json.dumps(report(klien_id))
    how: Json = {"data": body, "headers": sign(secret, body)}
    await house.client("tkb_wrong").refusal("POST", REPORTS, **how, expect=401, code="unauthorized")
    own = house.client(await house.key_of(klien_id))
    await own.refusal("POST", REPORTS, **how, expect=403, code="missing_scope")


async def test_a_signature_opens_no_other_path(gateway: Client, klien_id: int, secret: str) -> None:
    for path in (
        "/whatsapp/connect",
        "/api/session/start",
        "/api/session/logout",
        f"/api/v1/kliens/{klien_id}/session",
    ):
        body = "{}" if "/v1/" in path else json.dumps({"klien_id": klien_id})
        await gateway.refusal("POST", path, data=body, headers=sign(secret, body), expect=401, code="unauthorized")


async def test_whoever_signs_may_nothing_but_report(
    gateway: Client, klien_id: int, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    senders: list[Principal] = []

    def look(of: int) -> int:
        senders.append(principal())
        with pytest.raises(NotFound):
            allow_gateway(of + 1)
        return allow_gateway(of)

    monkeypatch.setattr(older, "allow_gateway", look)
    await send(gateway, secret, report(klien_id))
    [sender] = senders
    assert (sender.kind, sender.klien_id, sender.sees_all) == (Kind.GATEWAY, klien_id, False)
    assert not any(sender.may(scope) for scope in Scope)
