"""How soon a webhook is there, with many endpoints, one of which hangs; and how many a second there can be."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from tests.bench.effort import Effort, measured
from tests.bench.figures import Figure, percentile, spread
from tests.running import API_KEY, Phones, Server, loopback, serving, until
from tests.webhooks.receiver import Receiver, Request, hang

ENDPOINTS = 50
"""Each of a klien of its own."""
EVENTS_A_SECOND = 200
LEAD_SECONDS = 3.0
SECONDS = 15.0
FIRST_MS = 1000.0
LONGEST_WAIT_SECONDS = 60
NUMBER = "6281110099999"
"""Whom they will write to."""
LATER = timedelta(days=1)
"""Nothing is sent meanwhile: that would be other events, and another bench."""


@dataclass
class Town:
    server: Server
    receiver: Receiver
    api: aiohttp.ClientSession
    kliens: list[int] = field(default_factory=list)
    endpoints: list[int] = field(default_factory=list)
    is_hanging: bool = False
    """The receiver of the first of them."""

    async def settle(self, phones: Phones) -> None:
        """Linked, each with an endpoint."""
        self.receiver.behave = self._answer
        for n in range(ENDPOINTS):
            klien_id = await self.server.add_klien(f"Toko {n}")
            await self.server.link(phones, klien_id, f"62844{n:06}")
            wish = {"url": self.receiver.url(f"/{n}"), "events": ["message.status"]}
            made = await self.server.call("POST", f"/api/v1/kliens/{klien_id}/webhooks", wish, expect=201)
            self.kliens.append(klien_id)
            self.endpoints.append(made["id"])

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if self.is_hanging and request.path == "/0":
            await hang(request, writer)
        writer.write(b"HTTP/1.1 204 Done\r\nContent-Length: 0\r\n\r\n")

    async def happen(self, seconds: float) -> list[float]:
        """Messages are accepted; milliseconds from each of these until it is there first, but for what hangs."""
        before, count = len(self.receiver.kept), int(seconds * EVENTS_A_SECOND)
        began = time.monotonic()
        async with asyncio.TaskGroup() as posting:
            for n in range(count):
                await asyncio.sleep(max(0.0, began + n / EVENTS_A_SECOND - time.monotonic()))
                posting.create_task(self._post(n))
        await until(self._is_delivered, LONGEST_WAIT_SECONDS)
        return self._delays(before)

    def _delays(self, before: int) -> list[float]:
        firsts: dict[str, Request] = {}
        for request in self.receiver.kept[before:]:
            firsts.setdefault(request.id, request)
        return [
            (each.at - datetime.fromisoformat(each.json["timestamp"]).timestamp()) * 1000 - 0.5
            for each in firsts.values()
            if not (self.is_hanging and each.path == "/0")
        ]

    async def _post(self, n: int) -> None:
        body = {"to": NUMBER, "text": f"Pesan {n}", "send_at": (datetime.now(UTC) + LATER).isoformat()}
        async with self.api.post(f"/api/v1/kliens/{self.kliens[n % ENDPOINTS]}/messages", json=body) as answer:
            assert answer.status == 202, await answer.text()

    async def _is_delivered(self) -> bool:
        """But for what hangs."""
        for n in range(int(self.is_hanging), ENDPOINTS):
            path = f"/api/v1/kliens/{self.kliens[n]}/webhooks/{self.endpoints[n]}"
            if (await self.server.call("GET", path))["pending"]:
                return False
        return True

    async def replay(self) -> tuple[int, float]:
        """All that ever happened goes once more: how many, and in how many seconds."""
        before, began, queued = len(self.receiver.kept), time.monotonic(), 0
        for n in range(ENDPOINTS):
            path = f"/api/v1/kliens/{self.kliens[n]}/webhooks/{self.endpoints[n]}/replay?since=0"
            queued += (await self.server.call("POST", path, {}, expect=202))["queued"]
        await self.receiver.wait_for(before + queued, LONGEST_WAIT_SECONDS)
        return queued, time.monotonic() - began


async def measure(home: Path) -> AsyncIterator[Figure]:
    """From an event to its first try, at 200 events a second over 50 endpoints; and as many as can be."""
    async with AsyncExitStack() as stack:
        other_side = await stack.enter_async_context(loopback(home))
        settings = {**other_side.settings, "webhook_allow_hosts": "127.0.0.1"}
        server = await stack.enter_async_context(serving(home, **settings))
        receiver = await stack.enter_async_context(Receiver().running())
        headers, connector = {"Authorization": f"Bearer {API_KEY}"}, aiohttp.TCPConnector(limit=0)
        api = await stack.enter_async_context(
            aiohttp.ClientSession(server.base_url, headers=headers, connector=connector)
        )
        town = Town(server, receiver, api)
        await town.settle(Phones(other_side.http))
        pids = {"server": server.app_pid, "sandbox": other_side.process.pid, "bench": os.getpid()}
        await town.happen(LEAD_SECONDS)
        for name, town.is_hanging in (("event to first try", False), (f"the same, 1 of {ENDPOINTS} hanging", True)):
            with measured(pids, int(SECONDS * EVENTS_A_SECOND)) as effort:
                delays = await town.happen(SECONDS)
            yield _figure(name, delays, effort)
        town.is_hanging = False
        with measured(pids, 0) as effort:
            queued, seconds = await town.replay()
        effort.count = queued
        yield Figure("deliveries", queued / seconds, "/s", note=f"{queued} in {seconds:.1f} s, {effort}")


def _figure(name: str, delays: list[float], effort: Effort) -> Figure:
    note = f"p50 {percentile(delays, 50):.0f} {spread(delays)} {effort}"
    return Figure(f"{name}, {EVENTS_A_SECOND}/s, p95", percentile(delays, 95), "ms", FIRST_MS, note)
