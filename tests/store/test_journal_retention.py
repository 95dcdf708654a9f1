"""What is old of the journal goes from its beginning, so that nobody takes what is gone for nothing having happened."""

from __future__ import annotations

from datetime import datetime

import pytest

from talkabiz.domain.klien import Klien
from talkabiz.store import events, kliens
from talkabiz.store.database import transaction
from talkabiz.store.webhook_retention import LOT, forget_journal
from tests.store.conftest import later

CUTOFF = later(0)
OLD, YOUNG = later(-1), later(1)
EVERYTHING = 9**9


async def append(klien_id: int, *times: datetime) -> list[int]:
    async with transaction():
        return [(await events.append(klien_id, "connected", at, {})).id or 0 for at in times]


async def forget(not_above: int = EVERYTHING, limit: int = LOT) -> int:
    """Lot by lot. How many lots there were."""
    lots, is_more = 0, True
    while is_more:
        async with transaction():
            is_more = await forget_journal(CUTOFF, not_above, limit)
        lots += 1
    return lots


async def kept() -> list[int]:
    return await events.ids_after(0, EVERYTHING)


async def test_what_is_old_goes_and_what_is_young_stays(klien: Klien) -> None:
    ids = await append(klien.id, OLD, OLD, CUTOFF, YOUNG)
    await forget()
    assert await kept() == ids[2:]


async def test_what_was_not_read_by_all_stays_however_old_it_is(klien: Klien) -> None:
    ids = await append(klien.id, OLD, OLD, OLD)
    await forget(not_above=0)
    assert await kept() == ids
    await forget(not_above=ids[1])
    assert await kept() == ids[2:]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 6, 7])
async def test_it_goes_in_lots(klien: Klien, rows: int) -> None:
    await append(klien.id, *[OLD] * rows)
    young = await append(klien.id, *[YOUNG] * 4)
    assert await forget(limit=3) == rows // 3 + 1
    assert await kept() == young


async def test_a_clock_that_ran_ahead_once_makes_no_hole_and_keeps_nothing_for_years(klien: Klien) -> None:
    ahead = later(10**9)
    ids = await append(klien.id, OLD, ahead, OLD, OLD, YOUNG)
    await forget(limit=2)
    left = await kept()
    assert left == ids[len(ids) - len(left) :], "the end of it, without a hole"
    await forget()
    assert await kept() == ids[4:]


async def test_each_klien_is_told_where_its_own_journal_begins(klien: Klien) -> None:
    other, quiet = await kliens.add("Toko Lain"), await kliens.add("Toko Diam")
    await append(klien.id, OLD, OLD)
    await append(other.id, OLD)
    await append(klien.id, YOUNG)
    await forget()
    found, gap = await events.since(klien.id, 0, 9)
    assert ([event.seq for event in found], gap) == ([3], True)
    assert (await events.since(klien.id, 1, 9))[1]
    assert not (await events.since(klien.id, 2, 9))[1]
    assert await events.since(other.id, 0, 9) == ([], True), "all that it had"
    assert await events.since(other.id, 1, 9) == ([], False)
    assert await events.since(quiet.id, 0, 9) == ([], False)


async def test_no_number_comes_again_though_nothing_is_kept(klien: Klien) -> None:
    ids = await append(klien.id, OLD, OLD)
    await forget()
    assert await events.last_id() == 0
    async with transaction():
        event = await events.append(klien.id, "connected", YOUNG, {})
    assert (event.id, event.seq) == (ids[-1] + 1, 3)
