"""Deletes what is old of webhooks and of the journal, and mends what waits too long, in small lots: each function is
one, called inside a transaction of its own; as `talkabiz.store.retention`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from talkabiz.domain.webhooks import LONGEST_WAIT_SECONDS
from talkabiz.store.database import connected
from talkabiz.store.retention import next_after

LOT = 200

_ATTEMPTS = "SELECT id, at AS created_at FROM attempts WHERE id > ? ORDER BY id LIMIT ?"
_OLD_ATTEMPTS = "DELETE FROM attempts WHERE id BETWEEN ? AND ? AND at < ?"
_EVENTS = "SELECT id, created_at FROM webhook_events WHERE id > ? ORDER BY id LIMIT ?"
_OLD_EVENTS = """
    DELETE FROM webhook_events WHERE id BETWEEN ?1 AND ?2 AND created_at < ?3 AND NOT EXISTS (
        SELECT 1 FROM deliveries WHERE event_id = webhook_events.id AND (ended_at IS NULL OR ended_at >= ?3)
    )
"""
_EVENTS_OF = """
    DELETE FROM webhook_events WHERE id IN (SELECT id FROM webhook_events WHERE klien_id = ? LIMIT ?) RETURNING id
"""
_OF_REMOVED = """
    DELETE FROM deliveries WHERE id IN (
        SELECT deliveries.id FROM webhooks CROSS JOIN deliveries ON webhook_id = webhooks.id
        WHERE webhooks.status = 'removed' LIMIT ?
    ) RETURNING id
"""
_FAR_OFF = """
    UPDATE deliveries SET next_at = ? WHERE id IN (
        SELECT id FROM deliveries WHERE status = 'pending' AND next_at > ? LIMIT ?
    ) RETURNING id
"""
_REMOVED = """
    DELETE FROM webhooks WHERE id IN (
        SELECT id FROM webhooks WHERE status = 'removed'
            AND NOT EXISTS (SELECT 1 FROM deliveries WHERE webhook_id = webhooks.id) LIMIT ?
    )
"""
# All up to the last one that is old, whatever the clock showed meanwhile: the order of ids is that of what happened,
# and a hole would be taken for nothing having happened.
_JOURNAL = """
    DELETE FROM journal_events WHERE id <= (
        SELECT MAX(id) FROM (SELECT id, at FROM journal_events WHERE id <= ? ORDER BY id LIMIT ?) WHERE at < ?
    )
"""


async def forget_attempts(before: datetime, after: int = 0, limit: int = LOT) -> int | None:
    """Tries of before then. The id to go on after; None: the rest is younger."""
    _, rows = await connected().execute_query(_ATTEMPTS, [after, limit])
    if rows:
        await connected().execute_query(_OLD_ATTEMPTS, [rows[0]["id"], rows[-1]["id"], before])
    return next_after(rows, before, limit)


async def forget_events(before: datetime, after: int = 0, limit: int = LOT) -> int | None:
    """Events of before then that are pending nowhere and ended nowhere since then, with their deliveries. The id to go
    on after; None: the rest is younger.
    """
    _, rows = await connected().execute_query(_EVENTS, [after, limit])
    if rows:
        await connected().execute_query(_OLD_EVENTS, [rows[0]["id"], rows[-1]["id"], before])
    return next_after(rows, before, limit)


async def forget_events_of(klien_id: int, limit: int = LOT) -> bool:
    """A klien's, with their deliveries, whoever waits for them. Whether there may be more."""
    return len((await connected().execute_query(_EVENTS_OF, [klien_id, limit]))[1]) == limit


async def forget_removed(limit: int = LOT) -> bool:
    """Endpoints that were removed, with all their deliveries. Whether there may be more."""
    _, deliveries = await connected().execute_query(_OF_REMOVED, [limit])
    endpoints, _ = await connected().execute_query(_REMOVED, [limit])
    return limit in {len(deliveries), endpoints}


async def bring_back(now: datetime, limit: int = LOT) -> bool:
    """What waits for longer than any wait is: the clock was wrong when it was last tried. Whether there is more."""
    _, rows = await connected().execute_query(_FAR_OFF, [now, now + timedelta(seconds=LONGEST_WAIT_SECONDS), limit])
    return len(rows) == limit


async def forget_journal(before: datetime, not_above: int, limit: int = LOT) -> bool:
    """Events of before then, up to this id: above their cursor, webhooks need them. Whether there may be more."""
    return (await connected().execute_query(_JOURNAL, [not_above, limit, before]))[0] == limit
