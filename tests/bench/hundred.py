"""What an operator of a hundred sessions sees: how long a restart takes, what idling costs, how busy it can be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figures import Figure, percentile, spread
from tests.running import Phones, Server, Snapshot, loopback, serving, until
from tests.soak.footprint import look_at

SESSIONS = 100
IDLE_SECONDS = 20.0
SETTLE_SECONDS = 5.0
BUSY_SECONDS = 20.0
CHANGES_A_SECOND = 50

RESTART_SECONDS = 30.0


async def measure(home: Path) -> AsyncIterator[Figure]:
    """A hundred linked sessions: restart, idle processor, and 50 state changes a second."""
    async with loopback(home) as other_side:
        phones = Phones(other_side.http)
        async with serving(home, **other_side.settings) as server:
            for n in range(SESSIONS):
                await server.link(phones, await server.add_klien(f"Toko {n}"), _number(n))
            await server.process.end()
        began = time.monotonic()
        async with serving(home, **other_side.settings) as server:
            answering = time.monotonic() - began
            await until(lambda: _are_connected(server), 2 * RESTART_SECONDS)
            whole = time.monotonic() - began
            note = f"it answered after {answering:.1f} s"
            yield Figure(f"restart to all {SESSIONS} connected", whole, "s", RESTART_SECONDS, note)
            yield Figure(f"processor with {SESSIONS} idle", await _idle_percent(server), "%", note="of one core")
            lags, seconds = await _be_busy(server)
            rate = len(lags) / seconds
            yield Figure("state changes", rate, "/s", note=f"for {seconds:.0f} s")
            yield Figure("decided to received meanwhile, p99", percentile(lags, 99), "ms", note=spread(lags))


def _number(n: int) -> str:
    return f"62844{n:06}"


async def _are_connected(server: Server) -> bool:
    health = (await server.http.get("/health")).json()
    return bool(health["by_status"].get("connected") == SESSIONS)


async def _idle_percent(server: Server) -> float:
    await asyncio.sleep(SETTLE_SECONDS)
    before = look_at(server.app_pid).cpu_seconds
    await asyncio.sleep(IDLE_SECONDS)
    return (look_at(server.app_pid).cpu_seconds - before) / IDLE_SECONDS * 100


async def _be_busy(server: Server) -> tuple[list[float], float]:
    """A gateway outside tells of a hundred other kliens: each report is one change, with all that a change is.

    Milliseconds from each decision to its receipt by who watches the list, and the seconds that it took.
    """
    others = [await server.add_klien(f"Warung {n}") for n in range(SESSIONS)]
    lags: list[float] = []

    def look(_event: str, snapshot: Snapshot) -> None:
        decided = datetime.fromisoformat(snapshot["server_now"])
        lags.append((datetime.now(UTC) - decided).total_seconds() * 1000 - 0.5)  # told in whole milliseconds

    async def tell(n: int) -> None:
        status = ("connected", "disconnected")[n // SESSIONS % 2]
        report = {"event": "connection.update", "klien_id": others[n % SESSIONS], "status": status}
        number = {"phone_number": f"62855{n % SESSIONS:06}"} if status == "connected" else {}
        await server.call("POST", "/api/whatsapp/webhook", {**report, "session_id": "outside", **number})

    async with server.watch() as watch, asyncio.TaskGroup() as reports:
        watch.look = look
        await watch.ask("subscribe", klien_id="*")
        began = time.monotonic()
        for n in range(int(BUSY_SECONDS * CHANGES_A_SECOND)):
            await asyncio.sleep(max(0.0, began + n / CHANGES_A_SECOND - time.monotonic()))
            reports.create_task(tell(n))
        seconds = time.monotonic() - began
    return lags, seconds
