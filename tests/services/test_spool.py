"""What was heard and isn't stored yet, in files that outlive the process."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from talkabiz.services import spool as spools
from talkabiz.services.spool import Spool
from tests.services.hearing import Words, message, open_hearing, source


def left(folder: Path) -> list[tuple[int, int, bytes]]:
    """What a process that begins now finds."""
    return [(klien_id, number, data) for klien_id, number, data, _ in Spool(folder).left()]


def pass_on(spool: Spool, *data: bytes) -> None:
    for each in data:
        spool.passed(spool.keep(1, 17, each))


def test_what_is_not_stored_is_left_to_the_next_process_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.keep(1, 17, b"satu")
    spool.keep(2**40, 18, b"")
    assert left(tmp_path) == [(1, 17, b"satu"), (2**40, 18, b"")]
    after = Spool(tmp_path)
    after.keep(1, 17, b"tiga")
    assert [data for *_, data in left(tmp_path)] == [b"satu", b"", b"tiga"]


def test_what_is_stored_is_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    pass_on(spool, b"satu", b"dua")
    spool.stored(spool.mark())
    assert left(tmp_path) == []
    pass_on(spool, b"tiga")
    assert left(tmp_path) == [(1, 17, b"tiga")]


def test_what_nobody_has_got_yet_is_not_taken_for_stored(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    late = spool.keep(1, 17, b"satu")
    pass_on(spool, b"dua")
    spool.stored(spool.mark())
    assert (1, 17, b"satu") in left(tmp_path)
    spool.passed(late)
    spool.stored(spool.mark())
    assert left(tmp_path) == []


def test_files_go_in_their_turn_where_something_always_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "LARGEST_FILE", 1000)
    spool = Spool(tmp_path)
    for each in range(200):
        pass_on(spool, b"%d" % each * 50)
        mark = spool.mark()
        spool.keep(1, 18, b"belum")
        spool.stored(mark)
        spool.passed(each * 2 + 2)
    assert len(list(tmp_path.iterdir())) <= 2
    spool.stored(spool.mark())
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_is_forgotten_once_it_is_stored(tmp_path: Path) -> None:
    Spool(tmp_path).keep(1, 17, b"satu")
    spool = Spool(tmp_path)
    spool.keep(1, 17, b"dua")
    spool.forget_left()
    assert left(tmp_path) == [(1, 17, b"dua")]


@pytest.mark.parametrize("cut", [1, 4, 30])
def test_a_record_that_is_not_whole_costs_no_other(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path)
    spool.keep(1, 17, b"satu")
    spool.keep(1, 17, b"dua")
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-cut])
    assert left(tmp_path) == [(1, 17, b"satu")]
    Spool(tmp_path).keep(1, 17, b"tiga")
    assert left(tmp_path) == [(1, 17, b"satu"), (1, 17, b"tiga")]


@pytest.mark.parametrize("place", range(32))
def test_a_record_that_the_disk_has_changed_is_left_out(tmp_path: Path, place: int) -> None:
    spool = Spool(tmp_path)
    spool.keep(1, 17, b"satu")
    (file,) = tmp_path.iterdir()
    damaged = bytearray(file.read_bytes())
    damaged[place] ^= 0xFF
    file.write_bytes(damaged)
    assert left(tmp_path) == []


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "backup.spool").write_bytes(b"x")
    assert left(tmp_path) == []


def test_threads_write_beside_each_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        tickets = list(pool.map(lambda each: spool.keep(each, 17, b"%d" % each * 100), range(1, 500)))
    assert len(set(tickets)) == 499
    assert spool.mark() == 0
    assert {klien_id for klien_id, *_ in left(tmp_path)} == set(range(1, 500))


def test_a_disk_that_takes_nothing_is_told_and_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    pass_on(spool, b"satu")
    monkeypatch.setattr("os.write", lambda *_: 3)  # the beginning of it, and then there is no room
    pass_on(spool, b"dua")
    monkeypatch.undo()
    pass_on(spool, b"tiga")
    assert [data for *_, data in left(tmp_path)] == [b"satu", b"tiga"]


async def test_what_a_killed_process_had_heard_is_taken_in_once_and_before_anything_new(
    tmp_path: Path, klien_id: int
) -> None:
    words = Words()
    first, second, third = (words.put(message(text, source(id_=f"3EB0{text}"))) for text in ("satu", "dua", "tiga"))
    killed = Spool(tmp_path)
    for data in (first, second, first):
        killed.keep(klien_id, 17, data)
    killed.keep(klien_id + 1, 17, first)  # of a klien that is gone
    spool = Spool(tmp_path)
    async with open_hearing(words, spool=spool) as hearing:
        spool.passed(spool.keep(klien_id, 17, third))
        words.overhear(klien_id, "attempt", 17, third)
        await hearing.settle_down()
        await hearing.wait(lambda event: event.data["text"] == "tiga")
        assert [row.text for row in await hearing.all(klien_id)] == ["satu", "dua", "tiga"]
        while left(tmp_path):
            await asyncio.sleep(0.005)


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    Spool(tmp_path / "a").keep(1, 17, b"satu")
    (file,) = (tmp_path / "a").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
