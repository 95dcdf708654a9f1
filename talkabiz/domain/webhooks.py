"""Webhooks: whom events are sent to, what became of each sending, and what follows from an answer.

A delivery is one event for one endpoint::

    pending ─┬─▶ delivered   it was answered with 2xx
             └─▶ dead        it was tried as often as the schedule says

What is on its way is `pending`: it is sent again where the program ends meanwhile. A replay makes it `pending` again.
Where its endpoint is removed, so is it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from talkabiz.domain.klien import iso

SCHEDULE_SECONDS = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""What each try waits for after the one before: the last one comes after 75 hours."""
JITTER = 0.2
LONGEST_WAIT_SECONDS = (1 + JITTER) * max(SCHEDULE_SECONDS)
LONGEST_RETRY_AFTER_SECONDS = 3600
FAILING_DAYS = 5
"""An endpoint that did nothing but fail for so long is disabled."""
PLACES = 4
"""How many deliveries of one endpoint are on their way at once."""
PLACES_OF_KLIEN = 16
PROBE_AFTER = 10
"""After so many failures in a row one delivery at a time is tried."""
ROTATION_HOURS = 24
"""How long after a rotation it is signed with the secret before, too."""
MOST_ENDPOINTS = 20
"""Of a klien."""
RESPONSE_BYTES = 2048
"""How much of a response is kept."""


class Type(StrEnum):
    SESSION_STATUS = "session.status"
    MESSAGE_RECEIVED = "message.received"
    MESSAGE_STATUS = "message.status"
    EXHAUSTED = "webhook.exhausted"  #: told to the klien's other endpoints when a delivery is dead
    PING = "ping"
    CONNECTION_UPDATE = "connection.update"  #: the only one of the older kind


class Kind(StrEnum):
    """`older`: made by the `webhook_url` of /api/session/start, and told in the words of the older design."""

    STANDARD = "standard"
    OLDER = "older"


class EndpointStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    REMOVED = "removed"  #: nobody is shown it; it goes with its deliveries, in a moment


class DisabledReason(StrEnum):
    GONE = "gone"  #: it answered 410
    FAILING = "failing"
    OPERATOR = "operator"  #: somebody asked for it


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`secret`, `previous_secret`: sealed. Of the older kind, `secret` is the klien's incoming one.

    `failures` in a row, the first of them at `failing_since`. `since_id`: it is told what came after this place in the
    journal. `told`: the connection that it was told last (`webhook_bodies.Connection.key`), of the older kind alone.
    `pending` is counted where one is shown, and 0 elsewhere.
    """

    id: int
    klien_id: int
    kind: Kind
    url: str
    label: str
    events: frozenset[Type] | None
    status: EndpointStatus
    created_at: datetime
    since_id: int
    secret: bytes | None = field(default=None, repr=False)
    previous_secret: bytes | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    disabled_reason: DisabledReason | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    told: str | None = None
    pending: int = 0

    @property
    def is_enabled(self) -> bool:
        return self.status is EndpointStatus.ENABLED

    @property
    def places(self) -> int:
        return places_after(self.failures)

    def wants(self, type: Type) -> bool:  # noqa: A002 - as everybody calls it
        if self.kind is Kind.OLDER:
            return type is Type.CONNECTION_UPDATE
        return type is Type.PING or (type is not Type.CONNECTION_UPDATE and (not self.events or type in self.events))

    def as_dict(self) -> dict[str, Any]:
        """As REST shows it: never a secret."""
        return {
            "id": self.id,
            "klien_id": self.klien_id,
            "url": self.url,
            "label": self.label,
            "events": sorted(self.events) if self.events is not None else None,
            "kind": self.kind.value,
            "status": self.status.value,
            "disabled_reason": self.disabled_reason.value if self.disabled_reason else None,
            "disabled_at": _iso(self.disabled_at),
            "failing_since": _iso(self.failing_since),
            "created_at": iso(self.created_at),
            "pending": self.pending,
        }


@dataclass(frozen=True, slots=True)
class Attempt:
    """`status`: of HTTP, where there was an answer. `error`: a code, where it failed. `response`: how its body began,
    as `response_text`.
    """

    number: int
    at: datetime
    status: int | None
    error: str | None
    latency_ms: int
    response: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": iso(self.at),
            "status": self.status,
            "error": self.error,
            "latency_ms": self.latency_ms,
            "response": self.response,
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """`event_id` is the one that receivers see (`evt_…`). `tries`: how many it has had since it was queued or replayed
    last. `next_at` is None once it has ended.
    """

    id: int
    klien_id: int
    webhook_id: int
    event_id: str
    type: Type
    seq: int
    status: DeliveryStatus
    tries: int
    next_at: datetime | None
    is_replay: bool
    last_status: int | None
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None

    def as_dict(self, attempts: Sequence[Attempt] | None = None) -> dict[str, Any]:
        """As REST shows it; with `attempts` where one is asked for alone."""
        shown = {
            "id": self.id,
            "webhook_id": self.webhook_id,
            "event_id": self.event_id,
            "type": self.type.value,
            "seq": self.seq,
            "status": self.status.value,
            "tries": self.tries,
            "next_at": _iso(self.next_at),
            "is_replay": self.is_replay,
            "last_status": self.last_status,
            "last_error": self.last_error,
            "created_at": iso(self.created_at),
            "ended_at": _iso(self.ended_at),
        }
        return shown if attempts is None else {**shown, "attempts": [each.as_dict() for each in attempts]}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a try came to. `status` None: there was no answer, and `error` says why (refused, unreachable, tls, timeout,
    cut_off, address_refused); both: it began to answer. `retry_after` in seconds, as it was asked for.
    """

    status: int | None
    error: str | None
    latency_ms: int
    body: bytes = field(default=b"", repr=False)
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        return self.error is None and self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's

    @property
    def problem(self) -> str | None:
        """A code: why it isn't a success."""
        return None if self.is_success else self.error or f"http_{self.status}"


class Outcome(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`at`: when it is tried next, None: not again. Of `gone`, if its endpoint is enabled by then."""

    outcome: Outcome
    at: datetime | None = None

    @property
    def status(self) -> DeliveryStatus:
        if self.outcome is Outcome.DELIVERED:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.PENDING if self.at else DeliveryStatus.DEAD


def after(answer: Answer, tries: int, now: datetime, chance: float) -> Verdict:
    """What follows. `tries`: how many there were, with this one. `chance` is a random number from 0 to 1."""
    if answer.is_success:
        return Verdict(Outcome.DELIVERED)
    at = now + timedelta(seconds=_wait_seconds(answer, tries, chance)) if tries < len(SCHEDULE_SECONDS) else None
    if answer.status == _GONE:
        return Verdict(Outcome.GONE, at)
    return Verdict(Outcome.RETRY, at) if at else Verdict(Outcome.DEAD)


def places_after(failures: int) -> int:
    """How many deliveries of an endpoint may be on their way at once, after so many failures in a row."""
    return 1 if failures >= PROBE_AFTER else PLACES


def has_failed_too_long(endpoint: Endpoint, now: datetime) -> bool:
    """Often, too: a clock that was put right makes days of two failures."""
    since = endpoint.failing_since
    return endpoint.failures >= PROBE_AFTER and since is not None and now - since >= timedelta(days=FAILING_DAYS)


def response_text(body: bytes) -> str:
    """How a response began, as it may be stored and shown: at most RESPONSE_BYTES of UTF-8, one kind of line break, and
    no character that can't be seen.
    """
    text = body[:RESPONSE_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _UNSEEN)
    return kept.encode()[:RESPONSE_BYTES].decode("utf-8", "ignore")


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
_GONE = 410
_SLOW_DOWN = frozenset({429, 503})


def _wait_seconds(answer: Answer, tries: int, chance: float) -> float:
    planned = SCHEDULE_SECONDS[max(tries, 1)] * (1 - JITTER + 2 * JITTER * chance)
    if answer.status in _SLOW_DOWN and answer.retry_after:
        return max(planned, min(answer.retry_after, LONGEST_RETRY_AFTER_SECONDS))
    return planned


def _iso(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
