"""The older paths: POST /whatsapp/connect and its company, word for word."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.access import Scope
from tests.edges import Client, House
from tests.fakes import QR_TEXT

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def assert_is_png(data_url: str) -> None:
    assert data_url.startswith("data:image/png;base64,")
    assert base64.b64decode(data_url.partition(",")[2]).startswith(PNG_MAGIC)


async def ask_while(house: House, asking: Any, *facts: Any) -> Any:
    """The answer of a call, during which WhatsApp says these things as soon as it has been asked to start."""
    task = asyncio.create_task(asking)
    await house.whatsapp.be_asked(1)
    for fact in facts:
        fact()
    return await task


@pytest.mark.parametrize("path", ["/whatsapp/connect", "/wa/connect"])
async def test_connect_waits_for_the_first_qr(house: House, admin: Client, klien_id: int, path: str) -> None:
    asking = admin.ask("POST", path, json={"klien_id": klien_id}, expect=200)
    answer = await ask_while(
        house, asking, lambda: house.whatsapp.enter(klien_id), lambda: house.whatsapp.show_code(klien_id)
    )
    assert_is_png(answer["qr_code"])
    assert answer["qr"]["image"] == answer["qr_code"]
    assert answer["qr"]["code"] == QR_TEXT
    assert (answer["success"], answer["status"], answer["expires"]) == (True, "qr_ready", 60)


async def test_connect_answers_at_once_without_a_qr_if_connected(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    answer = await admin.ask("POST", "/whatsapp/connect", json={"klien_id": klien_id}, expect=200)
    assert (answer["status"], answer["qr_code"], answer["expires"]) == ("connected", None, None)


async def test_connect_tells_that_its_turn_has_not_come(house: House, admin: Client, klien_id: int) -> None:
    await house.desk.sessions.start(klien_id)
    house.whatsapp.say(klien_id, i.StartQueued(house.whatsapp.attempts[klien_id]))
    answer = await admin.ask("POST", f"/api/v1/kliens/{klien_id}/session", json={"wait": 0.05}, expect=202)
    assert (answer["status"], answer["reason"]) == ("qr_requested", "queued")


async def test_connect_without_a_qr_in_time_is_504(house: House, admin: Client, klien_id: int) -> None:
    asking = admin.refusal(
        "POST", "/whatsapp/connect", json={"klien_id": klien_id}, expect=504, code="qr_request_timeout"
    )
    await ask_while(house, asking, lambda: house.whatsapp.enter(klien_id))


async def test_connect_without_a_route_is_503(house: House, admin: Client, klien_id: int) -> None:
    asking = admin.refusal("POST", "/whatsapp/connect", json={"klien_id": klien_id}, expect=503, code="unreachable")
    await ask_while(house, asking, lambda: house.whatsapp.say(klien_id, i.NoRoute(house.whatsapp.attempts[klien_id])))


async def test_connect_takes_the_klien_from_its_own_key(house: House, klien_id: int) -> None:
    await house.link(klien_id)
    own = house.client(await house.key_of(klien_id))
    answer = await own.ask("POST", "/whatsapp/connect", expect=200)
    assert answer["klien_id"] == klien_id


@pytest.mark.parametrize("path", ["/whatsapp/status", "/wa/status", "/whatsapp/session-status"])
async def test_status_says_whether_and_who(house: House, admin: Client, klien_id: int, path: str) -> None:
    before = await admin.ask("GET", f"{path}?klien_id={klien_id}", expect=200)
    assert (before["success"], before["connected"], before["phone_number"]) == (True, False, None)
    await house.link(klien_id)
    after = await admin.ask("GET", f"{path}?klien_id={klien_id}", expect=200)
    assert (after["connected"], after["status"], after["phone_number"]) == (True, "connected", "628123456789")


async def test_only_the_live_status_has_the_qr(house: House, admin: Client, klien_id: int) -> None:
    await house.show_qr(klien_id)
    stored = await admin.ask("GET", f"/whatsapp/status?klien_id={klien_id}", expect=200)
    live = await admin.ask("GET", f"/whatsapp/session-status?klien_id={klien_id}", expect=200)
    assert (stored["status"], stored["qr"]) == ("qr_ready", None)
    assert_is_png(live["qr"]["image"])


@pytest.mark.parametrize("path", ["/whatsapp/disconnect", "/wa/disconnect", "/api/session/logout"])
async def test_disconnect_answers_the_snapshot(house: House, admin: Client, klien_id: int, path: str) -> None:
    await house.link(klien_id)
    answer = await admin.ask("POST", path, json={"klien_id": klien_id}, expect=200)
    assert (answer["status"], answer["reason"], answer["wa_terhubung"]) == ("disconnected", "by_user", False)
    assert "warning" not in answer


async def test_disconnect_warns_if_the_phone_keeps_the_device(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    house.whatsapp.is_reachable = False
    answer = await admin.ask("POST", "/whatsapp/disconnect", json={"klien_id": klien_id}, expect=200)
    assert answer["warning"] == "phone_keeps_device"


async def test_session_start_has_the_image_where_the_older_design_had_it(
    house: House, admin: Client, klien_id: int
) -> None:
    asking = admin.ask("POST", "/api/session/start", json={"klien_id": klien_id, "session_id": "test_123"}, expect=200)
    answer = await ask_while(
        house, asking, lambda: house.whatsapp.enter(klien_id), lambda: house.whatsapp.show_code(klien_id)
    )
    assert_is_png(answer["qr"])
    assert answer.keys() == {"success", "status", "session_id", "qr", "expires", "snapshot"}
    assert (answer["success"], answer["status"], answer["session_id"]) == (True, "qr_ready", "test_123")
    assert answer["expires"] == 60
    assert answer["snapshot"]["qr"]["code"] == QR_TEXT


async def start_with(house: House, client: Client, klien_id: int, url: str) -> None:
    """Of a klien that is connected: nothing has to be waited for."""
    body = {"klien_id": klien_id, "webhook_url": url}
    await client.ask("POST", "/api/session/start", json=body, expect=200)


async def test_session_start_makes_a_webhook_and_the_next_takes_its_place(house: House, klien_id: int) -> None:
    await house.link(klien_id)
    own, path = house.client(await house.key_of(klien_id)), f"/api/v1/kliens/{klien_id}"
    webhook: dict[str, Any] = {}
    for url in ("https://example.com/one", "https://example.com/two", "https://example.com/two"):
        await start_with(house, own, klien_id, url)
        [webhook] = (await own.ask("GET", f"{path}/webhooks", expect=200))["webhooks"]
        assert (webhook["url"], webhook["kind"], webhook["status"]) == (url, "older", "enabled")
    await own.ask("POST", "/api/session/start", json={"klien_id": klien_id}, expect=200)
    assert (await own.ask("GET", f"{path}/webhooks", expect=200))["webhooks"] == [webhook]
    where = f"{path}/webhooks/{webhook['id']}"
    for call in ("rotate-secret", "test"):
        await own.refusal("POST", f"{where}/{call}", json={}, expect=409, code="illegal_state")
    problem = await own.refusal("PATCH", where, json={"events": ["ping"]}, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"events"}
    await own.ask("DELETE", where, expect=204)


async def test_the_older_webhook_is_signed_with_the_incoming_secret(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    await start_with(house, admin, klien_id, "https://example.com/one")
    path = f"/api/v1/kliens/{klien_id}/incoming-secret"
    assert await admin.ask("GET", path, expect=200) == {"is_set": True}


@pytest.mark.parametrize(
    "url", ["", "x", "https://127.0.0.1/", "https://10.0.0.7/", "http://example.com/", "file:///x"]
)
async def test_session_start_refuses_a_webhook_inside_and_starts_nothing(
    house: House, admin: Client, klien_id: int, url: str
) -> None:
    body = {"klien_id": klien_id, "webhook_url": url}
    answer = await admin.send("POST", "/api/session/start", json=body)
    problem = await answer.get_json()
    assert (answer.status_code, problem["fields"].keys()) == (422, {"webhook_url"})
    assert problem["code"] in {"invalid_input", "url_refused"}
    assert house.whatsapp.asked == []
    assert (await admin.ask("GET", f"/api/v1/kliens/{klien_id}/webhooks", expect=200))["webhooks"] == []


async def test_session_start_needs_the_scope_for_webhooks_to_make_one(house: House, klien_id: int) -> None:
    await house.link(klien_id)
    own = house.client(await house.key_of(klien_id, Scope.SESSION))
    body = {"klien_id": klien_id, "webhook_url": "https://example.com/hook"}
    await own.refusal("POST", "/api/session/start", json=body, expect=403, code="missing_scope")
    await own.ask("POST", "/api/session/start", json={"klien_id": klien_id}, expect=200)


@pytest.mark.parametrize("name", ["", "-x", "a/b", "x" * 64, "../1"])
async def test_session_start_refuses_a_name_that_cannot_be_one(admin: Client, klien_id: int, name: str) -> None:
    body = {"klien_id": klien_id, "session_id": name}
    problem = await admin.refusal("POST", "/api/session/start", json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"session_id"}


async def test_session_status_and_stop(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    assert (await admin.ask("GET", f"/api/session/status/{klien_id}", expect=200))["status"] == "connected"
    stopped = await admin.ask("POST", "/api/session/stop", json={"klien_id": klien_id}, expect=200)
    assert (stopped["status"], stopped["reason"]) == ("disconnected", "stopped")
    assert stopped["me"]["phone"] == "628123456789"


# --- a gateway outside ------------------------------------------------------------------------------------------------

WEBHOOK = "/api/whatsapp/webhook"


def report(klien_id: int, status: str = "connected", **more: Any) -> dict[str, Any]:
    update = {"event": "connection.update", "klien_id": klien_id, "session_id": "shop-7", "status": status}
    return {**update, "phone_number": "628777777777", **more}


async def test_a_gateway_outside_tells_who_is_linked(house: House, admin: Client, klien_id: int) -> None:
    assert await admin.ask("POST", WEBHOOK, json=report(klien_id), expect=200) == {
        "success": True,
        "message": "Connection confirmed",
    }
    status = await admin.ask("GET", f"/whatsapp/status?klien_id={klien_id}", expect=200)
    assert (status["connected"], status["reason"], status["phone_number"]) == (True, "external", "628777777777")
    assert status["session_id"] == "shop-7"
    klien = await admin.ask("GET", f"/api/v1/kliens/{klien_id}", expect=200)
    assert (klien["wa_terhubung"], klien["wa_nomor"]) == (True, "628777777777")
    connected = await admin.ask("POST", "/whatsapp/connect", json={"klien_id": klien_id}, expect=200)
    assert (connected["reason"], connected["qr_code"]) == ("external", None)

    for body in (report(klien_id, "disconnected"), {"event": "connection.update", "status": "disconnected"}):
        ended = await admin.ask("POST", f"{WEBHOOK}?klien_id={klien_id}", json=body, expect=200)
        assert ended == {"success": True, "message": "Disconnection confirmed"}
    status = await admin.ask("GET", f"/whatsapp/session-status?klien_id={klien_id}", expect=200)
    assert (status["connected"], status["status"], status["phone_number"]) == (False, "disconnected", None)
    page = await admin.ask("GET", f"/api/v1/kliens/{klien_id}/events", expect=200)
    assert [event["type"] for event in page["events"]] == ["connected", "disconnected"]
    audit = await admin.ask("GET", "/api/v1/audit", expect=200)
    assert [entry["detail"] for entry in audit["entries"]] == [{"status": "disconnected"}, {"status": "connected"}]
    assert house.whatsapp.asked == []


async def test_a_report_is_refused_while_the_klien_is_linked_here(house: House, admin: Client, klien_id: int) -> None:
    await house.show_qr(klien_id)
    for status in ("connected", "disconnected"):
        await admin.refusal("POST", WEBHOOK, json=report(klien_id, status), expect=409, code="illegal_state")
    assert (await house.desk.sessions.live(klien_id))["status"] == "qr_ready"


async def test_a_report_with_another_kliens_number_is_refused(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    other = await house.add_klien("Warung Bulan")
    body = report(other, phone_number="628123456789")
    problem = await admin.refusal("POST", WEBHOOK, json=body, expect=409, code="illegal_state")
    assert "another klien" in problem["message"]["en"]
    assert (await house.desk.sessions.live(other))["status"] == "disconnected"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *(("event", wrong) for wrong in ("session.status", "", None, 1)),
        *(("status", wrong) for wrong in ("connecting", "qr", "CONNECTED", "", None, True)),
        *(
            ("phone_number", wrong)
            for wrong in ("+628777777777", "0812345678", "628-777", "628777777777\n", "", None, 62)
        ),
        *(("session_id", wrong) for wrong in ("../1", "", 7)),
        *(("klien_id", wrong) for wrong in ("1", True, -1)),
        ("apikey", "x"),
    ],
)
async def test_a_report_that_means_nothing_names_the_field_and_changes_nothing(
    house: House, admin: Client, klien_id: int, field: str, wrong: object
) -> None:
    body = report(klien_id) | {field: wrong}
    problem = await admin.refusal("POST", WEBHOOK, json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {field}
    assert (await house.desk.sessions.live(klien_id))["seq"] == 0


async def test_no_key_of_a_klien_speaks_for_a_gateway(house: House, klien_id: int) -> None:
    other = await house.add_klien("Warung Bulan")
    own = house.client(await house.key_of(klien_id))
    await own.refusal("POST", WEBHOOK, json=report(klien_id), expect=403, code="missing_scope")
    await own.refusal("POST", WEBHOOK, json=report(other), expect=404, code="not_found")
    nobody = house.client(None)
    await nobody.refusal("POST", WEBHOOK, json=report(klien_id), expect=401, code="unauthorized")
    assert (await house.desk.sessions.live(klien_id))["seq"] == 0


# --- which klien ------------------------------------------------------------------------------------------------------


async def test_an_admin_has_to_say_which_klien(admin: Client, klien_id: int) -> None:
    problem = await admin.refusal("POST", "/whatsapp/connect", expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"klien_id"}
    await admin.refusal("GET", "/whatsapp/status", expect=422, code="invalid_input")


async def test_body_and_query_may_not_name_different_kliens(house: House, admin: Client, klien_id: int) -> None:
    other = await house.add_klien("Warung Bulan")
    path = f"/whatsapp/disconnect?klien_id={other}"
    await admin.refusal("POST", path, json={"klien_id": klien_id}, expect=422, code="invalid_input")
    assert (await admin.ask("POST", path, json={"klien_id": other}, expect=200))["klien_id"] == other


@pytest.mark.parametrize("wrong", ["1", 1.0, True, 0, -1, 2**63, [1], {"id": 1}])
async def test_a_klien_id_is_a_whole_number(admin: Client, klien_id: int, wrong: object) -> None:
    body = {"klien_id": wrong}
    problem = await admin.refusal("POST", "/whatsapp/disconnect", json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"klien_id"}


@pytest.mark.parametrize("wrong", ["0", "01", "+1", "-1", "1.0", "x", "", "9999999999999999999", "%D9%A1"])
async def test_an_id_in_an_address_that_cannot_be_one_is_not_found(admin: Client, klien_id: int, wrong: str) -> None:
    await admin.refusal("GET", f"/whatsapp/status?klien_id={wrong}", expect=404, code="not_found")


async def test_a_klien_that_does_not_exist_is_not_found(admin: Client, klien_id: int) -> None:
    missing = klien_id + 1
    for path in ("/whatsapp/connect", "/whatsapp/disconnect", "/api/session/start", "/api/session/stop"):
        await admin.refusal("POST", path, json={"klien_id": missing}, expect=404, code="not_found")
    for path in ("/whatsapp/status", "/whatsapp/session-status"):
        await admin.refusal("GET", f"{path}?klien_id={missing}", expect=404, code="not_found")
    await admin.refusal("GET", f"/api/session/status/{missing}", expect=404, code="not_found")
    await admin.refusal("POST", WEBHOOK, json=report(missing), expect=404, code="not_found")
    body = {"klien_id": missing, "webhook_url": "https://example.com/hook"}
    await admin.refusal("POST", "/api/session/start", json=body, expect=404, code="not_found")
