from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from talkabiz.domain.errors import NotFound
from talkabiz.domain.inputs import Me
from talkabiz.domain.klien import Klien
from talkabiz.domain.pairing import Round
from talkabiz.domain.states import Reason, Session, Status
from talkabiz.store import events, kliens, sessions
from talkabiz.store.database import connected, transaction
from talkabiz.store.sessions import StoredSession
from tests.store.conftest import NOW, later

ME = Me("628123456789", "123@lid", "Budi {nama} \u202e'; --", "android")
WHOLE = Session(
    since=NOW,
    status=Status.ERROR,
    reason=Reason.CONNECT_REFUSED,
    detail="418",
    retry_at=later(0.001),
    device="01JDEVICE",
    me=ME,
    tries=3,
    replaced_at=later(-600),
)
CONNECTED = Session(since=NOW, status=Status.CONNECTED, device="01JDEVICE", me=ME)


async def save(klien_id: int, session: Session, now: datetime = NOW) -> None:
    async with transaction():
        await sessions.save(klien_id, session, "01JSESSION", now)


async def load(klien_id: int) -> StoredSession:
    stored = await sessions.load(klien_id)
    assert stored is not None
    return stored


@pytest.mark.parametrize("session", [WHOLE, CONNECTED, Session(since=NOW)])
async def test_a_session_is_loaded_as_it_was_saved(klien: Klien, session: Session) -> None:
    await save(klien.id, session)
    assert await load(klien.id) == StoredSession(klien.id, "01JSESSION", 0, session)


async def test_a_saved_session_replaces_the_one_before_in_every_field(klien: Klien) -> None:
    await save(klien.id, WHOLE)
    await save(klien.id, Session(since=later(5)))
    assert (await load(klien.id)).session == Session(since=later(5))


async def test_what_dies_with_the_process_is_not_kept(klien: Klien) -> None:
    running = replace(
        CONNECTED,
        attempt="01J",
        entered_at=NOW,
        lost_since=NOW,
        degraded_since=NOW,
        restarted=True,
        round=Round(number=1),
    )
    await save(klien.id, running)
    assert (await load(klien.id)).session == CONNECTED


async def test_every_status_and_reason_comes_back(klien: Klien) -> None:
    for status in Status:
        await save(klien.id, Session(since=NOW, status=status))
        assert (await load(klien.id)).session.status is status
    for reason in Reason:
        await save(klien.id, Session(since=NOW, reason=reason))
        assert (await load(klien.id)).session.reason is reason


async def test_a_time_of_another_zone_is_kept_as_the_same_moment(klien: Klien) -> None:
    jakarta = NOW.astimezone(timezone(timedelta(hours=7)))
    await save(klien.id, Session(since=jakarta))
    since = (await load(klien.id)).session.since
    assert since == NOW
    assert since.utcoffset() == timedelta(0)


async def test_a_time_without_a_zone_is_refused(klien: Klien) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        await save(klien.id, Session(since=NOW.replace(tzinfo=None)))


async def test_a_klien_that_was_never_started_is_disconnected_since_it_was_added(klien: Klien) -> None:
    assert await load(klien.id) == StoredSession(klien.id, None, 0, Session(since=klien.created_at))


async def test_there_is_no_session_without_a_klien(klien: Klien) -> None:
    assert await sessions.load(klien.id + 1) is None
    with pytest.raises(NotFound):
        await save(klien.id + 1, CONNECTED)
    assert await sessions.load_all() == []


async def test_the_klien_says_that_it_is_connected_as_long_as_its_session_is(klien: Klien) -> None:
    await save(klien.id, CONNECTED)
    assert await kliens.find(klien.id) == replace(klien, wa_terhubung=True, wa_nomor=ME.phone)
    assert await wa_columns() == (1, ME.phone, ME.lid, ME.name)

    await save(klien.id, replace(CONNECTED, status=Status.RECONNECTING))
    assert await kliens.find(klien.id) == replace(klien, wa_terhubung=False, wa_nomor=ME.phone)

    await save(klien.id, Session(since=NOW))
    assert await kliens.find(klien.id) == klien
    assert await wa_columns() == (0, None, None, None)


async def wa_columns() -> tuple[object, ...]:
    _, rows = await connected().execute_query("SELECT wa_terhubung, wa_nomor, wa_lid, wa_nama FROM kliens")
    return tuple(rows[0])


async def test_an_account_of_which_only_the_number_is_known_comes_back_as_that(klien: Klien) -> None:
    await save(klien.id, replace(CONNECTED, me=Me("628111")))
    assert (await load(klien.id)).session.me == Me("628111")
    assert await wa_columns() == (1, "628111", None, None)


async def test_the_last_active_is_restored_first(database: str) -> None:
    never, early, late, left = [(await kliens.add(nama)).id for nama in ("never", "early", "late", "left")]
    await save(never, Session(since=NOW), later(9))
    await save(left, CONNECTED, later(1))
    await save(early, CONNECTED, later(2))
    await save(late, CONNECTED, later(3))
    await save(left, replace(CONNECTED, status=Status.RECONNECTING), later(4))  # leaving counts,
    await save(early, replace(CONNECTED, status=Status.RECONNECTING), later(2.5))
    await save(early, replace(CONNECTED, status=Status.ERROR), later(8))  # what comes after doesn't
    assert [stored.klien_id for stored in await sessions.load_all()] == [left, late, early, never]


async def test_kliens_that_were_never_started_are_in_pages_but_not_in_what_is_restored(database: str) -> None:
    ids = [(await kliens.add(f"Klien {n}")).id for n in range(4)]
    await save(ids[2], CONNECTED)
    assert [stored.klien_id for stored in await sessions.load_all()] == [ids[2]]
    assert [(s.klien_id, s.session.status) for s in await sessions.page(ids[0], 2)] == [
        (ids[1], Status.DISCONNECTED),
        (ids[2], Status.CONNECTED),
    ]


async def test_the_number_of_a_stored_device_has_an_owner(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    await save(klien.id, CONNECTED)
    await save(other.id, replace(CONNECTED, device=None, me=Me("628999")))
    assert await sessions.owner_of(ME.phone) == klien.id
    assert await sessions.owner_of("628999") is None
    assert await sessions.owner_of("") is None
    await save(other.id, replace(CONNECTED, device=None, me=Me("628999"), reason=Reason.EXTERNAL))
    assert await sessions.owner_of("628999") == other.id


async def test_a_stored_session_carries_the_seq_of_the_last_event(klien: Klien) -> None:
    await save(klien.id, CONNECTED)
    async with transaction():
        for _ in range(3):
            await events.append(klien.id, "connected", NOW, {})
    assert (await load(klien.id)).seq == 3
    assert [stored.seq for stored in await sessions.load_all()] == [3]
