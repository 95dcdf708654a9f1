"""Deletes what is old of webhooks and of the journal, in small lots: each function is one, called inside a transaction
of its own; as `talkabiz.store.retention`.
"""

from __future__ import annotations

from datetime import datetime

LOT = 200


async def forget_attempts(before: datetime, after: int = 0, limit: int = LOT) -> int | None:
    """Tries of before then. The id to go on after; None: the rest is younger."""
    raise NotImplementedError


async def forget_events(before: datetime, after: int = 0, limit: int = LOT) -> int | None:
    """Events of before then that are pending nowhere and ended nowhere since then, with their deliveries. The id to go
    on after; None: the rest is younger.
    """
    raise NotImplementedError


async def forget_removed(limit: int = LOT) -> bool:
    """Endpoints that were removed and of which no delivery is kept. Whether there may be more."""
    raise NotImplementedError


async def forget_journal(before: datetime, not_above: int, limit: int = LOT) -> bool:
    """Events of before then, up to this id: above their cursor, webhooks need them. Whether there may be more."""
    raise NotImplementedError
