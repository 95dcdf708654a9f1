"""Shops that write and are written to, and a server that is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.acceptance.shops import AT_ONCE, Person, person
from tests.running import API_KEY, Phones, Server, loopback, serving, until

SHOPS = 5
KILLS_OF_ONE_SUPERVISOR = 3
"""It makes those who die early wait."""
BACK_WITHIN_SECONDS = 30.0
LONGEST_BURST_SECONDS = 0.5
"""A kill strikes within so long after messages have begun to go both ways."""
RETRY_SECONDS = 0.05
SETTLE_SECONDS = 60.0


@dataclass
class Stall:
    """A klien that writes to one person, and gets messages from another. They are two because the library may use a key
    twice where it encrypts for somebody at the moment at which it decrypts what comes from there; the phone takes the
    second message for a copy then, and shows nothing (whatsmeow, pull request 1168).

    `accepted`: by the text, what was answered with 202. `said`: by WhatsApp's id.
    """

    klien_id: int
    number: str
    reader: Person
    writer: Person
    http: httpx.AsyncClient
    accepted: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    posted: int = 0
    again: int = 0
    """Requests that had to be sent once more."""

    async def post(self, count: int) -> None:
        """So many at the same time."""
        texts = [f"{self.number} keluar {self.posted + each}" for each in range(count)]
        self.posted += count
        await asyncio.gather(*map(self._post, texts))

    async def _post(self, text: str) -> None:
        headers, path = {"Idempotency-Key": text.replace(" ", "-")}, f"/api/v1/kliens/{self.klien_id}/messages"
        while True:
            try:
                answer = await self.http.post(path, json={"to": self.reader.number, "text": text}, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 202:
                self.accepted[text] = answer.json()["id"]
                return
            assert answer is None or answer.status_code == 503, answer.text
            self.again += 1
            await asyncio.sleep(RETRY_SECONDS)

    async def be_written_to(self, count: int) -> None:
        """One after another."""
        for _ in range(count):
            text = f"{self.number} masuk {len(self.said)}"
            self.said[(await self.writer.say(self.number, text=text))["id"]] = text


@dataclass(frozen=True)
class Row:
    id: int
    status: str
    error: str | None
    wa_id: str | None
    text: str


def read(home: Path, direction: str, klien_id: int) -> list[Row]:
    query = "SELECT id, status, error, wa_id, text FROM messages WHERE direction = ? AND klien_id = ? ORDER BY id"
    with closing(sqlite3.connect(f"file:{home / 'talkabiz.db'}?mode=ro", uri=True)) as database:
        return [Row(*found) for found in database.execute(query, (direction, klien_id))]


def count(home: Path, query: str) -> int:
    with closing(sqlite3.connect(f"file:{home / 'talkabiz.db'}?mode=ro", uri=True)) as database:
        return int(database.execute(query).fetchone()[0])


@dataclass
class Market:
    """All of them, and the server that gets killed."""

    home: Path
    world: dict[str, str]
    chance: random.Random
    servers: AsyncExitStack
    server: Server
    stalls: list[Stall] = field(default_factory=list)
    pending: list[asyncio.Task[None]] = field(default_factory=list)
    under_way: list[int] = field(default_factory=list)
    """How many were being sent at each kill, by the database."""
    undelivered: list[int] = field(default_factory=list)
    """How many deliveries to webhooks waited then, or were on their way."""
    back: list[float] = field(default_factory=list)

    async def go_through(self, kills: int, each_way: int) -> None:
        """So many kills, at each of them so many of each klien on their way in each direction."""
        for stall in self.stalls:  # strangers, until now
            await stall.post(1)
            await stall.be_written_to(1)
        for number in range(1, kills + 1):
            await self.kill(each_way)
            if number % KILLS_OF_ONE_SUPERVISOR == 0 and number < kills:
                await self.replace()
        await self.settle_down()

    async def kill(self, each_way: int) -> None:
        """While so many of each klien are on their way in each direction."""
        await self._all_connected()
        for stall in self.stalls:
            self.pending += [asyncio.create_task(work(each_way)) for work in (stall.post, stall.be_written_to)]
        await asyncio.sleep(self.chance.uniform(0, LONGEST_BURST_SECONDS))
        os.kill(self.server.app_pid, signal.SIGKILL)
        self.under_way.append(count(self.home, "SELECT count(*) FROM messages WHERE status = 'sending'"))
        self.undelivered.append(count(self.home, "SELECT count(*) FROM deliveries WHERE status = 'pending'"))
        killed = time.monotonic()
        await self._all_connected()
        self.back.append(time.monotonic() - killed)

    async def replace(self) -> None:
        """The server and its supervisor, in order, as by a new version."""
        assert await self.server.process.end() == 0
        port = self.server.base_url.rpartition(":")[2]
        self.server = await self.servers.enter_async_context(serving(self.home, "--port", port, **self.world))

    async def settle_down(self) -> None:
        """Until nothing waits any more."""
        await asyncio.gather(*self.pending)
        waiting = "SELECT (SELECT count(*) FROM heard) + count(*) FROM messages WHERE status IN ('queued', 'sending')"
        await until(lambda: _is(count(self.home, waiting) == 0), SETTLE_SECONDS)
        try:
            await until(self._is_all_in, 10)
        except TimeoutError:
            return  # what is missing is counted

    async def _is_all_in(self) -> bool:
        return all(len(read(self.home, "in", stall.klien_id)) >= len(stall.said) for stall in self.stalls)

    async def _all_connected(self) -> None:
        async with asyncio.timeout(BACK_WITHIN_SECONDS):
            for stall in self.stalls:
                while await self._status(stall) != "connected":
                    await asyncio.sleep(RETRY_SECONDS)

    async def _status(self, stall: Stall) -> str:
        try:
            answer = await stall.http.get(f"/api/v1/kliens/{stall.klien_id}/session")
        except httpx.TransportError:
            return "away"
        return str(answer.json().get("status"))


async def _is(fact: bool) -> bool:  # noqa: FBT001 - it is the fact itself
    return fact


@asynccontextmanager
async def open_market(home: Path, chance: random.Random, **settings: str) -> AsyncIterator[Market]:
    """`settings`: of the server, beside the usual ones."""
    async with loopback(home) as world, AsyncExitStack() as servers:
        phones = Phones(world.http)
        market_settings = {**world.settings, **settings}
        server = await servers.enter_async_context(serving(home, **market_settings))
        market = Market(home, market_settings, chance, servers, server)
        headers = {"Authorization": f"Bearer {API_KEY}"}
        for each in range(SHOPS):
            http = httpx.AsyncClient(base_url=server.base_url, headers=headers, timeout=15, trust_env=False)
            await servers.enter_async_context(http)
            klien_id, number = await server.add_klien(f"Toko {each}"), f"62811100020{each}"
            await server.link(phones, klien_id, number)
            await server.call("PUT", f"/api/v1/kliens/{klien_id}/pace", AT_ONCE)
            reader = await person(phones, f"62811100021{each}", f"Pelanggan {each}")
            writer = await person(phones, f"62811100022{each}", f"Pemasok {each}")
            market.stalls.append(Stall(klien_id, number, reader, writer, http))
        try:
            yield market
        finally:
            for task in market.pending:
                task.cancel()
            await asyncio.gather(*market.pending, return_exceptions=True)
