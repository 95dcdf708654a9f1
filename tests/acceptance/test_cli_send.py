"""`talkabiz send`: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.acceptance.commands import fail, is_refusal, succeed
from tests.running import API_KEY, Phones, Server, finish, klien_key, serving, talkabiz, until

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes
SHOP, ANI = "628111000007", "628111111111"


async def linked(server: Server) -> int:
    """A klien, and somebody to write to."""
    klien_id, phones = await server.add_klien("Toko Sinar"), Phones(server.http)
    await phones.call("POST", "phones", {"number": ANI, "name": "Ani", "chats": True})
    await server.link(phones, klien_id, SHOP)
    return klien_id


async def test_a_text_is_sent_and_arrives(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await linked(server)
        to = ("--url", server.base_url, "--key", await klien_key(home, klien_id))
        said = await succeed(home, "send", str(klien_id), "0811-1111-111", "Pesanan siap.", *to)
        assert said.startswith(("sent: message 1 to 628111111111", "delivered: message 1 to 628111111111"))
        await server.call("PUT", f"/api/v1/kliens/{klien_id}/pace", {"per_minute": 0, "new_contact_seconds": 0})
        message = json.loads(await succeed(home, "send", str(klien_id), ANI, "Halo", *to, "--json"))
        assert (message["id"], message["text"], message["wa_id"] is not None) == (2, "Halo", True)
        chat = (await server.call("GET", f"/sandbox/api/phones/{ANI}/messages"))["messages"]
        assert [each["text"] for each in chat] == ["Pesanan siap.", "Halo"]


async def test_what_is_wrong_is_said_by_the_exit_code_and_in_words(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    said = (ANI, "Halo")
    assert await fail(home, 3, "talkabiz serve", "send", "1", *said, "--url", nowhere, "--key", API_KEY) == "no_server"
    assert await fail(home, 2, "--key", "send", "1", *said) == "no_key"
    assert (
        await fail(home, 2, "localhost", "send", "1", *said, "--url", "localhost:8000", "--key", "x") == "invalid_url"
    )
    async with serving(home, "--sandbox") as server:
        to = ("--url", server.base_url)
        assert await fail(home, 1, "key", "send", "1", *said, *to, "--key", "tkb_no") == "unauthorized"
        assert await fail(home, 1, "klien list", "send", "7", *said, *to, "--key", API_KEY) == "not_found"
        klien_id = await server.add_klien("Toko Sinar")
        own = ("send", str(klien_id))
        assert await fail(home, 1, "linked", *own, *said, *to, "--key", API_KEY) == "illegal_state"
        await server.link(Phones(server.http), klien_id, SHOP)
        assert await fail(home, 1, "number", *own, "12", "Halo", *to, "--key", API_KEY) == "invalid_input"
        assert await fail(home, 1, "not on WhatsApp", *own, "628999999999", "Halo", *to, "--key", API_KEY) == (
            "not_on_whatsapp"
        )


async def test_what_waits_is_told_and_stays_in_the_queue(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await linked(server)
        quiet = {"quiet": {"from": "00:00", "to": "23:59"}}
        await server.call("PUT", f"/api/v1/kliens/{klien_id}/pace", quiet)
        how = ("send", str(klien_id), ANI, "Halo", "--url", server.base_url, "--key", API_KEY, "--wait")
        done = await finish(home, *how, "1")
        is_refusal(done, 1, "stays in the queue")
        assert "quiet hours" in done.errors
        assert (await succeed(home, *how, "0")).startswith("queued: message 2")
        statuses = [
            message["status"]
            for message in (await server.call("GET", f"/api/v1/kliens/{klien_id}/messages"))["messages"]
        ]
        assert statuses == ["queued", "queued"]


async def test_a_server_that_restarts_meanwhile_is_waited_for(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await linked(server)
        path = f"/api/v1/kliens/{klien_id}/pace"
        await server.call("PUT", path, {"quiet": {"from": "00:00", "to": "23:59"}})
        how = ("send", str(klien_id), ANI, "Halo", "--url", server.base_url, "--key", API_KEY)
        async with talkabiz(home, *how) as process:
            while not (await server.call("GET", f"/api/v1/kliens/{klien_id}/messages"))["messages"]:
                await asyncio.sleep(0.1)
            os.kill(server.app_pid, signal.SIGKILL)

            async def lets_go_on() -> bool:
                with suppress(AssertionError, httpx.HTTPError):
                    return bool(await server.call("PUT", path, {"quiet": None}))
                return False

            await until(lets_go_on)
            await process.read_until(lambda lines: any(line.startswith(("sent", "delivered")) for line in lines))
            assert await asyncio.wait_for(process.process.wait(), 10) == 0
