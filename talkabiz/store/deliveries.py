"""The queue of webhooks: events, and for whom each is. In SQL, as `talkabiz.store.sessions`; what changes something is
called inside a transaction.

What is on its way is known to the courier alone, and pending here: after a crash it is due again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from talkabiz.domain.webhooks import Answer, Delivery, Endpoint, Kind, Type, Verdict

LOT = 200
"""How many at most change at once, where many do: others wait for the transaction."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it is sent to these endpoints, all of its klien and its kind.

    `public_id`: `evt_` and a ULID, by whoever makes it, and the same in `body`. `journal_id` None: it is none of the
    journal's (`ping`, `webhook.exhausted`). `told`: the connection that endpoints of the older kind know by it.
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


async def cursor() -> int:
    """The place in the journal up to which everything has been queued."""
    raise NotImplementedError


async def move_cursor(journal_id: int) -> None:
    """Onward; never back."""
    raise NotImplementedError


async def last_seq(klien_id: int) -> int:
    """The seq of what isn't in the journal: that of the klien's last event.

    Raises:
        NotFound: there is no such klien (any more).
    """
    raise NotImplementedError


async def add_event(new: NewEvent, now: datetime) -> list[int]:
    """Due now, to those of its endpoints that are enabled and told from before it; the ids of the deliveries.

    What was queued before isn't again, nor for a klien that is gone. Two statements, one more with `told`.
    """
    raise NotImplementedError


async def fan_out(new: Sequence[NewEvent], now: datetime, cursor: int) -> int:
    """As `add_event`, each; then the cursor moves there. How many deliveries were made."""
    raise NotImplementedError


async def due(now: datetime, limit: int, on_way: Mapping[int, int]) -> list[Due]:
    """Those whose time has come, of enabled endpoints, taken by turns from each klien and by turns from its endpoints.

    `on_way`: of the deliveries that are being sent, which endpoint each is for. They are left out, and with them no
    endpoint gets more than its places (`Endpoint.places`), and no klien more than PLACES_OF_KLIEN.
    """
    raise NotImplementedError


async def next_time(now: datetime) -> datetime | None:
    """When the next one becomes due, after now, of enabled endpoints; None: none is waiting for its time."""
    raise NotImplementedError


async def conclude(
    delivery: Delivery, verdict: Verdict, answer: Answer, at: datetime, now: datetime
) -> Delivery | None:
    """One try more, which began `at`; the delivery as it is then. None: it isn't pending any more (cancelled, or its
    klien is gone), and nothing is kept of the try.
    """
    raise NotImplementedError


async def cancel_of(klien_id: int, webhook_id: int, now: datetime, limit: int = LOT) -> bool:
    """What is pending for an endpoint that was removed. Whether there may be more."""
    raise NotImplementedError


async def count_pending() -> int:
    """Of all kliens, also for endpoints that are disabled."""
    raise NotImplementedError
