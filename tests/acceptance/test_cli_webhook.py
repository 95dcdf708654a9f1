"""`talkabiz webhook …`: what it prints, and how it ends; its receiver is on this machine."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.commands import fail, is_refusal, succeed
from tests.running import API_KEY, finish, serving

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

HERE = {"webhook_allow_hosts": "127.0.0.1"}


@dataclass
class Receiver:
    """Answers every request with `status`."""

    url: str = ""
    status: int = 204
    types: list[str] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        assert length
        self.types.append(json.loads(await reader.readexactly(int(length[1])))["type"])
        writer.write(f"HTTP/1.1 {self.status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with await asyncio.start_server(receiver.take, "127.0.0.1", 0) as server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield receiver


async def test_a_webhook_is_added_listed_tried_and_told_again(home: Path) -> None:
    async with receiving() as receiver, serving(home, "--sandbox", **HERE) as server:
        klien_id = str(await server.add_klien("Toko Sinar"))
        to = ("--url", server.base_url, "--key", API_KEY)
        assert "talkabiz webhook add" in await succeed(home, "webhook", "list", klien_id, *to)
        said = await succeed(home, "webhook", "add", klien_id, receiver.url, "--label", "kasir", *to)
        assert re.fullmatch(rf"webhook 1: {receiver.url}\nsecret: whsec_\S{{44}}\n", said)
        listed = await succeed(home, "webhook", "list", klien_id, *to)
        assert all(word in listed for word in ("kasir", receiver.url, "enabled", "all"))
        assert "whsec_" not in listed
        assert re.fullmatch(
            r"delivered: delivery 1, 204 in \d+ ms\n", await succeed(home, "webhook", "test", klien_id, "1", *to)
        )
        delivery = json.loads(await succeed(home, "webhook", "test", klien_id, "1", *to, "--json"))
        assert (delivery["status"], len(delivery["attempts"])) == ("delivered", 1)
        assert receiver.types == ["ping"] * 2
        again = ("webhook", "replay", klien_id, "1", *to)
        assert await succeed(home, *again, "--since", "0") == "0 queued\n"
        assert json.loads(await succeed(home, *again, "--dead", "--json")) == {"queued": 0}


async def test_what_is_wrong_is_said_by_the_exit_code_and_in_words(home: Path) -> None:
    nowhere = ("--url", "http://127.0.0.1:1", "--key", API_KEY)
    assert await fail(home, 3, "talkabiz serve", "webhook", "list", "1", *nowhere) == "no_server"
    assert await fail(home, 2, "--dead", "webhook", "replay", "1", "1", *nowhere) == "usage"
    async with receiving() as receiver, serving(home, "--sandbox", **HERE) as server:
        to = ("--url", server.base_url, "--key", API_KEY)
        assert await fail(home, 1, "webhook list", "webhook", "list", "7", *to) == "not_found"
        klien_id = str(await server.add_klien("Toko Sinar"))
        assert await fail(home, 1, "webhook list", "webhook", "test", klien_id, "7", *to) == "not_found"
        inside = ("webhook", "add", klien_id, "https://10.0.0.7/")
        assert await fail(home, 1, "public server", *inside, *to) == "url_refused"
        await succeed(home, "webhook", "add", klien_id, receiver.url, *to)
        receiver.status = 503
        is_refusal(await finish(home, "webhook", "test", klien_id, "1", *to), 1, "http_503")
