"""A klien's own page in Chromium: the address is all that its person has."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from talkabiz.domain.access import Caller
from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Quotas
from talkabiz.store import keys
from tests.acceptance.browser import Tab
from tests.edges import House
from tests.fakes import QR_TEXT
from tests.web.browser.conftest import Open

END_SECONDS = 6
"""Two until the server notices, less than two until the page tries again, and a moment."""
RETRIES_MS = 3000


@pytest.fixture(name="person")
async def _person(house: House, address: str, klien_id: int, open_tab: Open) -> Tab:
    """A browser without any cookie, on the link that an operator made."""
    link = await house.desk.access.make_link_token(klien_id, caller=Caller("test"))
    tab = await open_tab(width=360)
    await tab.page.context.clear_cookies()
    await tab.page.goto(f"/link/{link.token}")
    await expect(tab.page.locator('[data-action="connect"]')).to_be_enabled()
    return tab


async def test_an_operator_copies_a_link_and_a_reload_makes_no_other(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    tab = await open_tab("en")
    await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await tab.open_klien(address, klien_id)
    await tab.press("make-link")
    link = await tab.page.get_by_label("Address of the link").input_value()
    await tab.press("copy")
    await expect(tab.page.locator("#copied")).to_have_text("Copied.")
    assert await tab.page.evaluate("navigator.clipboard.readText()") == link
    await expect(tab.page.locator('[data-action="connect"]')).to_be_enabled()  # the page works as before
    await tab.page.reload()
    await expect(tab.page).to_have_url(f"{address}/kliens/{klien_id}")
    await expect(tab.page.locator("[data-link]")).to_have_count(0)
    made = [entry for entry in await house.desk.audit.page() if entry.action == "link_token_made"]
    assert len(made) == 1


async def test_a_person_links_by_its_link_alone(house: House, klien_id: int, person: Tab) -> None:
    person.requests.clear()
    await person.press("connect")
    await person.shows("qr_requested")
    house.whatsapp.enter(klien_id)
    house.whatsapp.show_code(klien_id)
    await expect(person.qr).to_have_attribute("data-qr", "1")
    assert await person.qr_texts("link") == [QR_TEXT]
    house.whatsapp.pair(klien_id)
    await person.shows("scanning")
    house.whatsapp.link_up(klien_id)
    await person.shows("connected")
    assert [each for each in person.requests if not each.startswith("GET data:image/svg+xml")] == []
    await person.press("disconnect")
    await expect(person.page.get_by_role("dialog")).to_contain_text("Putuskan WhatsApp Anda?")
    await person.press("confirm")
    await person.shows("disconnected")


async def test_the_link_is_kept_nowhere_and_in_no_query(house: House, person: Tab) -> None:
    token = person.page.url.rpartition("/")[2]
    assert token.startswith("tkl_")
    kept = "[...Object.entries(localStorage), ...Object.entries(sessionStorage), document.cookie].join()"
    assert await person.page.evaluate(kept) == ""
    assert await person.page.context.cookies() == []
    asked = [*person.requests, *person.sockets]
    assert [each for each in asked if token in each] == [f"GET {person.page.url}"]


@pytest.mark.parametrize("end", ["expiry", "revocation", "the klien is deleted"])
async def test_a_link_that_ends_takes_its_page_along(house: House, klien_id: int, person: Tab, end: str) -> None:
    await house.show_qr(klien_id)
    await expect(person.qr).to_have_attribute("data-qr", "1")
    principal = await house.desk.access.by_link(person.page.url.rpartition("/")[2])
    assert principal
    if end == "expiry":
        house.clock.advance(15 * 60)
    elif end == "revocation":
        await keys.revoke_key(principal.credential_id, house.clock.now())
    else:
        await house.desk.kliens.erase(klien_id)
    ended = person.page.get_by_role("alert").filter(has_text="Tautan ini tidak berlaku lagi")
    await expect(ended).to_be_visible(timeout=END_SECONDS * 1000)
    await expect(ended).to_contain_text("Minta tautan baru kepada bisnis")
    await expect(person.qr).to_have_count(0)
    await expect(person.page.locator("#panel")).to_be_hidden()
    await expect(person.page.locator("#banner")).to_be_hidden()
    assert "linked_devices" not in await person.page.content()
    assert "data:image" not in await person.page.content()
    sockets = len(person.sockets)
    await house.realtime.close_sockets()
    await person.page.wait_for_timeout(RETRIES_MS)
    assert len(person.sockets) == sockets, "it goes on trying"


async def test_a_button_pressed_on_a_link_that_has_just_ended_says_so(house: House, klien_id: int, person: Tab) -> None:
    house.clock.advance(15 * 60)
    await person.press("connect")
    await expect(person.page.locator("#ended")).to_be_visible()
    assert (await house.desk.sessions.live(klien_id))["status"] == "disconnected"


async def test_a_server_that_restarts_is_no_end_of_a_link(house: House, klien_id: int, person: Tab) -> None:
    await house.realtime.close_sockets()
    await house.link(klien_id)
    await person.shows("connected")
    await expect(person.page.locator("#ended")).to_be_hidden()


@pytest.mark.parametrize("quotas", [Quotas(starts=Quota(1, 3600))])
@pytest.mark.parametrize("language", ["id", "en"])
async def test_too_many_starts_are_told_with_the_time_that_is_left(
    house: House, klien_id: int, open_tab: Open, language: str
) -> None:
    link = await house.desk.access.make_link_token(klien_id, caller=Caller("test"))
    tab = await open_tab(language)
    await tab.page.goto(f"/link/{link.token}")
    await tab.press("connect")
    await tab.press("disconnect")
    await tab.shows("disconnected")
    await tab.press("connect")
    sentence = {"id": "Terlalu banyak request.", "en": "Too many linking attempts from this address."}
    await expect(tab.page.locator("#trouble-text")).to_contain_text(sentence[language])
    left = {"id": "Sisa waktu: ", "en": "Time left: "}
    await expect(tab.page.locator("#trouble-wait")).to_have_text(re.compile(left[language] + r"(1:00:00|59:5\d)$"))
    await expect(tab.page.locator("#trouble-wait")).to_have_text(re.compile(left[language] + r"59:5\d$"))
    await expect(tab.page.locator('[data-action="connect"]')).to_be_enabled()
    await house.link(klien_id)
    await expect(tab.page.locator("#trouble")).to_be_hidden()
