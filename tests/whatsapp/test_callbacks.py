"""What the library calls: nothing in it waits, and nothing in it can fail unseen."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from talkabiz.domain import inputs as i
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp.attempt import Attempt
from talkabiz.whatsapp.engine import Engine
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.run import Hear, Kind, Run
from tests.whatsapp.ear import Ear, fresh_attempt, link, until

UNLUCKY, LUCKY = 1, 2
BUSY_SECONDS = 1.5
WAITING_SECONDS = 0.5
"""What waits for the loop waits longer than this; what doesn't is done in a thousandth of it, on any machine."""

Durations = defaultdict[str, list[float]]


@pytest.fixture
def durations(monkeypatch: pytest.MonkeyPatch) -> Durations:
    """How long each call of each callback took, in seconds on the wall."""
    found: Durations = defaultdict(list)

    def timed(name: str, callback: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any) -> None:
            start = time.monotonic()
            callback(*args)
            found[name].append(time.monotonic() - start)

        return call

    for name in ("_on_code", "_on_event", "_on_log"):
        monkeypatch.setattr(Run, name, timed(name, getattr(Run, name)))
    return found


def number_of(klien_id: int) -> str:
    return f"628120000000{klien_id}"


async def test_a_callback_returns_though_nobody_takes_what_it_brings(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, durations: Durations
) -> None:
    """The library holds a lock while it waits for one: a loop that is busy must not stop it."""
    devices = await asyncio.gather(*(link(edge, sandbox, ear, klien, number_of(klien)) for klien in range(1, 6)))
    known = {device: len(ear.of(device)) for device in devices}
    durations.clear()

    seen: list[tuple[int, float]] = []

    def stand_still() -> None:
        time.sleep(BUSY_SECONDS)
        seen.append((len(durations["_on_event"]), edge.lag_seconds))

    sandbox.inject("drop", seconds=0.1)
    asyncio.get_running_loop().call_soon(stand_still)  # right behind the end of the links, in the same turn of the loop
    while not seen:
        await asyncio.sleep(0)

    told, lag_seconds = seen[0]
    assert told >= len(devices)  # each has told that its link is lost
    assert lag_seconds > WAITING_SECONDS
    for device in devices:
        await ear.wait(device, i.LinkLost, known[device])
        await ear.wait(device, i.Connected, known[device])
    assert max(duration for calls in durations.values() for duration in calls) < WAITING_SECONDS


async def test_callbacks_stay_short_while_sessions_start_pair_fail_and_stop(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, durations: Durations
) -> None:
    async def live(klien_id: int) -> None:
        for _ in range(2):
            device = await link(edge, sandbox, ear, klien_id, number_of(klien_id))
            known = len(ear.of(device))
            sandbox.inject("drop", number_of(klien_id))
            await ear.wait(device, i.Connected, known)
            edge.start_pairing(klien_id, other := fresh_attempt())
            await ear.wait(other, i.CodeIssued)
            edge.close(other)
            assert await edge.log_out(klien_id, device, device)

    await asyncio.gather(*map(live, range(1, 6)))

    assert set(durations) == {"_on_code", "_on_event", "_on_log"}
    assert max(duration for calls in durations.values() for duration in calls) < WAITING_SECONDS


@pytest.mark.parametrize("kind", [Kind.CODE, Kind.STATUS, Kind.EVENT, Kind.LOG])
async def test_what_fails_in_a_callback_is_logged_with_its_klien_and_hurts_nobody_else(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    callback = f"_on_{kind.name.lower()}"
    hearing = Engine._hearing

    def fail(engine: Engine, attempt: Attempt) -> Hear:
        hear = hearing(engine, attempt)

        def failing(told: Kind, number: int, data: bytes) -> None:
            if told is kind and attempt.klien_id == UNLUCKY:
                raise RuntimeError("a fault of ours")
            hear(told, number, data)

        return failing

    monkeypatch.setattr(Engine, "_hearing", fail)
    with capture_logs() as logs:
        unlucky = asyncio.create_task(link(edge, sandbox, ear, UNLUCKY, number_of(UNLUCKY)))
        lucky = await link(edge, sandbox, ear, LUCKY, number_of(LUCKY))
        if kind is Kind.LOG:
            await unlucky
            sandbox.inject("drop")
        await until(lambda: any(_tells(entry, callback) for entry in logs))
        known = len(ear.of(lucky))
        sandbox.inject("drop", number_of(LUCKY))
        await ear.wait(lucky, i.Connected, known)
    unlucky.cancel()
    await asyncio.gather(unlucky, return_exceptions=True)

    failures = [entry for entry in logs if entry.get("callback")]
    assert {(entry["klien_id"], entry["callback"], entry["log_level"]) for entry in failures} == {
        (UNLUCKY, callback, "error")
    }
    assert all(entry["exc_info"] for entry in failures)


def _tells(entry: Any, callback: str) -> bool:
    return bool(entry.get("callback") == callback)


async def test_what_fails_after_a_callback_is_logged_with_its_klien_and_loses_that_event_alone(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Engine._take

    def fail(engine: Engine, attempt: Attempt, kind: Kind, number: int, data: bytes) -> None:
        if kind is Kind.STATUS:
            raise RuntimeError("a fault of ours")
        take(engine, attempt, kind, number, data)

    monkeypatch.setattr(Engine, "_take", fail)
    with capture_logs() as logs:
        device = await link(edge, sandbox, ear, LUCKY, number_of(LUCKY))

    assert i.Connected in ear.kinds(device)
    (lost,) = [entry for entry in logs if entry["event"] == "an event of WhatsApp was lost"]
    assert (lost["klien_id"], lost["kind"], lost["log_level"]) == (LUCKY, "STATUS", "error")
