"""/api/v1/kliens/{id}/session and its events."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Quotas
from tests.edges import Client, House, open_house
from tests.fakes import QR_TEXT
from tests.web.test_older import PNG_MAGIC, assert_is_png


@pytest.fixture(name="path")
async def _path(klien_id: int) -> str:
    return f"/api/v1/kliens/{klien_id}/session"


async def test_starting_answers_at_once(admin: Client, path: str) -> None:
    snapshot = await admin.ask("POST", path, expect=202)
    assert (snapshot["status"], snapshot["qr"]) == ("qr_requested", None)


async def test_starting_waits_as_long_as_it_is_told_to(house: House, admin: Client, klien_id: int, path: str) -> None:
    asking = asyncio.create_task(admin.ask("POST", path, json={"wait": 5}, expect=200))
    await house.whatsapp.be_asked(1)
    house.whatsapp.enter(klien_id)
    house.whatsapp.show_code(klien_id)
    snapshot = await asking
    assert snapshot["status"] == "qr_ready"
    assert_is_png(snapshot["qr"]["image"])


async def test_starting_names_the_session(admin: Client, path: str) -> None:
    assert (await admin.ask("POST", path, json={"session_id": "shop-7"}, expect=202))["session_id"] == "shop-7"


@pytest.mark.parametrize("body", [{"wait": "10"}, {"wait": True}, {"wait": -1}, {"wait": 61}, {"wait": None}])
async def test_a_wait_is_a_number_of_seconds(admin: Client, path: str, body: object) -> None:
    problem = await admin.refusal("POST", path, json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"wait"}


async def test_waiting_tells_why_there_is_no_qr(house: House, admin: Client, klien_id: int, path: str) -> None:
    asking = asyncio.create_task(admin.refusal("POST", path, json={"wait": 5}, expect=503, code="unreachable"))
    await house.whatsapp.be_asked(1)
    house.whatsapp.say(klien_id, i.NoRoute(house.whatsapp.attempts[klien_id]))
    problem = await asking
    assert "qr" not in problem
    assert (await admin.ask("GET", path, expect=200))["qr"] is None


async def test_the_snapshot_has_the_image_beside_the_drawing(
    house: House, admin: Client, klien_id: int, path: str
) -> None:
    await house.show_qr(klien_id)
    snapshot = await admin.ask("GET", path, expect=200)
    assert_is_png(snapshot["qr"]["image"])
    assert snapshot["qr"]["svg"].startswith("<svg")
    assert (snapshot["qr"]["n"], snapshot["qr"]["of"]) == (1, 4)


async def test_stop_keeps_the_device_and_restart_brings_it_back(
    house: House, admin: Client, klien_id: int, path: str
) -> None:
    await house.link(klien_id)
    stopped = await admin.ask("POST", f"{path}/stop", expect=200)
    assert (stopped["status"], stopped["reason"]) == ("disconnected", "stopped")
    restarted = await admin.ask("POST", f"{path}/restart", expect=200)
    assert (restarted["status"], restarted["reason"]) == ("reconnecting", "restoring")


async def test_deleting_the_session_logs_out(house: House, admin: Client, klien_id: int, path: str) -> None:
    await house.link(klien_id)
    snapshot = await admin.ask("DELETE", path, expect=200)
    assert (snapshot["status"], snapshot["reason"], snapshot["me"]) == ("disconnected", "by_user", None)
    assert house.whatsapp.asked[-1][0] == "log_out"


# --- the QR by itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept_and_form",
    [
        (None, "image/png"),
        ("*/*", "image/png"),
        ("image/*", "image/png"),
        ("image/svg+xml", "image/svg+xml"),
        ("text/plain", "text/plain"),
        ("application/json", "application/json"),
        ("text/html, application/json;q=0.5, text/plain;q=0.9", "text/plain"),
    ],
)
async def test_the_qr_comes_in_the_form_asked_for(
    house: House, admin: Client, klien_id: int, path: str, accept_and_form: tuple[str | None, str]
) -> None:
    accept, form = accept_and_form
    await house.show_qr(klien_id)
    answer = await admin.send("GET", f"{path}/qr", headers={"Accept": accept} if accept else {})
    assert answer.status_code == 200
    assert answer.mimetype == form
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept")
    body = await answer.get_data()
    begins = {
        "image/png": PNG_MAGIC,
        "image/svg+xml": b"<svg",
        "text/plain": QR_TEXT.encode(),
        "application/json": b"{",
    }
    assert body.startswith(begins[form])


async def test_the_qr_as_json_is_the_snapshots(house: House, admin: Client, klien_id: int, path: str) -> None:
    await house.show_qr(klien_id)
    code = await admin.ask("GET", f"{path}/qr", headers={"Accept": "application/json"}, expect=200)
    assert code == (await admin.ask("GET", path, expect=200))["qr"]


async def test_there_is_no_other_form_of_a_qr(house: House, admin: Client, klien_id: int, path: str) -> None:
    await house.show_qr(klien_id)
    headers = {"Accept": "application/pdf"}
    await admin.refusal("GET", f"{path}/qr", headers=headers, expect=406, code="not_acceptable")


async def test_without_a_code_there_is_no_qr(house: House, admin: Client, klien_id: int, path: str) -> None:
    await admin.refusal("GET", f"{path}/qr", expect=404, code="no_qr")
    await house.link(klien_id)
    await admin.refusal("GET", f"{path}/qr", expect=404, code="no_qr")


# --- the journal ------------------------------------------------------------------------------------------------------


async def test_events_tell_what_happened_without_the_qr(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    answer = await admin.ask("GET", f"/api/v1/kliens/{klien_id}/events", expect=200)
    assert answer["gap"] is False
    assert [event["type"] for event in answer["events"]] == ["qr_requested", "qr_ready", "scanning", "connected"]
    assert all(event["data"]["qr"] is None for event in answer["events"])
    assert answer["events"][0].keys() == {"seq", "type", "klien_id", "at", "data"}


async def test_events_go_on_after_a_seq(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    path = f"/api/v1/kliens/{klien_id}/events"
    first = (await admin.ask("GET", f"{path}?limit=1", expect=200))["events"]
    rest = (await admin.ask("GET", f"{path}?since={first[-1]['seq']}", expect=200))["events"]
    assert [event["type"] for event in rest] == ["qr_ready", "scanning", "connected"]
    last = rest[-1]["seq"]
    assert await admin.ask("GET", f"{path}?since={last}", expect=200) == {"events": [], "gap": False}


@pytest.mark.parametrize("query", ["since=-1", "since=x", "limit=0", "limit=501", "after=1"])
async def test_events_refuse_a_query_that_means_nothing(admin: Client, klien_id: int, query: str) -> None:
    await admin.refusal("GET", f"/api/v1/kliens/{klien_id}/events?{query}", expect=422, code="invalid_input")


async def test_a_klien_that_does_not_exist_has_no_session(admin: Client, klien_id: int) -> None:
    path = f"/api/v1/kliens/{klien_id + 1}"
    for method, rest in (
        ("POST", "/session"),
        ("GET", "/session"),
        ("DELETE", "/session"),
        ("GET", "/session/qr"),
        ("POST", "/session/stop"),
        ("POST", "/session/restart"),
        ("GET", "/events"),
    ):
        await admin.refusal(method, path + rest, expect=404, code="not_found")


async def test_a_restart_that_would_be_one_start_too_many_stops_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, quotas=Quotas(starts=Quota(1, 3600))) as house, house.app.test_app():
        klien_id = await house.add_klien()
        own = house.client(await house.key_of(klien_id))
        session = f"/api/v1/kliens/{klien_id}/session"
        await own.ask("POST", session, expect=202)
        house.whatsapp.enter(klien_id)
        house.whatsapp.show_code(klien_id)
        await house.reach(klien_id, "qr_ready")
        await own.refusal("POST", f"{session}/restart", expect=429, code="too_many_starts")
        assert (await own.ask("GET", session, expect=200))["qr"]
