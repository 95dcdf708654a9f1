"""The queue of webhooks: events, and for whom each is. In SQL, as `talkabiz.store.sessions`; what changes something is
called inside a transaction.

What is on its way is known to the courier alone, and pending here: after a crash it is due again.
"""

# ruff: noqa: S608 - statements are put together from parts of our own

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from ulid import ULID

from talkabiz.domain.errors import NotFound
from talkabiz.domain.events import Event
from talkabiz.domain.turns import Line, by_turns
from talkabiz.domain.webhooks import (
    PLACES,
    Answer,
    Delivery,
    DeliveryStatus,
    Endpoint,
    Kind,
    Type,
    Verdict,
    places_after,
    response_text,
)
from talkabiz.store.database import connected
from talkabiz.store.message_rows import time_of
from talkabiz.store.webhook_rows import DELIVERY, ENDPOINT, delivery_of, endpoint_of

LOT = 200
"""How many at most change at once, where many do: others wait for the transaction."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it is sent to these endpoints, all of its klien and its kind.

    `public_id`: as `event_id_of`, and the same in `body`. `journal_id` None: it is none of the journal's (`ping`,
    `webhook.exhausted`), and its id as `make_event_id`. `told`: the connection that endpoints of the older
    kind know by it.
    """

    klien_id: int
    public_id: str
    type: Type
    seq: int
    body: bytes = field(repr=False)
    webhook_ids: Sequence[int]
    journal_id: int | None = None
    kind: Kind = Kind.STANDARD
    told: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    delivery: Delivery
    endpoint: Endpoint
    body: bytes = field(repr=False)


# Without a row nothing was ever queued: no endpoint asks for what came before the first of them.
_CURSOR = """
    SELECT COALESCE((SELECT journal_id FROM webhook_cursor WHERE id = 1), (SELECT MIN(since_id) FROM webhooks),
                    (SELECT MAX(id) FROM journal_events), 0) AS journal_id
"""
_MOVE_CURSOR = """
    INSERT INTO webhook_cursor (id, journal_id) VALUES (1, ?)
    ON CONFLICT (id) DO UPDATE SET journal_id = MAX(journal_id, excluded.journal_id)
"""
_LAST_SEQ = "SELECT seq FROM kliens WHERE id = ?"
_EVENT = """
    INSERT INTO webhook_events (klien_id, public_id, journal_id, seq, type, kind, body, created_at)
    SELECT id, ?, ?, ?, ?, ?, ?, ? FROM kliens WHERE id = ?
    ON CONFLICT DO UPDATE SET kind = excluded.kind RETURNING id
"""
_MEANT = """
    klien_id = ?1 AND id IN (SELECT value FROM json_each(?2)) AND kind = ?3 AND status = 'enabled'
    AND (?4 IS NULL OR since_id < ?4)
"""
_DELIVERIES = f"""
    INSERT INTO deliveries (klien_id, webhook_id, event_id, status, tries, next_at, is_replay, created_at)
    SELECT klien_id, id, ?5, 'pending', 0, ?6, 0, ?6 FROM webhooks WHERE {_MEANT}
    ON CONFLICT (event_id, webhook_id) DO NOTHING RETURNING id
"""
_TOLD = f"UPDATE webhooks SET told = ?5 WHERE {_MEANT}"
# From one endpoint that waits to the next, not through all that waits: there may be as many as a dead receiver makes.
_WAITING = """
    WITH RECURSIVE waiting (id) AS (
        SELECT MIN(webhook_id) FROM deliveries WHERE status = 'pending'
        UNION ALL
        SELECT (SELECT MIN(webhook_id) FROM deliveries WHERE status = 'pending' AND webhook_id > waiting.id)
        FROM waiting WHERE waiting.id IS NOT NULL
    )
"""
_ENABLED_WAITING = "waiting CROSS JOIN webhooks ON webhooks.id = waiting.id AND webhooks.status = 'enabled'"
_CANDIDATES = f"""
    {_WAITING} SELECT webhooks.id AS webhook_id, webhooks.klien_id, webhooks.failures, due.id, due.next_at
    FROM {_ENABLED_WAITING} LEFT JOIN deliveries AS due ON due.id IN (
        SELECT id FROM deliveries WHERE status = 'pending' AND webhook_id = waiting.id AND next_at <= ?1
            AND id NOT IN (SELECT value FROM json_each(?2))
            AND waiting.id NOT IN (SELECT value FROM json_each(?3))
        ORDER BY next_at, id LIMIT {PLACES}
    )
    ORDER BY due.next_at, due.id
"""
# + keeps SQLite from looking through all that is pending.
_DUE = f"{DELIVERY} WHERE deliveries.id IN (SELECT value FROM json_each(?)) AND +deliveries.status = 'pending'"
_ENDPOINTS = f"{ENDPOINT} WHERE webhooks.id IN (SELECT value FROM json_each(?)) AND webhooks.status = 'enabled'"
_ATTEMPT = """
    INSERT INTO attempts (delivery_id, number, at, status, error, latency_ms, response)
    SELECT id, COALESCE((SELECT MAX(number) FROM attempts WHERE delivery_id = deliveries.id), 0) + 1, ?, ?, ?, ?, ?
    FROM deliveries WHERE klien_id = ? AND id = ? AND status = 'pending' RETURNING id
"""
_CONCLUDE = """
    UPDATE deliveries SET status = ?, tries = tries + 1, next_at = ?, last_status = ?, last_error = ?, ended_at = ?
    WHERE klien_id = ? AND id = ? RETURNING tries, is_replay
"""
_FIRST_WAITING = """
    SELECT MIN(next_at) AS at FROM deliveries WHERE status = 'pending' AND id <> ?2
        AND webhook_id = (SELECT webhook_id FROM deliveries WHERE klien_id = ?1 AND id = ?2)
"""
_HASTEN = "UPDATE deliveries SET next_at = ? WHERE klien_id = ? AND id = ? AND status = 'pending'"
_COUNT_PENDING = "SELECT COUNT(*) AS n FROM deliveries WHERE status = 'pending'"


def make_event_id() -> str:
    """A new one, as receivers see it."""
    return f"evt_{ULID()}"


def event_id_of(event: Event, kind: Kind) -> str:
    """That of the journal's event, each time it is made: also where the one before has been forgotten."""
    it = f"{event.klien_id} {event.seq} {event.type} {event.at.isoformat()} {kind}"
    at = int(event.at.timestamp() * 1000)
    return f"evt_{ULID.from_bytes(at.to_bytes(6, 'big') + sha256(it.encode()).digest()[:10])}"


async def cursor() -> int:
    """The place in the journal up to which everything has been queued."""
    return int((await _rows(_CURSOR))[0]["journal_id"])


async def move_cursor(journal_id: int) -> None:
    """Onward; never back."""
    await _rows(_MOVE_CURSOR, journal_id)


async def last_seq(klien_id: int) -> int:
    """The seq of what isn't in the journal: that of the klien's last event.

    Raises:
        NotFound: there is no such klien (any more).
    """
    rows = await _rows(_LAST_SEQ, klien_id)
    if not rows:
        raise NotFound
    return int(rows[0]["seq"])


async def add_event(new: NewEvent, now: datetime) -> list[int]:
    """Due now, to those of its endpoints that are enabled and told from before it; the ids of the deliveries.

    What was queued before isn't again, nor for a klien that is gone. Two statements, one more with `told`.
    """
    values = [new.public_id, new.journal_id, new.seq, new.type, new.kind, new.body, now, new.klien_id]
    event = await _rows(_EVENT, *values)
    if not event:
        return []
    meant = [new.klien_id, json.dumps(list(new.webhook_ids)), new.kind, new.journal_id]
    added = await _rows(_DELIVERIES, *meant, event[0]["id"], now)
    if new.told is not None:
        await _rows(_TOLD, *meant, new.told)
    return [row["id"] for row in added]


async def fan_out(new: Sequence[NewEvent], now: datetime, cursor: int) -> int:
    """As `add_event`, each; then the cursor moves there. How many deliveries were made."""
    made = [len(await add_event(each, now)) for each in new]
    await move_cursor(cursor)
    return sum(made)


async def hasten(klien_id: int, delivery_id: int, now: datetime) -> None:
    """It comes before all that waits for the same endpoint already, and is due."""
    at = time_of((await _rows(_FIRST_WAITING, klien_id, delivery_id))[0]["at"])
    await _rows(_HASTEN, min(now, at - timedelta(microseconds=1)) if at else now, klien_id, delivery_id)


async def due(
    now: datetime, limit: int, on_way: Mapping[int, int], after_klien: int = 0, resting: Collection[int] = ()
) -> list[Due]:
    """Those whose time has come, of enabled endpoints, taken by turns from each klien and by turns from its endpoints.

    `on_way`: of the deliveries that are being sent, which endpoint each is for. They are left out, and with them no
    endpoint gets more than its places (`Endpoint.places`), and no klien more than PLACES_OF_KLIEN. `after_klien`: whose
    the last one was, so that the turn goes on after it. `resting`: endpoints that get nothing now.
    """
    lines = _lines(await _rows(_CANDIDATES, now, json.dumps(list(on_way)), json.dumps(list(resting))))
    ids = by_turns(lines, Counter(on_way.values()), limit, after_klien)
    return await _loaded(ids) if ids else []


async def conclude(
    delivery: Delivery, verdict: Verdict, answer: Answer, at: datetime, now: datetime
) -> Delivery | None:
    """One try more, which began `at`; the delivery as it is then. None: it isn't pending any more (its endpoint or
    its klien is gone), and nothing is kept of the try.
    """
    it = [delivery.klien_id, delivery.id]
    tried = [at, answer.status, answer.problem, answer.latency_ms, response_text(answer.body)]
    if not await _rows(_ATTEMPT, *tried, *it):
        return None
    after = replace(
        delivery,
        status=verdict.status,
        next_at=verdict.at,
        last_status=answer.status,
        last_error=answer.problem,
        ended_at=None if verdict.status is DeliveryStatus.PENDING else now,
    )
    changed = [after.status, after.next_at, after.last_status, after.last_error, after.ended_at]
    row = (await _rows(_CONCLUDE, *changed, *it))[0]
    return replace(after, tries=row["tries"], is_replay=bool(row["is_replay"]))


async def count_pending() -> int:
    """Of all kliens, also for endpoints that are disabled."""
    return int((await _rows(_COUNT_PENDING))[0]["n"])


def _lines(rows: Iterable[Any]) -> list[Line]:
    """In the order of the first that is due of each."""
    endpoints: dict[int, Any] = {}
    due: dict[int, list[int]] = {}
    for row in rows:
        endpoints.setdefault(row["webhook_id"], row)
        due.setdefault(row["webhook_id"], []).extend([] if row["id"] is None else [row["id"]])
    return [
        Line(row["klien_id"], each, places_after(row["failures"]), tuple(due[each])) for each, row in endpoints.items()
    ]


async def _loaded(ids: Sequence[int]) -> list[Due]:
    """In this order, those that are still to be sent."""
    rows = {row["id"]: row for row in await _rows(_DUE, json.dumps(ids))}
    wanted = json.dumps(sorted({row["webhook_id"] for row in rows.values()}))
    endpoints = {row["id"]: endpoint_of(row) for row in await _rows(_ENDPOINTS, wanted)}
    found = [rows[each] for each in ids if each in rows]
    return [
        Due(delivery_of(row), endpoints[row["webhook_id"]], row["body"])
        for row in found
        if row["webhook_id"] in endpoints
    ]


async def _rows(question: str, *values: Any) -> Sequence[Any]:
    return (await connected().execute_query(question, list(values)))[1]
