"""What a connected session costs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.figures import Figure
from tests.running import Phones, Server, loopback, serving

SESSIONS = 50
SETTLE_SECONDS = 5
MEGABYTES = 1.5
PAGE_MEGABYTES = os.sysconf("SC_PAGE_SIZE") / 2**20


async def measure(home: Path) -> AsyncIterator[Figure]:
    """Resident memory and threads a connected session, above the process without sessions."""
    async with loopback(home) as other_side, serving(home, **other_side.settings) as server:
        phones = Phones(other_side.http)
        kliens = [await server.add_klien(f"Toko {n}") for n in range(SESSIONS)]
        await asyncio.sleep(SETTLE_SECONDS)
        before, threads_before = _resident(server), _threads(server)
        for n, klien_id in enumerate(kliens):
            await _link(server, phones, klien_id, n)
        await asyncio.sleep(SETTLE_SECONDS)
        after, threads_after = _resident(server), _threads(server)
    yield Figure("resident without sessions", before, "MB")
    yield Figure(f"resident with {SESSIONS} connected", after, "MB")
    yield Figure("resident a session", (after - before) / SESSIONS, "MB", MEGABYTES)
    yield Figure("threads a session", (threads_after - threads_before) / SESSIONS, "", note=f"{threads_after} in all")


async def _link(server: Server, phones: Phones, klien_id: int, n: int) -> None:
    snapshot = await server.connect(klien_id)
    await phones.scan(f"62833{n:05}", snapshot["qr"]["code"])
    await server.wait_for(klien_id, "connected")


def _resident(server: Server) -> float:
    return int(Path(f"/proc/{server.app_pid}/statm").read_text().split()[1]) * PAGE_MEGABYTES


def _threads(server: Server) -> int:
    return len(list(Path(f"/proc/{server.app_pid}/task").iterdir()))
