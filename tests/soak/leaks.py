"""`python -m tests.soak.leaks WHAT COUNT`: does one thing over and over, and prints as JSON what the process held
before, after, and (`rested`) ten seconds of rest later.

A process of its own for each, for little of it is ever given back.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from talkabiz.domain import inputs as i
from talkabiz.whatsapp import run
from tests.running import loopback
from tests.soak.footprint import look_at
from tests.soak.stage import Stage, load_for, play
from tests.whatsapp.ear import fresh_attempt, until
from tests.whatsapp.proxies import refusing_proxy

NUMBER = "628120000001"
SETTLE_SECONDS = 3.0
REST_SECONDS = 10.0


class Leaks(Stage):
    async def warm_up(self) -> str:
        """One of everything, so that what is there once isn't taken for what is left each time; the linked device."""
        await self.cut_off(1)
        return await self.link(1, NUMBER)

    async def cut_off(self, count: int) -> None:
        """Pairings that are closed while a code is on show."""
        for _ in range(count):
            attempt, _ = await self.show_code(1)
            self.edge.close(attempt)

    async def expire(self, count: int) -> None:
        """Pairings whose codes ran out, as their time-out takes care of them."""
        await self.phones.fault("one_qr")
        attempts = [(await self.show_code(1))[0] for _ in range(count)]
        for attempt in attempts:
            await self.ear.wait(attempt, i.CodesRanOut, seconds=60)
        await self.phones.heal()

    async def fail(self, count: int) -> None:
        """Starts while there is no way to WhatsApp."""
        for _ in range(count):
            attempt = fresh_attempt()
            self.edge.start_pairing(1, attempt)
            await self.ear.wait(attempt, i.NoRoute)

    async def stop_and_start(self, count: int, device: str) -> None:
        self.edge.close(device)
        for _ in range(count):
            self.edge.close(await self.come_back(1, device))


async def measure(what: str, count: int, folder: Path, out: TextIO) -> None:
    async with loopback(folder) as world:
        binding = load_for(world)
        stage = Leaks(binding, folder / "sessions", world)
        device = await stage.warm_up()
        nowhere = Leaks(binding, folder / "nowhere", world, refusing_proxy())
        work: dict[str, Callable[[], Awaitable[None]]] = {
            "cut off": lambda: stage.cut_off(count),
            "expired": lambda: stage.expire(count),
            "failed": lambda: nowhere.fail(count),
            "restarted": lambda: stage.stop_and_start(count, device),
        }
        report = {"before": await settled(stage)}
        await work[what]()
        report["after"] = await settled(stage)
        await asyncio.sleep(REST_SECONDS)
        report["rested"] = figures(stage)
        print(json.dumps(report), file=out, flush=True)


async def settled(stage: Leaks) -> dict[str, float]:
    await until(lambda: stage.edge.running <= 1)
    await asyncio.sleep(SETTLE_SECONDS)
    gc.collect()
    return figures(stage)


def figures(stage: Leaks) -> dict[str, float]:
    edge = stage.edge
    return asdict(look_at(os.getpid())) | {"running": edge.running, "abandoned": edge.abandoned}


def main(what: str, count: str, *options: str) -> None:
    out = sys.stdout  # as it is before the library comes
    if "--no-release" in options:
        setattr(run, "LAST_STATUSES", frozenset())  # noqa: B010 - a constant
    play(lambda folder: measure(what, int(count), folder, out))


if __name__ == "__main__":
    main(*sys.argv[1:])
