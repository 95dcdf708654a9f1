"""A server that is stopped and started while a phone writes to it loses nothing of that, and has nothing twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.running import Loopback, Phones, Server, loopback, serving, until

SHOP, ANI = "628111000031", "628111000032"
STOPS = 2
PAGE = 100


class Writer:
    """A phone that writes one message after the other."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones
        self.ids: list[str] = []

    async def run(self) -> None:
        while True:
            body = {"to": SHOP, "text": f"pesan {len(self.ids)}"}
            self.ids.append((await self._phones.call("POST", f"phones/{ANI}/messages", body))["id"])

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """What has been begun is sent to its end."""
        writing = asyncio.create_task(self.run())
        yield
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def messages(server: Server, klien_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        since = found[-1]["id"] if found else 0
        path = f"/api/v1/kliens/{klien_id}/messages?since={since}&limit={PAGE}"
        page = (await server.call("GET", path))["messages"]
        found += page
        if len(page) < PAGE:
            return found


@pytest.mark.soak
async def test_a_server_that_is_stopped_in_the_middle_has_all_that_came_once_and_in_order(home: Path) -> None:
    (home / "far").mkdir()
    async with loopback(home / "far") as far:
        writer = Writer(Phones(far.http))
        async with _serving(home, far) as server:
            klien_id = await server.add_klien("Toko Sinar")
            await server.link(Phones(far.http), klien_id, SHOP)
            await Phones(far.http).call("POST", "phones", {"number": ANI, "name": "Ani", "chats": True})
        async with writer.writing():
            for _ in range(STOPS):
                async with _serving(home, far) as server:
                    await server.wait_for(klien_id, "connected")
                    had = len(writer.ids)
                    while len(writer.ids) < had + 50:
                        await asyncio.sleep(random.uniform(0, 0.1))
                    assert await server.process.end() == 0
        async with _serving(home, far) as server:

            async def is_all_there() -> bool:
                return {message["wa_id"] for message in await messages(server, klien_id)} >= set(writer.ids)

            await until(is_all_there)
            found = [message["wa_id"] for message in await messages(server, klien_id)]
    assert found[: len(writer.ids)] == writer.ids
    assert len(found) - len(writer.ids) <= 1, "at most the one that was being sent when the phone was told to stop"


def _serving(home: Path, far: Loopback) -> Any:
    return serving(home, "--no-supervisor", **far.settings)
