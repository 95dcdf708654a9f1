"""/docs in Chromium: under our Content-Security-Policy, with nothing from elsewhere, in light and dark."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.acceptance.browser import Tab, browsing
from tests.edges import API_KEY, House, open_house, serving

OPERATION = "#operations-Kliens-get_kliens"
SHOW = "#operations-Sessions-get_kliens_klien_id_session"


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


@pytest.fixture(name="address")
async def _address(house: House) -> AsyncIterator[str]:
    async with serving(house) as address:
        yield address


@pytest.fixture(name="tab")
async def _tab(address: str, tmp_path: Path) -> AsyncIterator[Tab]:
    async with browsing() as browser:
        tab = Tab(await browser.new_page(viewport={"width": 1200, "height": 900}), tmp_path)
        tab.page.set_default_timeout(10_000)
        await tab.page.goto(f"{address}/docs")
        await expect(tab.page.locator(".opblock").first).to_be_visible()
        yield tab
        assert tab.complaints == []
        assert {re.sub(r"^\w+ ", "", each)[: len(address)] for each in tab.requests if "data:" not in each} == {address}


async def test_every_operation_is_shown_and_can_be_opened(house: House, tab: Tab) -> None:
    document = await house.client(None).ask("GET", "/openapi.json", expect=200)
    operations = sum(len(methods) for methods in document["paths"].values())
    await expect(tab.page.locator(".opblock")).to_have_count(operations)
    for closed in (await tab.page.locator(".opblock-summary-control").all())[:2]:
        await closed.click()
    await expect(tab.page.locator(".opblock-body")).to_have_count(2)


async def test_a_key_that_is_typed_in_goes_along_as_a_header(house: House, tab: Tab) -> None:
    await house.add_klien("Toko Sinar")
    await tab.page.locator(".btn.authorize").click()
    await tab.page.locator(".auth-container input").first.fill(API_KEY)
    await tab.page.locator(".auth-btn-wrapper .authorize").first.click()
    await tab.page.locator(".btn-done").first.click()
    await tab.page.locator(f"{OPERATION} .opblock-summary-control").click()
    async with tab.page.expect_request("**/api/v1/**") as asking:
        await tab.page.locator(f"{OPERATION} .execute").click()
    asked = await asking.value
    assert (await asked.all_headers())["authorization"] == f"Bearer {API_KEY}"
    assert API_KEY not in asked.url
    await expect(tab.page.locator(f"{OPERATION} .live-responses-table")).to_contain_text("Toko Sinar")


async def test_its_words_can_be_read_on_its_ground(tab: Tab) -> None:
    """WCAG's ratio of 4.5 between a text and what is behind it."""
    await tab.page.locator(f"{SHOW} .opblock-summary-control").click()
    grounds = set()
    for scheme in ("light", "dark"):
        await tab.page.emulate_media(color_scheme=scheme)
        await expect(tab.page.locator("html.dark-mode")).to_have_count(int(scheme == "dark"))
        await tab.page.evaluate(GLIDED)
        for selector in (".info p", ".opblock-tag", f"{SHOW} .opblock-summary-path", f"{SHOW} .opblock-description p"):
            assert await tab.page.locator(selector).first.evaluate(CONTRAST) >= 4.5, (scheme, selector)
        grounds.add(await tab.page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor"))
    assert len(grounds) == 2


GLIDED = "Promise.allSettled(document.getAnimations().map(each => each.finished))"
CONTRAST = """element => {
    const rgba = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
    const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(rgba(getComputedStyle(e).backgroundColor));
    const ground = layers.reduce((under, top) => over(top, under), [255, 255, 255]);
    const light = color => color.map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const [a, b] = [light(over(rgba(getComputedStyle(element).color), ground)), light(ground)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
}"""


async def test_the_page_needs_no_login(house: House, address: str) -> None:
    answer = await house.client(None).send("GET", "/docs", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
