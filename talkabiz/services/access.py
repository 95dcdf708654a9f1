"""Credentials of programs, and link tokens: made, checked and ended here. Web and realtime both ask.

Tokens are random (at least 190 bits), so that a plain SHA-256 of them is enough to store; a token itself exists only in
the answer that made it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from talkabiz.domain.access import Caller, Kind, Principal, Scope
from talkabiz.domain.errors import InvalidInput, NotFound, Sentence
from talkabiz.services.audit import Action, Audit
from talkabiz.services.ports import Clock
from talkabiz.store import keys
from talkabiz.store.database import transaction
from talkabiz.store.errors import StoreError
from talkabiz.store.keys import KeyRow

KEY_PREFIX = "tkb_"
LINK_PREFIX = "tkl_"
LINK_MINUTES = 15
LONGEST_LINK_MINUTES = 24 * 60
LONGEST_LABEL = 100
LONGEST_TOKEN = 512
"""An operator's own API_KEY may be long; what is longer isn't worth hashing."""

LINK_SCOPES = frozenset({Scope.SESSION, Scope.READ})
"""What a klien's person may: see, start, refresh, ask for a pairing code, disconnect."""

_PROGRAMS = (Kind.ADMIN, Kind.KLIEN)
_BASE62 = string.ascii_letters + string.digits
_PUBLIC_LENGTH = 8
_SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """`token` stands whole in this answer and nowhere else."""

    token: str
    row: KeyRow


@dataclass(frozen=True, slots=True, repr=False)
class LinkToken:
    token: str
    expires_at: datetime


class Access:
    def __init__(self, clock: Clock, audit: Audit, api_key: str | None = None) -> None:
        """`api_key` is an admin key chosen by the operator (the API_KEY setting)."""
        self._clock = clock
        self._audit = audit
        self._api_key_hash = token_hash(api_key) if api_key else None

    # --- checking -----------------------------------------------------------------------------------------------------

    async def by_token(self, token: str) -> Principal | None:
        """The program that holds this key. None: no such key, or not any more."""
        if self._api_key_hash and hmac.compare_digest(token_hash(token), self._api_key_hash):
            return Principal(Kind.ADMIN, credential_id=0)
        return await self._find(token, _PROGRAMS)

    async def by_link(self, token: str) -> Principal | None:
        """The person who holds this link token. None: no such token, or not any more."""
        return await self._find(token, (Kind.LINK,))

    async def _find(self, token: str, kinds: tuple[Kind, ...]) -> Principal | None:
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        now = self._clock.now()
        row = await keys.find_key(token_hash(token))
        if row is None or row.kind not in kinds or not row.is_valid(now):
            return None
        with suppress(StoreError):  # a database that can only be read is no reason to turn its reader away
            await keys.touch_key(row.id, now)
        return Principal(row.kind, row.id, row.klien_id, row.scopes)

    # --- making and ending --------------------------------------------------------------------------------------------

    async def make_key(
        self,
        kind: Kind,
        klien_id: int | None = None,
        scopes: frozenset[Scope] = frozenset(Scope),
        label: str = "",
        expires_at: datetime | None = None,
        *,
        caller: Caller | None = None,
    ) -> NewKey:
        """A new key: `tkb_<8 public>_<32 secret>`. `caller` is noted in the audit log.

        Raises:
            NotFound: there is no such klien.
            InvalidInput: it would never be valid, or could do nothing.
        """
        self._check(scopes, label, expires_at)
        token = f"{KEY_PREFIX}{_base62(_PUBLIC_LENGTH)}_{_base62(_SECRET_LENGTH)}"
        async with transaction():
            row = await keys.add_key(token_hash(token), kind, klien_id, scopes, label, expires_at)
            if caller:
                told = " ".join(sorted(scopes)) if kind is Kind.KLIEN else None
                await self._audit.note(Action.KEY_MADE, caller, klien_id, key_id=row.id, kind=kind.value, scopes=told)
        return NewKey(token, row)

    def _check(self, scopes: frozenset[Scope], label: str, expires_at: datetime | None) -> None:
        if not scopes:
            raise InvalidInput(fields={"scopes": "At least one."})
        if len(label) > LONGEST_LABEL or not (label.isprintable()):
            raise InvalidInput(fields={"label": f"Up to {LONGEST_LABEL} characters, on one line."})
        if expires_at and expires_at <= self._clock.now():
            told = Sentence("Waktu berakhir sudah lewat.", "It would have expired already.")
            raise InvalidInput(told, fields={"expires_at": told.en})

    async def ensure_admin_key(self) -> str | None:
        """At the first start: an admin key. None: there is one already, or the operator chose one."""
        if self._api_key_hash or await keys.any_admin_key():
            return None
        return (await self.make_key(Kind.ADMIN, label="first start", caller=Caller("first-start"))).token

    async def make_link_token(self, klien_id: int, minutes: int = LINK_MINUTES, *, caller: Caller) -> LinkToken:
        """For one klien's person: the token of /link/TOKEN. Raises NotFound, InvalidInput."""
        if not 1 <= minutes <= LONGEST_LINK_MINUTES:
            raise InvalidInput(fields={"minutes": f"From 1 to {LONGEST_LINK_MINUTES}."})
        token = f"{LINK_PREFIX}{_base62(_SECRET_LENGTH)}"
        expires_at = self._clock.now() + timedelta(minutes=minutes)
        async with transaction():
            row = await keys.add_key(token_hash(token), Kind.LINK, klien_id, LINK_SCOPES, "", expires_at)
            await self._audit.note(Action.LINK_TOKEN_MADE, caller, klien_id, link_id=row.id, minutes=minutes)
        return LinkToken(token, expires_at)

    async def keys(self, klien_id: int | None = None, after: int = 0, limit: int = 500) -> list[KeyRow]:
        """Of one klien or all, by id; revoked and expired ones too, link tokens not."""
        return await keys.page(_PROGRAMS, klien_id, after, limit)

    async def revoke_key(self, key_id: int, *, caller: Caller) -> KeyRow:
        """A key or a link token: from now on it opens nothing, and its sockets are closed within 2 s.

        Raises NotFound, also the second time.
        """
        async with transaction():
            row = await keys.revoke_key(key_id, self._clock.now())
            if row is None:
                raise NotFound
            await self._audit.note(Action.KEY_REVOKED, caller, row.klien_id, key_id=key_id)
        return row


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _base62(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))
