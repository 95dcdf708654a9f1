"""Coming in, and an operator's own page, in Chromium and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from talkabiz.domain.access import Caller
from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Quotas
from tests.edges import House
from tests.web.browser.conftest import LONG_NAME, Open, fits, forget

PASSWORD = "kuda laut biru"
END_SECONDS = 6
"""Two until the server notices, less than two until the page tries again, and a moment."""


async def test_a_password_set_on_the_account_page_logs_another_browser_in(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    """With the keyboard alone."""
    tab = await open_tab("en")
    await tab.page.goto("/")
    await tab.page.get_by_role("link", name="Set a password").click()
    await tab.page.get_by_label("New password").fill("short")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.get_by_role("alert")).to_have_text("Password: 10 to 256 characters.")
    await expect(tab.page.get_by_label("New password")).to_be_focused()
    await tab.page.keyboard.type(PASSWORD)
    await tab.page.keyboard.press("Tab")
    await expect(tab.page.get_by_role("button", name="Show")).to_be_focused()
    await tab.page.keyboard.press("Space")
    await expect(tab.page.get_by_label("New password")).to_have_attribute("type", "text")
    await tab.page.keyboard.press("Shift+Tab")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.get_by_role("status")).to_contain_text("The password is saved.")
    await expect(tab.page.get_by_label("Current password")).to_be_visible()
    await expect(tab.page.locator("[data-own] time").first).to_have_text(re.compile(r"^[A-Z][a-z]+ \d+, 2026, \d+:"))

    await tab.page.context.clear_cookies()
    await tab.page.goto(f"/kliens/{klien_id}")
    await expect(tab.page.locator("#name")).to_be_focused()
    await tab.page.keyboard.type("operator")
    await tab.page.keyboard.press("Tab")
    await tab.page.keyboard.type("wrong")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.get_by_role("alert")).to_have_text("Nama atau kata sandi salah.")
    await expect(tab.page.locator("#name")).to_have_value("operator")
    await expect(tab.page.locator("#password")).to_be_focused()
    await tab.page.keyboard.type(PASSWORD)
    await tab.page.keyboard.press("Enter")
    await expect(tab.page).to_have_url(f"{address}/kliens/{klien_id}")
    await expect(tab.page.locator('[data-action="connect"]')).to_be_enabled()
    forget(tab, "422", "401")


async def test_a_password_that_is_shown_is_sent_as_one(address: str, open_tab: Open) -> None:
    tab = await open_tab()
    await tab.page.goto("/account")
    await tab.page.get_by_role("button", name="Tampilkan").click()
    await tab.page.evaluate(
        "document.querySelector('main form').addEventListener('submit', e => {"
        " e.preventDefault(); document.body.dataset.sent = ''; })"
    )
    await tab.page.locator("#password").fill(PASSWORD)
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator("body")).to_have_attribute("data-sent", "")
    await expect(tab.page.locator("#password")).to_have_attribute("type", "password")


async def test_logging_out_everywhere_closes_the_other_browsers_pages(
    house: House, address: str, klien_id: int, open_tab: Open
) -> None:
    other, tab = await open_tab("en"), await open_tab()
    await house.show_qr(klien_id)
    await other.page.goto(f"/kliens/{klien_id}")
    await expect(other.qr).to_have_attribute("data-qr", "1")
    await tab.page.goto("/account")
    await tab.page.get_by_role("button", name="Keluar di semua peramban").click()
    await expect(tab.page).to_have_url(f"{address}/login")
    await expect(other.page.locator("#banner")).to_contain_text("Your login has ended.", timeout=END_SECONDS * 1000)
    await expect(other.qr).to_have_count(0)
    assert "linked_devices" not in await other.page.content()


@pytest.mark.parametrize("quotas", [Quotas(requests=Quota(1, 2))])
async def test_a_list_that_is_asked_for_too_often_says_so_and_comes_later(
    house: House, klien_id: int, open_tab: Open
) -> None:
    tab = await open_tab("en")
    await tab.page.goto("/")
    await expect(tab.page.get_by_role("alert")).to_contain_text("Too many requests.")
    house.clock.advance(10)
    await expect(tab.page.locator("#trouble")).to_be_hidden()
    await house.link(klien_id)
    await expect(tab.page.locator(f'[data-klien="{klien_id}"]')).to_have_attribute("data-status", "connected")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("dark", [False, True])
async def test_no_page_of_access_is_wider_than_a_small_phone(
    house: House, address: str, open_tab: Open, language: str, *, dark: bool
) -> None:
    klien_id = await house.add_klien(LONG_NAME.replace(" ", ""))
    link = await house.desk.access.make_link_token(klien_id, caller=Caller("test"))
    tab = await open_tab(language, 360, dark=dark)
    for path in ("/account", "/", f"/link/{link.token}", "/link/x", "/login/x"):
        await tab.page.goto(path)
        assert await fits(tab.page), path
    await tab.page.goto(f"/kliens/{klien_id}")
    await tab.press("make-link")
    await expect(tab.page.locator("[data-link]")).to_be_visible()
    assert await fits(tab.page)
    await tab.page.context.clear_cookies()
    for path in ("/login", f"/login/{await house.desk.operators.make_login_link('a' * 64)}"):
        await tab.page.goto(path)
        assert await fits(tab.page), path
    forget(tab, "410")
