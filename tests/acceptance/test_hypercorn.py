"""The same application by an ASGI server of the operator's choice."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.running import API_KEY, Phones, loopback, talkabiz, until

NUMBER = "628111000008"


async def test_hypercorn_serves_the_pages_and_links_a_phone(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with loopback(home) as world:
        settings = {"api_key": API_KEY, "base_url": f"http://{address}", **world.settings}
        arguments = ("talkabiz.asgi:create_app()", "--bind", address)
        async with talkabiz(home, *arguments, module="hypercorn", **settings) as process:
            await process.read_until(lambda lines: any(line.startswith("login:") for line in lines))
            link = next(line for line in process.lines if line.startswith("login:")).removeprefix("login: ")
            assert urlsplit(link).netloc == address
            headers = {"Authorization": f"Bearer {API_KEY}"}
            async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers, trust_env=False) as http:
                await until(partial(_answers, http))
                assert (await http.get("/health")).json()["status"] == "ok"
                assert "<form" in (await http.get(link, headers={"Accept": "text/html"})).text
                klien = (await http.post("/api/v1/kliens", json={"nama": "Toko Sinar"})).json()
                started = (await http.post("/whatsapp/connect", json={"klien_id": klien["id"]}, timeout=15)).json()
                await Phones(world.http).scan(NUMBER, started["qr"]["code"])

                async def is_linked() -> bool:
                    return bool((await http.get(f"/api/v1/kliens/{klien['id']}")).json()["wa_nomor"] == NUMBER)

                await until(is_linked)
            assert await process.end() == 0


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health/live")).is_success
    except httpx.TransportError:
        return False
