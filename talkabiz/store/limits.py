"""What has been counted against limits. A bucket names what it counts for: an address, a person, a key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from talkabiz.store import models
from talkabiz.store.database import transaction


@dataclass(frozen=True, slots=True)
class WindowRow:
    """`count` in the window of this number, `count_before` in the one before it."""

    bucket: str
    window: int
    count: int
    count_before: int


async def hits(bucket: str, since: datetime) -> list[datetime]:
    """When, oldest first."""
    rows = await models.Hit.filter(bucket=bucket, at__gt=since).order_by("at", "id")
    return [row.at for row in rows]


async def add_hit(bucket: str, at: datetime, useless_before: datetime) -> None:
    """Older ones of this bucket go."""
    async with transaction():
        await models.Hit.filter(bucket=bucket, at__lte=useless_before).delete()
        await models.Hit.create(bucket=bucket, at=at)


async def forget_hits(useless_before: datetime) -> None:
    """Those of buckets that nobody comes back for."""
    if await models.Hit.filter(at__lte=useless_before).exists():
        async with transaction():
            await models.Hit.filter(at__lte=useless_before).delete()


async def load_windows() -> list[WindowRow]:
    return [WindowRow(row.bucket, row.window, row.count, row.count_before) for row in await models.WindowCount.all()]


async def keep_windows(rows: Iterable[WindowRow], useless_before: int) -> None:
    """In place of what was kept of these buckets; windows with a number below that go."""
    async with transaction():
        await models.WindowCount.filter(window__lt=useless_before).delete()
        for row in rows:
            values = {"window": row.window, "count": row.count, "count_before": row.count_before}
            await models.WindowCount.update_or_create(bucket=row.bucket, defaults=values)
