"""API keys and link tokens. Tokens never come here, only their SHA-256."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tortoise.expressions import Q

from talkabiz.domain.access import Kind, Scope
from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import iso
from talkabiz.store import models
from talkabiz.store.database import transaction

TOUCH_SECONDS = 60
"""How exactly the last use of a key is kept: a write with each request would cost more than most requests."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    id: int
    kind: Kind
    klien_id: int | None
    scopes: frozenset[Scope]
    label: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def as_dict(self) -> dict[str, Any]:
        """As REST and the command line show it; times in UTC as RFC 3339."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "klien_id": self.klien_id,
            "scopes": sorted(scope.value for scope in self.scopes),
            "label": self.label,
            "created_at": iso(self.created_at),
            "expires_at": iso(self.expires_at) if self.expires_at else None,
            "last_used_at": iso(self.last_used_at) if self.last_used_at else None,
            "revoked_at": iso(self.revoked_at) if self.revoked_at else None,
        }


async def add_key(  # noqa: PLR0917 - the columns, in their order
    hashed: str,
    kind: Kind,
    klien_id: int | None,
    scopes: Iterable[Scope],
    label: str,
    expires_at: datetime | None,
) -> KeyRow:
    """Raises NotFound: there is no such klien."""
    async with transaction():
        if klien_id is not None and not await models.Klien.exists(id=klien_id):
            raise NotFound
        row = await models.ApiKey.create(
            hash=hashed,
            kind=kind.value,
            klien_id=klien_id,
            scopes=sorted(scope.value for scope in scopes),
            label=label,
            expires_at=expires_at,
            created_at=datetime.now(UTC),
        )
    return _key(row)


async def find_key(hashed: str) -> KeyRow | None:
    """Also one that is revoked or has expired: `KeyRow.is_valid` says."""
    row = await models.ApiKey.get_or_none(hash=hashed)
    return _key(row) if row else None


async def page(kinds: Iterable[Kind], klien_id: int | None, after: int, limit: int) -> list[KeyRow]:
    """Those whose id is above `after`, by id; of one klien or of all."""
    found = models.ApiKey.filter(kind__in=[kind.value for kind in kinds], id__gt=after)
    if klien_id is not None:
        found = found.filter(klien_id=klien_id)
    return [_key(row) for row in await found.order_by("id").limit(limit)]


async def touch_key(key_id: int, now: datetime) -> None:
    """Note that it is in use. Writes at most once in TOUCH_SECONDS."""
    due = models.ApiKey.filter(id=key_id).filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - timedelta(seconds=TOUCH_SECONDS))
    )
    if await due.exists():
        async with transaction():
            await models.ApiKey.filter(id=key_id).update(last_used_at=now)


async def revoke_key(key_id: int, now: datetime) -> KeyRow | None:
    """The key, which counts no more. None: there is no such key, or it was revoked before."""
    async with transaction():
        if not await models.ApiKey.filter(id=key_id, revoked_at__isnull=True).update(revoked_at=now):
            return None
        return _key(await models.ApiKey.get(id=key_id))


async def any_admin_key() -> bool:
    """Whether there ever was one: whoever revoked the last one didn't ask for another."""
    return await models.ApiKey.exists(kind=Kind.ADMIN.value)


def _key(row: models.ApiKey) -> KeyRow:
    return KeyRow(
        id=row.id,
        kind=Kind(row.kind),
        klien_id=row.klien_id,
        scopes=frozenset(map(Scope, row.scopes)),
        label=row.label,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        created_at=row.created_at,
    )
