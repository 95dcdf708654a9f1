"""The page /sandbox in Chromium, with the real command behind it: the product tried without a phone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from tests.acceptance.browser import Tab, browsing
from tests.running import Phones, Server, loopback, serving

SARI, BUDI = "628110000001", "628110000002"
"""The numbers that the page proposes."""
CHAT_MS = 15_000
"""The first message of a phone waits until its companions are paired."""


@pytest.fixture(name="server")
async def _server(home: Path) -> AsyncIterator[Server]:
    async with serving(home, "--sandbox") as server:
        yield server


@pytest.fixture(name="tabs")
async def _tabs(server: Server, tmp_path: Path) -> AsyncIterator[tuple[Tab, Tab]]:
    """An operator's browser on a klien's page, and on the sandbox's."""
    async with browsing() as browser:
        context = await browser.new_context(viewport={"width": 1100, "height": 900})
        klien, sandbox = Tab(await context.new_page(), tmp_path), Tab(await context.new_page(), tmp_path)
        for tab in (klien, sandbox):
            tab.page.set_default_timeout(10_000)
        await klien.log_in(server.login_link)
        await klien.open_klien(server.base_url, await server.add_klien("Toko Sinar"))
        await sandbox.page.goto(f"{server.base_url}/sandbox")
        yield klien, sandbox
        assert (klien.complaints, sandbox.complaints) == ([], [])


async def add_phone(page: Page, name: str) -> None:
    await page.locator("#new-name").fill(name)
    await page.keyboard.press("Enter")
    await expect(page.locator("#phone-name")).to_contain_text(name)


async def test_a_trial_of_a_minute_and_a_device_that_is_removed(server: Server, tabs: tuple[Tab, Tab]) -> None:
    klien, sandbox = tabs
    page = sandbox.page
    await expect(page.locator("#trial")).to_contain_text("Coba dalam satu menit")
    await expect(page.locator("#new-number")).to_have_value(SARI)
    await add_phone(page, "Ibu Sari")
    await sandbox.press("scan-screen")
    await expect(page.get_by_role("alert")).to_contain_text("Tidak ada klien yang menampilkan kode QR.")
    await klien.press("connect")
    await klien.shows("qr_ready")
    await sandbox.press("scan-screen")
    await klien.shows("connected")
    await expect(page.get_by_role("alert")).to_have_text(re.compile(rf"\+{SARI} tertaut\."))
    await expect(page.locator("#trial")).to_be_hidden()
    device = page.locator("#devices li")
    await expect(device).to_contain_text("Daring")
    await expect(device.get_by_role("link", name="klien 1")).to_have_attribute("href", "/kliens/1")
    await expect(klien.page.locator("#account")).to_contain_text("Ibu Sari")
    await _check_filter(page)

    await sandbox.press("pause")
    await sandbox.press("remove-device")
    await klien.shows("disconnected")
    assert (await server.snapshot(1))["reason"] == "logged_out"
    await expect(page.locator("#device-none")).to_be_visible()
    await expect(page.locator('[data-action="pause"]')).to_have_text(re.compile(r"Lanjutkan \(\d+ baru\)"))
    await expect(page.locator("#log li")).to_have_count(0)
    await sandbox.press("pause")
    await expect(page.locator("#log li")).to_have_count(1)
    # One stream, and what buttons asked for: to add, to look twice, to scan, to remove.
    asked = [each.partition("/sandbox/api")[2] for each in sandbox.requests if "/sandbox/api/" in each]
    assert len(asked) == 1 + 5, asked


async def _check_filter(page: Page) -> None:
    """... and leaves it on what is there once a device is removed."""
    rows = page.locator("#log li")
    await page.get_by_label("Tag").fill("success")
    await expect(rows).to_have_count(1)
    await rows.locator("summary").click()
    await expect(rows.locator("pre")).to_contain_text(re.compile(r'<success [^>]*lid="\d+:1@lid"'))
    await page.get_by_label("Arah").select_option("in")
    await expect(rows).to_have_count(0)
    await expect(page.locator("#log-none")).to_have_text("Tidak ada yang cocok dengan saringan.")
    await page.get_by_label("Arah").select_option("")
    await page.get_by_label("Tag").fill("")
    await page.get_by_label("Teks").fill("DEVICE_REMOVED")
    await expect(rows).to_have_count(0)


async def test_of_several_screens_one_is_chosen_a_code_is_typed_and_a_fault_strikes(
    server: Server, tabs: tuple[Tab, Tab]
) -> None:
    klien, sandbox = tabs
    page, other = sandbox.page, await server.add_klien("Warung <b>Bulan</b>")
    await add_phone(page, "Ibu Sari")
    await klien.press("connect")
    await klien.shows("qr_ready")
    await server.connect(other)
    await sandbox.press("scan-screen")
    await page.get_by_role("dialog").get_by_role("button", name="Warung <b>Bulan</b>").click()
    await server.wait_for(other, "connected")
    await klien.shows("qr_ready")

    await add_phone(page, "Pak Budi")
    code = await server.call("POST", "/api/v1/kliens/1/session/pairing-code", {"phone": BUDI})
    await page.locator("#code").fill(code["code"].lower())
    await page.keyboard.press("Enter")
    await klien.shows("connected")
    assert (await server.snapshot(1))["me"]["phone"] == BUDI
    await _check_fault(page, klien, Phones(server.http))


async def _check_fault(page: Page, klien: Tab, phones: Phones) -> None:
    """Set here it strikes, counts down, and is cleared; set by somebody else it is shown too."""
    await page.get_by_role("combobox", name="Gangguan").select_option("drop")
    await expect(page.locator("#fault-does")).to_contain_text("Sambungan putus")
    await page.get_by_label("Detik").fill("90")
    await page.locator('[data-action="set-fault"]').click()
    fault = page.locator("#faults li")
    await expect(fault).to_contain_text(re.compile(r"drop.*sisa [89]\d dtk.*terjadi \d+×", re.DOTALL))
    await expect(page.locator("#devices")).to_contain_text("Luring")
    await page.locator('[data-action="clear-faults"]').click()
    await expect(fault).to_have_count(0)
    await klien.shows("connected")
    await expect(page.locator("#devices")).to_contain_text("Daring")
    await phones.fault("bad_hmac", number=SARI, count=2)
    await expect(fault).to_contain_text(re.compile(rf"bad_hmac.*\+{SARI}.*sisa 2×", re.DOTALL))


async def test_two_phones_chat_and_both_sides_show_it(server: Server, tabs: tuple[Tab, Tab], tmp_path: Path) -> None:
    _, sandbox = tabs
    page, phones = sandbox.page, Phones(server.http)
    await add_phone(page, "Ibu Sari")
    await add_phone(page, "Pak <i>Budi</i>")
    await page.locator("#to").fill(f"+{SARI}")
    await sandbox.press("open-chat")
    await page.locator("#text").fill("Halo <b>Bu</b>,\napakah buka?")
    await page.keyboard.press("Enter")
    message = page.locator(".message")
    await expect(message).to_have_count(1, timeout=CHAT_MS)
    await expect(message).to_have_attribute("data-status", "delivered")
    await expect(message.locator(".said")).to_have_text("Halo <b>Bu</b>,\napakah buka?")
    await expect(page.locator(f'#phones [data-key="{SARI}"] .tag')).to_have_text("1")

    await page.locator(f'#phones [data-key="{SARI}"] button').click()
    await expect(page.locator("#chat-name")).to_have_text("Pak <i>Budi</i>")
    await sandbox.press("mark-read")
    await message.get_by_role("button", name="Tanggapi dengan ❤️").click()
    await expect(message.locator('[data-field="reactions"]')).to_have_text("❤️")
    await message.get_by_role("button", name="Balas").click()
    await page.locator("#text").fill("Buka.")
    await sandbox.press("send")
    await expect(message.locator("blockquote").last).to_contain_text("Halo <b>Bu</b>")
    picture = tmp_path / "sent.png"
    Image.new("RGB", (60, 40), "green").save(picture)
    await page.locator("#picture").set_input_files(picture)
    await expect(page.locator(".message img:visible")).to_have_js_property("naturalWidth", 60)

    await page.locator(f'#phones [data-key="{BUDI}"] button').click()
    await expect(message.first).to_have_attribute("data-status", "read")
    await expect(page.locator(".message img:visible")).to_have_js_property("naturalWidth", 60)
    await phones.call("POST", f"phones/{SARI}/typing", {"to": BUDI, "state": "composing"})
    await expect(page.locator("#typing")).to_have_text("Ibu Sari sedang mengetik…")
    await sandbox.press("toggle-offline")
    await phones.call("POST", f"phones/{SARI}/messages", {"to": BUDI, "text": "Masih di sana?"})
    await expect(page.locator("#phone .pill").first).to_have_text("Luring")
    await expect(message).to_have_count(3)
    await sandbox.press("toggle-offline")
    await expect(message).to_have_count(4)
    assert await page.locator(".message b, .message i, #phones i, #chats i").count() == 0
    await add_phone(page, "WarungBulanPurnama" * 5)
    for language in ("EN", "ID"):
        await _check_width(page, language)


async def _check_width(page: Page, language: str) -> None:
    await page.get_by_role("button", name=language, exact=True).click()
    await expect(page.locator("html")).to_have_attribute("lang", language.lower())
    await page.set_viewport_size({"width": 360, "height": 740})
    await expect(page.locator("#phone")).to_be_visible()
    for phone in await page.locator("#phones button").all():
        await phone.click()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_it_says_when_it_hears_nothing_and_goes_on_with_the_next_process(home: Path) -> None:
    async with browsing() as browser:
        page = await browser.new_page()
        async with serving(home, "--sandbox") as server:
            port = server.base_url.rpartition(":")[2]
            await page.goto(f"{server.base_url}/sandbox")
            await add_phone(page, "Ibu Sari")
            assert await server.process.end() == 0  # though the page still listens
            assert "Traceback" not in server.process.errors.read_text()
            await expect(page.locator("#lost")).to_be_visible()
        async with serving(home, "--sandbox", "--port", port) as server:
            await expect(page.locator("#lost")).to_be_hidden(timeout=10_000)
            await Phones(server.http).call("POST", "phones", {"number": BUDI, "name": "Pak Budi"})
            await expect(page.locator("#phones li")).to_have_text([re.compile("Ibu Sari"), re.compile("Pak Budi")])


async def test_alone_the_sandbox_has_the_page_too_and_scans_a_picture(home: Path, tmp_path: Path) -> None:
    async with loopback(home) as sandbox, browsing() as browser, serving(home, **sandbox.settings) as server:
        tab = Tab(await browser.new_page(), tmp_path)
        klien_id = await server.add_klien("Toko Sinar")
        await tab.page.goto(str(sandbox.http.base_url))
        await add_phone(tab.page, "Ibu Sari")
        await server.connect(klien_id)
        png = await server.http.get(f"/api/v1/kliens/{klien_id}/session/qr", headers={"Accept": "image/png"})
        shot = tmp_path / "screen.png"
        shot.write_bytes(png.content)
        await tab.page.locator("#image").set_input_files(shot)
        await expect(tab.page.locator("#devices")).to_contain_text("Daring")
        await server.wait_for(klien_id, "connected")
        assert tab.complaints == []
        for path in ("/sandbox", "/sandbox/api/events", "/sandbox/api/log", "/sandbox/api/screens"):
            assert (await server.http.get(path)).status_code == 404  # it runs without one of its own
