"""What became of deliveries, for whoever looks."""

# ruff: noqa: S608 - statements are put together from parts of our own

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from talkabiz.domain.ids import LARGEST_ID
from talkabiz.domain.webhooks import Attempt, Delivery, DeliveryStatus
from talkabiz.store.database import connected
from talkabiz.store.webhook_rows import DELIVERY, attempt_of, delivery_of

_BELOW = """
    SELECT id FROM deliveries WHERE klien_id = ?1 AND webhook_id = ?2 AND status = {} AND id < ?3
    ORDER BY id DESC LIMIT ?4
"""
_WITH_STATUS = f"{DELIVERY} WHERE deliveries.id IN ({_BELOW.format('?5')}) ORDER BY deliveries.id DESC LIMIT ?4"
# Status by status, as the index has them: the youngest of each, and of those the youngest.
_OF_ANY = " UNION ALL ".join(f"SELECT * FROM ({_BELOW.format(repr(each.value))})" for each in DeliveryStatus)
_WHATEVER_STATUS = f"{DELIVERY} WHERE deliveries.id IN ({_OF_ANY}) ORDER BY deliveries.id DESC LIMIT ?4"
_GET = f"{DELIVERY} WHERE deliveries.klien_id = ? AND deliveries.id = ?"
_ATTEMPTS = """
    SELECT attempts.* FROM deliveries JOIN attempts ON delivery_id = deliveries.id
    WHERE deliveries.klien_id = ? AND deliveries.id = ? ORDER BY number
"""


async def page(
    klien_id: int, webhook_id: int, status: DeliveryStatus | None, before: int | None, limit: int
) -> list[Delivery]:
    """Those whose id is below `before`, the youngest first; None: from the youngest, of whatever status."""
    question = _WHATEVER_STATUS if status is None else _WITH_STATUS
    only = [] if status is None else [status]
    rows = await _rows(question, klien_id, webhook_id, LARGEST_ID if before is None else before, limit, *only)
    return [delivery_of(row) for row in rows]


async def get(klien_id: int, delivery_id: int) -> Delivery | None:
    rows = await _rows(_GET, klien_id, delivery_id)
    return delivery_of(rows[0]) if rows else None


async def attempts_of(klien_id: int, delivery_id: int) -> list[Attempt]:
    """In their order, as far as they are kept."""
    return [attempt_of(row) for row in await _rows(_ATTEMPTS, klien_id, delivery_id)]


async def _rows(question: str, *values: Any) -> Sequence[Any]:
    return (await connected().execute_query(question, list(values)))[1]
