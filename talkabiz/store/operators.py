"""Operators, their one-time login links, and the logins of their browsers. Of tokens only the SHA-256 comes here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from talkabiz.store import models
from talkabiz.store.database import transaction

TOUCH_SECONDS = 60
"""How exactly the last use of a login is kept."""


@dataclass(frozen=True, slots=True)
class OperatorRow:
    id: int
    name: str
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class LoginRow:
    id: int
    hash: str
    operator: OperatorRow
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


# --- operators --------------------------------------------------------------------------------------------------------


async def find_or_add(name: str) -> OperatorRow:
    async with transaction():
        if row := await models.Operator.get_or_none(name=name):
            return _operator(row)
        now = datetime.now(UTC)
        return _operator(await models.Operator.create(name=name, created_at=now, updated_at=now))


async def find(operator_id: int) -> OperatorRow | None:
    row = await models.Operator.get_or_none(id=operator_id)
    return _operator(row) if row else None


async def find_by_name(name: str) -> OperatorRow | None:
    row = await models.Operator.get_or_none(name=name)
    return _operator(row) if row else None


async def set_password_hash(operator_id: int, password_hash: str) -> None:
    async with transaction():
        found = models.Operator.filter(id=operator_id)
        await found.update(password_hash=password_hash, updated_at=datetime.now(UTC))


# --- login links ------------------------------------------------------------------------------------------------------


async def add_link(hashed: str, operator_id: int, expires_at: datetime) -> None:
    async with transaction():
        await models.LoginLink.create(
            hash=hashed, operator_id=operator_id, expires_at=expires_at, created_at=datetime.now(UTC)
        )


async def peek_link(hashed: str, now: datetime) -> OperatorRow | None:
    """Whom it would log in; None: nobody, any more. Doesn't use it up."""
    row = await _usable(hashed, now).first().prefetch_related("operator")
    return _operator(row.operator) if row and row.operator else None


async def use_link(hashed: str, now: datetime) -> OperatorRow | None:
    """Whom it logs in: once for each link, however many ask at the same time; None for an unknown or expired one."""
    async with transaction():
        operator = await peek_link(hashed, now)
        return operator if operator and await _usable(hashed, now).update(used_at=now) else None


def _usable(hashed: str, now: datetime) -> QuerySet[models.LoginLink]:
    return models.LoginLink.filter(hash=hashed, operator_id__isnull=False, used_at__isnull=True, expires_at__gt=now)


# --- logins -----------------------------------------------------------------------------------------------------------


async def add_login(hashed: str, operator_id: int, now: datetime, expires_at: datetime) -> None:
    async with transaction():
        await models.Login.create(
            hash=hashed, operator_id=operator_id, created_at=now, last_used_at=now, expires_at=expires_at
        )


async def find_login(hashed: str, now: datetime, used_since: datetime) -> LoginRow | None:
    """Neither one that has ended nor one that has expired, nor one that nobody has used since then."""
    row = await _open(now, used_since).filter(hash=hashed).first().prefetch_related("operator")
    return _login(row) if row else None


async def logins_of(operator_id: int, now: datetime, used_since: datetime) -> list[LoginRow]:
    """The newest first."""
    rows = await _open(now, used_since).filter(operator_id=operator_id).order_by("-id").prefetch_related("operator")
    return [_login(row) for row in rows]


async def touch_login(login_id: int, now: datetime) -> None:
    """Note that it is in use. Writes at most once in TOUCH_SECONDS."""
    due = models.Login.filter(id=login_id, last_used_at__lt=now - timedelta(seconds=TOUCH_SECONDS))
    if await due.exists():
        async with transaction():
            await due.update(last_used_at=now)


async def any_login() -> bool:
    """Whether there ever was one."""
    return await models.Login.exists()


async def end_login(hashed: str, now: datetime) -> None:
    async with transaction():
        await models.Login.filter(hash=hashed, ended_at__isnull=True).update(ended_at=now)


async def end_logins(operator_id: int, now: datetime, but: str | None = None) -> int:
    """All of this operator's, `but` the one with this hash. How many there were."""
    async with transaction():
        ended = models.Login.filter(operator_id=operator_id, ended_at__isnull=True, expires_at__gt=now)
        return await ended.filter(~Q(hash=but or "")).update(ended_at=now)


def _open(now: datetime, used_since: datetime) -> QuerySet[models.Login]:
    return models.Login.filter(
        operator_id__isnull=False, ended_at__isnull=True, expires_at__gt=now, last_used_at__gt=used_since
    )


def _operator(row: models.Operator) -> OperatorRow:
    return OperatorRow(row.id, row.name, row.password_hash)


def _login(row: models.Login) -> LoginRow:
    operator: models.Operator | None = row.operator
    if operator is None or row.last_used_at is None:
        raise ValueError(row.id)  # `_open` leaves these out
    return LoginRow(row.id, row.hash, _operator(operator), row.created_at, row.last_used_at, row.expires_at)
