"""Chromium on our pages, with an account of what they asked the network for and what they complained about."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import zxingcpp
from PIL import Image
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, WebSocket, async_playwright, expect

from tests.chromium import chromium_path, launch_arguments

PAGE_SECONDS = 20

_KEEP_STATUSES = """() => {
    const now = () => document.querySelector("[data-klien]")?.dataset.status;
    window.statuses = [now()];
    new MutationObserver(() => {
        if (now() !== window.statuses.at(-1)) window.statuses.push(now());
    }).observe(document.documentElement, {subtree: true, childList: true, attributes: true});
}"""


class Tab:
    """One page and its logs. `requests` are HTTP requests, polling included; `sockets` WebSockets."""

    def __init__(self, page: Page, shots: Path) -> None:
        self.page = page
        self.requests: list[str] = []
        self.sockets: list[str] = []
        self.complaints: list[str] = []
        self._shots = shots
        page.on("request", self._on_request)
        page.on("websocket", self._on_socket)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def log_in(self, login_link: str | None) -> None:
        assert login_link, "the server printed no login link"
        await self.page.goto(login_link)
        await self.page.get_by_role("main").get_by_role("button").click()
        await self.page.wait_for_url(lambda url: "/login" not in url)

    async def open_klien(self, base_url: str, klien_id: int) -> None:
        """Its page, once its socket stands: before that no button works."""
        await self.page.goto(f"{base_url}/kliens/{klien_id}")
        await expect(self.state).to_have_attribute("data-klien", str(klien_id))
        await expect(self.page.locator('[data-action="connect"]')).to_be_enabled()

    @property
    def state(self) -> Locator:
        return self.page.locator("[data-klien]").first

    @property
    def qr(self) -> Locator:
        return self.page.locator("[data-qr]")

    async def press(self, action: str) -> None:
        await self.page.locator(f'[data-action="{action}"]:visible').first.click()

    async def shows(self, status: str, seconds: float = PAGE_SECONDS) -> None:
        """Wait until the page shows this status."""
        await expect(self.state).to_have_attribute("data-status", status, timeout=seconds * 1000)

    async def keep_statuses(self) -> None:
        """From now on."""
        await self.page.evaluate(_KEEP_STATUSES)

    async def statuses(self) -> list[str]:
        return list(await self.page.evaluate("window.statuses"))

    async def qr_texts(self, name: str) -> list[str]:
        """What a camera in front of the screen reads now. The picture stays in the test's folder."""
        shot = await self.page.screenshot(path=self._shots / f"{name}.png", full_page=True)
        return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(shot)))]

    def _on_request(self, request: Request) -> None:
        self.requests.append(f"{request.method} {request.url}")

    def _on_socket(self, socket: WebSocket) -> None:
        self.sockets.append(socket.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=launch_arguments())
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def tab(shots: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one page, as somebody has it who has never been here."""
    async with browsing() as browser:
        page = await browser.new_page(viewport={"width": 1100, "height": 900})
        page.set_default_timeout(PAGE_SECONDS * 1000)
        yield Tab(page, shots)
