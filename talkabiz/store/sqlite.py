"""Tortoise's SQLite client with two connections to the file: one that reads, and one that writes in transactions.

Tortoise's own client has a single connection, so that each read waits for the transaction that is open, also while
that one waits for another process; it begins transactions deferred, so that processes that read before they write
lose their work to "database is locked"; and where a task is cancelled while a transaction begins, it leaves the
connection locked for ever. Here:

- Outside a transaction only reads are possible (`PRAGMA query_only`). They see what is committed, and wait for nobody.
- Transactions are IMMEDIATE: they get the right to write first, so that what they read stays true until they commit.
  Those of one process queue in the order of asking; another process is waited for as long as busy_timeout allows.
- Begin, commit and rollback run to their end, whoever is cancelled meanwhile.
- A task that was started inside a transaction and outlives it is outside again.
- A transaction may have its statements carried out in place, on the loop's own thread, and so may a small question
  outside (`look_up`): one of a few rows takes a fraction of the way to the connection's thread and back. What waits for
  the disk or for another process never is.

Tortoise finds `client_class` in this module, which is named as the engine, and looks for "sqlite" in its name.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Any

import aiosqlite
from tortoise.backends.base.client import (
    ConnectionWrapper,
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper
from tortoise.connection import get_connections

from talkabiz.store.errors import StoreError
from talkabiz.store.statements import at_once, columns, connect_at_hand, is_busy, told_as_store_error

BUSY_PAUSE_SECONDS = 0.02
MOST_IN_A_ROW = 25
"""Statements in place, before others on the loop have their turn."""


async def _to_the_end(operation: Awaitable[None]) -> None:
    """Runs it to its end also when this task is cancelled meanwhile; the cancellation is passed on afterwards."""
    running = asyncio.ensure_future(operation)
    cancelled = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as request:
            cancelled = request
    if cancelled:
        running.exception()  # taken note of, or asyncio would complain that nobody did
        raise cancelled
    running.result()


async def _set_pragma(connection: aiosqlite.Connection, pragma: str, patience_seconds: float) -> None:
    """The way into WAL needs the file for itself, and there SQLite doesn't wait as busy_timeout says."""
    deadline = asyncio.get_running_loop().time() + patience_seconds
    while True:
        try:
            await connection.execute_fetchall(pragma)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(BUSY_PAUSE_SECONDS)
        else:
            return


class _SqliteClient(SqliteClient):
    """Tortoise's, but that what fails is a StoreError, and times are written in one way."""

    async def execute_insert(self, query: str, values: list[Any]) -> int:
        with told_as_store_error():
            row_id: int = await super().execute_insert(query, columns(values))
            return row_id

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        with told_as_store_error():
            await super().execute_many(query, [columns(row) for row in values])

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        with told_as_store_error():
            found: tuple[int, Sequence[Any]] = await super().execute_query(query, columns(values or ()))
            return found

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        with told_as_store_error():
            rows: list[dict[str, Any]] = await super().execute_query_dict(query, columns(values or ()))
            return rows

    async def execute_script(self, query: str) -> None:
        with told_as_store_error():
            await super().execute_script(query)


class Client(_SqliteClient):
    """The database outside a transaction: `_connection` and `_lock` are the reader's."""

    def __init__(self, file_path: str, **pragmas: Any) -> None:
        super().__init__(file_path, **pragmas)
        self._writer: aiosqlite.Connection | None = None
        self._at_hand: sqlite3.Connection | None = None
        self.turn = asyncio.Lock()
        """Held by the one transaction that this process has open."""

    async def create_connection(self, with_db: bool) -> None:  # noqa: FBT001 - Tortoise's signature
        del with_db  # there is nothing to select in a file
        if self._connection:
            return
        with told_as_store_error():
            self._writer = await self._connect(self.pragmas)
            try:
                await self._writer.execute_fetchall("PRAGMA busy_timeout=0")  # it waits where it begins, or nowhere
                self._connection = await self._connect({**self.pragmas, "query_only": "ON"})
            except BaseException:
                await self._writer.close()
                raise
            self._at_hand = connect_at_hand(self.filename)
        await self._post_connect()

    async def writer(self) -> aiosqlite.Connection:
        await self.create_connection(with_db=True)
        assert self._writer  # noqa: S101 - made together with the reader
        return self._writer

    async def _connect(self, pragmas: dict[str, Any]) -> aiosqlite.Connection:
        # What can't be opened fails here: aiosqlite would leave a thread behind that talks to a loop which may be gone.
        sqlite3.connect(self.filename).close()
        connection = await aiosqlite.connect(self.filename, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            for pragma, value in pragmas.items():
                await _set_pragma(connection, f"PRAGMA {pragma}={value}", int(pragmas["busy_timeout"]) / 1000)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def close(self) -> None:
        """Waits for the transactions that are open or queue."""
        async with self.turn:
            for connection in (self._connection, self._writer):
                if connection:
                    await connection.close()
            if self._at_hand:
                self._at_hand.close()
            self._connection = self._writer = self._at_hand = None

    async def look_up(self, query: str, values: Sequence[Any]) -> Sequence[Any]:
        """The rows, at once: for what an index answers with a few."""
        await self.create_connection(with_db=True)
        assert self._at_hand  # noqa: S101 - made together with the others
        with told_as_store_error():
            try:
                return self._at_hand.execute(query, columns(values)).fetchall()
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
        return (await self.execute_query(query, list(values)))[1]

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(self)


class TransactionClient(_SqliteClient, SqliteTransactionWrapper):
    """The database inside a transaction, for the task that opened it and for those that it starts meanwhile."""

    def __init__(self, outside: Client | TransactionClient, writer: aiosqlite.Connection) -> None:
        super().__init__(outside)
        self._connection = writer
        self._outside = outside
        self._in_place: sqlite3.Connection | None = None
        self._in_a_row = 0

    @property
    def is_open(self) -> bool:
        return not self._finalized

    def work_in_place(self) -> None:
        """From now on, `execute_query` and `execute_many`: for those whose statements are all small."""
        self._in_place = self._connection._conn  # noqa: SLF001 - the driver has no public name for it

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        self._in_a_row = (self._in_a_row + 1) % MOST_IN_A_ROW
        if not self._in_a_row:
            await asyncio.sleep(0)  # first, for it may be over afterwards
        if self._in_place is None or not self.is_open:
            return await super().execute_query(query, values)
        before = self._in_place.total_changes
        rows = at_once(self._in_place.execute, query, columns(values or ()))
        return (self._in_place.total_changes - before) or len(rows), rows

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        if self._in_place is None or not self.is_open:
            await super().execute_many(query, values)
            return
        at_once(self._in_place.executemany, query, map(columns, values))

    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        return super().acquire_connection() if self.is_open else self._outside.acquire_connection()

    def _in_transaction(self) -> TransactionContext:
        if self.is_open:
            return NestedTransactionContext(TransactionClient(self, self._connection))
        return self._outside._in_transaction()  # noqa: SLF001 - Tortoise's name for "make a transaction"

    async def execute_script(self, query: str) -> None:
        """One by one: the driver's own executescript would commit first."""
        for statement in filter(str.strip, query.split(";")):
            await self.execute_query(statement)

    async def begin(self) -> None:
        with told_as_store_error():
            try:
                self._connection._conn.execute("BEGIN IMMEDIATE")  # noqa: SLF001 - the driver has no public name for it
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
                await self._begin_after_others()

    async def _begin_after_others(self) -> None:
        """Another process has the right to write. The connection's thread waits for it; the loop's never would."""
        await self._connection.execute_fetchall(f"PRAGMA busy_timeout={self._outside.pragmas['busy_timeout']}")
        try:
            await self._connection.execute_fetchall("BEGIN IMMEDIATE")
        finally:
            await self._connection.execute_fetchall("PRAGMA busy_timeout=0")

    async def commit(self) -> None:
        """Raises where SQLite has rolled back by itself, which the driver's own commit would pass over."""
        self._finalized = True
        with told_as_store_error():
            try:
                await self._connection.execute_fetchall("COMMIT")
            except sqlite3.Error:
                await self._connection.rollback()
                raise

    async def rollback(self) -> None:
        self._finalized = True
        with told_as_store_error():
            await self._connection.rollback()


class _Transaction(TransactionContext):
    def __init__(self, database: Client) -> None:
        self._database = database

    async def __aenter__(self) -> TransactionalDBClient:
        await self._take_turn()
        try:
            await self._begin()
        except BaseException:
            self._database.turn.release()
            raise
        self._token = get_connections().set(self.client.connection_name, self.client)
        return self.client

    async def _take_turn(self) -> None:
        """No longer than for another process: what queues behind its lock would wait that long one after another."""
        try:
            async with asyncio.timeout(self._database.pragmas["busy_timeout"] / 1000):
                await self._database.turn.acquire()
        except TimeoutError:
            raise StoreError from sqlite3.OperationalError("too much is waiting to be stored")

    async def _begin(self) -> None:
        self.client = TransactionClient(self._database, await self._database.writer())
        try:
            await self.client.begin()
        except asyncio.CancelledError:  # but its BEGIN is on its way, and the ROLLBACK queues behind it
            await _to_the_end(self.client.rollback())
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await _to_the_end(self.client.rollback() if kind else self.client.commit())
        finally:
            get_connections().reset(self._token)
            self._database.turn.release()


client_class = Client
