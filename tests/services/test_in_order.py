"""A klien's events go out by `seq`, whoever publishes first, and none waits for ever."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.events import Event
from talkabiz.services.in_order import InOrder
from tests.fakes import NOW

HOLD_SECONDS = 0.05
PATIENCE_SECONDS = 5


def durable(seq: int, klien_id: int = 1) -> Event:
    return Event(1000 * klien_id + seq, klien_id, seq, "message", NOW, {"seq": seq})


def passing(seq: int, klien_id: int = 1) -> Event:
    return Event(None, klien_id, seq, "qr_ready", NOW, {"seq": seq, "qr": {"n": 2}})


@pytest.fixture(name="out")
def _out() -> list[Event]:
    return []


@pytest.fixture(name="order")
def _order(out: list[Event]) -> InOrder:
    order = InOrder(out.append, HOLD_SECONDS)
    order.begin({1: 10})
    return order


async def until(out: list[Event], count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(out) < count:
            await asyncio.sleep(HOLD_SECONDS / 10)


async def test_what_follows_goes_out_at_once(order: InOrder, out: list[Event]) -> None:
    for seq in (11, 12):
        order.take(durable(seq))
    assert out == [durable(11), durable(12)]
    assert order.last(1) == 12


async def test_one_whose_predecessor_is_late_waits_for_it(order: InOrder, out: list[Event]) -> None:
    order.take(durable(13))
    order.take(durable(12))
    assert out == []
    order.take(durable(11))
    assert out == [durable(11), durable(12), durable(13)]
    await asyncio.sleep(HOLD_SECONDS * 2)  # the time is over that one would have waited
    assert len(out) == 3


async def test_it_does_not_wait_for_ever(order: InOrder, out: list[Event]) -> None:
    order.take(durable(13))
    order.take(durable(12))
    await until(out, 2)
    assert out == [durable(12), durable(13)]
    order.take(durable(11))  # late, but told
    assert out[2:] == [durable(11)]
    order.take(durable(14))
    assert out[3:] == [durable(14)]


async def test_behind_a_second_gap_it_waits_anew(order: InOrder, out: list[Event]) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    order.take(durable(12))
    order.take(durable(14))
    await until(out, 1)
    assert out == [durable(12)]
    await until(out, 2)
    assert out == [durable(12), durable(14)]
    assert loop.time() - started >= HOLD_SECONDS * 1.9


async def test_one_klien_does_not_wait_for_another(order: InOrder, out: list[Event]) -> None:
    order.take(durable(12, klien_id=1))
    order.take(durable(1, klien_id=2))
    assert out == [durable(1, klien_id=2)]


async def test_a_passing_event_stays_behind_the_durable_one_that_it_follows(order: InOrder, out: list[Event]) -> None:
    order.take(durable(12))
    order.take(passing(12))
    order.take(passing(10))  # of somebody who hasn't heard of them: nothing holds it up
    assert out == [passing(10)]
    order.take(durable(11))
    assert out == [passing(10), durable(11), durable(12), passing(12)]


async def test_a_passing_event_repeats_the_seq_of_the_last_durable_one(order: InOrder, out: list[Event]) -> None:
    order.take(durable(11))
    order.take(passing(10))
    assert out[1] == passing(11)


async def test_before_it_is_known_where_a_klien_stands_nothing_waits(out: list[Event]) -> None:
    order = InOrder(out.append, HOLD_SECONDS)
    order.take(durable(812))
    assert out == [durable(812)]
    order.begin({1: 811, 3: 4})
    order.take(durable(813))
    order.take(durable(2, klien_id=2))  # came since then, so the first is missing
    order.take(durable(6, klien_id=3))
    assert out == [durable(812), durable(813)]
    await until(out, 4)


@given(st.permutations(range(1, 8)), st.lists(st.integers(0, 7), max_size=4))
def test_in_whatever_order_they_are_published_they_go_out_by_seq(seqs: list[int], places: list[int]) -> None:
    async def publish() -> list[Event]:
        out: list[Event] = []
        order = InOrder(out.append, PATIENCE_SECONDS)
        order.begin({})
        for place, seq in enumerate(seqs):
            order.take(durable(seq))
            for _ in range(places.count(place)):
                order.take(passing(seq))
        return out

    out = asyncio.run(publish())
    assert [event.seq for event in out] == sorted(event.seq for event in out)
    assert [event.seq for event in out if event.is_durable] == list(range(1, 8))
    assert len(out) == 7 + len([place for place in places if place < len(seqs)])
