"""The endpoints of each klien. In SQL, as `talkabiz.store.sessions`; what changes something is called inside a
transaction. Of one that was removed nothing here knows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from talkabiz.domain.webhooks import DisabledReason, Endpoint, Kind, Type


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """`webhook_id` None: the klien's incoming secret."""

    klien_id: int
    webhook_id: int | None
    sealed: bytes = field(repr=False)


async def add(
    klien_id: int,
    *,
    kind: Kind,
    url: str,
    label: str,
    events: Sequence[Type] | None,
    secret: bytes | None,
    now: datetime,
) -> Endpoint:
    """Enabled, and told what comes into the journal from now on. `secret`: sealed; None of the older kind, which has
    its klien's incoming one.

    Raises:
        NotFound: there is no such klien (any more).
    """
    raise NotImplementedError


async def get(klien_id: int, webhook_id: int) -> Endpoint | None:
    """With the number of its deliveries that are pending."""
    raise NotImplementedError


async def of_klien(klien_id: int) -> list[Endpoint]:
    """Of both kinds, by id, each with the number of its deliveries that are pending."""
    raise NotImplementedError


async def older_of(klien_id: int) -> Endpoint | None:
    """The one that `webhook_url` made."""
    raise NotImplementedError


async def count(klien_id: int) -> int:
    """Of the standard kind."""
    raise NotImplementedError


async def change(
    klien_id: int, webhook_id: int, *, url: str, label: str, events: Sequence[Type] | None
) -> Endpoint | None:
    """All three, as they are from now on. None: there is no such endpoint (any more)."""
    raise NotImplementedError


async def enable(klien_id: int, webhook_id: int) -> Endpoint | None:
    """What is pending is tried again, and what comes into the journal from now on is queued; as if it had never failed.

    Changes nothing where it is enabled. None: there is no such endpoint (any more).
    """
    raise NotImplementedError


async def disable(klien_id: int, webhook_id: int, reason: DisabledReason, now: datetime) -> Endpoint | None:
    """What is pending waits, and nothing new is queued. Of one that is disabled the reason stays, unless an operator
    asks. None: there is no such endpoint (any more).
    """
    raise NotImplementedError


async def remove(klien_id: int, webhook_id: int) -> bool:
    """It has no secret any more and is never tried again; its deliveries are cancelled by `deliveries.cancel_of`.
    False: there was no such endpoint.
    """
    raise NotImplementedError


async def set_secret(
    klien_id: int, webhook_id: int, secret: bytes, *, previous_until: datetime | None
) -> Endpoint | None:
    """A new one, sealed; the one before counts until then. None: there is no such endpoint of the standard kind."""
    raise NotImplementedError


async def note_success(klien_id: int, webhook_id: int) -> None:
    """It isn't failing any more. Writes only where it was."""
    raise NotImplementedError


async def note_failure(klien_id: int, webhook_id: int, now: datetime) -> Endpoint | None:
    """With one failure more, and since when; None: there is no such endpoint (any more)."""
    raise NotImplementedError


async def enabled_for(klien_ids: Collection[int]) -> dict[int, list[Endpoint]]:
    """By klien, of both kinds; those kliens that have any."""
    raise NotImplementedError


async def kliens_with_any() -> set[int]:
    """Who has an endpoint that is enabled."""
    raise NotImplementedError


async def incoming_secret(klien_id: int) -> bytes | None:
    """Sealed. None: there is none (yet), or no such klien."""
    raise NotImplementedError


async def set_incoming_secret(klien_id: int, secret: bytes) -> None:
    """Sealed; instead of the one before.

    Raises:
        NotFound: there is no such klien (any more).
    """
    raise NotImplementedError


async def secrets() -> list[SealedSecret]:
    """Every one that is stored, those before a rotation too: at the start, to see whether the key opens them."""
    raise NotImplementedError
