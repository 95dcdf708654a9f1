"""Sending again what was sent, or what should have been: the same bytes, by the same id, in lots."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from talkabiz.domain.klien import Klien
from talkabiz.domain.webhooks import DeliveryStatus, DisabledReason, Endpoint, Kind, Outcome, Type, Verdict
from talkabiz.store import deliveries, delivery_log, kliens, replays, webhooks
from talkabiz.store.database import transaction
from tests.store.chatting import rows
from tests.store.conftest import NOW, later
from tests.store.hooking import DEAD, DELIVERED, FAILED, conclude, due, endpoint, happen, made, queue, queued, statuses
from tests.store.test_deliveries import of_its_own

LATER = later(60)


async def replay(
    of: Endpoint, since: int = 0, *, only_dead: bool = False, limit: int = 200, **more: datetime
) -> list[int]:
    """Lot by lot; how many each replayed."""
    numbers: list[int] = []
    place = None
    while not numbers or place:
        async with transaction():
            done = await replays.replay_since(
                of.klien_id, of.id, since, only_dead=only_dead, now=more.get("now", LATER), place=place, limit=limit
            )
        numbers.append(done.number)
        place = done.next
    return numbers


async def pending(of: Endpoint) -> list[int]:
    """The seqs of what waits for it, the oldest delivery first."""
    found = await delivery_log.page(of.klien_id, of.id, DeliveryStatus.PENDING, None, 999)
    return [each.seq for each in reversed(found)]


async def ended(of: Endpoint, *verdicts: Verdict) -> None:
    """A delivery for each, which ended so."""
    for delivery, verdict in zip(await queued(of, len(verdicts)), verdicts, strict=True):
        await conclude(delivery, verdict, FAILED)


@pytest.mark.parametrize("end", [DELIVERED, DEAD, Verdict(Outcome.RETRY, later(9999))])
async def test_one_is_sent_again_whatever_became_of_it(klien: Klien, end: Verdict) -> None:
    (first,) = await queued(await endpoint(klien.id))
    (before,) = await due()
    await conclude(first, end, FAILED)
    async with transaction():
        again = await replays.replay_one(klien.id, first.id, LATER)
    assert again == replace(first, next_at=LATER, is_replay=True, last_status=503, last_error="http_503")
    (after,) = await due(LATER)
    assert (after.delivery.event_id, after.body) == (before.delivery.event_id, before.body)


async def test_nothing_is_sent_again_to_who_was_removed(klien: Klien) -> None:
    it = await endpoint(klien.id)
    (delivery,) = await queued(it)
    await conclude(delivery, DEAD)
    async with transaction():
        await webhooks.remove(klien.id, it.id)
        assert await replays.replay_one(klien.id, delivery.id, LATER) is None
    assert await replay(it) == [0]
    assert await statuses(it) == ["dead"]


async def test_all_that_is_dead_is_sent_again_and_nothing_else(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    await ended(it, DEAD, DELIVERED, DEAD, DEAD)
    await ended(other, DEAD)
    await happen(klien.id)
    assert await replay(it, only_dead=True) == [3]
    assert await pending(it) == [1, 3, 4]
    assert await pending(other) == []


async def test_the_dead_are_gone_through_in_lots(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await ended(it, *[DEAD] * 5)
    assert await replay(it, 1, only_dead=True, limit=2) == [1, 2, 1]
    assert await pending(it) == [2, 3, 4, 5]


async def test_a_range_is_what_was_delivered_and_what_was_given_up(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await ended(it, DEAD, DELIVERED, DEAD, DELIVERED)
    before = await rows("SELECT public_id, body FROM webhook_events")
    assert sum(await replay(it, 1)) == 3
    assert await pending(it) == [2, 3, 4]
    assert await statuses(it) == ["dead", "pending", "pending", "pending"]
    assert await rows("SELECT public_id, body FROM webhook_events") == before
    assert {each.delivery.is_replay for each in await due(LATER)} == {True}


async def test_what_waits_is_left_as_it_is(klien: Klien) -> None:
    it = await endpoint(klien.id)
    (delivery,) = await queued(it)
    waiting = await conclude(delivery, Verdict(Outcome.RETRY, later(9999)), FAILED)
    assert sum(await replay(it)) == 0
    assert await delivery_log.get(klien.id, delivery.id) == waiting


async def test_what_came_while_it_was_disabled_is_made_up_for_from_the_journal(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    async with transaction():
        await webhooks.disable(klien.id, it.id, DisabledReason.FAILING, NOW)
    for_other, for_nobody = await happen(klien.id), await happen(klien.id, text="Halo")
    await queue(made(for_other, it, other))
    async with transaction():
        await webhooks.enable(klien.id, it.id)
    assert sum(await replay(it)) == 2
    assert await pending(it) == [1, 2]
    assert await pending(other) == [1]
    found = {each.delivery.seq: each for each in await due(LATER) if each.endpoint.id == it.id}
    body = json.loads(found[2].body)
    assert (body["id"], body["type"], body["seq"]) == (found[2].delivery.event_id, "message.received", 2)
    assert body["data"] == for_nobody.data
    assert body["timestamp"] == "2026-11-24T03:04:05.123Z"
    assert sum(await replay(it)) == 0
    assert await queue(made(for_nobody, it)) == []  # the fan-out comes late, and finds it done


async def test_what_is_made_for_others_between_two_lots_is_made_up_for(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    async with transaction():
        await webhooks.disable(klien.id, it.id, DisabledReason.FAILING, NOW)
    event = await happen(klien.id)
    async with transaction():
        await webhooks.enable(klien.id, it.id)
        first = await replays.replay_since(klien.id, it.id, 0, only_dead=False, now=LATER)
    assert first.next
    await queue(made(event, it, other))
    for _ in range(2):
        async with transaction():
            await replays.replay_since(klien.id, it.id, 0, only_dead=False, now=LATER, place=first.next)
        assert await pending(it) == [1]


async def test_only_what_the_endpoint_wants_is_made_up_for(klien: Klien) -> None:
    it = await endpoint(klien.id, events=[Type.SESSION_STATUS])
    for type_ in ("message", "connected", "message_status", "something_new"):
        await happen(klien.id, type_)
    other = await endpoint(klien.id)
    assert sum(await replay(it)) == 1
    assert await pending(it) == [2]
    assert sum(await replay(other)) == 3
    assert await pending(other) == [2, 1, 3]


async def test_an_event_of_a_clock_that_was_ahead_ends_no_replay(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await happen(klien.id)
    await happen(klien.id, at=later(10**6))
    await happen(klien.id)
    assert await replay(it, limit=2) == [0, 1, 1]
    assert await pending(it) == [1, 3]


async def test_an_event_of_the_journal_that_holds_a_code_is_told_without(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await happen(klien.id, "qr_ready", qr={"code": "2@secret"}, pairing={"code": "ABCD-EFGH"})
    await replay(it)
    (found,) = await due(LATER)
    assert b"secret" not in found.body
    assert b"ABCD" not in found.body


async def test_a_ping_is_never_sent_again_in_a_range_and_a_note_only_to_whom_it_was_for(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    for type_ in (Type.PING, Type.EXHAUSTED):
        (delivery_id,) = await queue(of_its_own(klien.id, it, type_=type_))
        delivery = await delivery_log.get(klien.id, delivery_id)
        assert delivery
        await conclude(delivery, DEAD)
    assert sum(await replay(it, only_dead=True)) == 1
    (again,) = await due(LATER)
    assert again.delivery.type is Type.EXHAUSTED
    await conclude(again.delivery, DEAD)
    assert sum(await replay(it)) == 1
    assert sum(await replay(other)) == 0


async def test_an_older_one_gets_what_it_had_and_looks_through_nothing_else(
    klien: Klien, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await endpoint(klien.id, Kind.OLDER)
    for end in (DELIVERED, DEAD, DELIVERED, DEAD):
        event = await happen(klien.id, "connected")
        (delivery_id,) = await queue(replace(made(event, it, kind=Kind.OLDER), type=Type.CONNECTION_UPDATE))
        delivery = await delivery_log.get(klien.id, delivery_id)
        assert delivery
        await conclude(delivery, end)
    await happen(klien.id, "disconnected")
    monkeypatch.delattr(replays, "_EVENTS")
    assert await replay(it, 1, limit=1) == [0, 1, 0, 1, 1, 0]
    assert await pending(it) == [2, 3, 4]


async def test_no_lot_counts_what_waits(klien: Klien, monkeypatch: pytest.MonkeyPatch) -> None:
    it = await endpoint(klien.id)
    await ended(it, DEAD)
    monkeypatch.delattr(webhooks, "get")
    assert sum(await replay(it)) == 1


async def test_a_range_is_gone_through_in_lots_and_leaves_nothing_out(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await ended(it, *[DELIVERED] * 5)
    for _ in range(3):  # of the same seq
        (note,) = await queue(of_its_own(klien.id, it, type_=Type.EXHAUSTED))
        delivery = await delivery_log.get(klien.id, note)
        assert delivery
        await conclude(delivery, DELIVERED)
    for _ in range(5):
        await happen(klien.id)
    numbers = await replay(it, limit=2)
    assert sum(numbers) == 13
    assert max(numbers) == 2
    assert sorted(await pending(it)) == [1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


async def test_what_happens_meanwhile_is_no_part_of_it(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await ended(it, DELIVERED)
    event = await happen(klien.id, at=later(61))
    assert sum(await replay(it)) == 1
    (delivery_id,) = await queue(made(event, it), later(61))
    delivery = await delivery_log.get(klien.id, delivery_id)
    assert delivery
    await conclude(delivery, DELIVERED)
    assert sum(await replay(it)) == 0


async def test_another_klien_replays_nothing(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await ended(it, DEAD)
    other = (await kliens.add("Lain")).id
    assert await replay(replace(it, klien_id=other)) == [0]
    assert await replay(replace(it, klien_id=other), only_dead=True) == [0]
    assert await deliveries.count_pending() == 0
