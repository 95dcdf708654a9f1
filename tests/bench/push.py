"""How long a change takes to reach a browser while a thousand others are connected."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figures import Figure, percentile, spread
from tests.running import API_KEY, CHECKOUT, Server, Snapshot, Watch, loopback, serving

OTHERS = 1000
ROUNDS = 50
"""Each is two changes and one QR; more would leave more abandoned attempts behind, which slow the server down."""
PUSH_MS = 3.0
QR_MS = 25.0


async def measure(home: Path) -> AsyncIterator[Figure]:
    """A state change, and a new QR, to their receipt on a socket, with 1,000 other sockets connected."""
    async with loopback(home) as other_side, serving(home, **other_side.settings) as server:
        watched, busy = await server.add_klien("Toko Sinar"), await server.add_klien("Toko Bulan")
        async with _crowd(server, busy), server.watch(watched) as watch:
            changes, codes, whole = await _change(watch, watched)
    yield Figure(
        "decided to received, p95", percentile(changes, 95), "ms", PUSH_MS, f"p50 {percentile(changes, 50):.2f}"
    )
    yield Figure("wish sent to change received, p95 (for context)", percentile(whole, 95), "ms", note=spread(whole))
    yield Figure("new QR, drawn, to received, p95", percentile(codes, 95), "ms", QR_MS, spread(codes))


async def _change(watch: Watch, klien_id: int) -> tuple[list[float], list[float], list[float]]:
    """Start and stop again and again. `server_now` is when the server decided; one clock for the machine."""
    changes: list[float] = []
    codes: list[float] = []
    whole: list[float] = []
    received: asyncio.Queue[tuple[str, Snapshot, float]] = asyncio.Queue()

    async def take(event: str, data: Snapshot) -> None:
        received.put_nowait((event, data, datetime.now(UTC).timestamp()))

    watch.client.on("*", take)
    for _ in range(ROUNDS):
        for command in ("start", "disconnect_wa"):
            sent = time.monotonic()
            answer = asyncio.create_task(watch.ask(command, klien_id=klien_id))
            _, data, at = await asyncio.wait_for(received.get(), 20)
            whole.append((time.monotonic() - sent) * 1000)
            changes.append(_since(data["server_now"], at))
            await answer
            if command == "start":
                _, data, at = await asyncio.wait_for(received.get(), 20)
                codes.append(_since(data["qr"]["issued_at"], at))
    return changes, codes, whole


def _since(moment: str, at: float) -> float:
    """Milliseconds. The server cuts its time to whole ones: half of one is what that takes away on average."""
    return (at - datetime.fromisoformat(moment).timestamp()) * 1000 - 0.5


@asynccontextmanager
async def _crowd(server: Server, klien_id: int) -> AsyncIterator[None]:
    crowd = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.crowd", server.base_url, API_KEY, str(klien_id), str(OTHERS)),
        stdout=asyncio.subprocess.PIPE,
        cwd=CHECKOUT,
    )
    try:
        assert crowd.stdout
        line = await asyncio.wait_for(crowd.stdout.readline(), 120)
        assert line == b"ready\n", "the crowd didn't get in"
        yield
    finally:
        crowd.kill()
        await crowd.wait()
