"""The endpoints of each klien: kept, changed, switched off and on, and never another's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from talkabiz.domain.errors import NotFound
from talkabiz.domain.inputs import Me
from talkabiz.domain.klien import Klien
from talkabiz.domain.states import Session, Status
from talkabiz.domain.webhooks import PLACES, PROBE_AFTER, DisabledReason, Endpoint, EndpointStatus, Kind, Type
from talkabiz.store import kliens, sessions, webhooks
from talkabiz.store.database import connected, transaction
from talkabiz.store.errors import StoreError
from tests.store.chatting import rows
from tests.store.conftest import NOW, later
from tests.store.hooking import DELIVERED, URL, conclude, due, endpoint, happen, made, queue, queued
from tests.store.test_schema import plan_of

NOBODY = 99


async def fail(of: Endpoint, times: int = 1, at: datetime = NOW) -> Endpoint:
    failed: Endpoint | None = of
    for _ in range(times):
        async with transaction():
            failed = await webhooks.note_failure(of.klien_id, of.id, at)
    assert failed
    return failed


async def switch(of: Endpoint, *, on: bool, reason: DisabledReason = DisabledReason.OPERATOR) -> Endpoint | None:
    async with transaction():
        if on:
            return await webhooks.enable(of.klien_id, of.id)
        return await webhooks.disable(of.klien_id, of.id, reason, NOW)


async def test_an_endpoint_is_kept_as_it_was_asked_for(klien: Klien) -> None:
    event = await happen(klien.id)
    added = await endpoint(klien.id, events=[Type.SESSION_STATUS])
    assert added == Endpoint(
        id=added.id,
        klien_id=klien.id,
        kind=Kind.STANDARD,
        url=URL,
        label="CRM",
        events=frozenset({Type.SESSION_STATUS}),
        status=EndpointStatus.ENABLED,
        created_at=NOW,
        since_id=event.id or 0,
        secret=b"sealed",
    )
    assert await webhooks.get(klien.id, added.id) == added
    assert await webhooks.of_klien(klien.id) == [added]


async def test_a_klien_that_is_gone_gets_no_endpoint(database: str) -> None:
    with pytest.raises(NotFound):
        await endpoint(NOBODY)


async def test_what_waits_is_counted_where_an_endpoint_is_shown(klien: Klien) -> None:
    one, other = await endpoint(klien.id), await endpoint(klien.id)
    first, *_ = await queued(one, 3)
    await conclude(first, DELIVERED)
    assert [each.pending for each in await webhooks.of_klien(klien.id)] == [2, 0]
    shown = await webhooks.get(klien.id, one.id)
    assert shown
    assert shown.pending == 2
    assert other.pending == 0


async def test_only_those_of_the_newer_kind_are_counted(klien: Klien) -> None:
    removed = await endpoint(klien.id)
    await switch(await endpoint(klien.id), on=False)
    await endpoint(klien.id)
    await endpoint(klien.id, Kind.OLDER)
    async with transaction():
        await webhooks.remove(klien.id, removed.id)
    assert await webhooks.count(klien.id) == 2


async def test_an_endpoint_is_changed(klien: Klien) -> None:
    it = await endpoint(klien.id)
    async with transaction():
        changed = await webhooks.change(klien.id, it.id, url="https://new", label="", events=[Type.MESSAGE_STATUS])
    assert changed == replace(it, url="https://new", label="", events=frozenset({Type.MESSAGE_STATUS}))
    async with transaction():
        assert await webhooks.change(klien.id, it.id, url=URL, label="CRM", events=None) == it


async def test_nothing_here_is_done_to_another_kliens(klien: Klien) -> None:
    it = await endpoint(klien.id)
    other = (await kliens.add("Lain")).id
    async with transaction():
        assert await webhooks.get(other, it.id) is None
        assert await webhooks.of_klien(other) == []
        assert await webhooks.change(other, it.id, url="https://evil", label="", events=None) is None
        assert await webhooks.disable(other, it.id, DisabledReason.GONE, NOW) is None
        assert await webhooks.enable(other, it.id) is None
        assert await webhooks.remove(other, it.id) is False
        assert await webhooks.set_secret(other, it.id, b"evil", previous_until=None) is None
        assert await webhooks.note_failure(other, it.id, NOW) is None
    assert await webhooks.of_klien(klien.id) == [it]
    failed = await fail(it)
    async with transaction():
        await webhooks.note_success(other, it.id)
    assert await webhooks.get(klien.id, it.id) == failed


async def test_a_disabled_one_says_why_and_since_when_and_the_first_reason_stays(klien: Klien) -> None:
    it = await endpoint(klien.id)
    disabled = await switch(it, on=False, reason=DisabledReason.GONE)
    assert disabled == replace(it, status=EndpointStatus.DISABLED, disabled_reason=DisabledReason.GONE, disabled_at=NOW)
    assert await switch(it, on=False) == disabled


async def test_an_enabled_one_begins_anew_at_the_end_of_the_journal(klien: Klien) -> None:
    it = await fail(await endpoint(klien.id), PROBE_AFTER)
    await switch(it, on=False, reason=DisabledReason.FAILING)
    event = await happen(klien.id)
    enabled = await switch(it, on=True)
    assert enabled == replace(it, failures=0, failing_since=None, since_id=event.id or 0)
    await happen(klien.id)
    assert await switch(it, on=True) == enabled  # nothing that came meanwhile is passed over


async def test_a_removed_one_is_nobodys_and_has_nothing_left_to_tell(klien: Klien) -> None:
    it = await endpoint(klien.id)
    async with transaction():
        await webhooks.set_secret(klien.id, it.id, b"new", previous_until=later(9))
        assert await webhooks.remove(klien.id, it.id) is True
        assert await webhooks.remove(klien.id, it.id) is False
        assert await webhooks.enable(klien.id, it.id) is None
        assert await webhooks.disable(klien.id, it.id, DisabledReason.GONE, NOW) is None
        assert await webhooks.change(klien.id, it.id, url=URL, label="", events=None) is None
        assert await webhooks.set_secret(klien.id, it.id, b"new", previous_until=None) is None
        assert await webhooks.note_failure(klien.id, it.id, NOW) is None
    assert await webhooks.get(klien.id, it.id) is None
    assert await webhooks.of_klien(klien.id) == []
    assert await webhooks.enabled_for([klien.id]) == {}
    assert await webhooks.secrets() == []
    assert await rows("SELECT url, secret, previous_secret FROM webhooks") == [("", None, None)]


async def test_failures_are_counted_from_the_first_until_a_success(klien: Klien) -> None:
    it = await endpoint(klien.id)
    assert (await fail(it, at=later(1))).failing_since == later(1)
    failed = await fail(it, PROBE_AFTER - 1, at=later(2))
    assert (failed.failures, failed.failing_since, failed.places) == (PROBE_AFTER, later(1), 1)
    async with transaction():
        await webhooks.note_success(klien.id, it.id)
    well = await webhooks.get(klien.id, it.id)
    assert well == it
    assert well.places == PLACES


async def test_a_success_of_one_that_is_well_writes_nothing(klien: Klien) -> None:
    it = await endpoint(klien.id)
    async with transaction():
        before = await rows("SELECT total_changes()")
        await webhooks.note_success(klien.id, it.id)
        assert await rows("SELECT total_changes()") == before
        await webhooks.note_failure(klien.id, it.id, NOW)
        await webhooks.note_success(klien.id, it.id)
        assert await rows("SELECT total_changes()") > before


async def test_a_new_secret_leaves_the_one_before_for_its_time(klien: Klien) -> None:
    it = await endpoint(klien.id)
    async with transaction():
        rotated = await webhooks.set_secret(klien.id, it.id, b"new", previous_until=later(9))
    assert rotated == replace(it, secret=b"new", previous_secret=b"sealed", previous_until=later(9))
    async with transaction():
        at_once = await webhooks.set_secret(klien.id, it.id, b"newer", previous_until=None)
    assert at_once == replace(it, secret=b"newer")


async def test_the_older_kind_has_its_kliens_incoming_secret(klien: Klien) -> None:
    it = await endpoint(klien.id, Kind.OLDER)
    assert it.secret is None
    async with transaction():
        await webhooks.set_incoming_secret(klien.id, b"incoming")
        assert await webhooks.set_secret(klien.id, it.id, b"new", previous_until=None) is None
    assert await webhooks.older_of(klien.id) == replace(it, secret=b"incoming")
    assert (await fail(it)).secret == b"incoming"
    assert [each.secret for each in (await webhooks.enabled_for([klien.id]))[klien.id]] == [b"incoming"]


async def test_there_is_no_older_one_where_none_was_made(klien: Klien) -> None:
    await endpoint(klien.id)
    assert await webhooks.older_of(klien.id) is None


async def test_an_incoming_secret_is_its_kliens(klien: Klien) -> None:
    other = (await kliens.add("Lain")).id
    async with transaction():
        await webhooks.set_incoming_secret(klien.id, b"incoming")
    assert [await webhooks.incoming_secret(each) for each in (klien.id, other, NOBODY)] == [b"incoming", None, None]
    with pytest.raises(NotFound):
        async with transaction():
            await webhooks.set_incoming_secret(NOBODY, b"incoming")


async def test_every_secret_is_found_at_the_start(klien: Klien) -> None:
    it = await endpoint(klien.id)
    async with transaction():
        await webhooks.set_secret(klien.id, it.id, b"new", previous_until=later(9))
        await webhooks.set_incoming_secret(klien.id, b"incoming")
    found = await webhooks.secrets()
    assert {(each.klien_id, each.webhook_id, each.sealed) for each in found} == {
        (klien.id, it.id, b"new"),
        (klien.id, it.id, b"sealed"),
        (klien.id, None, b"incoming"),
    }
    assert "incoming" not in repr(found)


@pytest.mark.parametrize(
    ("status", "told"),
    [(Status.CONNECTED, "connected 628111222"), (Status.RECONNECTING, "disconnected"), (None, "disconnected")],
)
async def test_the_older_kind_begins_with_what_is_the_case(klien: Klien, status: Status | None, told: str) -> None:
    if status:
        async with transaction():
            session = Session(since=NOW, status=status, me=Me("628111222"), device="1")
            await sessions.save(klien.id, session, "01J", NOW)
    assert (await endpoint(klien.id, Kind.OLDER)).told == told


async def test_what_the_older_kind_was_told_is_known(klien: Klien) -> None:
    before = await endpoint(klien.id, Kind.OLDER)
    newer = await endpoint(klien.id)
    new = made(await happen(klien.id), before, newer, kind=Kind.OLDER, told="connected 628111222")
    assert len(await queue(new)) == 1
    assert [each.told for each in await webhooks.of_klien(klien.id)] == ["connected 628111222", None]


async def test_what_came_before_an_older_one_is_not_taken_for_told(klien: Klien) -> None:
    event = await happen(klien.id)
    it = await endpoint(klien.id, Kind.OLDER)
    assert await queue(made(event, it, kind=Kind.OLDER, told="connected 628111222")) == []
    assert await webhooks.older_of(klien.id) == it


async def test_those_that_are_enabled_are_found_by_klien(klien: Klien) -> None:
    other, third = (await kliens.add("Lain")).id, (await kliens.add("Ketiga")).id
    one, older, off = await endpoint(klien.id), await endpoint(klien.id, Kind.OLDER), await endpoint(klien.id)
    await switch(off, on=False)
    theirs = await endpoint(other)
    await switch(await endpoint(third), on=False)
    assert await webhooks.enabled_for([klien.id, third]) == {klien.id: [one, older]}
    assert await webhooks.enabled_for([klien.id, other]) == {klien.id: [one, older], other: [theirs]}
    assert await webhooks.enabled_for([]) == {}
    assert await webhooks.kliens_with_any() == {klien.id, other}


async def test_endpoints_go_with_their_klien_and_all_that_is_theirs(klien: Klien) -> None:
    kept = await endpoint((await kliens.add("Lain")).id)
    gone = await endpoint(klien.id)
    await queued(kept)
    (delivery,) = await queued(gone)
    await conclude(delivery, DELIVERED)
    await kliens.erase(klien.id)
    for table in ("webhooks", "webhook_events", "deliveries"):
        assert await rows(f"SELECT klien_id FROM {table}") == [(kept.klien_id,)]  # noqa: S608 - names of our own
    assert await rows("SELECT * FROM attempts") == []
    assert len(await due()) == 1


async def test_an_event_has_one_row_of_a_kind(klien: Klien) -> None:
    it = await endpoint(klien.id)
    (delivery,) = await queued(it)
    with pytest.raises(StoreError):
        async with transaction():
            await connected().execute_query(
                "INSERT INTO deliveries (klien_id, webhook_id, event_id, status, created_at)"
                " SELECT klien_id, webhook_id, event_id, 'pending', created_at FROM deliveries WHERE id = ?",
                [delivery.id],
            )


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        (f"{webhooks._OF_KLIEN} ORDER BY webhooks.id", "klien_id=?"),
        (webhooks._ENABLED, "klien_id=? AND status=?"),
        (webhooks._COUNT, "klien_id=?"),
        ("DELETE FROM webhooks WHERE klien_id = ?", "klien_id=?"),  # as it goes with its klien
    ],
)
def test_endpoints_are_found_by_their_klien(empty_database: Path, question: str, terms: str) -> None:
    plan = plan_of(empty_database, question)
    assert f"({terms})" in plan
    assert "SCAN webhooks" not in plan
    assert "SCAN deliveries" not in plan
