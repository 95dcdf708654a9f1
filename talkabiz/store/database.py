"""Opening and closing the database, bringing it up to date, and transactions."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext, get_current_context
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

from talkabiz.domain.errors import Sentence
from talkabiz.store.errors import StoreError
from talkabiz.store.sqlite import Client, TransactionClient

SCHEME = "sqlite://"
CONNECTION = "default"
APPS = {
    "talkabiz": {
        "models": ["talkabiz.store.models", "talkabiz.store.message_models", "talkabiz.store.webhook_models"],
        "migrations": "talkabiz.store.migrations",
        "default_connection": CONNECTION,
    }
}

BUSY_SECONDS = 5
"""How long a transaction waits for another process's."""
MIGRATION_BUSY_SECONDS = 60


async def open_database(url: str) -> None:
    """`sqlite://talkabiz.db` is relative, `sqlite:///srv/talkabiz.db` absolute. A missing file is made, and empty.

    Raises:
        StoreError: it can't be opened or written; the sentence says why.
    """
    if get_current_context():
        raise RuntimeError("A database is open already.")
    path = parse_url(url)
    context = TortoiseContext()
    with _opening(path), context:  # for this task, while it is being made; the global fallback is for all, and stays
        try:
            await context.init(config=_config(path), _enable_global_fallback=True)
            async with transaction():
                pass  # a file that may only be read would tell later, with the first write
        except BaseException:
            await context.close_connections()
            raise


async def close_database() -> None:
    """After the transactions that are still open. Does nothing where no database is open."""
    if context := get_current_context():
        await context.close_connections()


async def migrate(url: str) -> list[str]:
    """Bring the database up to date, and make it where there is none: all or nothing. Names the steps that were taken.

    Where two processes do it at once, the second waits for the first and finds nothing left to do.

    Raises:
        StoreError: it can't be opened or written, or a newer version of the program made it.
    """
    path = parse_url(url)
    # With foreign keys on, SQLite empties the rows that point at a table when a step replaces that table.
    config = _config(path, foreign_keys="OFF", busy_timeout=MIGRATION_BUSY_SECONDS * 1000)
    context = TortoiseContext()
    with _opening(path), context:
        await context.init(config=config)
        try:
            async with in_transaction(CONNECTION) as connection:
                return await _apply(connection)
        finally:
            await context.close_connections()


async def _apply(connection: BaseDBAsyncClient) -> list[str]:
    executor = MigrationExecutor(connection, APPS)
    steps = await executor.plan()
    if unknown := executor.loader.applied_migrations - executor.loader.disk_migrations.keys():
        raise StoreError(_made_by_newer(max(key.name for key in unknown)))
    await executor.migrate()
    if (await connection.execute_query("PRAGMA foreign_key_check"))[0]:
        raise StoreError
    return [step.migration.name for step in steps]


async def is_up_to_date() -> bool:
    return not await MigrationExecutor(connected(), APPS).plan()


@asynccontextmanager
async def transaction(*, in_place: bool = False) -> AsyncIterator[None]:
    """What the functions of this room do inside is stored together at the end, or not at all if an error leaves it.

    Nobody outside sees any of it before. Transactions queue, also behind those of other processes. One inside another
    is part of it: then an error must leave both. Cancelled while it is being stored, it is stored all the same.

    `in_place`: statements are carried out where they are asked, many times as fast, and everybody waits for each. Not
    for what goes through many rows.

    Raises:
        StoreError: it couldn't begin within BUSY_SECONDS in line and as many more alone, or couldn't be stored; nothing
            was.
    """
    if is_in_transaction():
        yield
        return
    async with in_transaction(CONNECTION) as connection:
        if in_place and isinstance(connection, TransactionClient):
            connection.work_in_place()
        yield


def is_in_transaction() -> bool:
    """Whether what this task does is part of a transaction that is open. Raises StoreError where no database is."""
    connection = connected()
    return isinstance(connection, TransactionClient) and connection.is_open


async def ping() -> None:
    """Raises StoreError where the database can't be read."""
    await connected().execute_query("SELECT name FROM sqlite_master LIMIT 1")


async def try_writing() -> None:
    """Stores something that changes nothing. Raises StoreError where it can't: the disk is full, another holds it."""
    async with transaction():
        await connected().execute_query("PRAGMA user_version = 0")  # ours alone, and unused; it writes one page


def connected() -> BaseDBAsyncClient:
    """For statements of our own: the open transaction's connection, or else the one that only reads."""
    context = get_current_context()
    if not context:
        raise StoreError
    return context.connections.get(CONNECTION)


async def look_up(question: str, values: Sequence[Any]) -> Sequence[Any]:
    """The rows, as `connected` sees them, without leaving the loop: for what an index answers with a few."""
    connection = connected()
    if isinstance(connection, Client):
        return await connection.look_up(question, values)
    return (await connection.execute_query(question, list(values)))[1]


def _config(path: Path, **pragmas: Any) -> dict[str, Any]:
    settings = {
        "busy_timeout": BUSY_SECONDS * 1000,  # first: the others may have to wait already
        "journal_mode": "WAL",
        "synchronous": "FULL",
        "foreign_keys": "ON",
        "journal_size_limit": 64 * 2**20,  # a log that is cut at each turn grows again: another 0.2 ms a commit
        **pragmas,
    }
    client = {"engine": "talkabiz.store.sqlite", "credentials": {"file_path": str(path), **settings}}
    return {"connections": {CONNECTION: client}, "apps": APPS}


def parse_url(url: str) -> Path:
    path = url.removeprefix(SCHEME)
    if path in {url, "", ":memory:"}:
        raise StoreError(
            Sentence(
                f"DATABASE_URL harus berbentuk {SCHEME}talkabiz.db atau {SCHEME}/path/talkabiz.db.",
                f"DATABASE_URL must look like {SCHEME}talkabiz.db or {SCHEME}/path/talkabiz.db.",
            )
        )
    return Path(path)


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Makes a missing file, for its owner's eyes only, and says what is wrong where it can't be used."""
    try:
        # Not where it exists: closing any handle of it drops the locks that SQLite holds through others.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise StoreError(_unusable(path, error.strerror or str(error))) from error
    try:
        yield
    except StoreError as error:
        if not error.__cause__:
            raise
        raise StoreError(_unusable(path, str(error.__cause__))) from error


def _unusable(path: Path, why: str) -> Sentence:
    return Sentence(
        f"Database {path} tidak dapat dibuka atau ditulis: {why}. Periksa DATABASE_URL dan hak aksesnya.",
        f"The database {path} can't be opened or written: {why}. Check DATABASE_URL and who may write there.",
    )


def _made_by_newer(step: str) -> Sentence:
    return Sentence(
        f"Database ini dibuat oleh versi yang lebih baru ({step}). Perbarui Talkabiz.",
        f"This database was made by a newer version ({step}). Update Talkabiz.",
    )
