"""Sending again what was sent, or what should have been. Called inside a transaction.

The same event has the same id and the same bytes, and begins the schedule anew.
"""

# ruff: noqa: S608 - statements are put together from parts of our own

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from talkabiz.domain.events import Event
from talkabiz.domain.ids import LARGEST_ID
from talkabiz.domain.webhook_bodies import body, told
from talkabiz.domain.webhooks import Delivery, Endpoint, Kind, Type
from talkabiz.store import delivery_log, events, webhooks
from talkabiz.store.database import connected
from talkabiz.store.deliveries import LOT, event_id_of


class Step(StrEnum):
    DELIVERED = "delivered"
    DEAD = "dead"
    EVENTS = "events"
    JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a replay has come; opaque to its caller."""

    step: Step
    after: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Replayed:
    """`next` None: that was all."""

    number: int
    next: Place | None


_OF_DEAD = Place(Step.DEAD, (0, 0))
_ANEW = "status = 'pending', tries = 0, next_at = ?, is_replay = 1, ended_at = NULL"
_ONE = f"""
    UPDATE deliveries SET {_ANEW} WHERE klien_id = ? AND id = ?
        AND EXISTS (SELECT 1 FROM webhooks WHERE webhooks.id = webhook_id AND webhooks.status <> 'removed')
    RETURNING id
"""
_ENDED = """
    SELECT deliveries.id, event_id, seq, type FROM deliveries JOIN webhook_events ON webhook_events.id = event_id
    WHERE webhook_id = ? AND status = ? AND deliveries.id > ? AND deliveries.created_at <= ?
    ORDER BY deliveries.id LIMIT ?
"""
_EVENTS = """
    SELECT id, seq, type, journal_id FROM webhook_events
    WHERE klien_id = ? AND (seq, id) > (?, ?) AND kind = ? AND created_at <= ? ORDER BY seq, id LIMIT ?
"""
_IF_THERE = f"""
    UPDATE deliveries SET {_ANEW}
    WHERE webhook_id = ? AND event_id IN (SELECT value FROM json_each(?)) AND status <> 'pending' RETURNING id
"""
_TO_IT = """
    INSERT INTO deliveries (klien_id, webhook_id, event_id, status, tries, next_at, is_replay, created_at)
    SELECT ?1, ?2, value, 'pending', 0, ?3, 1, ?3 FROM json_each(?4) WHERE TRUE
    ON CONFLICT (event_id, webhook_id)
"""
_ANYWAY = f"""
    {_TO_IT} DO UPDATE SET
        status = 'pending', tries = 0, next_at = excluded.next_at, is_replay = 1, ended_at = NULL
    WHERE deliveries.status <> 'pending' RETURNING id
"""
_IF_MISSING = f"{_TO_IT} DO NOTHING RETURNING id"
_KNOWN = """
    SELECT id, journal_id, type FROM webhook_events
    WHERE klien_id = ? AND journal_id IN (SELECT value FROM json_each(?)) AND kind = 'standard'
"""
_MAKE = """
    INSERT INTO webhook_events (klien_id, public_id, journal_id, seq, type, kind, body, created_at)
    VALUES (?, ?, ?, ?, ?, 'standard', ?, ?)
"""
_MADE = "SELECT id FROM webhook_events WHERE public_id IN (SELECT value FROM json_each(?)) ORDER BY id"


async def replay_one(klien_id: int, delivery_id: int, now: datetime) -> Delivery | None:
    """Due now, whatever became of it. None: there is no such delivery, or its endpoint was removed."""
    rows = await _rows(_ONE, now, klien_id, delivery_id)
    return await delivery_log.get(klien_id, delivery_id) if rows else None


async def replay_since(
    klien_id: int,
    webhook_id: int,
    since_seq: int,
    *,
    only_dead: bool,
    now: datetime,
    place: Place | None = None,
    limit: int = LOT,
) -> Replayed:
    """One lot of what came after `since_seq`: to be called again, in another transaction, with the same `now` and with
    the `next` of the one before, until that is None.

    `only_dead`: only what was given up. Otherwise also what was delivered, and what this endpoint wants and was never
    queued for it (it was disabled, or not there yet), as far as the journal is kept. Nothing that is pending, no ping,
    and nothing for an endpoint of the older kind but what it had.
    """
    endpoint = await webhooks.find(klien_id, webhook_id)
    if endpoint is None:
        return Replayed(0, None)
    replay = _Replay(endpoint, since_seq, now, limit)
    place = place or replay.begin(only_dead=only_dead)
    steps = {Step.EVENTS: replay.events, Step.JOURNAL: replay.journal}
    step = steps.get(place.step)
    return await step(place.after) if step else await replay.ended(place)


@dataclass(frozen=True, slots=True)
class _Replay:
    """Each step is one lot, from after a place on."""

    endpoint: Endpoint
    since_seq: int
    now: datetime
    limit: int

    def begin(self, *, only_dead: bool) -> Place:
        if only_dead:
            return _OF_DEAD
        is_older = self.endpoint.kind is Kind.OLDER
        return Place(Step.DELIVERED, (0, 0)) if is_older else Place(Step.EVENTS, (self.since_seq, LARGEST_ID))

    async def ended(self, place: Place) -> Replayed:
        """What was delivered, or given up; of the older kind first the one, then the other."""
        rows = await _rows(_ENDED, self.endpoint.id, place.step, place.after[1], self.now, self.limit)
        wanted = [row["event_id"] for row in rows if row["seq"] > self.since_seq and self._wants(row["type"])]
        after = _OF_DEAD if place.step is Step.DELIVERED else None
        return self._replayed(await self._if_there(wanted), place.step, rows, after)

    async def events(self, after: tuple[int, int]) -> Replayed:
        """What was made for whichever endpoint."""
        it = self.endpoint
        rows = await _rows(_EVENTS, it.klien_id, *after, it.kind, self.now, self.limit)
        wanted = [row for row in rows if self._wants(row["type"])]
        anyway = {row["id"] for row in wanted if row["journal_id"] is not None}
        number = await self._anyway(sorted(anyway))
        number += await self._if_there([row["id"] for row in wanted if row["id"] not in anyway])
        return self._replayed(number, Step.EVENTS, rows, Place(Step.JOURNAL, (self.since_seq, 0)))

    async def journal(self, after: tuple[int, int]) -> Replayed:
        """What was made for nobody: no endpoint wanted it then. What is known by now, was perhaps made for others since
        the step before.
        """
        found, _ = await events.since(self.endpoint.klien_id, after[0], self.limit)
        old = [event for event in found if event.at <= self.now]
        known = await self._known(old)
        number = await self._if_missing([row["id"] for row in known.values() if self._wants(row["type"])])
        made = [row for event in old if event.id not in known for row in self._made(event)]
        if made:
            await connected().execute_many(_MAKE, made)
        ids = [row["id"] for row in await _rows(_MADE, json.dumps([row[1] for row in made]))]
        number += await self._if_missing(ids)
        return Replayed(number, None if len(found) < self.limit else Place(Step.JOURNAL, (found[-1].seq, 0)))

    async def _known(self, found: Iterable[Event]) -> dict[int, Any]:
        """By their ids in the journal."""
        ids = json.dumps([event.id for event in found])
        return {row["journal_id"]: row for row in await _rows(_KNOWN, self.endpoint.klien_id, ids)}

    def _made(self, event: Event) -> list[list[Any]]:
        """The row of an event, if the endpoint wants it."""
        what = told(event)
        if what is None or not self._wants(what[0]):
            return []
        public_id, (type_, data) = event_id_of(event, Kind.STANDARD), what
        content = body(public_id, type_, event.at, event.klien_id, event.seq, data)
        return [[event.klien_id, public_id, event.id, event.seq, type_, content, self.now]]

    def _wants(self, type_: str) -> bool:
        return type_ != Type.PING and self.endpoint.wants(Type(type_))

    async def _if_there(self, event_ids: Sequence[int]) -> int:
        return len(await _rows(_IF_THERE, self.now, self.endpoint.id, json.dumps(event_ids))) if event_ids else 0

    async def _anyway(self, event_ids: Sequence[int]) -> int:
        return len(await _rows(_ANYWAY, *self._for_it(event_ids))) if event_ids else 0

    async def _if_missing(self, event_ids: Sequence[int]) -> int:
        return len(await _rows(_IF_MISSING, *self._for_it(event_ids))) if event_ids else 0

    def _for_it(self, event_ids: Sequence[int]) -> list[Any]:
        return [self.endpoint.klien_id, self.endpoint.id, self.now, json.dumps(event_ids)]

    def _replayed(self, number: int, step: Step, rows: Sequence[Any], after: Place | None) -> Replayed:
        """`after`: what comes when this step is over."""
        is_over = len(rows) < self.limit
        return Replayed(number, after if is_over else Place(step, (rows[-1]["seq"], rows[-1]["id"])))


async def _rows(question: str, *values: Any) -> Sequence[Any]:
    return (await connected().execute_query(question, list(values)))[1]
