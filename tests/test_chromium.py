"""The browser of the acceptance tests starts here, shows a page and stays among ourselves."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.parse import urlsplit

import zxingcpp
from PIL import Image
from playwright.async_api import async_playwright
from qrcode.image.svg import SvgPathImage
from qrcode.main import QRCode

from tests.chromium import chromium_path, launch_arguments

TEXT = "https://wa.me/settings/linked_devices#2@" + "Zx9/" * 60


async def test_a_qr_on_a_page_is_read_off_a_screenshot(tmp_path: Path) -> None:
    """The longest link of the browser tests' chain, without the product: draw, show, photograph, decode."""
    code = QRCode(image_factory=SvgPathImage, border=4)
    code.add_data(TEXT)
    page_file = tmp_path / "page.html"
    page_file.write_text(
        f'<!doctype html><meta charset="utf-8"><body>{code.make_image().to_string(encoding="unicode")}'
    )

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=launch_arguments())
        page = await browser.new_page()
        await page.goto(page_file.as_uri())
        shot = await page.screenshot()
        await browser.close()

    decoded = zxingcpp.read_barcodes(Image.open(io.BytesIO(shot)))
    assert [found.text for found in decoded] == [TEXT]


async def test_it_asks_nothing_of_the_network(tmp_path: Path) -> None:
    assert await hosts_asked_for(tmp_path, "<p>nothing") == set()


async def test_the_network_log_would_tell(tmp_path: Path) -> None:
    """What a page does ask for elsewhere is seen (and finds nothing), or the test above could not fail."""
    assert await hosts_asked_for(tmp_path, '<img src="http://elsewhere.example/x.png">') == {"elsewhere.example"}


async def hosts_asked_for(folder: Path, html: str) -> set[str]:
    net_log = folder / "net.json"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(), args=[*launch_arguments(), f"--log-net-log={net_log}"]
        )
        page = await browser.new_page()
        await page.set_content(html, wait_until="load")
        await browser.close()

    seen = [event.get("params", {}) for event in json.loads(net_log.read_text())["events"]]
    in_urls = {urlsplit(each["url"]).hostname or "" for each in seen if each.get("url", "").startswith(("http", "ws"))}
    in_lookups = {each["hostname"] for each in seen if "hostname" in each}
    return (in_urls | in_lookups) - {"127.0.0.1", "localhost"}
