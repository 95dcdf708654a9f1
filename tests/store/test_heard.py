from __future__ import annotations

from talkabiz.domain.klien import Klien
from talkabiz.store import heard, kliens
from talkabiz.store.database import transaction
from talkabiz.store.heard import HeardRow
from tests.store.conftest import NOW, later


async def add(*rows: tuple[int, int, bytes]) -> None:
    async with transaction():
        await heard.add([(*row, later(n)) for n, row in enumerate(rows)])


async def test_what_was_heard_is_handed_out_in_order_until_it_is_done(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    await add((klien.id, 17, b"\x00\xff"), (other.id, 3, b""), (klien.id, 17, b"c"))
    first, second, third = await heard.next(9)
    assert first == HeardRow(first.id, klien.id, 17, b"\x00\xff", NOW, 0)
    assert (second.klien_id, second.data, second.at) == (other.id, b"", later(1))
    assert await heard.next(2) == [first, second]
    async with transaction():
        await heard.done([first.id, third.id])
    assert await heard.next(9) == [second]
    assert await heard.count() == 1


async def test_what_a_klien_heard_that_is_gone_keeps_nobody_elses_from_being_stored(klien: Klien) -> None:
    await add((klien.id + 1, 1, b"x"), (klien.id, 1, b"y"))
    assert [row.data for row in await heard.next(9)] == [b"y"]


async def test_what_fails_is_kept_and_handed_out_a_few_times(klien: Klien) -> None:
    await add((klien.id, 1, b"x"), (klien.id, 1, b"y"))
    bad, good = await heard.next(9)
    for tries in range(heard.MOST_TRIES):
        assert [(row.id, row.tries) for row in await heard.next(9)] == [(bad.id, tries), (good.id, 0)]
        async with transaction():
            await heard.failed(bad.id, "ValueError: nonsense")
    assert await heard.next(9) == [good]
    assert await heard.count() == 2


async def test_what_has_failed_before_keeps_its_place(klien: Klien) -> None:
    await add(*((klien.id, 1, each) for each in (b"a", b"b", b"c", b"d")))
    rows = await heard.next(9)
    async with transaction():
        for row, times in zip(rows, (0, 2, 1, 0), strict=True):
            for _ in range(times):
                await heard.failed(row.id, "ValueError: nonsense")
    assert [row.data for row in await heard.next(9)] == [b"a", b"b", b"c", b"d"]
    assert [row.data for row in await heard.next(3)] == [b"a", b"b", b"c"]
