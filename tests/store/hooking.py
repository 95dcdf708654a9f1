"""Short ways to fill the tables of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from talkabiz.domain.events import Event
from talkabiz.domain.webhook_bodies import body, told
from talkabiz.domain.webhooks import Answer, Delivery, Endpoint, Kind, Outcome, Type, Verdict
from talkabiz.store import deliveries, delivery_log, events, webhooks
from talkabiz.store.database import connected, transaction
from talkabiz.store.deliveries import Due, NewEvent
from tests.store.conftest import NOW

URL = "https://example.com/hook"
OK, FAILED = Answer(200, None, 12, b"thanks"), Answer(503, None, 34, b"later")
DELIVERED, DEAD = Verdict(Outcome.DELIVERED), Verdict(Outcome.DEAD)


async def endpoint(klien_id: int, kind: Kind = Kind.STANDARD, events: Sequence[Type] | None = None) -> Endpoint:
    secret = b"sealed" if kind is Kind.STANDARD else None
    async with transaction():
        return await webhooks.add(klien_id, kind=kind, url=URL, label="CRM", events=events, secret=secret, now=NOW)


async def happen(klien_id: int, type_: str = "message", at: datetime = NOW, **data: Any) -> Event:
    """Something that comes into the journal; a message that came in, where nothing else is said."""
    async with transaction():
        return await events.append(klien_id, type_, at, {"direction": "in", **data})


def made(event: Event, *to: Endpoint, **more: Any) -> NewEvent:
    """As the fan-out makes it, of an event of the journal."""
    what = told(event)
    assert what
    public_id = deliveries.make_event_id()
    content = body(public_id, what[0], event.at, event.klien_id, event.seq, what[1])
    ids = [each.id for each in to]
    values = {"webhook_ids": ids, "journal_id": event.id, **more}
    return NewEvent(event.klien_id, public_id, what[0], event.seq, content, **values)


async def queue(new: NewEvent, now: datetime = NOW) -> list[int]:
    async with transaction():
        return await deliveries.add_event(new, now)


async def queued(to: Endpoint, count: int = 1, now: datetime = NOW) -> list[Delivery]:
    """New deliveries for this endpoint, each of an event of its own."""
    ids = [(await queue(made(await happen(to.klien_id), to), now))[0] for _ in range(count)]
    return [each for each in [await delivery_log.get(to.klien_id, each) for each in ids] if each]


async def due(now: datetime = NOW, limit: int = 99, on_way: dict[int, int] | None = None, **more: Any) -> list[Due]:
    return await deliveries.due(now, limit, on_way or {}, **more)


async def conclude(
    delivery: Delivery, verdict: Verdict, answer: Answer = OK, now: datetime = NOW, at: datetime = NOW
) -> Delivery | None:
    async with transaction():
        return await deliveries.conclude(delivery, verdict, answer, at, now)


async def statuses(of: Endpoint) -> list[str]:
    """Of its deliveries, the oldest first."""
    question = "SELECT status FROM deliveries WHERE webhook_id = ? ORDER BY id"
    return [row["status"] for row in (await connected().execute_query(question, [of.id]))[1]]
