"""How long linking takes beside the bare library."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.figures import Figure, spread
from tests.running import CHECKOUT, Loopback, Phones, Server, loopback, serving

PAIRINGS = 12
RATIO = 1.25


async def measure(home: Path) -> AsyncIterator[Figure]:
    """Connect to first QR, and scan to connected, on a socket; beside the bare library, taking turns."""
    async with loopback(home) as other_side, serving(home, **other_side.settings) as server:
        phones = Phones(other_side.http)
        bare = await _start_bare(home, other_side)
        kliens = [await server.add_klien(f"Toko {n}") for n in range(PAIRINGS + 1)]
        ours, theirs = [], []
        for n, klien_id in enumerate(kliens):
            theirs.append(await _link_bare(bare, phones, n))
            ours.append(await _link_ours(server, phones, klien_id, n))
        bare.terminate()
        await bare.wait()
        for place, what in enumerate(("connect to first QR", "scan to connected")):
            our = [pairing[place] * 1000 for pairing in ours[1:]]  # the first warms both up
            their = [pairing[place] * 1000 for pairing in theirs[1:]]
            yield Figure(f"{what}, Talkabiz, median", statistics.median(our), "ms", note=spread(our))
            yield Figure(f"{what}, bare library, median", statistics.median(their), "ms", note=spread(their))
            yield Figure(f"{what}, ratio", statistics.median(our) / statistics.median(their), "", RATIO)


async def _link_ours(server: Server, phones: Phones, klien_id: int, n: int) -> tuple[float, float]:
    async with server.watch(klien_id) as watch:
        asked = time.monotonic()
        start = asyncio.create_task(watch.ask("start", klien_id=klien_id))
        snapshot = await watch.wait_for("qr_ready")
        shown = time.monotonic()
        await start
        scanned = time.monotonic()
        scan = asyncio.create_task(phones.scan(f"62811{n:05}", snapshot["qr"]["code"]))
        await watch.wait_for("connected")
        connected = time.monotonic()
        await scan
    return shown - asked, connected - scanned


async def _start_bare(home: Path, other_side: Loopback) -> asyncio.subprocess.Process:
    wa = other_side.settings
    bare = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bare", str(home), wa["wa_proxy_url"], wa["wa_ca_file"], wa["wa_root_key"]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=CHECKOUT,
    )
    await _read(bare, "ready")
    return bare


async def _link_bare(bare: asyncio.subprocess.Process, phones: Phones, n: int) -> tuple[float, float]:
    assert bare.stdin
    bare.stdin.write(f"bare{n}\n".encode())
    asked = (await _read(bare, "asked"))[1]
    _, shown, text = await _read(bare, "qr")
    scanned = time.monotonic()
    scan = asyncio.create_task(phones.scan(f"62822{n:05}", text))
    connected = (await _read(bare, "connected"))[1]
    await scan
    return float(shown) - float(asked), float(connected) - scanned


async def _read(bare: asyncio.subprocess.Process, what: str) -> list[str]:
    assert bare.stdout
    async with asyncio.timeout(20):
        while True:
            words = (await bare.stdout.readline()).decode().split(maxsplit=2)
            if not words:
                raise AssertionError("the bare library's process ended")
            if words[0] == what:
                return words
