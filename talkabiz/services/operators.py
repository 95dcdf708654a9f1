"""People of the operator's: how they log in, and for how long. A login is a row that both edges look at.

Tokens are random (at least 190 bits), so that a plain SHA-256 of them is enough to store; passwords aren't, so theirs
is argon2id.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from talkabiz.domain.access import Caller, Kind, Principal
from talkabiz.domain.errors import InvalidInput, Sentence, Unauthorized
from talkabiz.domain.passwords import LONGEST, check_password
from talkabiz.services.access import LONGEST_TOKEN, token_hash
from talkabiz.services.allowances import Allowances
from talkabiz.services.audit import Action, Audit
from talkabiz.services.ports import Clock
from talkabiz.store import operators
from talkabiz.store.database import transaction
from talkabiz.store.errors import StoreError
from talkabiz.store.operators import LoginRow

FIRST_OPERATOR = "operator"
LOGIN_LINK_MINUTES = 15
LOGIN_DAYS = 14
IDLE_DAYS = 3
"""A login that nobody has used for so long ends before its time."""

COOKIE = "talkabiz_session"

_NAME = re.compile(r"[a-z0-9][a-z0-9_.@-]{0,63}")
# As the OWASP cheat sheet has it: 19 MiB, twice, one lane.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

T = TypeVar("T")


class WrongPassword(Unauthorized):
    code = "wrong_password"
    sentence = Sentence("Nama atau kata sandi salah.", "The name or the password is wrong.")


class Operators:
    def __init__(self, clock: Clock, allowances: Allowances, audit: Audit) -> None:
        self._clock = clock
        self._allowances = allowances
        self._audit = audit
        # One at a time: each takes 19 MiB and 20 ms of a core.
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="passwords")

    def close(self) -> None:
        self._hashing.shutdown(wait=False, cancel_futures=True)

    # --- coming in ----------------------------------------------------------------------------------------------------

    async def make_login_link(self, name: str = FIRST_OPERATOR, caller: Caller | None = None) -> str:
        """The token of a link that logs one browser in, once, as the operator of that name, who is added if new.

        Raises:
            InvalidInput: that is no name.
        """
        parse_operator_name(name)
        token = secrets.token_urlsafe(32)
        async with transaction():
            operator = await operators.find_or_add(name)
            expires_at = self._clock.now() + timedelta(minutes=LOGIN_LINK_MINUTES)
            await operators.add_link(token_hash(token), operator.id, expires_at)
            if caller:
                await self._audit.note(Action.LOGIN_LINK_MADE, caller, operator=name)
        return token

    async def peek_link(self, token: str) -> str | None:
        """The name of whom the link would log in; None: it doesn't work any more.

        Doesn't use it up: mail scanners and previews open links too.
        """
        operator = await operators.peek_link(token_hash(token), self._clock.now())
        return operator.name if operator else None

    async def log_in_by_link(self, token: str, address: str | None = None) -> str | None:
        """Use the link up for a login; its opaque value goes into the cookie. None: used, expired or unknown."""
        async with transaction():
            operator = await operators.use_link(token_hash(token), self._clock.now())
            return await self._begin_login(operator, "link", address) if operator else None

    async def log_in(self, name: str, password: str, address: str | None = None) -> str:
        """By password: the value for the cookie.

        Raises:
            WrongPassword: also for a name that nobody has, as slowly.
            RateLimited: too many tries from that address, or for that name.
        """
        name = name.strip().casefold()[:64]
        await self._allowances.take_login(address, name)
        operator = await operators.find_by_name(name)
        known = operator.password_hash if operator else None
        if not await self._in_thread(partial(_fits, known, password)) or operator is None:
            caller = Caller(f"operator:{operator.name}" if operator else "nobody", address)
            await self._audit.note(Action.LOGIN_FAILED, caller)
            raise WrongPassword
        async with transaction():
            if known and _HASHER.check_needs_rehash(known):
                renewed = await self._in_thread(partial(_HASHER.hash, password))
                await operators.set_password_hash(operator.id, renewed)
            return await self._begin_login(operator, "password", address)

    async def _begin_login(self, operator: operators.OperatorRow, by: str, address: str | None) -> str:
        login, now = secrets.token_urlsafe(32), self._clock.now()
        await operators.add_login(token_hash(login), operator.id, now, now + timedelta(days=LOGIN_DAYS))
        await self._audit.note(Action.LOGIN, Caller(f"operator:{operator.name}", address), by=by)
        return login

    # --- being in -----------------------------------------------------------------------------------------------------

    async def by_login(self, login: str) -> Principal | None:
        """The operator whose browser holds this login."""
        if not 0 < len(login) <= LONGEST_TOKEN:
            return None
        now = self._clock.now()
        row = await operators.find_login(token_hash(login), now, _used_since(now))
        if row is None:
            return None
        with suppress(StoreError):  # a database that can only be read is no reason to turn its reader away
            await operators.touch_login(row.id, now)
        return Principal(Kind.OPERATOR, row.operator.id, name=row.operator.name)

    async def logins(self, principal: Principal) -> list[LoginRow]:
        """This operator's, the newest first."""
        now = self._clock.now()
        return await operators.logins_of(principal.credential_id, now, _used_since(now))

    async def has_anybody_logged_in(self) -> bool:
        """Whether a login link has ever been used."""
        return await operators.any_login()

    async def has_password(self, principal: Principal) -> bool:
        operator = await operators.find(principal.credential_id)
        return bool(operator and operator.password_hash)

    async def set_password(
        self, principal: Principal, password: str, *, current: str, keep: str, address: str | None = None
    ) -> None:
        """A new password; every other login of this operator ends, `keep` (a cookie's value) stays.

        `current` is the old password, where there is one: who finds a browser left open must not be able to take the
        account over.

        Raises:
            InvalidInput: it won't do, with the reason.
            WrongPassword: `current` isn't the one.
            RateLimited: that was tried too often.
        """
        operator = await operators.find(principal.credential_id)
        if operator is None:
            raise Unauthorized
        check_password(password, operator.name)
        if operator.password_hash:
            await self._allowances.take_login(address, operator.name)
            if not await self._in_thread(partial(_fits, operator.password_hash, current)):
                raise WrongPassword
        hashed = await self._in_thread(partial(_HASHER.hash, password))
        async with transaction():
            await operators.set_password_hash(operator.id, hashed)
            await operators.end_logins(operator.id, self._clock.now(), but=token_hash(keep))
            await self._audit.note(Action.PASSWORD_CHANGED, Caller(principal.actor, address))

    # --- going out ----------------------------------------------------------------------------------------------------

    async def log_out(self, login: str, address: str | None = None) -> None:
        principal = await self.by_login(login)
        async with transaction():
            await operators.end_login(token_hash(login), self._clock.now())
            if principal:
                await self._audit.note(Action.LOGOUT, Caller(principal.actor, address))

    async def log_out_everywhere(self, principal: Principal, address: str | None = None, keep: str = "") -> int:
        """End every login of this operator, but that of the cookie `keep`. How many there were."""
        async with transaction():
            but = token_hash(keep) if keep else None
            count = await operators.end_logins(principal.credential_id, self._clock.now(), but=but)
            await self._audit.note(Action.LOGOUT_EVERYWHERE, Caller(principal.actor, address), count=count)
        return count

    async def _in_thread(self, work: partial[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._hashing, work)


def cookie_name(base_url: str) -> str:
    """The cookie that carries a login: over https, one that no other host and no plain page can set (`__Host-`)."""
    return f"__Host-{COOKIE}" if base_url.startswith("https://") else COOKIE


def parse_operator_name(name: str) -> str:
    """1 to 64 of `a-z 0-9 _ . @ -`, beginning with a letter or digit. Raises InvalidInput."""
    if not _NAME.fullmatch(name):
        wrong = Sentence(
            "Nama operator: 1 sampai 64 huruf kecil, angka, titik, @, garis bawah atau tanda hubung.",
            "An operator's name: 1 to 64 lower-case letters, digits, dots, @, underscores or hyphens.",
        )
        raise InvalidInput(wrong, fields={"operator": wrong.en})
    return name


def _used_since(now: datetime) -> datetime:
    return now - timedelta(days=IDLE_DAYS)


def _fits(known: str | None, password: str) -> bool:
    """Where there is no hash, something is hashed all the same: how long it takes must not tell who exists."""
    try:
        if known and len(password) <= LONGEST:
            return _HASHER.verify(known, password)
        _HASHER.hash(password[:LONGEST])
    except (VerificationError, InvalidHashError):
        pass
    return False
