"""What the other side of the wire costs, so that it can be taken off other figures of the same machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.figures import Figure
from tests.running import Phones, loopback, serving
from tests.soak.footprint import look_at

SESSIONS = 300
IDLE_SECONDS = 60.0
"""Two keepalives of each session."""
SETTLE_SECONDS = 5.0
PAIRING_MILLISECONDS = 100.0
SESSION_MEGABYTES = 0.6
IDLE_PERCENT = 10.0


async def measure(home: Path) -> AsyncIterator[Figure]:
    """Three hundred sessions linked against one sandbox: processor and memory of the sandbox itself."""
    async with loopback(home) as world, serving(home, **world.settings) as server:
        phones = Phones(world.http)
        kliens = [await server.add_klien(f"Toko {n}") for n in range(SESSIONS)]
        await asyncio.sleep(SETTLE_SECONDS)
        before, began = look_at(world.process.pid), time.monotonic()
        for n, klien_id in enumerate(kliens):
            await server.link(phones, klien_id, f"62866{n:06}")
        seconds = time.monotonic() - began
        await asyncio.sleep(SETTLE_SECONDS)
        linked = look_at(world.process.pid)
        await asyncio.sleep(IDLE_SECONDS)
        idle = look_at(world.process.pid)
        health = (await server.http.get("/health")).json()
    assert health["by_status"].get("connected") == SESSIONS, health

    pairing = (linked.cpu_seconds - before.cpu_seconds) / SESSIONS * 1000
    note = f"{seconds / SESSIONS:.2f} s each, one after the other"
    yield Figure("sandbox: processor a pairing", pairing, "ms", PAIRING_MILLISECONDS, note)
    grown = (linked.megabytes - before.megabytes) / SESSIONS
    note = f"{before.megabytes:.0f} MB without, {linked.megabytes:.0f} MB with {SESSIONS}"
    yield Figure("sandbox: resident a session", grown, "MB", SESSION_MEGABYTES, note)
    percent = (idle.cpu_seconds - linked.cpu_seconds) / IDLE_SECONDS * 100
    note = f"of one core; {percent / SESSIONS * 10:.2f} ms a second each"
    yield Figure(f"sandbox: processor with {SESSIONS} idle", percent, "%", IDLE_PERCENT, note)
    yield Figure("sandbox: threads", idle.threads, "", note=f"{idle.descriptors} descriptors")
