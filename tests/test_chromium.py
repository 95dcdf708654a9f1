"""The browser of the acceptance tests starts here, shows a page and stays among ourselves."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

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


async def test_nothing_of_it_leaves_the_machine(tmp_path: Path) -> None:
    assert await reached(tmp_path, '<img src="http://elsewhere.example/x.png">') == set()


async def test_the_network_log_tells_what_it_reaches(tmp_path: Path) -> None:
    """Or the test above could not fail."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    address = "{}:{}".format(*server.sockets[0].getsockname())
    async with server:
        assert await reached(tmp_path, f'<img src="http://{address}/x.png">') == {address}


async def reached(folder: Path, html: str) -> set[str]:
    """Every address that a browser with this page connected to or sent to, and every name that it looked up."""
    net_log = folder / "net.json"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(), args=[*launch_arguments(), f"--log-net-log={net_log}"]
        )
        page = await browser.new_page()
        await page.set_content(html, wait_until="load")
        await browser.close()

    log = json.loads(net_log.read_text())
    names = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    facts = {"TCP_CONNECT_ATTEMPT": "address", "DNS_TRANSACTION": "hostname", "UDP_BYTES_SENT": "byte_count"}
    found = [event["params"].get(facts.get(names[event["type"]])) for event in log["events"] if "params" in event]
    return {str(fact) for fact in found if fact is not None}
