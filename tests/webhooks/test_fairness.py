"""One receiver that hangs, fails or has much to get delays no other."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import pytest

from talkabiz.domain.webhooks import PLACES, PLACES_OF_KLIEN
from talkabiz.store import kliens
from talkabiz.webhooks import courier, restraint
from talkabiz.webhooks.restraint import MOST_FAILING
from tests.outside.server import answer
from tests.running import until
from tests.webhooks.conftest import Rig
from tests.webhooks.receiver import Receiver, Request, hang

SHOPS = 10
EVENTS = 10
LONGEST_P95_SECONDS = 2.0
"""Generous: it is some hundredths where nothing else runs. A post that hangs takes 15."""


@pytest.fixture(name="hanging")
async def _hanging() -> AsyncIterator[Receiver]:
    async with Receiver(behave=hang).running() as hanging:
        yield hanging


async def _delays(rig: Rig, receiver: Receiver) -> list[float]:
    """Seconds from what happened to each of several shops until it arrived."""
    shops = [(await kliens.add(f"Toko {n}")).id for n in range(SHOPS)]
    for shop in shops:
        await rig.add(shop, receiver.url(f"/{shop}"))
    before, told = len(receiver.kept), {}
    for n in range(EVENTS):
        for shop in shops:
            told[shop, n] = time.time()
            await rig.tell(shop, text=str(n))
    arrived = (await receiver.wait_for(before + SHOPS * EVENTS, 30))[before:]
    return [each.at - told[each.json["klien_id"], int(each.json["data"]["text"])] for each in arrived]


def _on_way(rig: Rig) -> int:
    return len(rig.courier._on_way)


def _p95(delays: list[float]) -> float:
    return statistics.quantiles(delays, n=20)[-1]


async def test_an_endpoint_that_hangs_costs_its_own_places_and_delays_no_other(
    rig: Rig, klien_id: int, receiver: Receiver, hanging: Receiver
) -> None:
    rig.post_seconds = 15
    await rig.add(klien_id, hanging.url())
    await rig.add(klien_id, receiver.url("/same"))
    for _ in range(200):
        await rig.tell(klien_id)
    await receiver.wait_for(200, 30)  # the klien's own other endpoint, too
    assert hanging.under_way == PLACES

    delays = await _delays(rig, receiver)
    assert _p95(delays) < LONGEST_P95_SECONDS, delays
    assert hanging.under_way == PLACES == len(hanging.kept)


async def test_a_klien_whose_endpoints_all_hang_delays_no_other(
    rig: Rig, klien_id: int, receiver: Receiver, hanging: Receiver
) -> None:
    rig.post_seconds = 15
    for n in range(20):
        await rig.add(klien_id, hanging.url(f"/{n}"))
    for _ in range(10):
        await rig.tell(klien_id)
    await hanging.wait_for(PLACES_OF_KLIEN)

    delays = await _delays(rig, receiver)
    assert _p95(delays) < LONGEST_P95_SECONDS, delays
    assert len(hanging.kept) == PLACES_OF_KLIEN


async def test_many_kliens_whose_endpoints_hang_leave_places_to_others(
    rig: Rig, receiver: Receiver, hanging: Receiver
) -> None:
    """At first each of them looks like any other; once they have failed, they get half of the places together."""
    rig.post_seconds = 0.5
    for n in range(courier.MOST_AT_ONCE // PLACES):
        shop = (await kliens.add(f"Toko macet {n}")).id
        await rig.add(shop, hanging.url())
        for _ in range(8):
            await rig.tell(shop)
    await hanging.wait_for(courier.MOST_AT_ONCE)
    rig.post_seconds = 15

    async def is_settled() -> bool:
        return rig.hooks.dispatch.outcomes["retry"] >= courier.MOST_AT_ONCE and _on_way(rig) == MOST_FAILING

    await until(is_settled)
    delays = await _delays(rig, receiver)
    assert _p95(delays) < LONGEST_P95_SECONDS, delays
    await until(is_settled)


async def test_many_kliens_whose_endpoints_take_long_leave_places_to_others(
    rig: Rig, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restraint, "SLOW_MS", 200)

    async def dawdle(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(answer(status="204 Done"))

    async with Receiver(behave=dawdle).running() as slow:
        for n in range(courier.MOST_AT_ONCE // PLACES):
            shop = (await kliens.add(f"Toko lambat {n}")).id
            await rig.add(shop, slow.url())
            for _ in range(50):
                await rig.tell(shop)
        await slow.wait_for(courier.MOST_AT_ONCE + 1)
        await asyncio.sleep(2)
        slow.most_under_way = slow.under_way
        await _delays(rig, receiver)
        assert slow.most_under_way <= MOST_FAILING


async def test_a_klien_with_much_to_get_delays_no_other(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    async with Receiver().running() as busy:
        for n in range(3):
            await rig.add(klien_id, busy.url(f"/{n}"))
        for n in range(500):
            await rig.tell(klien_id, text=str(n))
        delays = await _delays(rig, receiver)
        assert _p95(delays) < LONGEST_P95_SECONDS, delays
        await busy.wait_for(1500, 60)


async def test_there_is_a_most_of_all(rig: Rig, hanging: Receiver) -> None:
    rig.post_seconds = 15
    for n in range(10):
        shop = (await kliens.add(f"Toko {n}")).id
        for _ in range(3):
            await rig.add(shop, hanging.url())
        for _ in range(PLACES):
            await rig.tell(shop)
    await hanging.wait_for(courier.MOST_AT_ONCE)
    await asyncio.sleep(0.2)
    assert len(hanging.kept) == courier.MOST_AT_ONCE
