"""Who may do what: keys, scopes, and pages of other sites. Every path by every credential: test_matrix.py."""

from __future__ import annotations

from typing import Any

import pytest

from talkabiz.domain.access import Scope
from talkabiz.web.auth import form_token
from tests.edges import API_KEY, Client, House

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {API_KEY}"},
        {"Authorization": f"Bearer {API_KEY}x"},
        {"Authorization": f"Bearer {'x' * 5000}"},
        {"X-Api-Key": ""},
        {"X-Api-Key": "tkb_00000000_00000000000000000000000000000000"},
        {"Cookie": "talkabiz_session=wrong"},
    ],
)
async def test_a_wrong_credential_is_none(house: House, headers: dict[str, str]) -> None:
    answer = await house.client(None).send("GET", "/api/v1/kliens", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {API_KEY}"}, {"Authorization": f"bearer {API_KEY}"}, {"X-Api-Key": API_KEY}]
)
async def test_a_key_goes_into_either_header(house: House, headers: dict[str, str]) -> None:
    await house.client(None).ask("GET", "/api/v1/kliens", headers=headers, expect=200)


@pytest.mark.parametrize("name", ["key", "token", "api_key", "apikey", "x-api-key", "access_token"])
async def test_a_key_in_the_address_counts_for_nothing(house: House, name: str) -> None:
    path = f"/api/v1/kliens?{name}={API_KEY}"
    await house.client(None).refusal("GET", path, expect=401, code="unauthorized")


async def test_a_made_admin_key_may_everything(house: House, klien_id: int) -> None:
    house.desk.access._api_key_hash = None
    key = await house.desk.access.ensure_admin_key()
    assert key
    await house.client(key).ask("GET", f"/api/v1/kliens/{klien_id}", expect=200)
    await house.client(API_KEY).refusal("GET", "/api/v1/kliens", expect=401, code="unauthorized")


# --- one klien's key --------------------------------------------------------------------------------------------------


async def test_a_kliens_key_sees_itself_alone_in_the_list(house: House, klien_id: int) -> None:
    await house.add_klien("Warung Bulan")
    answer = await house.client(await house.key_of(klien_id)).ask("GET", "/api/v1/kliens", expect=200)
    assert [klien["id"] for klien in answer["kliens"]] == [klien_id]
    after = await house.client(await house.key_of(klien_id)).ask("GET", f"/api/v1/kliens?cursor={klien_id}", expect=200)
    assert after == {"kliens": [], "next": None}


async def test_a_kliens_key_neither_adds_renames_nor_erases(house: House, klien_id: int) -> None:
    own = house.client(await house.key_of(klien_id))
    await own.refusal("POST", "/api/v1/kliens", json={"nama": "x"}, expect=403, code="missing_scope")
    path = f"/api/v1/kliens/{klien_id}"
    await own.refusal("PATCH", path, json={"nama": "x"}, expect=403, code="missing_scope")
    await own.refusal("DELETE", path, expect=403, code="missing_scope")


async def test_a_key_for_messages_may_neither_look_at_the_session_nor_start_it(house: House, klien_id: int) -> None:
    own = house.client(await house.key_of(klien_id, Scope.MESSAGE))
    for method, path in (
        ("POST", "/whatsapp/connect"),
        ("GET", "/whatsapp/status"),
        ("POST", "/api/session/stop"),
        ("GET", f"/api/v1/kliens/{klien_id}/session/qr"),
        ("GET", f"/api/v1/kliens/{klien_id}/events"),
    ):
        await own.refusal(method, path, expect=403, code="missing_scope")


async def test_a_key_for_reading_may_look_and_not_touch(house: House, klien_id: int) -> None:
    own = house.client(await house.key_of(klien_id, Scope.READ))
    await own.ask("GET", f"/api/v1/kliens/{klien_id}/session", expect=200)
    for method, path in (("POST", "/session"), ("POST", "/session/stop"), ("DELETE", "/session")):
        await own.refusal(method, f"/api/v1/kliens/{klien_id}{path}", expect=403, code="missing_scope")
    assert house.whatsapp.asked == []


# --- a browser's login ------------------------------------------------------------------------------------------------


@pytest.fixture(name="login")
async def _login(house: House) -> str:
    return await house.login()


@pytest.fixture(name="browser")
async def _browser(house: House, login: str) -> Client:
    return Client(house.client(None).http, {"Cookie": f"talkabiz_session={login}"})


async def test_a_login_may_look_without_further_ado(browser: Client) -> None:
    await browser.ask("GET", "/api/v1/kliens", expect=200)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "https://localhost"},
        {"Origin": "null"},
    ],
)
async def test_another_sites_page_cannot_use_the_login(
    house: House, browser: Client, klien_id: int, headers: dict[str, str]
) -> None:
    for method, path in (("POST", "/api/v1/kliens"), ("DELETE", f"/api/v1/kliens/{klien_id}"), ("POST", "/kliens")):
        how: dict[str, Any] = {"form": {"nama": "x"}} if path == "/kliens" else {"json": {"nama": "x"}}
        await browser.refusal(method, path, headers=headers, **how, expect=403, code="csrf")
    assert len((await browser.ask("GET", "/api/v1/kliens", expect=200))["kliens"]) == 1


@pytest.mark.parametrize("headers", [SAME_ORIGIN, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"}])
async def test_our_own_page_can(browser: Client, headers: dict[str, str]) -> None:
    await browser.ask("POST", "/api/v1/kliens", json={"nama": "Toko"}, headers=headers, expect=201)


async def test_a_form_of_ours_works_where_browsers_say_nothing(browser: Client, login: str) -> None:
    """Plain http in an office network: no Sec-Fetch-Site, and `Origin: null`."""
    headers, token = {"Origin": "null"}, form_token(login)
    wrong = {"nama": "Toko", "token": token[:-1] + ("0" if token[-1] != "0" else "1")}
    await browser.refusal("POST", "/kliens", form=wrong, headers=headers, expect=403, code="csrf")
    answer = await browser.send("POST", "/kliens", form={"nama": "Toko", "token": token}, headers=headers)
    assert answer.status_code == 303


async def test_a_key_beside_a_login_is_what_counts(house: House, login: str) -> None:
    headers = {"Cookie": f"talkabiz_session={login}", "Authorization": f"Bearer {API_KEY}"}
    await house.client(None).ask("POST", "/api/v1/kliens", json={"nama": "Toko"}, headers=headers, expect=201)
    headers["Authorization"] = "Bearer wrong"
    await house.client(None).refusal("GET", "/api/v1/kliens", headers=headers, expect=401, code="unauthorized")


async def test_a_login_ends_after_14_days(house: House, browser: Client) -> None:
    for _ in range(7):
        house.clock.advance(2 * 86_400 - 1)
        await browser.ask("GET", "/api/v1/kliens", expect=200)
    house.clock.advance(7)
    await browser.refusal("GET", "/api/v1/kliens", expect=401, code="unauthorized")
