"""/link/TOKEN, the klien's own page; and how an operator comes by such a link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from talkabiz.domain.access import Caller, Kind
from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Quotas
from talkabiz.store import keys
from talkabiz.web.auth import form_token
from tests.edges import API_KEY, BASE_URL, Client, House, open_house
from tests.web.page import Page, browser, cookie_of, page, read

CALLER = Caller("test")


@pytest.fixture(name="token")
async def _token(house: House, klien_id: int) -> str:
    return (await house.desk.access.make_link_token(klien_id, caller=CALLER)).token


# --- the page ---------------------------------------------------------------------------------------------------------


async def test_the_page_shows_one_klien_without_a_login(
    house: House, visitor: Client, klien_id: int, token: str
) -> None:
    await house.add_klien("Warung Bulan")
    answer = await visitor.send("GET", f"/link/{token}")
    shown = await read(answer)
    assert answer.status_code == 200
    assert "Toko Sinar" in shown.html
    assert "Warung Bulan" not in shown.html
    states = [(each["data-klien"], each["data-status"]) for each in shown.having("data-klien")]
    assert states == [(str(klien_id), "disconnected")]
    assert {each["data-action"] for each in shown.having("data-action")} == {
        *("connect", "refresh", "disconnect", "confirm"),
    }
    assert answer.headers.getlist("Set-Cookie") == []


async def test_nothing_on_it_leads_to_the_operators_pages(visitor: Client, token: str) -> None:
    shown = await page(visitor, f"/link/{token}")
    assert [each["href"] for each in shown.having("href") if not re.match(r"/static/|#", each["href"] or "")] == []
    assert [each["action"] for each in shown.having("action")] == ["/language"]


async def test_the_address_is_told_to_nobody(house: House, visitor: Client, token: str) -> None:
    for path in (f"/link/{token}", "/link/tkl_made-up"):
        answer = await visitor.send("GET", path)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert "noindex" in (await answer.get_data(as_text=True))
    shown = await page(visitor, f"/link/{token}")
    holders = [attributes for _, attributes in shown.elements if token in "".join(v or "" for v in attributes.values())]
    assert [each["name"] for each in holders] == ["back"]  # for the language, in the body of a form of our own


async def test_no_code_stands_in_the_page_when_it_loads(
    house: House, visitor: Client, klien_id: int, token: str
) -> None:
    await house.show_qr(klien_id)
    shown = await page(visitor, f"/link/{token}")
    assert shown.having("data-qr") == []
    assert "linked_devices" not in shown.html


async def test_the_language_is_chosen_without_leaving_it(house: House, visitor: Client, token: str) -> None:
    answer = await visitor.send("POST", "/language", form={"language": "en", "back": f"/link/{token}"})
    assert answer.headers["Location"] == f"/link/{token}"
    english = browser(
        house, talkabiz_language=cookie_of(answer, "talkabiz_language").partition(";")[0].partition("=")[2]
    )
    assert "Link your WhatsApp" in (await page(english, f"/link/{token}")).html


async def test_it_does_not_matter_who_else_is_logged_in(operator: Client, token: str) -> None:
    shown = await page(operator, f"/link/{token}")
    assert "/logout" not in shown.html
    assert "/account" not in shown.html


async def test_asked_for_too_often_it_says_when_to_come_again(tmp_path: Path) -> None:
    async with open_house(tmp_path, quotas=Quotas(requests=Quota(1, 60))) as house, house.app.test_app():
        link = await house.desk.access.make_link_token(await house.add_klien(), caller=CALLER)
        await page(browser(house), f"/link/{link.token}")
        answer = await browser(house).send("GET", f"/link/{link.token}")
        shown = await read(answer)
        assert answer.status_code == 429
        assert re.search(r"Terlalu banyak request\. Coba lagi nanti\. Sisa waktu: \d+ (detik|menit)\.", shown.html)
        assert int(answer.headers["Retry-After"]) > 0
        assert "/" not in [each["href"] for each in shown.having("href")]


# --- when it ends -----------------------------------------------------------------------------------------------------


async def test_after_its_time_it_says_whom_to_ask(house: House, visitor: Client, token: str) -> None:
    house.clock.advance(15 * 60 - 1)
    await page(visitor, f"/link/{token}")
    house.clock.advance(1)
    shown = await page(visitor, f"/link/{token}", expect=410)
    assert "Minta tautan baru kepada bisnis" in shown.html
    assert "Toko Sinar" not in shown.html
    english = await page(browser(house, talkabiz_language="en"), f"/link/{token}", expect=410)
    assert "Ask the business that sent it to you for a new link." in english.html


async def test_revoked_or_erased_it_has_ended(house: House, visitor: Client, klien_id: int, token: str) -> None:
    other = (await house.desk.access.make_link_token(klien_id, caller=CALLER)).token
    principal = await house.desk.access.by_link(other)
    assert principal
    await keys.revoke_key(principal.credential_id, house.clock.now())
    await page(visitor, f"/link/{other}", expect=410)
    await page(visitor, f"/link/{token}")
    await house.desk.kliens.erase(klien_id)
    await page(visitor, f"/link/{token}", expect=410)


async def test_no_other_credential_opens_it(house: House, visitor: Client, klien_id: int, login: str) -> None:
    admin = await house.desk.access.make_key(Kind.ADMIN)
    for token in (API_KEY, admin.token, await house.key_of(klien_id), login, "tkl_", "x", "x" * 5000):
        await page(visitor, f"/link/{token}", expect=410)


async def test_the_token_opens_nothing_else(house: House, klien_id: int, token: str) -> None:
    for path in ("/", f"/kliens/{klien_id}", "/account", f"/api/v1/kliens/{klien_id}", "/metrics"):
        await house.client(token).refusal("GET", path, expect=401, code="unauthorized")
        await house.client(None).refusal("GET", f"{path}?token={token}", expect=401, code="unauthorized")
    cookie = Client(house.client(None).http, {"Cookie": f"talkabiz_session={token}"})
    await cookie.refusal("GET", f"/kliens/{klien_id}", expect=401, code="unauthorized")


# --- how an operator makes one ----------------------------------------------------------------------------------------


async def make(operator: Client, klien_id: int) -> Page:
    answer = await operator.send("POST", f"/kliens/{klien_id}/link-tokens")
    assert answer.status_code == 201
    return await read(answer)


async def test_a_button_makes_a_link_and_shows_it_once(
    house: House, operator: Client, visitor: Client, klien_id: int
) -> None:
    shown = await page(operator, f"/kliens/{klien_id}")
    assert f"/kliens/{klien_id}/link-tokens#link" in [each["action"] for each in shown.having("action")]
    assert shown.having("data-link") == []
    made = await make(operator, klien_id)
    [address] = [each["value"] or "" for each in made.having("data-link")]
    assert address.startswith(f"{BASE_URL}/link/tkl_")
    assert "copy" in [each["data-action"] for each in made.having("data-action")]
    assert "15 menit" in made.html
    assert [each["datetime"] for each in made.having("datetime") if each["datetime"]] == ["2026-11-24T03:15:00.000Z"]
    assert "Toko Sinar" in (await page(visitor, address.removeprefix(BASE_URL))).html
    again = await page(operator, f"/kliens/{klien_id}")
    assert "tkl_" not in again.html


async def test_each_press_makes_another(operator: Client, klien_id: int) -> None:
    first, second = [(await make(operator, klien_id)).having("data-link")[0]["value"] for _ in "12"]
    assert first != second


async def test_making_a_link_is_noted(house: House, operator: Client, klien_id: int) -> None:
    await make(operator, klien_id)
    newest = (await house.desk.audit.page())[0]
    assert (newest.action, newest.actor, newest.klien_id) == ("link_token_made", "operator:operator", klien_id)
    assert "tkl_" not in str(newest)


async def test_another_sites_page_makes_none(house: House, operator: Client, login: str, klien_id: int) -> None:
    path = f"/kliens/{klien_id}/link-tokens"
    assert (await operator.send("POST", path, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    plain = Client(operator.http, {"Cookie": operator.headers["Cookie"], "Origin": "null"})
    await plain.refusal("POST", path, expect=403, code="csrf")
    await plain.refusal("POST", path, form={"token": form_token("another")}, expect=403, code="csrf")
    assert "link_token_made" not in [entry.action for entry in await house.desk.audit.page()]
    assert (await plain.send("POST", path, form={"token": form_token(login)})).status_code == 201


async def test_there_is_none_for_nobody(house: House, operator: Client, visitor: Client, klien_id: int) -> None:
    for wrong in (klien_id + 1, "x", "01"):
        assert (await operator.send("POST", f"/kliens/{wrong}/link-tokens")).status_code == 404
    assert (await visitor.send("POST", f"/kliens/{klien_id}/link-tokens")).status_code == 401


async def test_a_reload_makes_none(house: House, operator: Client, klien_id: int) -> None:
    answer = await operator.send("GET", f"/kliens/{klien_id}/link-tokens")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/kliens/{klien_id}")
