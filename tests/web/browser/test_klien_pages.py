"""The pages in Chromium, by the socket alone: what they show, and what they take away again.

The way through the real command and the real library is walked in tests/acceptance.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from talkabiz.domain import inputs as i
from tests.edges import House
from tests.fakes import QR_TEXT
from tests.web.browser.conftest import LONG_NAME, Open, fits

HOSTILE_NAME = "<img src=x onerror=alert(1)>\u202e🌙"


async def test_linking_goes_by_the_socket_alone(house: House, address: str, klien_id: int, open_tab: Open) -> None:
    tab = await open_tab()
    await tab.open_klien(address, klien_id)
    tab.requests.clear()
    await tab.press("connect")
    await tab.shows("qr_requested")
    house.whatsapp.enter(klien_id)
    house.whatsapp.show_code(klien_id)
    await expect(tab.qr).to_have_attribute("data-qr", "1")
    assert await tab.qr_texts("first") == [QR_TEXT]
    house.whatsapp.show_code(klien_id, QR_TEXT + "2")
    await expect(tab.qr).to_have_attribute("data-qr", "2")
    assert await tab.qr_texts("second") == [QR_TEXT + "2"]
    await expect(tab.page.locator("#clock")).to_contain_text(re.compile(r"Kode 2 dari 4 · \d+ dtk"))
    house.whatsapp.pair(klien_id)
    await tab.shows("scanning")
    await expect(tab.qr).to_have_count(0)
    house.whatsapp.link_up(klien_id)
    await tab.shows("connected")
    await expect(tab.page.locator("#account")).to_contain_text("+6281*****789")
    assert "linked_devices" not in await tab.page.content()
    assert "data:image" not in await tab.page.content()
    # Pictures that stand in the page itself are no requests; nothing else was asked for.
    assert [each for each in tab.requests if not each.startswith("GET data:image/svg+xml")] == []


async def test_a_picture_of_the_code_is_large_enough_and_white(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    tab = await open_tab(dark=True)
    await house.show_qr(klien_id)
    await tab.page.goto(f"{address}/kliens/{klien_id}")
    await expect(tab.qr).to_have_attribute("data-qr", "1")
    box = await tab.qr.locator("img").bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 264
    assert await tab.qr.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    assert await tab.qr.locator("img").get_attribute("alt") == "Kode QR untuk menautkan WhatsApp"


async def test_an_expired_code_is_covered_by_one_button(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    await house.show_qr(klien_id)
    house.whatsapp.say(klien_id, i.CodesRanOut(house.whatsapp.attempts[klien_id]))
    await house.reach(klien_id, "expired")
    tab = await open_tab()
    await tab.page.goto(f"{address}/kliens/{klien_id}")
    buttons = tab.page.locator("#panel button:visible")
    await expect(buttons).to_have_count(1)
    await expect(tab.qr).to_have_count(0)
    await tab.press("refresh")
    await tab.shows("qr_requested")


async def test_names_of_strangers_are_text(house: House, address: str, klien_id: int, open_tab: Open) -> None:
    tab = await open_tab()
    await tab.open_klien(address, klien_id)
    await house.link(klien_id, name=HOSTILE_NAME)
    await tab.shows("connected")
    await expect(tab.page.locator("#account-name")).to_have_text("<img src=x onerror=alert(1)>🌙")
    await expect(tab.page.locator("#panel img")).to_have_count(0)


async def test_disconnecting_asks_first(house: House, address: str, klien_id: int, open_tab: Open) -> None:
    await house.link(klien_id)
    tab = await open_tab("en")
    await tab.page.goto(f"{address}/kliens/{klien_id}")
    await tab.press("disconnect")
    await tab.page.get_by_role("button", name="Cancel").click()
    await tab.press("disconnect")
    await tab.press("confirm")
    await tab.shows("disconnected")
    await expect(tab.page.locator("#message")).to_have_text('Disconnected on request. Press "Connect" to link again.')
    assert [what for what, *_ in house.whatsapp.asked].count("log_out") == 1


async def test_disconnecting_says_if_the_phone_keeps_the_device(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    await house.link(klien_id)
    house.whatsapp.is_reachable = False
    tab = await open_tab("en")
    await tab.page.goto(f"{address}/kliens/{klien_id}")
    await tab.press("disconnect")
    await tab.press("confirm")
    await expect(tab.page.get_by_role("alert")).to_contain_text("remove this device on the phone")


async def test_linking_can_be_broken_off_without_a_question(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    tab = await open_tab()
    await tab.open_klien(address, klien_id)
    await tab.press("connect")
    await tab.press("disconnect")
    await tab.shows("disconnected")


async def test_an_error_says_when_it_is_tried_again(house: House, address: str, klien_id: int, open_tab: Open) -> None:
    await house.link(klien_id)
    house.whatsapp.say(klien_id, i.Replaced(house.whatsapp.attempts[klien_id]))
    await house.reach(klien_id, "error")
    tab = await open_tab()
    await tab.page.goto(f"{address}/kliens/{klien_id}")
    await expect(tab.page.locator("#clock")).to_contain_text(re.compile(r"Mencoba lagi dalam \d+ dtk"))
    await expect(tab.page.locator('[data-action="connect"]')).to_have_text("Pakai di sini")


async def test_the_list_moves_by_itself(house: House, address: str, klien_id: int, open_tab: Open) -> None:
    other = await house.add_klien(LONG_NAME)
    tab = await open_tab()
    await tab.page.goto(address, wait_until="networkidle")  # the tab's icon comes last
    tab.requests.clear()
    await house.link(other)
    row = tab.page.locator(f'[data-klien="{other}"]')
    await expect(row).to_have_attribute("data-status", "connected")
    await expect(row).to_contain_text("+6281*****789")
    await expect(tab.page.locator(f'[data-klien="{klien_id}"]')).to_have_attribute("data-status", "disconnected")
    assert tab.requests == []


async def test_a_page_that_missed_something_catches_up(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    tab = await open_tab()
    await tab.open_klien(address, klien_id)
    await house.realtime.close_sockets()
    await house.link(klien_id)
    await tab.shows("connected")
    await expect(tab.page.locator('[data-action="disconnect"]')).to_be_enabled()


async def test_a_page_that_cannot_hear_the_server_says_so(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    tab = await open_tab()
    await tab.open_klien(address, klien_id)
    await tab.page.context.set_offline(True)
    await house.realtime.close_sockets()
    await expect(tab.page.locator("#banner")).to_contain_text("Menyambung ulang ke server")
    await expect(tab.page.locator('[data-action="connect"]')).to_be_disabled()
    await tab.page.context.set_offline(False)
    await expect(tab.page.locator("#banner")).to_be_hidden()
    await expect(tab.page.locator('[data-action="connect"]')).to_be_enabled()
    assert all("ERR_INTERNET_DISCONNECTED" in each for each in tab.complaints)
    tab.complaints.clear()


async def test_a_login_that_ended_leads_to_a_new_one(house: House, address: str, klien_id: int, open_tab: Open) -> None:
    tab = await open_tab("en")
    await tab.open_klien(address, klien_id)
    cookies = await tab.page.context.cookies()
    login = next(each["value"] for each in cookies if each["name"] == "talkabiz_session")
    await house.desk.operators.log_out(login)
    await house.realtime.check_visitors()
    await tab.page.get_by_role("link", name="Log in").click()
    await expect(tab.page).to_have_url(f"{address}/login?next=%2Fkliens%2F{klien_id}")


@pytest.mark.parametrize("language", ["id", "en"])
async def test_nothing_is_wider_than_a_small_phone(
    house: House, address: str, klien_id: int, open_tab: Open, language: str
) -> None:
    other = await house.add_klien(LONG_NAME.replace(" ", ""))
    await house.show_qr(klien_id)
    await house.link(other, name="X" * 60)
    tab = await open_tab(language, 360)
    for path in ("/", f"/kliens/{klien_id}", f"/kliens/{other}", "/login"):
        await tab.page.goto(path)
        assert await fits(tab.page), path
    await tab.page.goto(f"/kliens/{klien_id}")
    await expect(tab.qr).to_have_attribute("data-qr", "1")
    assert await fits(tab.page)
    assert await tab.qr_texts("small") == [QR_TEXT]
