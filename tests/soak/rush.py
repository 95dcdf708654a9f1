"""`python -m tests.soak.rush SECONDS [--no-gate]`: what 25 linked sessions may be asked, by 25 threads at once, while
others fail to start, pair, expire, are cut off, come back, stop and are logged out. Prints how often each was done.

Without the gate the process ends with `fatal error: concurrent map read and map write`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from talkabiz.domain import inputs as i
from talkabiz.whatsapp.run import Run, RunClosed
from tests.running import loopback
from tests.soak.stage import Stage, load_for, play
from tests.whatsapp.ear import fresh_attempt
from tests.whatsapp.hazard import OpenGate, run_of
from tests.whatsapp.proxies import refusing_proxy

SESSIONS = 25
OTHERS = range(SESSIONS + 1, SESSIONS + 4)
"""Kliens that come and go."""
ROUNDS = 10
"""Of calls that return at once, for one that waits."""
PAUSE_SECONDS = 0.2
"""Between two starts of the same kind: each leaves something behind (docs/leaks.md)."""


class Rush(Stage):
    counts: Counter[str]
    over: threading.Event
    numbers = itertools.count(628130000000)

    def ask(self, run: Run) -> None:
        """In a thread of its own."""
        while not self.over.is_set():
            with suppress(RunClosed):
                for _ in range(ROUNDS):
                    run.is_up()
                run.is_heard()  # waits for WhatsApp
                self.counts["calls"] += 2 * ROUNDS + 1

    async def repeat(self, what: str, act: Callable[[], Awaitable[object]]) -> None:
        while not self.over.is_set():
            await act()
            self.counts[what] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def fail(self) -> None:
        attempt = fresh_attempt()
        self.edge.start_pairing(1, attempt)
        await self.ear.wait(attempt, i.NoRoute)

    async def cut_off(self) -> None:
        attempt, _ = await self.show_code(1)
        self.edge.close(attempt)

    async def expire(self) -> None:
        attempt, _ = await self.show_code(1)
        await self.ear.wait(attempt, i.CodesRanOut)

    async def come_and_go(self, klien_id: int, device: str) -> None:
        self.edge.close(await self.come_back(klien_id, device))

    async def come_and_leave(self, klien_id: int) -> None:
        device = await self.link(klien_id, str(next(self.numbers)))
        assert await self.edge.log_out(klien_id, device, device)


async def rush(seconds: float, folder: Path, out: TextIO, *, gate: bool) -> None:
    async with loopback(folder) as world:
        loaded = load_for(world)
        binding = loaded if gate else replace(loaded, gate=OpenGate())
        stage = Rush(binding, folder / "up", world)
        nowhere = Rush(binding, folder / "nowhere", world, refusing_proxy())
        stage.counts = nowhere.counts = Counter()
        stage.over = nowhere.over = threading.Event()
        devices = [await stage.link(klien_id, f"62812{klien_id:07}") for klien_id in range(1, SESSIONS + 1)]
        guests = [(klien_id, await stage.link(klien_id, f"62812{klien_id:07}")) for klien_id in OTHERS]
        for _, device in guests:
            stage.edge.close(device)
        await stage.phones.fault("one_qr")  # for those that expire; one is enough for the others
        print("begins", file=out, flush=True)
        for device in devices:
            threading.Thread(target=stage.ask, args=(run_of(stage.edge, device),), daemon=True).start()
        asyncio.get_running_loop().call_later(seconds, stage.over.set)
        work: dict[str, Sequence[Callable[[], Awaitable[object]]]] = {
            "starts that failed": [nowhere.fail],
            "pairings that were cut off": [stage.cut_off],
            "pairings that expired": [stage.expire] * 2,
            "log-ins": [partial(stage.come_and_go, *guest) for guest in guests],
            "log-outs": [partial(stage.come_and_leave, OTHERS.stop)],
        }
        await asyncio.gather(*(stage.repeat(what, act) for what, acts in work.items() for act in acts))
        stage.counts["connected at the end"] = sum(run_of(stage.edge, device).is_up() for device in devices)
        print(json.dumps(stage.counts), file=out, flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The stream as it was before the library came.
    play(partial(rush, float(sys.argv[1]), out=sys.stdout, gate="--no-gate" not in sys.argv))
