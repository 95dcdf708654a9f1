"""What is sent to webhooks, what came of it, and sending it again.

`caller` is who asks, for the audit log. Another klien's deliveries are not found, like those that aren't there. What is
queued here the courier carries out: the bell wakes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from talkabiz.domain.access import Caller
from talkabiz.domain.errors import IllegalState, NotFound
from talkabiz.domain.webhook_bodies import body, connection_body
from talkabiz.domain.webhook_errors import IS_DISABLED, IS_OLDER, IS_REPLAYED
from talkabiz.domain.webhooks import Attempt, Delivery, DeliveryStatus, Endpoint, Kind, Type
from talkabiz.services.audit import Action, Audit
from talkabiz.services.bell import Bell
from talkabiz.services.ports import Clock
from talkabiz.store import deliveries, delivery_log, replays, webhooks
from talkabiz.store.deliveries import NewEvent
from talkabiz.store.replays import Place, Replayed
from talkabiz.store.writing import Tell, Writer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tried:
    """A delivery, and each try."""

    delivery: Delivery
    attempts: Sequence[Attempt]

    def as_dict(self) -> dict[str, Any]:
        return self.delivery.as_dict(self.attempts)


class Deliveries:
    """The part of `talkabiz.services.webhooks.Webhooks` that is about them."""

    def __init__(self, writer: Writer, clock: Clock, audit: Audit, bell: Bell) -> None:
        self._writer = writer
        self._clock = clock
        self._audit = audit
        self._bell = bell
        self._replaying: dict[int, asyncio.Task[int]] = {}
        """By webhook."""

    async def test(self, klien_id: int, webhook_id: int, *, caller: Caller) -> Delivery:
        """A `ping`, queued like every other event, but first of all that waits. Raises NotFound, IllegalState."""
        endpoint = self._going(await webhooks.get(klien_id, webhook_id))
        if endpoint.kind is Kind.OLDER:
            raise IllegalState(IS_OLDER)

        async def job(tell: Tell) -> Delivery:
            del tell
            now, seq, public_id = self._clock.now(), await deliveries.last_seq(klien_id), deliveries.make_event_id()
            told = body(public_id, Type.PING, now, klien_id, seq, {"webhook_id": webhook_id})
            made = await deliveries.add_event(NewEvent(klien_id, public_id, Type.PING, seq, told, [webhook_id]), now)
            if not made:
                raise IllegalState(IS_DISABLED)
            await deliveries.hasten(klien_id, made[0], now)
            await self._audit.note(Action.WEBHOOK_TESTED, caller, klien_id, webhook_id=webhook_id)
            return existing(await delivery_log.get(klien_id, made[0]))

        return await self._queued(await self._writer.write(job))

    async def deliveries(
        self, klien_id: int, webhook_id: int, *, status: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[Delivery]:
        """Up to `limit` with ids below `before`, the newest first. Raises NotFound."""
        existing(await webhooks.get(klien_id, webhook_id))
        return await delivery_log.page(klien_id, webhook_id, DeliveryStatus(status) if status else None, before, limit)

    async def delivery(self, klien_id: int, delivery_id: int) -> Tried:
        """Raises NotFound."""
        found = existing(await delivery_log.get(klien_id, delivery_id))
        existing(await webhooks.get(klien_id, found.webhook_id))
        return Tried(found, await delivery_log.attempts_of(klien_id, delivery_id))

    async def replay(self, klien_id: int, delivery_id: int, *, caller: Caller) -> Delivery:
        """Due now, first of all that waits, whatever became of it; with the whole schedule before it.

        Raises:
            NotFound: also where its endpoint is gone.
            IllegalState: its endpoint is disabled.
        """
        found = existing(await delivery_log.get(klien_id, delivery_id))
        self._going(await webhooks.get(klien_id, found.webhook_id))

        async def job(tell: Tell) -> Delivery:
            del tell
            now = self._clock.now()
            again = existing(await replays.replay_one(klien_id, delivery_id, now))
            await deliveries.hasten(klien_id, delivery_id, now)
            detail = {"webhook_id": again.webhook_id, "delivery_id": delivery_id}
            await self._audit.note(Action.WEBHOOK_REPLAYED, caller, klien_id, **detail)
            return again

        return await self._queued(await self._writer.write(job))

    async def replay_all(
        self, klien_id: int, webhook_id: int, *, since: int = 0, only_dead: bool = False, caller: Caller
    ) -> int:
        """What came after that `seq`, or of that only what was given up; how many were queued. It goes on to the end
        also where its caller leaves.

        Raises:
            NotFound
            IllegalState: it is disabled, or such a replay of it is under way.
        """
        self._going(await webhooks.get(klien_id, webhook_id))
        if webhook_id in self._replaying:
            raise IllegalState(IS_REPLAYED)
        lots = self._replay_lots(klien_id, webhook_id, since, only_dead=only_dead, caller=caller)
        self._replaying[webhook_id] = task = asyncio.create_task(lots, name=f"replay webhook {webhook_id}")
        task.add_done_callback(lambda _: self._replaying.pop(webhook_id))
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """Replays that are under way end where they are."""
        tasks = list(self._replaying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _replay_lots(self, klien_id: int, webhook_id: int, since: int, *, only_dead: bool, caller: Caller) -> int:
        """Each in a transaction of its own, for others wait for it."""
        now, number = self._clock.now(), 0
        place: Place | None = None

        async def job(tell: Tell) -> Replayed:
            del tell
            if place is None:
                detail = {"webhook_id": webhook_id, "since": since, "status": "dead" if only_dead else "any"}
                await self._audit.note(Action.WEBHOOK_REPLAYED, caller, klien_id, **detail)
            return await replays.replay_since(klien_id, webhook_id, since, only_dead=only_dead, now=now, place=place)

        while True:
            lot = await self._writer.write(job)
            number, place = number + lot.number, lot.next
            self._bell.ring(webhook_id)
            if place is None:
                return number

    async def _enable(self, endpoint: Endpoint) -> Endpoint | None:
        """Inside a transaction. One of the older kind is told how things stand, where it was told otherwise last."""
        enabled = await webhooks.enable(endpoint.klien_id, endpoint.id)
        if enabled is None or endpoint.is_enabled or enabled.kind is not Kind.OLDER:
            return enabled
        await self._tell_connection(enabled)
        return await webhooks.get(enabled.klien_id, enabled.id)

    async def _tell_connection(self, older: Endpoint) -> None:
        klien_id, type_ = older.klien_id, Type.CONNECTION_UPDATE
        is_now, session_id = await webhooks.connection(klien_id)
        if is_now.key == older.told:
            return
        public_id, seq = deliveries.make_event_id(), await deliveries.last_seq(klien_id)
        told = connection_body(klien_id, session_id, is_now)
        new = NewEvent(klien_id, public_id, type_, seq, told, [older.id], kind=Kind.OLDER, told=is_now.key)
        await deliveries.add_event(new, self._clock.now())

    async def _queued(self, delivery: Delivery) -> Delivery:
        self._bell.ring(delivery.webhook_id)
        return delivery

    def _going(self, endpoint: Endpoint | None) -> Endpoint:
        """Raises NotFound; IllegalState: it is disabled."""
        if not existing(endpoint).is_enabled:
            raise IllegalState(IS_DISABLED)
        return existing(endpoint)


def existing(found: T | None) -> T:
    """Raises NotFound where there is none."""
    if found is None:
        raise NotFound
    return found
