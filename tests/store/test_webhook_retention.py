"""What is old of webhooks goes, in lots, and nothing that anybody waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from talkabiz.domain.klien import Klien
from talkabiz.domain.webhooks import LONGEST_WAIT_SECONDS, Endpoint, Outcome, Verdict
from talkabiz.store import delivery_log, kliens, replays, webhook_retention, webhooks
from talkabiz.store.database import transaction
from talkabiz.store.webhook_retention import LOT, forget_attempts, forget_events
from tests.store.chatting import rows
from tests.store.conftest import NOW, later
from tests.store.hooking import DEAD, DELIVERED, FAILED, conclude, endpoint, happen, made, queue, queued, statuses

CUTOFF = later(0)
OLD, YOUNG = later(-1), later(1)
RETRY = Verdict(Outcome.RETRY, YOUNG)


async def forget(page: Callable[[datetime, int, int], Awaitable[int | None]], limit: int = LOT) -> int:
    """Lot by lot. How many lots there were."""
    after: int | None = 0
    lots = 0
    while after is not None:
        async with transaction():
            after = await page(CUTOFF, after, limit)
        lots += 1
    return lots


async def forget_removed(limit: int = LOT) -> int:
    lots, is_more = 0, True
    while is_more:
        async with transaction():
            is_more = await webhook_retention.forget_removed(limit)
        lots += 1
    return lots


async def ended(it: Endpoint, verdict: Verdict, at: datetime, began: datetime = OLD) -> int:
    (delivery,) = await queued(it, 1, began)
    await conclude(delivery, verdict, FAILED, now=at, at=at)
    return delivery.id


async def kept() -> list[int]:
    return [row[0] for row in await rows("SELECT id FROM deliveries ORDER BY id")]


async def test_old_tries_go_in_lots_and_young_ones_stay(klien: Klien) -> None:
    it = await endpoint(klien.id)
    (delivery,) = await queued(it)
    for at in (*[OLD] * 5, *[YOUNG] * 5):
        await conclude(delivery, RETRY, FAILED, at=at)
    assert await forget(forget_attempts, 2) == 3
    assert await rows("SELECT number FROM attempts ORDER BY id") == [(6,), (7,), (8,), (9,), (10,)]
    assert await statuses(it) == ["pending"]


@pytest.mark.parametrize("end", [DELIVERED, DEAD])
async def test_old_events_go_with_what_became_of_them(klien: Klien, end: Verdict) -> None:
    it = await endpoint(klien.id)
    await ended(it, end, OLD)
    young = await ended(it, end, YOUNG, YOUNG)
    await forget(forget_events)
    assert await kept() == [young]
    assert await rows("SELECT delivery_id FROM attempts") == [(young,)]
    assert len(await rows("SELECT id FROM webhook_events")) == 1


async def test_an_event_stays_while_anybody_waits_for_it(klien: Klien) -> None:
    one, other = await endpoint(klien.id), await endpoint(klien.id)
    await ended(one, DELIVERED, OLD)
    waiting = await queue(made(await happen(klien.id), one, other), OLD)
    replayed = await ended(one, DELIVERED, OLD)
    async with transaction():
        await replays.replay_one(klien.id, replayed, YOUNG)
    await forget(forget_events)
    assert await kept() == [*waiting, replayed]


async def test_what_ended_lately_stays_however_old_its_event_is(klien: Klien) -> None:
    lately = await ended(await endpoint(klien.id), DEAD, YOUNG)
    await forget(forget_events)
    assert await kept() == [lately]


async def test_events_that_went_to_nobody_go(klien: Klien) -> None:
    for at in (OLD, YOUNG):
        await queue(made(await happen(klien.id)), at)
    await forget(forget_events)
    assert await rows("SELECT seq FROM webhook_events") == [(2,)]


async def test_events_go_in_lots_and_what_is_young_is_not_looked_through(klien: Klien) -> None:
    it = await endpoint(klien.id)
    waiting = (await queued(it, 1, OLD))[0].id
    for _ in range(5):
        await ended(it, DELIVERED, OLD)
    young = [each.id for each in await queued(it, 9, YOUNG)]
    assert await forget(forget_events, 2) == 4
    assert await kept() == [waiting, *young]


async def test_an_endpoint_that_was_removed_goes_with_all_its_deliveries(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    await ended(it, DELIVERED, YOUNG)
    await queued(it, 2, OLD)
    await queued(other, 1, OLD)
    assert await forget_removed(2) == 1, "nobody removed any"
    async with transaction():
        await webhooks.remove(klien.id, it.id)
    assert await forget_removed(2) == 2
    assert await rows("SELECT id FROM webhooks") == [(other.id,)]
    assert await rows("SELECT webhook_id FROM deliveries") == [(other.id,)]
    assert await rows("SELECT id FROM attempts") == []
    assert await statuses(other) == ["pending"]


async def test_what_a_wrong_clock_put_off_for_years_is_due_again(klien: Klien) -> None:
    it = await endpoint(klien.id)
    far, near = await queued(it, 2)
    await conclude(far, Verdict(Outcome.RETRY, NOW + timedelta(days=900)), FAILED)
    longest = NOW + timedelta(seconds=LONGEST_WAIT_SECONDS)
    await conclude(near, Verdict(Outcome.RETRY, longest), FAILED)
    async with transaction():
        assert await webhook_retention.bring_back(NOW, 1), "there may be more"
        assert not await webhook_retention.bring_back(NOW, 1)
    waits = [(await delivery_log.get(klien.id, each.id)) for each in (far, near)]
    assert [each.next_at for each in waits if each] == [NOW, longest]


async def test_nothing_at_all_is_no_fault(klien: Klien) -> None:
    assert klien.id
    assert await forget(forget_attempts) == 1
    assert await forget(forget_events) == 1
    assert await forget_removed() == 1


async def test_a_klien_s_events_go_in_lots_whoever_waits_for_them(klien: Klien) -> None:
    it, theirs = await endpoint(klien.id), await endpoint((await kliens.add("Lain")).id)
    await queued(it, 5)
    await queued(theirs)
    lots, is_more = 0, True
    while is_more:
        async with transaction():
            is_more = await webhook_retention.forget_events_of(klien.id, 2)
        lots += 1
    assert lots == 3
    assert await rows("SELECT klien_id FROM webhook_events") == [(theirs.klien_id,)]
    assert await rows("SELECT webhook_id FROM deliveries") == [(theirs.id,)]
