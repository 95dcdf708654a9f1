"""The house behind a real server, and browsers in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page

from talkabiz.services.allowances import Quotas
from tests.acceptance.browser import Tab, browsing
from tests.edges import House, open_house, serving

LONG_NAME = "Warung Bulan Purnama, dengan nama yang panjang sekali sampai tidak muat di layar kecil"

Open = Callable[..., Awaitable[Tab]]


@pytest.fixture(name="quotas")
def _quotas() -> Quotas:
    """Nothing is rationed, unless a test says so."""
    return Quotas()


@pytest.fixture(name="house")
async def _house(tmp_path: Path, quotas: Quotas) -> AsyncIterator[House]:
    async with open_house(tmp_path, quotas=quotas) as house:
        yield house


@pytest.fixture(name="address")
async def _address(house: House) -> AsyncIterator[str]:
    async with serving(house) as address:
        yield address


@pytest.fixture(name="klien_id")
async def _klien_id(house: House, address: str) -> int:
    return await house.add_klien()


@pytest.fixture(name="open_tab")
async def _open_tab(house: House, address: str, tmp_path: Path) -> AsyncIterator[Open]:
    """An operator's browser, in a language, a colour scheme and a width."""
    async with browsing() as browser:
        tabs = []

        async def open_tab(language: str = "id", width: int = 1100, *, dark: bool = False) -> Tab:
            context = await browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light", base_url=address
            )
            cookies = {"talkabiz_session": await house.login(), "talkabiz_language": language}
            await context.add_cookies([{"name": name, "value": cookies[name], "url": address} for name in cookies])
            tab = Tab(await context.new_page(), tmp_path)
            tab.page.set_default_timeout(10_000)
            tabs.append(tab)
            return tab

        yield open_tab
        assert [tab.complaints for tab in tabs if tab.complaints] == []


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def forget(tab: Tab, *statuses: str) -> None:
    """What a browser says of answers that are as they should be."""
    said = [each for each in tab.complaints if not any(f"status of {status}" in each for status in statuses)]
    tab.complaints[:] = said
