from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from talkabiz.domain.klien import iso
from talkabiz.store import models
from talkabiz.store.database import transaction


@dataclass(frozen=True, slots=True)
class AuditEntry:
    id: int
    at: datetime
    actor: str
    address: str | None
    action: str
    klien_id: int | None
    detail: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "at": iso(self.at),
            "actor": self.actor,
            "address": self.address,
            "action": self.action,
            "klien_id": self.klien_id,
            "detail": self.detail,
        }


async def append(
    at: datetime, *, actor: str, address: str | None, action: str, klien_id: int | None, detail: dict[str, Any]
) -> None:
    async with transaction():
        await models.AuditEntry.create(
            at=at, actor=actor, address=address, action=action, klien_id=klien_id, detail=detail
        )


async def page(before: int | None, limit: int) -> list[AuditEntry]:
    """The newest first; those with ids below `before`."""
    found = models.AuditEntry.all() if before is None else models.AuditEntry.filter(id__lt=before)
    return [
        AuditEntry(row.id, row.at, row.actor, row.address, row.action, row.klien_id, row.detail)
        for row in await found.order_by("-id").limit(limit)
    ]


async def forget(before: datetime) -> int:
    """How many entries were older."""
    if not await models.AuditEntry.filter(at__lt=before).exists():
        return 0
    async with transaction():
        return await models.AuditEntry.filter(at__lt=before).delete()
