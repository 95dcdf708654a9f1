"""Shops that send and hear, beside as many of the bare library, all against one sandbox; for `tests.bench.messages`."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.beside import Bare, bare_library
from tests.bench.distance import far_from
from tests.running import API_KEY, Loopback, Phones, Server, loopback, serving, until

PERSONS = 10
"""Each with its own shop of the bare library, and with every tenth of ours, to write to it."""
SETTLED_SECONDS = 120

_WAITING = "SELECT COUNT(*) FROM messages WHERE status IN ('queued', 'sending')"


@dataclass
class Shops:
    home: Path
    server: Server
    other_side: Loopback
    bare: Bare
    api: aiohttp.ClientSession
    """Of the server; lighter on the processor than the one that tests use."""
    panel: aiohttp.ClientSession
    """Of the sandbox."""

    def __post_init__(self) -> None:
        self.phones = Phones(self.other_side.http)
        self.kliens: list[int] = []
        self.pids = {
            "server": self.server.app_pid,
            "sandbox": self.other_side.process.pid,
            "bare": self.bare.pid,
            "bench": os.getpid(),
        }
        self._texts = itertools.count()

    async def link(self, shops: int, persons: int = PERSONS) -> None:
        """So many, without pacing, each known to its person. Their own phones don't chat: nothing is sent twice."""
        for n in range(persons):
            await self.add_phone(person(n), chats=True)
            await self.add_phone(bare_shop(n), chats=False)
            await self.bare.pair(f"bare{n}", self.phones, bare_shop(n))
        for n in range(shops):
            self.kliens.append(await self.server.add_klien(f"Toko {n}"))
            await self.add_phone(shop(n), chats=False)
            await self.server.link(self.phones, self.kliens[n], shop(n))
        await self.set_pace(0)
        await self.bare.send(1, self.ways(persons))
        for n in range(shops):
            await self.post(n, person(n % persons))
        await self.all_sent()

    async def add_phone(self, number: str, *, chats: bool) -> None:
        await self.phones.call("POST", "phones", {"number": number, "name": "Ani", "chats": chats})

    async def set_pace(self, per_minute: float) -> None:
        for klien_id in self.kliens:
            await self.server.call("PUT", f"/api/v1/kliens/{klien_id}/pace", {"per_minute": per_minute})

    async def post(self, n: int, to: str) -> None:
        """The n-th shop sends a text."""
        body = {"to": to, "text": f"Pesan {next(self._texts)}"}
        async with self.api.post(f"/api/v1/kliens/{self.kliens[n]}/messages", json=body) as answer:
            assert answer.status == 202, await answer.text()

    def ways(self, persons: int) -> dict[str, str]:
        """Who of the bare library writes to whom."""
        return {f"bare{n}": person(n) for n in range(persons)}

    async def all_sent(self) -> None:
        async def is_so() -> bool:
            return bool(self.ask(_WAITING)[0] == 0)

        await until(is_so, SETTLED_SECONDS)

    def ask(self, question: str, *values: object) -> Sequence[Any]:
        """The one row, straight from the database: the server isn't to be kept busy with it."""
        with sqlite3.connect(f"file:{self.home / 'talkabiz.db'}?mode=ro", uri=True) as database:
            return list(database.execute(question, values).fetchone())


async def open_shops(stack: AsyncExitStack, home: Path, way_seconds: float = 0) -> Shops:
    """`way_seconds`: so far away is the sandbox from both."""
    home.mkdir(exist_ok=True)
    other_side = await stack.enter_async_context(loopback(home))
    if way_seconds:
        url = await stack.enter_async_context(far_from(other_side.settings["wa_proxy_url"], way_seconds))
        other_side.settings["wa_proxy_url"] = url
    server = await stack.enter_async_context(serving(home, **other_side.settings))
    bare = await stack.enter_async_context(bare_library(home, other_side))
    headers, connector = {"Authorization": f"Bearer {API_KEY}"}, aiohttp.TCPConnector(limit=0)
    api = aiohttp.ClientSession(server.base_url, headers=headers, connector=connector)
    panel = aiohttp.ClientSession(str(other_side.http.base_url))
    await stack.enter_async_context(api)
    await stack.enter_async_context(panel)
    return Shops(home, server, other_side, bare, api, panel)


def shop(n: int) -> str:
    return f"62844{n:06}"


def bare_shop(n: int) -> str:
    return f"62845{n:06}"


def person(n: int) -> str:
    return f"62846{n:06}"


def writer(n: int) -> str:
    return f"62847{n:06}"
