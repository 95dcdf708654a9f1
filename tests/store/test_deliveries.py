"""The queue of webhooks: what comes into it, whose turn it is, what becomes of it, and what is looked at afterwards."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ulid import ULID

from talkabiz.domain.errors import NotFound
from talkabiz.domain.ids import LARGEST_ID
from talkabiz.domain.klien import Klien
from talkabiz.domain.webhooks import (
    PLACES,
    PROBE_AFTER,
    Answer,
    Attempt,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    Kind,
    Outcome,
    Type,
    Verdict,
)
from talkabiz.store import deliveries, delivery_log, kliens, replays, webhook_retention, webhooks
from talkabiz.store.database import close_database, connected, open_database, transaction
from talkabiz.store.deliveries import NewEvent, make_event_id
from talkabiz.store.errors import StoreError
from tests.store.chatting import rows
from tests.store.conftest import NOW, later
from tests.store.hooking import (
    DEAD,
    DELIVERED,
    FAILED,
    OK,
    conclude,
    due,
    endpoint,
    happen,
    made,
    queue,
    queued,
    statuses,
)
from tests.store.test_schema import plan_of

NOBODY = 99


def of_its_own(klien_id: int, *to: Endpoint, type_: Type = Type.PING) -> NewEvent:
    """What isn't in the journal."""
    return NewEvent(klien_id, make_event_id(), type_, 1, b"{}", [each.id for each in to])


async def disable(it: Endpoint) -> None:
    async with transaction():
        await webhooks.disable(it.klien_id, it.id, DisabledReason.OPERATOR, NOW)


async def enable(it: Endpoint) -> None:
    async with transaction():
        await webhooks.enable(it.klien_id, it.id)


async def remove(it: Endpoint) -> None:
    async with transaction():
        await webhooks.remove(it.klien_id, it.id)


# ── into the queue ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_event_is_due_at_once_to_each_of_its_endpoints_with_the_same_bytes(klien: Klien) -> None:
    one, other, third = await endpoint(klien.id), await endpoint(klien.id), await endpoint(klien.id)
    new = made(await happen(klien.id), one, other)
    assert len(await queue(new)) == 2
    found = await due()
    assert [each.endpoint for each in found] == [one, other]
    assert {each.body for each in found} == {new.body}
    delivery = found[0].delivery
    assert (delivery.event_id, delivery.type, delivery.seq) == (new.public_id, Type.MESSAGE_RECEIVED, 1)
    assert (delivery.status, delivery.tries, delivery.next_at) == (DeliveryStatus.PENDING, 0, NOW)
    assert (delivery.klien_id, delivery.is_replay, delivery.created_at) == (klien.id, False, NOW)
    assert third.id not in {each.delivery.webhook_id for each in found}


async def test_an_event_is_queued_once_however_often_it_is_read(klien: Klien) -> None:
    it = await endpoint(klien.id)
    event = await happen(klien.id)
    first = made(event, it)
    assert len(await queue(first)) == 1
    assert await queue(made(event, it)) == []
    late = await endpoint(klien.id)
    assert await queue(made(event, it, late)) == []
    assert [each.delivery.event_id for each in await due()] == [first.public_id]


async def test_who_is_added_to_an_event_gets_the_bytes_that_the_others_got(klien: Klien) -> None:
    one, other = await endpoint(klien.id), await endpoint(klien.id)
    event = await happen(klien.id)
    first = made(event, one)
    await queue(first)
    await queue(made(event, one, other))
    assert [(each.delivery.event_id, each.body) for each in await due()] == [(first.public_id, first.body)] * 2


async def test_each_kind_has_its_own_body_of_an_event(klien: Klien) -> None:
    newer, older = await endpoint(klien.id), await endpoint(klien.id, Kind.OLDER)
    event = await happen(klien.id)
    await queue(made(event, newer, older))
    await queue(replace(made(event, newer, older, kind=Kind.OLDER), body=b"older"))
    assert [(each.endpoint.kind, each.body == b"older") for each in await due()] == [
        (Kind.STANDARD, False),
        (Kind.OLDER, True),
    ]


async def test_nothing_is_queued_for_who_is_disabled_or_removed_or_another_kliens(klien: Klien) -> None:
    off, gone = await endpoint(klien.id), await endpoint(klien.id)
    theirs = await endpoint((await kliens.add("Lain")).id)
    event = await happen(klien.id)
    await disable(off)
    await remove(gone)
    assert await queue(made(event, off, gone, theirs)) == []
    assert await queue(of_its_own(klien.id, off, gone, theirs)) == []


async def test_nothing_is_queued_that_came_before_its_endpoint_or_while_it_was_disabled(klien: Klien) -> None:
    before = await happen(klien.id)
    it = await endpoint(klien.id)
    await disable(it)
    meanwhile = await happen(klien.id)
    await enable(it)
    since = await happen(klien.id)
    assert [len(await queue(made(event, it))) for event in (before, meanwhile, since)] == [0, 0, 1]


async def test_what_is_not_in_the_journal_is_queued_each_time(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await queue(of_its_own(klien.id, it))
    await queue(of_its_own(klien.id, it))
    assert [each.delivery.type for each in await due()] == [Type.PING, Type.PING]


async def test_a_klien_that_is_gone_has_no_events(klien: Klien) -> None:
    it = await endpoint(klien.id)
    new = made(await happen(klien.id), it)
    await kliens.erase(klien.id)
    assert await queue(new) == []
    assert await rows("SELECT * FROM webhook_events") == []


async def test_what_is_not_in_the_journal_has_the_last_seq(klien: Klien) -> None:
    assert await deliveries.last_seq(klien.id) == 0
    await happen(klien.id)
    assert await deliveries.last_seq(klien.id) == 1
    with pytest.raises(NotFound):
        await deliveries.last_seq(NOBODY)


async def test_a_lot_is_queued_and_the_cursor_moves_with_it(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    events = [await happen(klien.id) for _ in range(3)]
    last = events[-1].id or 0
    async with transaction():
        assert await deliveries.fan_out([made(each, it, other) for each in events], NOW, last) == 6
    assert await deliveries.cursor() == last
    async with transaction():
        assert await deliveries.fan_out([made(each, it, other) for each in events], NOW, last) == 0
    assert len(await due(limit=3)) == 3


async def test_a_lot_that_fails_leaves_the_cursor_where_it_was(klien: Klien) -> None:
    it = await endpoint(klien.id)
    event = await happen(klien.id)

    async def queue_and_fail() -> None:
        async with transaction():
            await deliveries.fan_out([made(event, it)], NOW, event.id or 0)
            raise StoreError

    with pytest.raises(StoreError):
        await queue_and_fail()
    assert await deliveries.cursor() == it.since_id
    assert await due() == []


async def test_a_lot_takes_few_statements(klien: Klien, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = [await endpoint(klien.id) for _ in range(20)]
    events = [await happen(klien.id) for _ in range(5)]
    asked: list[str] = []

    def counting() -> object:
        asked.append("")
        return connected()

    monkeypatch.setattr(deliveries, "connected", counting)
    async with transaction():
        assert await deliveries.fan_out([made(each, *hooks) for each in events], NOW, 9) == 100
    assert len(asked) == 2 * len(events) + 1


async def test_the_cursor_begins_where_the_first_endpoint_does(klien: Klien) -> None:
    assert await deliveries.cursor() == 0
    event = await happen(klien.id)
    assert await deliveries.cursor() == event.id
    await endpoint(klien.id)
    await happen(klien.id)
    await endpoint(klien.id)
    assert await deliveries.cursor() == event.id


async def test_the_cursor_never_goes_back(klien: Klien) -> None:
    for place in (7, 3):
        async with transaction():
            await deliveries.move_cursor(place)
    assert await deliveries.cursor() == 7


# ── whose turn it is ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_waits_for_its_time_is_due_then(klien: Klien) -> None:
    it = await endpoint(klien.id)
    (delivery,) = await queued(it)
    assert await due(later(-1)) == []
    await conclude(delivery, Verdict(Outcome.RETRY, later(5)), FAILED)
    assert await due(later(4)) == []
    assert [each.delivery.id for each in await due(later(5))] == [delivery.id]


async def test_what_is_hastened_comes_before_all_that_waits_and_no_earlier(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    await queued(other, now=later(-9))
    first, second = await queued(it, 2, later(10))

    async def hasten(delivery: Delivery) -> datetime | None:
        async with transaction():
            await deliveries.hasten(klien.id, delivery.id, later(20))
        found = await delivery_log.get(klien.id, delivery.id)
        return found.next_at if found else None

    assert await hasten(second) == later(10) - timedelta(microseconds=1)
    assert [each.delivery.id for each in await due(later(20)) if each.endpoint.id == it.id] == [second.id, first.id]
    await conclude(second, DELIVERED)
    assert await hasten(first) == later(20)
    assert await hasten(second) is None


async def test_who_is_disabled_keeps_what_waits_and_gets_it_afterwards(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await queued(it, 2)
    await disable(it)
    assert await due() == []
    assert await deliveries.count_pending() == 2
    await enable(it)
    assert len(await due()) == 2


async def test_the_oldest_of_an_endpoint_goes_first(klien: Klien) -> None:
    it = await endpoint(klien.id)
    late, early = await queued(it, 1, later(2)), await queued(it, 2, later(1))
    assert [each.delivery for each in await due(later(3))] == [*early, *late]


async def test_an_endpoint_has_four_places_and_one_that_fails_has_one(klien: Klien) -> None:
    well, failing = await endpoint(klien.id), await endpoint(klien.id)
    await queued(well, 9)
    await queued(failing, 9)
    for _ in range(PROBE_AFTER):
        async with transaction():
            await webhooks.note_failure(klien.id, failing.id, NOW)
    taken = Counter(each.endpoint.id for each in await due())
    assert taken == {well.id: PLACES, failing.id: 1}


async def test_what_is_on_its_way_is_not_taken_twice_and_keeps_its_place(klien: Klien) -> None:
    it = await endpoint(klien.id)
    await queued(it, 9)
    first = await due(limit=3)
    on_way = {each.delivery.id: it.id for each in first}
    second = await due(on_way=on_way)
    assert len(first) + len(second) == PLACES
    assert on_way.keys().isdisjoint(each.delivery.id for each in second)
    assert await due(on_way=on_way | {each.delivery.id: it.id for each in second}) == []


async def test_a_backlog_of_one_klien_leaves_the_others_their_turn(klien: Klien) -> None:
    other = await kliens.add("Lain")
    for _ in range(5):
        await queued(await endpoint(klien.id), 9)
    theirs = await endpoint(other.id)
    await queued(theirs, 2, later(60))
    await queue(made(await happen(other.id), theirs), later(60))
    taken = [each.delivery.klien_id for each in await due(later(60), limit=4)]
    assert Counter(taken) == {klien.id: 2, other.id: 2}
    assert [each.delivery.klien_id for each in await due(later(60), limit=1, after_klien=klien.id)] == [other.id]


async def test_who_rests_gets_nothing(klien: Klien) -> None:
    one, other = await endpoint(klien.id), await endpoint(klien.id)
    await queued(one)
    await queued(other)
    assert [each.endpoint.id for each in await due(resting=[one.id])] == [other.id]


async def test_what_is_due_is_due_again_after_a_crash(klien: Klien, database: str) -> None:
    await queued(await endpoint(klien.id), 2)
    before = await due()
    await close_database()
    await open_database(database)
    assert await due() == before


# ── what becomes of it ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("verdict", "answer", "status", "next_at", "error"),
    [
        (DELIVERED, OK, DeliveryStatus.DELIVERED, None, None),
        (Verdict(Outcome.RETRY, later(5)), FAILED, DeliveryStatus.PENDING, later(5), "http_503"),
        (DEAD, Answer(None, "timeout", 15_000), DeliveryStatus.DEAD, None, "timeout"),
        (Verdict(Outcome.GONE, later(5)), Answer(410, None, 1), DeliveryStatus.PENDING, later(5), "http_410"),
    ],
)
async def test_a_try_is_noted_with_its_outcome(  # noqa: PLR0917 - a table's columns
    klien: Klien,
    verdict: Verdict,
    answer: Answer,
    status: DeliveryStatus,
    next_at: datetime | None,
    error: str | None,
) -> None:
    (before,) = await queued(await endpoint(klien.id))
    after = await conclude(before, verdict, answer, now=later(1))
    ended_at = None if status is DeliveryStatus.PENDING else later(1)
    assert after == replace(
        before, status=status, tries=1, next_at=next_at, last_status=answer.status, last_error=error, ended_at=ended_at
    )
    assert await delivery_log.get(klien.id, before.id) == after
    (attempt,) = await delivery_log.attempts_of(klien.id, before.id)
    assert attempt == Attempt(1, NOW, answer.status, error, answer.latency_ms, answer.body.decode())


async def test_attempts_are_numbered_on_also_after_a_replay(klien: Klien) -> None:
    (delivery,) = await queued(await endpoint(klien.id))
    for _ in range(2):
        await conclude(delivery, Verdict(Outcome.RETRY, NOW), FAILED)
    await conclude(delivery, DEAD, FAILED)
    async with transaction():
        replayed = await replays.replay_one(klien.id, delivery.id, later(9))
    assert replayed
    assert replayed.tries == 0
    after = await conclude(delivery, DELIVERED)
    assert after
    assert (after.tries, after.is_replay) == (1, True)
    assert [each.number for each in await delivery_log.attempts_of(klien.id, delivery.id)] == [1, 2, 3, 4]


async def test_what_a_receiver_answers_is_kept_as_it_may_be_shown(klien: Klien) -> None:
    (delivery,) = await queued(await endpoint(klien.id))
    await conclude(delivery, DELIVERED, Answer(200, None, 1, b"\x00\x1b[31mHalo\xff" + b"x" * 9000))
    (attempt,) = await delivery_log.attempts_of(klien.id, delivery.id)
    assert attempt.response.startswith("[31mHalo\ufffdx")
    assert len(attempt.response.encode()) <= 2048


@pytest.mark.parametrize("end", [DELIVERED, DEAD])
async def test_what_has_ended_ends_once(klien: Klien, end: Verdict) -> None:
    (delivery,) = await queued(await endpoint(klien.id))
    await conclude(delivery, end)
    assert await conclude(delivery, DELIVERED) is None
    assert len(await delivery_log.attempts_of(klien.id, delivery.id)) == 1
    assert await due(later(10**6)) == []


async def test_what_was_removed_on_its_way_is_nobodys(klien: Klien) -> None:
    it = await endpoint(klien.id)
    (delivery,) = await queued(it)
    await remove(it)
    async with transaction():
        assert not await webhook_retention.forget_removed()
    assert await conclude(delivery, DELIVERED) is None
    assert await rows("SELECT id FROM deliveries UNION SELECT id FROM webhooks UNION SELECT id FROM attempts") == []


async def test_a_delivery_of_a_klien_that_is_gone_is_nobodys(klien: Klien) -> None:
    (delivery,) = await queued(await endpoint(klien.id))
    await kliens.erase(klien.id)
    assert await conclude(delivery, DELIVERED) is None


async def test_another_klien_concludes_nothing(klien: Klien) -> None:
    (delivery,) = await queued(await endpoint(klien.id))
    assert await conclude(replace(delivery, klien_id=klien.id + 1), DELIVERED) is None
    assert len(await due()) == 1


async def test_what_waits_for_a_removed_one_is_not_sent(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    await queued(it, 4)
    await queued(other)
    await remove(it)
    assert {each.endpoint.id for each in await due()} == {other.id}


async def test_an_event_of_the_journal_has_one_id_for_ever(klien: Klien) -> None:
    event, other = await happen(klien.id), await happen(klien.id)
    once = deliveries.event_id_of(event, Kind.STANDARD)
    assert once == deliveries.event_id_of(replace(event, id=event.id + 7), Kind.STANDARD)  # type: ignore[operator] # it has one
    assert ULID.from_str(once.removeprefix("evt_")).datetime == NOW.replace(microsecond=123_000)
    changes = (
        (event, Kind.OLDER),
        (other, Kind.STANDARD),
        (replace(event, klien_id=NOBODY), Kind.STANDARD),
        (replace(event, at=later(1)), Kind.STANDARD),  # a seq comes again where an older database was put back
    )
    assert once not in {deliveries.event_id_of(*change) for change in changes}


# ── who looks at it ──────────────────────────────────────────────────────────────────────────────────────────────────


async def page(
    of: Endpoint, status: DeliveryStatus | None = None, before: int | None = None, limit: int = 99
) -> list[int]:
    return [each.id for each in await delivery_log.page(of.klien_id, of.id, status, before, limit)]


async def test_pages_go_back_from_the_youngest(klien: Klien) -> None:
    it, other = await endpoint(klien.id), await endpoint(klien.id)
    some = [each.id for each in await queued(it, 3)]
    await queued(other, 2)
    ids = some + [each.id for each in await queued(it, 2)]
    assert await page(it, limit=3) == [ids[4], ids[3], ids[2]]
    assert await page(it, before=ids[2], limit=3) == [ids[1], ids[0]]
    assert await page(it, before=ids[0]) == []


async def test_pages_show_every_status_or_one(klien: Klien) -> None:
    it = await endpoint(klien.id)
    done, dead, waiting, done_too = await queued(it, 4)
    for each, end in ((done_too, DELIVERED), (done, DELIVERED), (dead, DEAD)):
        await conclude(each, end)
    assert await page(it) == [done_too.id, waiting.id, dead.id, done.id]
    assert await page(it, limit=2) == [done_too.id, waiting.id]
    assert await page(it, DeliveryStatus.DELIVERED) == [done_too.id, done.id]
    assert await page(it, DeliveryStatus.DELIVERED, before=done_too.id) == [done.id]
    assert await page(it, DeliveryStatus.DEAD) == [dead.id]
    assert await page(it, DeliveryStatus.PENDING) == [waiting.id]


async def test_another_klien_sees_nothing(klien: Klien) -> None:
    it = await endpoint(klien.id)
    (delivery,) = await queued(it)
    await conclude(delivery, DELIVERED)
    other = (await kliens.add("Lain")).id
    assert await delivery_log.page(other, it.id, None, None, 9) == []
    assert await delivery_log.page(other, it.id, DeliveryStatus.DELIVERED, None, 9) == []
    assert await delivery_log.get(other, delivery.id) is None
    assert await delivery_log.attempts_of(other, delivery.id) == []
    async with transaction():
        assert await replays.replay_one(other, delivery.id, NOW) is None
    assert await statuses(it) == ["delivered"]


# ── once there is much of it ─────────────────────────────────────────────────────────────────────────────────────────

GROWING = ("deliveries", "webhook_events", "attempts", "journal_events")
_IN_PAGES = "webhook_id=? AND status=? AND id<?"


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        (deliveries._CANDIDATES, "status=? AND webhook_id>?"),
        (deliveries._CANDIDATES, "status=? AND webhook_id=? AND next_at<?"),
        (deliveries._FIRST_WAITING, "status=? AND webhook_id=?"),
        (deliveries._DUE, "rowid=?"),
        (deliveries._ATTEMPT, "delivery_id=?"),
        (deliveries._CONCLUDE, "rowid=?"),
        (webhook_retention._OF_REMOVED, "webhook_id=?"),
        (deliveries._CURSOR, "rowid=?"),
        (deliveries._DELIVERIES, "klien_id=? AND status=? AND rowid=?"),
        (delivery_log._WITH_STATUS, _IN_PAGES),
        (delivery_log._WHATEVER_STATUS, _IN_PAGES),
        (delivery_log._GET, "rowid=?"),
        (delivery_log._ATTEMPTS, "delivery_id=?"),
        (webhooks._OF_KLIEN, "status=? AND webhook_id=?"),
        (replays._ENDED, "webhook_id=? AND status=? AND id>?"),
        (replays._EVENTS, "klien_id=? AND seq>?"),
        (replays._IF_THERE, "event_id=? AND webhook_id=?"),
        (replays._KNOWN, "klien_id=? AND journal_id=? AND kind=?"),
        (replays._MADE, "public_id=?"),
        (webhook_retention._ATTEMPTS, "rowid>?"),
        (webhook_retention._OLD_ATTEMPTS, "rowid>? AND rowid<?"),
        (webhook_retention._EVENTS, "rowid>?"),
        (webhook_retention._OLD_EVENTS, "event_id=?"),
        (webhook_retention._EVENTS_OF, "klien_id=?"),
        (webhook_retention._REMOVED, "webhook_id=?"),
        (webhook_retention._JOURNAL, "rowid<?"),
        ("DELETE FROM deliveries WHERE webhook_id = ?", "webhook_id=?"),  # as it goes with its endpoint
        ("DELETE FROM deliveries WHERE event_id = ?", "event_id=?"),
        ("DELETE FROM attempts WHERE delivery_id = ?", "delivery_id=?"),
        ("DELETE FROM webhook_events WHERE klien_id = ?", "klien_id=?"),
    ],
)
def test_what_is_asked_looks_through_no_more_than_it_must(empty_database: Path, question: str, terms: str) -> None:
    plan = plan_of(empty_database, question)
    assert f"({terms})" in plan
    for table in GROWING:
        assert f"SCAN {table}" not in plan


def steps_of(url: str, question: str, *values: object) -> int:
    """How many instructions SQLite needs to answer."""
    file = sqlite3.connect(url.removeprefix("sqlite://"))
    steps = itertools.count()
    file.set_progress_handler(lambda: next(steps) < 0, 1)
    file.execute(question, values).fetchall()
    file.close()
    return next(steps)


async def test_a_backlog_costs_no_more_than_what_is_taken_of_it(klien: Klien, database: str) -> None:
    busy, other = await endpoint(klien.id), await endpoint(klien.id)
    (delivery,) = await queued(other)
    time = later(1).isoformat(" ", "microseconds")
    page = (klien.id, busy.id, LARGEST_ID, PLACES)
    questions: list[tuple[object, ...]] = [
        (deliveries._CANDIDATES, time, "[]", "[]"),
        (deliveries._FIRST_WAITING, klien.id, delivery.id),
        (deliveries._DUE, f"[{delivery.id}]"),
        (delivery_log._WHATEVER_STATUS, *page),
        (delivery_log._WITH_STATUS, *page, "pending"),
    ]

    def steps() -> list[int]:
        return [steps_of(database, str(question), *values) for question, *values in questions]

    await queued(busy, 2 * PLACES)
    few = steps()
    async with transaction():
        for number in range(1000):
            await deliveries.add_event(of_its_own(klien.id, busy), later(-number))
    assert [many < 1.5 * before for before, many in zip(few, steps(), strict=True)] == [True] * len(questions)
