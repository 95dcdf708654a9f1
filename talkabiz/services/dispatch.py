"""What the courier of webhooks carries, and what follows from what came of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from talkabiz.domain.webhook_bodies import body, exhausted
from talkabiz.domain.webhooks import (
    Answer,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    Outcome,
    Type,
    Verdict,
    after,
    has_failed_too_long,
)
from talkabiz.services.bell import Bell
from talkabiz.services.ports import Clock
from talkabiz.services.sealing import Seal, SecretKeyWrong
from talkabiz.store import deliveries, delivery_log, webhooks
from talkabiz.store.deliveries import Due, NewEvent
from talkabiz.store.writing import Tell, Writer

_NOT_TOLD = frozenset({Type.EXHAUSTED, Type.PING})
"""That one of these was given up is told to nobody: it would go on for ever, or isn't worth it."""

LOCKED_SECONDS = 60.0
"""How long an endpoint whose secret can't be opened gets nothing: no other waits for it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that is to be tried now. `secrets`: it is signed with each."""

    delivery: Delivery
    endpoint: Endpoint
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a try. `failures`: of its endpoint, in a row."""

    outcome: Outcome
    failures: int


class Dispatch:
    def __init__(
        self, seal: Seal, writer: Writer, clock: Clock, bell: Bell, chance: Callable[[], float] = random.random
    ) -> None:
        self.bell = bell
        self.outcomes: Counter[str] = Counter()
        """How many tries ended how, since the start."""
        self._seal = seal
        self._writer = writer
        self._clock = clock
        self._chance = chance
        self._last_klien = 0
        self._locked: dict[int, float] = {}  # by endpoint, until when

    async def due(self, limit: int, on_way: Mapping[int, int], resting: Collection[int] = ()) -> list[Parcel]:
        """Whose turn it is. `on_way`: by delivery, the endpoints of what the courier carries; `resting`: endpoints that
        get nothing now.
        """
        seconds = self._clock.seconds()
        self._locked = {each: until for each, until in self._locked.items() if until > seconds}
        left_out = {*resting, *self._locked}
        found = await deliveries.due(self._clock.now(), limit, on_way, self._last_klien, left_out)
        if found:
            self._last_klien = found[-1].delivery.klien_id
        return [parcel for parcel in map(self._pack, found) if parcel]

    async def conclude(self, parcel: Parcel, answer: Answer, at: datetime) -> Result | None:
        """`at`: when the try began. None: it was cancelled meanwhile, and nothing follows.

        Raises:
            StoreError: nothing was stored; to be called again.
        """

        async def job(tell: Tell) -> Result | None:
            del tell
            return await self._store(parcel, answer, at)

        result = await self._writer.write(job)
        if result:
            self.outcomes[result.outcome.value] += 1
        return result

    async def _store(self, parcel: Parcel, answer: Answer, at: datetime) -> Result | None:
        now = self._clock.now()
        tried = await delivery_log.get(parcel.delivery.klien_id, parcel.delivery.id)
        if tried is None:
            return None
        verdict = after(answer, tried.tries + 1, now, self._chance())  # it may have been replayed meanwhile
        delivery = await deliveries.conclude(tried, verdict, answer, at, now)
        if delivery is None:
            return None
        failures = await self._note(parcel.endpoint, verdict, now)
        if delivery.status is DeliveryStatus.DEAD:
            await self._tell_exhausted(delivery, now)
        return Result(verdict.outcome, failures)

    async def _note(self, endpoint: Endpoint, verdict: Verdict, now: datetime) -> int:
        """How often the endpoint has failed in a row; it is disabled where that is too long."""
        it = (endpoint.klien_id, endpoint.id)
        if verdict.outcome is Outcome.DELIVERED:
            await webhooks.note_success(*it)
            return 0
        if not _is_the_same(endpoint, await webhooks.find(*it)):
            return 0
        failing = await webhooks.note_failure(*it, now)
        if failing is None:
            return 0
        if verdict.outcome is Outcome.GONE:
            await self._disable(failing, DisabledReason.GONE, now)
        elif has_failed_too_long(failing, now):
            await self._disable(failing, DisabledReason.FAILING, now)
        return failing.failures

    async def _disable(self, endpoint: Endpoint, reason: DisabledReason, now: datetime) -> None:
        await webhooks.disable(endpoint.klien_id, endpoint.id, reason, now)
        if endpoint.is_enabled:
            log.warning("webhook_disabled", klien_id=endpoint.klien_id, webhook_id=endpoint.id, reason=reason.value)

    async def _tell_exhausted(self, delivery: Delivery, now: datetime) -> None:
        """To the klien's other endpoints."""
        klien_id = delivery.klien_id
        log.warning("webhook_exhausted", klien_id=klien_id, webhook_id=delivery.webhook_id, delivery_id=delivery.id)
        if delivery.type in _NOT_TOLD:
            return
        found = (await webhooks.enabled_for([klien_id])).get(klien_id, [])
        others = [each.id for each in found if each.wants(Type.EXHAUSTED) and each.id != delivery.webhook_id]
        if others:
            seq, public_id = await deliveries.last_seq(klien_id), deliveries.make_event_id()
            sent = body(public_id, Type.EXHAUSTED, now, klien_id, seq, exhausted(delivery))
            await deliveries.add_event(NewEvent(klien_id, public_id, Type.EXHAUSTED, seq, sent, others), now)

    def _pack(self, due: Due) -> Parcel | None:
        """None: it can't be signed."""
        endpoint = due.endpoint
        try:
            return Parcel(due.delivery, endpoint, due.body, tuple(self._secrets(endpoint)))
        except SecretKeyWrong:
            if endpoint.id not in self._locked:
                log.exception("webhook_secret_not_opened", klien_id=endpoint.klien_id, webhook_id=endpoint.id)
            self._locked[endpoint.id] = self._clock.seconds() + LOCKED_SECONDS
            return None

    def _secrets(self, endpoint: Endpoint) -> Sequence[str]:
        """The one that counts, and for a day the one before, if it can be opened. Raises SecretKeyWrong."""
        opened = [self._seal.open_up(endpoint.secret, endpoint.klien_id)] if endpoint.secret else []
        before, until = endpoint.previous_secret, endpoint.previous_until
        if before and until and until > self._clock.now():
            with suppress(SecretKeyWrong):  # a rotation is what helps where one is damaged
                opened.append(self._seal.open_up(before, endpoint.klien_id))
        return [each.decode() for each in opened]


def _is_the_same(tried: Endpoint, now: Endpoint | None) -> bool:
    """Whether what was answered still tells of the endpoint: it may lead elsewhere since, or be enabled anew."""
    return now is not None and (now.url, now.since_id) == (tried.url, tried.since_id)
