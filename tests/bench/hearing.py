"""How soon what somebody writes is on a socket, beside the bare library's callback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.bench.effort import Effort, measured
from tests.bench.figures import Figure, percentile, spread
from tests.bench.shops import Shops, bare_shop, shop, writer
from tests.running import Snapshot

WRITERS = 5
HEARD = 400
HEARD_A_SECOND = 20
HEARD_MS = 20.0
BARE_EVERY = 4
"""Of those, each so-and-so-many-th goes to the bare library."""
SETTLE_SECONDS = 1.0


@dataclass
class _Times:
    """By text; by `time.monotonic`."""

    asked: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    received: dict[str, float] = field(default_factory=dict)
    taken_in: dict[str, float] = field(default_factory=dict)
    """Milliseconds before it was received."""

    def look(self, event: str, message: Snapshot) -> None:
        if event == "message" and message["direction"] == "in":
            taken = datetime.fromisoformat(message["created_at"]).timestamp()
            self.taken_in[message["text"]] = (time.time() - taken) * 1000 - 0.5  # it is told in whole milliseconds
            self.received[message["text"]] = time.monotonic()

    def since_asked(self, times: dict[str, float]) -> list[float]:
        return [(times[text] - at) * 1000 for text, at in self.asked.items() if text in times]


async def hear(shops: Shops) -> AsyncIterator[Figure]:
    """Phones write to sessions, and every fourth text to the bare library."""
    for n in range(WRITERS):
        await shops.add_phone(writer(n), chats=True)
    async with shops.server.watch() as watch:
        for klien_id in shops.kliens:
            await watch.ask("subscribe", klien_id=klien_id)
        times = _Times()
        for n in range(WRITERS * len(shops.kliens)):
            await _write(shops, times, n, f"Halo {n}")  # everybody knows everybody then
        await asyncio.sleep(SETTLE_SECONDS)
        times = _Times()
        watch.look = times.look
        before = await _stored(shops)
        effort = await _write_all(shops, times)
        seconds, count = (after - then for after, then in zip(await _stored(shops), before, strict=True))
    ours, theirs, phone = map(times.since_asked, (times.received, shops.bare.heard, times.answered))
    own = list(times.taken_in.values())
    assert len(ours) + len(theirs) == HEARD, f"{len(ours)} and {len(theirs)} of {HEARD}"
    yield Figure("phone asked to write to its answer, p95", percentile(phone, 95), "ms", note=_tell(phone))
    yield Figure("phone asked to heard by bare library, p95", percentile(theirs, 95), "ms", note=_tell(theirs))
    note = f"{_tell(ours)} {effort}"
    yield Figure("phone asked to received on a socket, p95", percentile(ours, 95), "ms", HEARD_MS, note)
    yield Figure("of that: being taken in to received, p95", percentile(own, 95), "ms", note=_tell(own))
    yield Figure("of that: heard to stored, on average", seconds / count * 1000, "ms")


async def _write_all(shops: Shops, times: _Times) -> Effort:
    began = time.monotonic()
    with measured(shops.pids, HEARD) as effort:
        async with asyncio.TaskGroup() as writing:
            for n in range(HEARD):
                await asyncio.sleep(max(0.0, began + n / HEARD_A_SECOND - time.monotonic()))
                writing.create_task(_write(shops, times, n, f"Kabar {n}"))
        await asyncio.sleep(SETTLE_SECONDS)
    return effort


async def _write(shops: Shops, times: _Times, n: int, text: str) -> None:
    to = bare_shop(0) if n % BARE_EVERY == 0 else shop(n % len(shops.kliens))
    times.asked[text] = time.monotonic()
    path = f"/sandbox/api/phones/{writer(n % WRITERS)}/messages"
    async with shops.panel.post(path, json={"to": to, "text": text}) as answer:
        assert answer.status == 201, await answer.text()
    times.answered[text] = time.monotonic()


async def _stored(shops: Shops) -> tuple[float, float]:
    """How long it took so far to store what was heard, all in all in seconds, and how much it was."""
    lines = (await shops.server.http.get("/metrics")).text.splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if line.startswith("talkabiz_heard_stored_seconds_"))
    return float(found["talkabiz_heard_stored_seconds_sum"]), float(found["talkabiz_heard_stored_seconds_count"])


def _tell(values: Sequence[float]) -> str:
    return f"p50 {percentile(values, 50):.2f} {spread(values)}"
