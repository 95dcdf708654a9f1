"""Statements carried out where they are asked for, on the loop's own thread, and what all clients share with them.

A statement of a few rows takes a fraction of the way to a connection's thread and back. What waits for the disk or for
another process is never carried out so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tortoise.exceptions import IntegrityError, OperationalError

from talkabiz.store.errors import StoreError

PRIMARY_CODE = 0xFF
"""The part of an extended error code of SQLite that says what kind it is."""


@contextmanager
def told_as_store_error() -> Iterator[None]:
    try:
        yield
    except (OperationalError, sqlite3.Error) as error:
        raise StoreError from error


def at_once(carry_out: Callable[[str, Any], sqlite3.Cursor], query: str, values: Any) -> list[Any]:
    """The rows. Raises StoreError, with the cause that Tortoise would give it."""
    try:
        return carry_out(query, values).fetchall()
    except sqlite3.IntegrityError as error:
        raise StoreError from IntegrityError(error)
    except sqlite3.Error as error:
        raise StoreError from error


def columns(values: Sequence[Any]) -> list[Any]:
    """Times as text of one width, in UTC: they compare as what they mean, and come back to the microsecond."""
    return [_column(value) if isinstance(value, datetime) else value for value in values]


def _column(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"A time without a zone: {moment}")
    return moment.astimezone(UTC).isoformat(" ", "microseconds")


def connect_at_hand(filename: str) -> sqlite3.Connection:
    """For questions only, and waiting for nobody."""
    connection = sqlite3.connect(filename, timeout=0, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only=ON")
    return connection


def is_busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_BUSY
