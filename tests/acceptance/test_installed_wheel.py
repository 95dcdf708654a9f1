"""What people install is the wheel, not the checkout."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.acceptance.rows import row
from tests.running import API_KEY, CHECKOUT, Phones, talkabiz, until

NUMBER = "628111000009"


@pytest.fixture(name="site")
def _site(home: Path) -> str:
    """Where the wheel is installed."""
    site = str(home / "site")
    _run("hatchling", "build", "-t", "wheel", "-d", str(home))
    [wheel] = home.glob("*.whl")
    _run("pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, str(wheel))
    return site


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=CHECKOUT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


async def test_the_installed_wheel_migrates_serves_the_pages_and_links_a_phone(home: Path, site: str) -> None:
    arguments = ("serve", "--port", "0", "--sandbox")
    async with talkabiz(home, *arguments, package=site, api_key=API_KEY) as process:
        await process.read_until(lambda lines: any(line.startswith("login:") for line in lines))
        [base_url] = re.findall(r"Talkabiz runs at (\S+)", "\n".join(process.lines))
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=20) as http:
            page = (await http.get("/", headers={"Accept": "text/html"})).text
            linked = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
            assert linked
            wanted = [*linked, "/static/vendor/socket.io.esm.min.js"]
            assert [(path, (await http.get(path)).status_code) for path in wanted] == [(path, 200) for path in wanted]

            klien = (await http.post("/api/v1/kliens", json={"nama": "Toko Sinar"})).json()
            started = (await http.post("/whatsapp/connect", json={"klien_id": klien["id"]})).json()
            await Phones(http).scan(NUMBER, started["qr"]["code"])

            async def is_linked() -> bool:
                return row(home, klien["id"]).status == "connected"

            await until(is_linked)
