"""How fast each klien sends, and whose queue waits because WhatsApp said so. What changes something is called inside a
transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from talkabiz.domain.errors import NotFound
from talkabiz.store.database import connected
from talkabiz.store.message_rows import time_of


@dataclass(frozen=True, slots=True)
class Pace:
    """`settings`: what was set, empty where nothing was. `reason`: a code, why it waits until then."""

    klien_id: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    paused_until: datetime | None = None
    reason: str | None = None


_GET = "SELECT * FROM paces WHERE klien_id = ?"
_PAUSED = "SELECT * FROM paces WHERE paused_until IS NOT NULL ORDER BY klien_id"
_SETTINGS = """
    INSERT INTO paces (klien_id, settings, updated_at) SELECT id, ?, ? FROM kliens WHERE id = ?
    ON CONFLICT (klien_id) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at
    RETURNING *
"""
_PAUSE = """
    INSERT INTO paces (klien_id, settings, paused_until, pause_reason, updated_at)
    SELECT id, '{}', ?, ?, ? FROM kliens WHERE id = ?
    ON CONFLICT (klien_id) DO UPDATE SET paused_until = excluded.paused_until, pause_reason = excluded.pause_reason,
        updated_at = excluded.updated_at
    RETURNING *
"""


async def get(klien_id: int) -> Pace:
    """With no settings and no pause where none were ever set."""
    _, rows = await connected().execute_query(_GET, [klien_id])
    return _pace(rows[0]) if rows else Pace(klien_id)


async def set_settings(klien_id: int, settings: Mapping[str, Any], now: datetime) -> Pace:
    """Instead of what was set before. A pause stays.

    Raises:
        NotFound: there is no such klien (any more).
    """
    return await _changed(_SETTINGS, json.dumps(dict(settings)), now, klien_id)


async def pause(klien_id: int, until: datetime | None, reason: str | None, now: datetime) -> Pace:
    """Until then, for this reason; None: no more.

    Raises:
        NotFound: there is no such klien (any more).
    """
    return await _changed(_PAUSE, until, reason, now, klien_id)


async def all_paused() -> list[Pace]:
    """Also those whose time has passed and that nobody has ended."""
    _, rows = await connected().execute_query(_PAUSED)
    return [_pace(row) for row in rows]


async def _changed(statement: str, *values: Any) -> Pace:
    _, rows = await connected().execute_query(statement, list(values))
    if not rows:
        raise NotFound
    return _pace(rows[0])


def _pace(row: Mapping[str, Any]) -> Pace:
    return Pace(row["klien_id"], json.loads(row["settings"]), time_of(row["paused_until"]), row["pause_reason"])
