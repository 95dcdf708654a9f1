"""What messages cost: out through the outbox, accepted, and in; beside the bare library."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from talkabiz.domain.pacing import Pacing
from tests.bench.effort import Effort, measured
from tests.bench.figures import Figure, percentile, spread
from tests.bench.hearing import hear
from tests.bench.shops import PERSONS, Shops, open_shops, person

SESSIONS = 100
ROUNDS = 3
MESSAGES = 400
"""A round."""
AT_ONCE = 8
"""Requests."""
RATIO = 0.8
WAY_SECONDS = 0.02
"""To the sandbox, and as long back: what it is over a network, with two sessions."""
FAR_MESSAGES = 100

ACCEPTS_A_SECOND = 200
LEAD_SECONDS = 5.0
"""Of the same, before: everybody's burst is spent then."""
ACCEPT_SECONDS = 15.0
ACCEPT_MS = 20.0

_LAST_ID = "SELECT COALESCE(MAX(id), 0) FROM messages"
_OUTCOMES = "SELECT COUNT(*), COUNT(sent_at), MAX(sent_at) FROM messages WHERE direction = 'out' AND id > ?"


async def measure(home: Path) -> AsyncIterator[Figure]:
    """A hundred sessions linked: messages sent, accepted and heard, and the first and last beside the bare library."""
    async with AsyncExitStack() as stack:
        shops = await open_shops(stack, home)
        await shops.link(SESSIONS)
        for figures in (send_beside(shops, 1), send_beside(shops, PERSONS), hear(shops), accept(shops)):
            async for figure in figures:
                yield figure
    async with AsyncExitStack() as stack:
        shops = await open_shops(stack, home / "far", WAY_SECONDS)
        await shops.link(1, 1)
        async for figure in send_beside(shops, 1, f", {WAY_SECONDS * 1000:.0f} ms away", FAR_MESSAGES):
            yield figure


# --- out --------------------------------------------------------------------------------------------------------------


async def send_beside(shops: Shops, senders: int, where: str = "", count: int = MESSAGES) -> AsyncIterator[Figure]:
    """Taking turns: the same number of texts by each."""
    ours, theirs, our_effort, their_effort = [], [], Effort(), Effort()
    each = count // senders
    for _ in range(ROUNDS):
        with measured(shops.pids, each * senders) as effort:
            theirs.append(each * senders / await shops.bare.send(each, shops.ways(senders)))
        their_effort.add(effort)
        with measured(shops.pids, each * senders) as effort:
            ours.append(each * senders / await _send(shops, each, senders))
        our_effort.add(effort)
    what = f"sent from {senders} session{'s' * (senders > 1)}{where}"
    yield Figure(f"{what}, Talkabiz, median", statistics.median(ours), "/s", note=f"{_all(ours)} {our_effort}")
    yield Figure(f"{what}, bare, median", statistics.median(theirs), "/s", note=f"{_all(theirs)} {their_effort}")
    ratio = statistics.median(our / their for our, their in zip(ours, theirs, strict=True))
    yield Figure(f"{what}, ratio", ratio, "", RATIO, is_least=True)


async def _send(shops: Shops, count: int, senders: int) -> float:
    """Seconds from the first request until the last of them has been sent."""
    last_id, wishes = shops.ask(_LAST_ID)[0], iter([n % senders for n in range(count * senders)])

    async def post() -> None:
        for n in wishes:
            await shops.post(n, person(n))

    began = datetime.now(UTC)
    async with asyncio.TaskGroup() as posting:
        for _ in range(AT_ONCE):
            posting.create_task(post())
    await shops.all_sent()
    there, sent, at = shops.ask(_OUTCOMES, last_id)
    assert there == sent == count * senders, f"{sent} of {there} were sent"
    return (datetime.fromisoformat(at) - began).total_seconds()


# --- accepted ---------------------------------------------------------------------------------------------------------


async def accept(shops: Shops) -> AsyncIterator[Figure]:
    """For all sessions, each of which sends at the pace that it has where nobody chose."""
    await shops.set_pace(Pacing().per_minute)
    await _accept(shops, LEAD_SECONDS)
    taken, effort = await _accept(shops, ACCEPT_SECONDS)
    note = f"p50 {percentile(taken, 50):.2f} {spread(taken)} {effort}"
    yield Figure(f"accepted at {ACCEPTS_A_SECOND}/s, p95", percentile(taken, 95), "ms", ACCEPT_MS, note)


async def _accept(shops: Shops, seconds: float) -> tuple[list[float], Effort]:
    """Milliseconds from each request to its answer."""
    taken: list[float] = []
    count = int(seconds * ACCEPTS_A_SECOND)

    async def post(n: int) -> None:
        asked = time.monotonic()
        await shops.post(n % SESSIONS, person(n % PERSONS))
        taken.append((time.monotonic() - asked) * 1000)

    with measured(shops.pids, count) as effort:
        began = time.monotonic()
        async with asyncio.TaskGroup() as posting:
            for n in range(count):
                await asyncio.sleep(max(0.0, began + n / ACCEPTS_A_SECOND - time.monotonic()))
                posting.create_task(post(n))
    return taken, effort


def _all(rates: Sequence[float]) -> str:
    return f"[{', '.join(f'{rate:.0f}' for rate in rates)}]"
