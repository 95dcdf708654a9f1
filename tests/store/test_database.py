from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from talkabiz.domain.klien import Klien
from talkabiz.store import kliens
from talkabiz.store.database import close_database, connected, is_up_to_date, migrate, open_database, ping, transaction
from talkabiz.store.errors import StoreError


async def test_an_open_database_answers_and_a_closed_one_does_not(database: str) -> None:
    await ping()
    await close_database()
    with pytest.raises(StoreError):
        await ping()
    await close_database()  # once more does no harm


async def test_a_database_can_be_opened_again_and_holds_what_it_held(database: str) -> None:
    added = await kliens.add("Toko Sinar")
    for _ in range(3):
        await close_database()
        await open_database(database)
        assert await kliens.page(0, 10) == [added]


async def test_only_one_database_is_open_at_a_time(database: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="open already"):
        await open_database(f"sqlite://{tmp_path}/other.db")
    await ping()


async def test_a_new_file_is_empty_and_for_its_owner_alone(url: str) -> None:
    await open_database(url)
    try:
        assert await is_up_to_date() is False
        for file in ("", "-wal", "-shm"):
            assert permissions(url.removeprefix("sqlite://") + file) == 0o600
    finally:
        await close_database()


def permissions(file: str) -> int:
    return stat.S_IMODE(Path(file).stat().st_mode)


async def test_two_slashes_are_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    await migrate("sqlite://data/a b%20?#.db")
    assert (tmp_path / "data" / "a b%20?#.db").is_file()


async def test_it_is_seen_from_tasks_that_existed_before_it_was_opened(url: str, empty_database: Path) -> None:
    opened = asyncio.Event()

    async def ask() -> list[Klien]:
        await opened.wait()
        return await kliens.page(0, 10)

    asking = asyncio.create_task(ask())
    await migrate(url)
    await open_database(url)
    try:
        opened.set()
        assert await asking == []
    finally:
        await close_database()


@pytest.mark.parametrize("bad", ["talkabiz.db", "sqlite://", "sqlite://:memory:", "postgres://localhost/talkabiz", ""])
async def test_an_address_that_is_not_a_file_of_sqlite_is_refused(bad: str) -> None:
    for use in (open_database, migrate):
        with pytest.raises(StoreError, match="must look like sqlite://"):
            await use(bad)


async def refused(url: str) -> StoreError:
    """Why it can't be opened; afterwards another one can."""
    with pytest.raises(StoreError) as migrating:
        await migrate(url)
    with pytest.raises(StoreError) as opening:
        await open_database(url)
    assert opening.value.message == migrating.value.message
    with pytest.raises(StoreError):
        await ping()
    return opening.value


async def test_a_missing_directory_is_told_in_a_sentence(tmp_path: Path) -> None:
    error = await refused(f"sqlite://{tmp_path}/nowhere/talkabiz.db")
    assert error.code == "database_unavailable"
    assert "nowhere/talkabiz.db" in error.message.id
    assert "nowhere/talkabiz.db can't be opened or written: No such file or directory." in error.message.en
    assert not (tmp_path / "nowhere").exists()


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    assert "unable to open database file" in (await refused(f"sqlite://{tmp_path}")).message.en


async def test_another_kind_of_file_is_no_database_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "talkabiz.db"
    file.write_text("something dear to somebody\n" * 100)
    assert "file is not a database" in (await refused(f"sqlite://{file}")).message.en
    assert file.read_text() == "something dear to somebody\n" * 100


@pytest.fixture
def foreign_directory() -> Iterator[Path]:
    """In which this process may only read; root gives up its rights meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "talkabiz.db").touch()
        sqlite3.connect(directory / "talkabiz.db").execute("PRAGMA journal_mode=WAL").connection.close()
        (directory / "talkabiz.db").chmod(0o444)
        directory.chmod(0o555)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            yield directory
        finally:
            os.seteuid(before)
            directory.chmod(0o755)


async def test_a_database_that_may_only_be_read_is_refused_at_once(foreign_directory: Path) -> None:
    error = await refused(f"sqlite://{foreign_directory}/talkabiz.db")
    assert "talkabiz.db can't be opened or written: " in error.message.en


async def test_a_database_that_may_not_be_made_is_refused(foreign_directory: Path) -> None:
    assert "Permission denied" in (await refused(f"sqlite://{foreign_directory}/new.db")).message.en


async def test_every_connection_is_set_up_for_safety(database: str) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    async def settings() -> dict[str, object]:
        return {name: (await connected().execute_query(f"PRAGMA {name}"))[1][0][0] for name in expected}

    assert await settings() == expected
    async with transaction():
        assert await settings() == {**expected, "busy_timeout": 0}  # BEGIN has waited already


async def test_a_table_that_is_missing_is_told_as_an_error_of_the_database(url: str) -> None:
    await open_database(url)
    try:
        with pytest.raises(StoreError):
            await kliens.add("Toko Sinar")
        with pytest.raises(StoreError):
            await kliens.page(0, 10)
    finally:
        await close_database()
