"""Credentials: API keys, one-time login links, and logins of browsers. Tokens never come here, only their SHA-256."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tortoise.expressions import Q

from talkabiz.domain.access import Kind, Scope
from talkabiz.domain.errors import NotFound
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


@dataclass(frozen=True, slots=True)
class LoginRow:
    id: int
    created_at: datetime
    expires_at: datetime


async def add_key(  # noqa: PLR0917 - the columns, in their order
    hashed: str,
    kind: Kind,
    klien_id: int | None,
    scopes: Iterable[Scope],
    label: str,
    expires_at: datetime | None,
) -> int:
    """The key's id.

    Raises:
        NotFound: there is no such klien.
    """
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
    key_id: int = row.id
    return key_id


async def find_key(hashed: str) -> KeyRow | None:
    """Also one that is revoked or has expired: `KeyRow.is_valid` says."""
    row = await models.ApiKey.get_or_none(hash=hashed)
    return _key(row) if row else None


async def touch_key(key_id: int, now: datetime) -> None:
    """Note that it is in use. Writes at most once in TOUCH_SECONDS."""
    due = models.ApiKey.filter(id=key_id).filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - timedelta(seconds=TOUCH_SECONDS))
    )
    if await due.exists():
        async with transaction():
            await models.ApiKey.filter(id=key_id).update(last_used_at=now)


async def revoke_key(key_id: int, now: datetime) -> bool:
    """False: there is no such key, or it was revoked before."""
    async with transaction():
        return await models.ApiKey.filter(id=key_id, revoked_at__isnull=True).update(revoked_at=now) > 0


async def any_admin_key() -> bool:
    """Whether there ever was one: whoever revoked the last one didn't ask for another."""
    return await models.ApiKey.exists(kind=Kind.ADMIN.value)


async def add_link(hashed: str, expires_at: datetime) -> None:
    async with transaction():
        await models.LoginLink.create(hash=hashed, expires_at=expires_at, created_at=datetime.now(UTC))


async def peek_link(hashed: str, now: datetime) -> bool:
    """Whether it could be used. Doesn't use it up."""
    return await models.LoginLink.exists(hash=hashed, used_at__isnull=True, expires_at__gt=now)


async def use_link(hashed: str, now: datetime) -> bool:
    """True once for each link, however many ask at the same time; never for an unknown or expired one."""
    async with transaction():
        usable = models.LoginLink.filter(hash=hashed, used_at__isnull=True, expires_at__gt=now)
        return await usable.update(used_at=now) > 0


async def add_login(hashed: str, now: datetime, expires_at: datetime) -> int:
    """The login's id."""
    async with transaction():
        row = await models.Login.create(hash=hashed, created_at=now, expires_at=expires_at)
    login_id: int = row.id
    return login_id


async def find_login(hashed: str, now: datetime) -> LoginRow | None:
    """Neither one that has ended nor one that has expired."""
    row = await models.Login.get_or_none(hash=hashed, ended_at__isnull=True, expires_at__gt=now)
    return LoginRow(row.id, row.created_at, row.expires_at) if row else None


async def any_login() -> bool:
    """Whether there ever was one."""
    return await models.Login.exists()


async def end_login(hashed: str, now: datetime) -> None:
    async with transaction():
        await models.Login.filter(hash=hashed, ended_at__isnull=True).update(ended_at=now)


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
