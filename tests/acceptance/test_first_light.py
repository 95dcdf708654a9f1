"""The main job in a real browser: log in, click, see the QR, scan it, see `connected`."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import httpx
from playwright.async_api import expect

from tests.acceptance.browser import Tab, tab
from tests.acceptance.rows import row
from tests.running import FACT_SECONDS, Phones, Snapshot, serving

NUMBER = "628111000001"


async def test_the_login_link_shows_a_button_and_is_used_up_by_pressing_it_once(home: Path, tmp_path: Path) -> None:
    async with serving(home, "--sandbox") as server, tab(tmp_path) as page:
        assert server.login_link
        async with httpx.AsyncClient(trust_env=False) as preview:  # a chat program that looks at links before people do
            assert (await preview.get(server.login_link)).status_code == HTTPStatus.OK
        await page.log_in(server.login_link)
        await expect(page.page.locator('input[name="nama"]')).to_be_visible()

        async with httpx.AsyncClient(trust_env=False) as second:
            again = await second.post(server.login_link)
            assert again.is_client_error
            assert "talkabiz_session" not in again.cookies
            assert (await second.get(server.base_url)).status_code == HTTPStatus.UNAUTHORIZED
        assert page.complaints == []


async def test_from_a_click_to_connected_the_page_asks_nothing_and_follows_its_socket(
    home: Path, tmp_path: Path
) -> None:
    """Scanned is what a camera reads off the screen, so every link of the chain is in it."""
    async with serving(home, "--sandbox") as server, tab(tmp_path) as page:
        phones = Phones(server.http)
        klien_id = await _add_klien_on_the_page(page, server.login_link, "Toko Sinar")
        await page.open_klien(server.base_url, klien_id)
        await page.shows("disconnected")
        await page.qr_texts("1-disconnected")
        await page.keep_statuses()
        page.requests.clear()
        page.sockets.clear()

        await page.press("connect")
        await page.shows("qr_ready")
        await expect(page.qr).to_have_attribute("data-qr", "1")
        seen = await page.qr_texts("2-qr")
        snapshot = await server.snapshot(klien_id)
        assert seen == [snapshot["qr"]["code"]]

        await phones.scan(NUMBER, seen[0], "Ibu Sari")
        await page.shows("connected")
        assert await page.statuses() == ["disconnected", "qr_requested", "qr_ready", "scanning", "connected"]
        assert await page.qr.count() == 0
        assert await page.qr_texts("3-connected") == []
        await expect(page.page.get_by_text("Ibu Sari").first).to_be_visible()

        assert page.requests == [], "the page asked for something"
        assert page.sockets == [], "the socket that stood before the click was enough"
        assert page.complaints == []
        assert [device["klien_id"] for device in await phones.devices(NUMBER)] == [klien_id]


async def _add_klien_on_the_page(page: Tab, login_link: str | None, nama: str) -> int:
    await page.log_in(login_link)
    await page.page.locator('input[name="nama"]').fill(nama)
    await page.page.locator('input[name="nama"]').press("Enter")
    await page.page.get_by_text(nama).first.wait_for()
    await page.qr_texts("0-klien-added")
    return int(await page.state.get_attribute("data-klien") or 0)


async def test_the_table_says_wa_terhubung_at_the_moment_connected_is_told(home: Path) -> None:
    in_table: list[tuple[str, bool]] = []

    def look(name: str, data: Snapshot) -> None:
        in_table.append((name, row(home, data["klien_id"]).wa_terhubung))

    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        async with server.watch(klien_id) as watch:
            watch.look = look
            await server.link(Phones(server.http), klien_id, NUMBER)
            await watch.wait_for("connected", lambda told: told["wa_terhubung"])
            await server.disconnect(klien_id)
            await watch.wait_for("disconnected")

    assert in_table == [
        ("qr_requested", False),
        ("qr_ready", False),
        ("scanning", False),
        ("connected", True),
        ("disconnected", False),
    ]


async def test_a_page_whose_server_was_restarted_under_it_comes_back_and_shows_the_truth(
    home: Path, tmp_path: Path
) -> None:
    async with tab(tmp_path) as page:
        async with serving(home, "--sandbox") as server:
            port = server.base_url.rpartition(":")[2]
            klien_id = await server.add_klien("Toko Sinar")
            await page.log_in(server.login_link)
            await page.open_klien(server.base_url, klien_id)
            await page.press("connect")
            await page.shows("qr_ready")
            # ... and the server dies, and the code on the page with it.
        await expect(page.page.locator("#banner")).to_be_visible()
        assert await page.qr_texts("4-server-gone") == []

        async with serving(home, "--sandbox", "--port", port) as server:
            # The round died with the server; since somebody looks, the next begins by itself.
            await expect(page.page.locator("#banner")).to_be_hidden(timeout=FACT_SECONDS * 1000)
            await page.shows("qr_ready")
            snapshot = await server.snapshot(klien_id)
            assert await page.qr_texts("5-server-back") == [snapshot["qr"]["code"]]
            await server.link(Phones(server.http), klien_id, NUMBER)
            await page.shows("connected")
            assert await server.process.end() == 0
        async with serving(home, "--sandbox", "--port", port) as server:
            await page.keep_statuses()
            await server.wait_for(klien_id, "connected")
            await page.shows("connected")
