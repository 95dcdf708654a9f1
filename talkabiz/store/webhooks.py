"""The endpoints of each klien. In SQL, as `talkabiz.store.sessions`; what changes something is called inside a
transaction. Of one that was removed nothing here knows.
"""

# ruff: noqa: S608 - statements are put together from parts of our own

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from talkabiz.domain.errors import NotFound
from talkabiz.domain.webhook_bodies import Connection
from talkabiz.domain.webhooks import DisabledReason, Endpoint, Kind, Type
from talkabiz.store.database import connected
from talkabiz.store.webhook_rows import CHANGED_ENDPOINT, ENDPOINT, SHOWN_ENDPOINT, endpoint_of


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """`webhook_id` None: the klien's incoming secret."""

    klien_id: int
    webhook_id: int | None
    sealed: bytes = field(repr=False)


_LAST_ID = "COALESCE((SELECT MAX(id) FROM journal_events), 0)"
_CONNECTION = """
    SELECT wa_terhubung, wa_nomor, session_id FROM kliens LEFT JOIN sessions ON sessions.klien_id = kliens.id
    WHERE kliens.id = ?
"""
_ADD = f"""
    INSERT INTO webhooks (klien_id, kind, url, label, events, secret, status, failures, since_id, told, created_at)
    VALUES (?, ?, ?, ?, ?, ?, 'enabled', 0, {_LAST_ID}, ?, ?) {CHANGED_ENDPOINT}
"""
_OF_KLIEN = f"{SHOWN_ENDPOINT} WHERE webhooks.klien_id = ? AND webhooks.status <> 'removed'"
_ALONE = f"{ENDPOINT} WHERE webhooks.klien_id = ? AND webhooks.id = ? AND webhooks.status <> 'removed'"
_COUNT = "SELECT COUNT(*) AS n FROM webhooks WHERE klien_id = ? AND status <> 'removed' AND kind = 'standard'"
_IT = "WHERE klien_id = ? AND id = ? AND status <> 'removed'"
_CHANGE = f"UPDATE webhooks SET url = ?, label = ?, events = ? {_IT} RETURNING id"
_ENABLE = f"""
    UPDATE webhooks SET status = 'enabled', disabled_reason = NULL, disabled_at = NULL, failing_since = NULL,
        failures = 0, since_id = {_LAST_ID}
    WHERE klien_id = ? AND id = ? AND status = 'disabled'
"""
_DISABLE = """
    UPDATE webhooks SET status = 'disabled', disabled_reason = ?, disabled_at = ?
    WHERE klien_id = ? AND id = ? AND status = 'enabled'
"""
_REMOVE = f"""
    UPDATE webhooks SET status = 'removed', url = '', secret = NULL, previous_secret = NULL, previous_until = NULL
    {_IT} RETURNING id
"""
_SET_SECRET = f"""
    UPDATE webhooks SET previous_secret = CASE WHEN ?1 IS NOT NULL THEN secret END, previous_until = ?1, secret = ?2
    WHERE klien_id = ?3 AND id = ?4 AND status <> 'removed' AND kind = 'standard' {CHANGED_ENDPOINT}
"""
_SUCCESS = "UPDATE webhooks SET failures = 0, failing_since = NULL WHERE klien_id = ? AND id = ? AND failures > 0"
_FAILURE = f"""
    UPDATE webhooks SET failures = failures + 1, failing_since = COALESCE(failing_since, ?) {_IT} {CHANGED_ENDPOINT}
"""
_ENABLED = f"""
    {ENDPOINT} WHERE webhooks.klien_id IN (SELECT value FROM json_each(?)) AND status = 'enabled' ORDER BY webhooks.id
"""
_WITH_ANY = "SELECT DISTINCT klien_id FROM webhooks WHERE status = 'enabled'"
_INCOMING = "SELECT incoming_secret FROM kliens WHERE id = ?"
_SET_INCOMING = "UPDATE kliens SET incoming_secret = ? WHERE id = ? RETURNING id"
_SECRETS = """
    SELECT klien_id, id, secret AS sealed FROM webhooks WHERE secret IS NOT NULL
    UNION ALL SELECT klien_id, id, previous_secret FROM webhooks WHERE previous_secret IS NOT NULL
    UNION ALL SELECT id, NULL, incoming_secret FROM kliens WHERE incoming_secret IS NOT NULL
"""


async def add(
    klien_id: int,
    *,
    kind: Kind,
    url: str,
    label: str,
    events: Sequence[Type] | None,
    secret: bytes | None,
    now: datetime,
) -> Endpoint:
    """Enabled, and told what comes into the journal from now on. `secret`: sealed; None of the older kind, which has
    its klien's incoming one.

    Raises:
        NotFound: there is no such klien (any more).
    """
    now_is, _ = await connection(klien_id)
    told = now_is.key if kind is Kind.OLDER else None
    added = await _changed(_ADD, klien_id, kind, url, label, _names(events), secret, told, now)
    assert added  # noqa: S101 - it is there
    return added


async def connection(klien_id: int) -> tuple[Connection, str | None]:
    """What is the case now, and the `session_id`.

    Raises:
        NotFound: there is no such klien (any more).
    """
    rows = await _rows(_CONNECTION, klien_id)
    if not rows:
        raise NotFound
    return Connection(bool(rows[0]["wa_terhubung"]), rows[0]["wa_nomor"]), rows[0]["session_id"]


async def get(klien_id: int, webhook_id: int) -> Endpoint | None:
    """With the number of its deliveries that are pending."""
    rows = await _rows(f"{_OF_KLIEN} AND webhooks.id = ?", klien_id, webhook_id)
    return endpoint_of(rows[0]) if rows else None


async def find(klien_id: int, webhook_id: int) -> Endpoint | None:
    """As `get`, but what is pending isn't counted."""
    rows = await _rows(_ALONE, klien_id, webhook_id)
    return endpoint_of(rows[0]) if rows else None


async def of_klien(klien_id: int) -> list[Endpoint]:
    """Of both kinds, by id, each with the number of its deliveries that are pending."""
    return [endpoint_of(row) for row in await _rows(f"{_OF_KLIEN} ORDER BY webhooks.id", klien_id)]


async def older_of(klien_id: int) -> Endpoint | None:
    """The one that `webhook_url` made."""
    return next((each for each in await of_klien(klien_id) if each.kind is Kind.OLDER), None)


async def count(klien_id: int) -> int:
    """Of the standard kind."""
    return int((await _rows(_COUNT, klien_id))[0]["n"])


async def change(
    klien_id: int, webhook_id: int, *, url: str, label: str, events: Sequence[Type] | None
) -> Endpoint | None:
    """All three, as they are from now on. None: there is no such endpoint (any more)."""
    await _rows(_CHANGE, url, label, _names(events), klien_id, webhook_id)
    return await get(klien_id, webhook_id)


async def enable(klien_id: int, webhook_id: int) -> Endpoint | None:
    """What is pending is tried again, and what comes into the journal from now on is queued; as if it had never failed.

    Changes nothing where it is enabled. None: there is no such endpoint (any more).
    """
    await _rows(_ENABLE, klien_id, webhook_id)
    return await get(klien_id, webhook_id)


async def disable(klien_id: int, webhook_id: int, reason: DisabledReason, now: datetime) -> Endpoint | None:
    """What is pending waits, and nothing new is queued. Changes nothing where it is disabled, for whatever reason.
    None: there is no such endpoint (any more).
    """
    await _rows(_DISABLE, reason, now, klien_id, webhook_id)
    return await get(klien_id, webhook_id)


async def remove(klien_id: int, webhook_id: int) -> bool:
    """It has no address and no secret any more and is never tried again; with its deliveries it goes by
    `webhook_retention.forget_removed`. False: there was no such endpoint.
    """
    return bool(await _rows(_REMOVE, klien_id, webhook_id))


async def set_secret(
    klien_id: int, webhook_id: int, secret: bytes, *, previous_until: datetime | None
) -> Endpoint | None:
    """A new one, sealed; the one before counts until then. None: there is no such endpoint of the standard kind."""
    return await _changed(_SET_SECRET, previous_until, secret, klien_id, webhook_id)


async def note_success(klien_id: int, webhook_id: int) -> None:
    """It isn't failing any more. Writes only where it was."""
    await _rows(_SUCCESS, klien_id, webhook_id)


async def note_failure(klien_id: int, webhook_id: int, now: datetime) -> Endpoint | None:
    """With one failure more, and since when; None: there is no such endpoint (any more)."""
    return await _changed(_FAILURE, now, klien_id, webhook_id)


async def enabled_for(klien_ids: Collection[int]) -> dict[int, list[Endpoint]]:
    """By klien, of both kinds; those kliens that have any."""
    found: dict[int, list[Endpoint]] = {}
    for row in await _rows(_ENABLED, json.dumps(sorted(klien_ids))):
        found.setdefault(row["klien_id"], []).append(endpoint_of(row))
    return found


async def kliens_with_any() -> set[int]:
    """Who has an endpoint that is enabled."""
    return {row["klien_id"] for row in await _rows(_WITH_ANY)}


async def incoming_secret(klien_id: int) -> bytes | None:
    """Sealed. None: there is none (yet), or no such klien."""
    rows = await _rows(_INCOMING, klien_id)
    return rows[0]["incoming_secret"] if rows else None


async def set_incoming_secret(klien_id: int, secret: bytes) -> None:
    """Sealed; instead of the one before.

    Raises:
        NotFound: there is no such klien (any more).
    """
    if not await _rows(_SET_INCOMING, secret, klien_id):
        raise NotFound


async def secrets() -> list[SealedSecret]:
    """Every one that is stored, those before a rotation too: at the start, to see whether the key opens them."""
    return [SealedSecret(row["klien_id"], row["id"], row["sealed"]) for row in await _rows(_SECRETS)]


async def _changed(statement: str, *values: Any) -> Endpoint | None:
    rows = await _rows(statement, *values)
    return endpoint_of(rows[0]) if rows else None


async def _rows(question: str, *values: Any) -> Sequence[Any]:
    return (await connected().execute_query(question, list(values)))[1]


def _names(events: Sequence[Type] | None) -> str | None:
    return None if events is None else json.dumps(list(events))
