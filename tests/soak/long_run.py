"""The real command with a hundred sessions, faults at random and people who come and go: nothing grows, nobody is lost.

Run by hand for now: `python -m pytest tests/soak/long_run.py`. It prints the slopes of the second half; memory isn't
flat yet, so it isn't held to a bound and not part of `make soak`. SOAK_SECONDS is how long (180), SEED makes it strike
the same again.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest

from tests.running import Phones, Server, loopback, serving, until
from tests.soak.course import Sample, course, slope, take_sample
from tests.soak.town import ONLOOKERS, Town

SECONDS = float(os.environ.get("SOAK_SECONDS") or 180)
SEED = int(os.environ.get("SEED") or random.randrange(10**6))
KLIENS = 100
SAMPLE_SECONDS = 1.0
RECOVERY_SECONDS = 120.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be had: a pairing writes 800 keys, and waits for a disk after each."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="talkabiz-soak-", dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


async def test_nothing_grows_and_nobody_is_lost(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def report(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    report(f"\nSEED={SEED} SOAK_SECONDS={SECONDS:g}")
    async with loopback(home) as world, serving(home, **world.settings) as server:
        town = Town(server, Phones(world.http), random.Random(SEED))
        async with server.watch() as everybody:
            everybody.look = town.hear
            await everybody.ask("subscribe", klien_id="*")
            began = time.monotonic()
            await town.settle(KLIENS)
            report(f"{KLIENS} linked in {time.monotonic() - began:.0f} s")
            pid = server.app_pid
            samples = await live(server, town)
            report(f"done: {dict(sorted(town.done.items()))}")
            began = time.monotonic()
            await recover(server, town)
            report(f"all as wished {time.monotonic() - began:.0f} s after the last fault was healed")
        assert server.app_pid == pid, "it was restarted"
    half = len(samples) // 2
    report(describe(samples[half:], town.lags[len(town.lags) // 2 :]))
    assert town.puzzles == []
    assert "Traceback" not in server.process.errors.read_text()


async def live(server: Server, town: Town) -> list[Sample]:
    chances = [random.Random(town.chance.random()) for _ in range(ONLOOKERS)]
    roles = [
        *(town.take_turns(), town.strike(), town.change_minds(), town.look_after()),
        *(town.look_on(chance) for chance in chances),
    ]
    samples: list[Sample] = []
    async with playing(roles) as ended:
        until_then = time.monotonic() + SECONDS
        while time.monotonic() < until_then and not ended.done():
            samples.append(await take_sample(server))
            await asyncio.sleep(SAMPLE_SECONDS)
        town.is_over = True
        async with asyncio.timeout(60):
            await ended
    return samples


@asynccontextmanager
async def playing(roles: list[Coroutine[Any, Any, None]]) -> AsyncIterator[asyncio.Future[list[None]]]:
    ended = asyncio.gather(*roles)
    try:
        yield ended
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)


async def recover(server: Server, town: Town) -> None:
    """No more faults, and nobody changes their mind; those who wait for a person are helped."""
    await town.phones.heal()
    town.is_over = False
    async with playing([town.look_after()]):

        async def is_so() -> bool:
            return not town.unlike_wished()

        try:
            await until(is_so, RECOVERY_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not as wished: {town.unlike_wished()}") from None


FIGURES: dict[str, Callable[[Sample], float]] = {
    "memory, MB": lambda each: each.megabytes,
    "threads": lambda each: each.threads,
    "threads but for runs": lambda each: each.threads - each.running - each.abandoned,
    "descriptors": lambda each: each.descriptors,
    "descriptors but for links and sockets": lambda each: each.descriptors - each.running - each.sockets,
    "event lag, ms": lambda each: each.lag_seconds * 1000,
}


def describe(samples: list[Sample], lags: list[float]) -> str:
    lines = [f"second half: {len(samples)} samples, {slope(samples, lambda each: each.starts):.1f} starts a minute"]
    for name, figure in FIGURES.items():
        found = course(samples, figure)
        lines.append(
            f"{name:<40} {figure(samples[0]):8.1f} to {figure(samples[-1]):8.1f};"
            f" a minute {found.a_minute:+.2f}: {found.of_itself:+.2f} of itself, {found.a_start:+.2f} a start"
        )
    percentiles = quantiles(lags, n=100)
    lines.append(f"pushed to received, ms: p50 {percentiles[49]:.1f}, p99 {percentiles[98]:.1f}")
    return "\n".join(lines)
