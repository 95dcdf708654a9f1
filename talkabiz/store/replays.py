"""Sending again what was sent, or what should have been. Called inside a transaction.

The same event has the same id and the same bytes, and begins the schedule anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from talkabiz.domain.webhooks import Delivery
from talkabiz.store.deliveries import LOT


class Step(StrEnum):
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


async def replay_one(klien_id: int, delivery_id: int, now: datetime) -> Delivery | None:
    """Due now, whatever became of it. None: there is no such delivery, or its endpoint was removed."""
    raise NotImplementedError


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
    raise NotImplementedError
