"""From an operator's password to a klien's own phone: the real command, two browsers, a phone of the sandbox."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect

from tests.acceptance.browser import Tab, tab
from tests.running import FACT_SECONDS, Phones, serving

NUMBER = "628111000021"
PASSWORD = "kuda laut biru"
END_SECONDS = 6
"""Two until the server notices, less than two until the page tries again, and a moment."""


async def test_a_person_links_by_the_link_that_an_operator_made_and_over_a_restart(home: Path, tmp_path: Path) -> None:
    async with tab(tmp_path) as operator, tab(tmp_path) as person:
        async with serving(home, "--sandbox") as server:
            port = server.base_url.rpartition(":")[2]
            klien_id = await server.add_klien("Toko Sinar")
            await _set_password(operator, server.login_link)
            await _log_in_by_password(operator, server.base_url, klien_id)
            link = await _make_link(operator)
            assert link.startswith(f"{server.base_url}/link/tkl_")
            await operator.qr_texts("10-link-made")

            await person.page.goto(link)
            await expect(person.page.get_by_role("heading", level=1)).to_have_text("Toko Sinar")
            await person.press("connect")
            await person.shows("qr_ready")
            await expect(person.qr).to_have_attribute("data-qr", "1")
            await operator.shows("qr_ready")
            assert await person.page.context.cookies() == []
            # ... and the server is stopped; the link isn't.
        await expect(person.page.locator("#banner")).to_be_visible()
        assert await person.qr_texts("11-server-gone") == []

        async with serving(home, "--sandbox", "--port", port) as server:
            await expect(person.page.locator("#banner")).to_be_hidden(timeout=FACT_SECONDS * 1000)
            await person.shows("qr_ready")
            await expect(person.qr).to_have_attribute("data-qr", "1")
            [seen] = await person.qr_texts("12-link-qr")
            await Phones(server.http).scan(NUMBER, seen, "Ibu Sari")
            await person.shows("connected")
            await operator.shows("connected")
            await expect(person.page.get_by_text("Ibu Sari").first).to_be_visible()

            await server.call("DELETE", f"/api/v1/kliens/{klien_id}", expect=None)
            ended = person.page.get_by_text("Tautan ini tidak berlaku lagi")
            await expect(ended).to_be_visible(timeout=END_SECONDS * 1000)
            await expect(person.page.locator("#panel")).to_be_hidden()
            gone = await person.page.goto(link)
            assert gone
            assert gone.status == 410
            await expect(ended).to_be_visible()


async def _set_password(operator: Tab, login_link: str | None) -> None:
    await operator.log_in(login_link)
    await operator.page.get_by_role("link", name="Buat kata sandi").click()
    await operator.page.get_by_label("Kata sandi baru").fill(PASSWORD)
    await operator.page.get_by_role("button", name="Simpan kata sandi").click()
    await expect(operator.page.get_by_role("status")).to_contain_text("Kata sandi tersimpan.")
    await operator.page.get_by_role("button", name="Keluar di semua peramban").click()
    await operator.page.wait_for_url("**/login")
    assert await operator.page.context.cookies() == []


async def _log_in_by_password(operator: Tab, base_url: str, klien_id: int) -> None:
    """Asked for a klien's page, an operator gets there by way of the login."""
    await operator.page.goto(f"{base_url}/kliens/{klien_id}")
    await operator.page.get_by_label("Nama operator").fill("operator")
    await operator.page.get_by_label("Kata sandi").fill(PASSWORD)
    await operator.page.keyboard.press("Enter")
    await operator.page.wait_for_url(f"**/kliens/{klien_id}")


async def _make_link(operator: Tab) -> str:
    await operator.press("make-link")
    link = await operator.page.get_by_label("Alamat tautan").input_value()
    await expect(operator.page.locator('[data-action="connect"]')).to_be_enabled()
    return link
