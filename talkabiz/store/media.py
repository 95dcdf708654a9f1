"""The files of messages: what is known of each; the bytes are under MEDIA_DIR. What changes something is called inside
a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from talkabiz.domain.errors import NotFound
from talkabiz.domain.message import MediaState
from talkabiz.store.database import connected
from talkabiz.store.message_rows import media_of


@dataclass(frozen=True, slots=True)
class MediaRow:
    """`path` is below MEDIA_DIR, None where there is no file (yet, or any more). `source`: the protocol's message that
    it is fetched by. `tries`: how often that has failed.
    """

    state: MediaState
    klien_id: int
    path: str | None
    source: bytes | None = field(repr=False)
    tries: int

    @property
    def id(self) -> int:
        return self.state.id


_ADD = """
    INSERT INTO media (klien_id, status, mimetype, path, filename, size, sha256, seconds, source, tries, expires_at,
                       created_at)
    SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ? FROM kliens WHERE id = ? RETURNING *
"""
_GET = "SELECT * FROM media WHERE klien_id = ? AND id = ?"
_STORED = """
    UPDATE media SET status = 'stored', path = ?, mimetype = ?, size = ?, sha256 = ?,
        filename = COALESCE(?, filename), seconds = COALESCE(?, seconds), error = NULL, retry_at = NULL, source = NULL,
        expires_at = ?
    WHERE klien_id = ? AND id = ? AND status = 'pending' RETURNING *
"""
_FAILED = """
    UPDATE media SET status = ?, error = ?, retry_at = ?, tries = tries + 1, source = CASE WHEN ? THEN source END
    WHERE klien_id = ? AND id = ? AND status = 'pending' RETURNING *
"""
_GONE = """
    UPDATE media SET status = 'gone', path = NULL, source = NULL
    WHERE klien_id = ? AND id = ? AND status = 'stored' RETURNING *
"""
_REMOVE = """
    DELETE FROM media WHERE klien_id = ? AND id = ? AND NOT EXISTS (SELECT 1 FROM messages WHERE media_id = media.id)
    RETURNING *
"""
_DUE = """
    SELECT * FROM media WHERE status = 'pending' AND (retry_at IS NULL OR retry_at <= ?)
        AND klien_id IN (SELECT value FROM json_each(?))
    ORDER BY retry_at, id LIMIT ?
"""
_OUTLIVED = """
    SELECT * FROM media WHERE status = 'stored' AND expires_at <= ? AND NOT EXISTS (
        SELECT 1 FROM messages WHERE media_id = media.id AND messages.status IN ('queued', 'sending')
    )
    ORDER BY expires_at LIMIT ?
"""
_PATHS = "SELECT path FROM media WHERE klien_id = ? AND path IS NOT NULL ORDER BY id"


async def add(
    klien_id: int,
    *,
    status: str,
    mimetype: str,
    now: datetime,
    path: str | None = None,
    filename: str | None = None,
    size: int | None = None,
    sha256: str | None = None,
    seconds: int | None = None,
    source: bytes | None = None,
    expires_at: datetime | None = None,
) -> MediaRow:
    """`status`: stored or pending.

    Raises:
        NotFound: there is no such klien (any more).
    """
    values = [status, mimetype, path, filename, size, sha256, seconds, source, expires_at, now, klien_id]
    found = await _rows(_ADD, *values)
    if not found:
        raise NotFound
    return found[0]


async def get(klien_id: int, media_id: int) -> MediaRow | None:
    return next(iter(await _rows(_GET, klien_id, media_id)), None)


async def set_stored(
    klien_id: int,
    media_id: int,
    *,
    path: str,
    mimetype: str,
    size: int,
    sha256: str,
    expires_at: datetime | None,
    filename: str | None = None,
    seconds: int | None = None,
) -> MediaRow | None:
    """It has been fetched. `filename`, `seconds`: None leaves what was known. None: it isn't pending (any more)."""
    values = [path, mimetype, size, sha256, filename, seconds, expires_at, klien_id, media_id]
    return next(iter(await _rows(_STORED, *values)), None)


async def set_failed(klien_id: int, media_id: int, error: str, *, retry_at: datetime | None) -> MediaRow | None:
    """It couldn't be fetched, for this reason; with `retry_at` it stays pending. None: it isn't pending (any more)."""
    status = "pending" if retry_at else "failed"
    return next(iter(await _rows(_FAILED, status, error, retry_at, bool(retry_at), klien_id, media_id)), None)


async def set_gone(klien_id: int, media_id: int) -> MediaRow | None:
    """Its time ran out: there is no file any more. None: it isn't stored (any more)."""
    return next(iter(await _rows(_GONE, klien_id, media_id)), None)


async def remove(klien_id: int, media_id: int) -> MediaRow | None:
    """There is no row any more. None: there was none, or a message has it."""
    return next(iter(await _rows(_REMOVE, klien_id, media_id)), None)


async def due(now: datetime, limit: int, kliens: Iterable[int]) -> list[MediaRow]:
    """Of these kliens: what is to be fetched now, first what was never tried."""
    return await _rows(_DUE, now, json.dumps(list(kliens)), limit)


async def outlived(now: datetime, limit: int) -> list[MediaRow]:
    """Of all kliens: files whose time has run out, but for those that are still to be sent."""
    return await _rows(_OUTLIVED, now, limit)


async def paths_of(klien_id: int) -> list[str]:
    """Of every file that this klien has."""
    _, rows = await connected().execute_query(_PATHS, [klien_id])
    return [row["path"] for row in rows]


async def _rows(question: str, *values: Any) -> list[MediaRow]:
    _, rows = await connected().execute_query(question, list(values))
    return [_row(row) for row in rows]


def _row(row: Mapping[str, Any]) -> MediaRow:
    return MediaRow(media_of(row), row["klien_id"], row["path"], row["source"], row["tries"])
