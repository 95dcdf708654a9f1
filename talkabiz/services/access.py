"""Who may do what: credentials are made, checked and ended here. Web and realtime both ask.

Tokens are random (at least 190 bits), so that a plain SHA-256 of them is enough to store; a token itself exists only in
the answer that made it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from contextlib import suppress
from datetime import datetime, timedelta

from talkabiz.domain.access import Kind, Principal, Scope
from talkabiz.services.ports import Clock
from talkabiz.store import keys
from talkabiz.store.errors import StoreError

KEY_PREFIX = "tkb_"
LOGIN_LINK_MINUTES = 15
LOGIN_DAYS = 14
TOUCH_SECONDS = 60
"""How exact a key's `last used` is: a write for each request would cost more than the request."""

_BASE62 = string.ascii_letters + string.digits
_PUBLIC_LENGTH = 8
_SECRET_LENGTH = 32
_LONGEST_TOKEN = 512  # an operator's own API_KEY may be long; what is longer isn't worth hashing


class Access:
    def __init__(self, clock: Clock, api_key: str | None = None) -> None:
        """`api_key` is an admin key chosen by the operator (the API_KEY setting)."""
        self._clock = clock
        self._api_key_hash = token_hash(api_key) if api_key else None
        self._touched: dict[int, datetime] = {}

    # --- keys ---------------------------------------------------------------------------------------------------------

    async def by_token(self, token: str) -> Principal | None:
        """Whoever holds this key. None: no such key, or not any more."""
        if not 0 < len(token) <= _LONGEST_TOKEN:
            return None
        hashed = token_hash(token)
        if self._api_key_hash and hmac.compare_digest(hashed, self._api_key_hash):
            return Principal(Kind.ADMIN, credential_id=0)
        return await self._by_key_hash(hashed)

    async def _by_key_hash(self, hashed: str) -> Principal | None:
        now = self._clock.now()
        row = await keys.find_key(hashed)
        if row is None or row.revoked_at or (row.expires_at and row.expires_at <= now):
            return None
        if now - self._touched.get(row.id, datetime.min.replace(tzinfo=now.tzinfo)) >= timedelta(seconds=TOUCH_SECONDS):
            self._touched[row.id] = now
            with suppress(StoreError):  # a database that can only be read is no reason to turn its reader away
                await keys.touch_key(row.id, now)
        return Principal(Kind(row.kind), row.id, row.klien_id, frozenset(Scope(scope) for scope in row.scopes))

    async def make_key(
        self,
        kind: Kind,
        klien_id: int | None = None,
        scopes: frozenset[Scope] = frozenset(Scope),
        label: str = "",
        expires_at: datetime | None = None,
    ) -> str:
        """A new key: `tkb_<8 public>_<32 secret>`. This answer is the only place where it ever stands whole."""
        token = f"{KEY_PREFIX}{_base62(_PUBLIC_LENGTH)}_{_base62(_SECRET_LENGTH)}"
        await keys.add_key(token_hash(token), kind, klien_id, scopes, label, expires_at)
        return token

    async def ensure_admin_key(self) -> str | None:
        """At the first start: an admin key. None: there is one already, or the operator chose one."""
        if self._api_key_hash or await keys.any_admin_key():
            return None
        return await self.make_key(Kind.ADMIN, label="first start")

    # --- people -------------------------------------------------------------------------------------------------------

    async def make_login_link(self) -> str:
        """The token of a link that logs one browser in, once."""
        token = secrets.token_urlsafe(32)
        await keys.add_link(token_hash(token), self._clock.now() + timedelta(minutes=LOGIN_LINK_MINUTES))
        return token

    async def peek_link(self, token: str) -> bool:
        """Whether the link would still work. Doesn't use it up: mail scanners and previews open links too."""
        return await keys.peek_link(token_hash(token), self._clock.now())

    async def log_in(self, token: str) -> str | None:
        """Use the link up for a login; its opaque value goes into the cookie. None: used, expired or unknown."""
        now = self._clock.now()
        if not await keys.use_link(token_hash(token), now):
            return None
        login = secrets.token_urlsafe(32)
        await keys.add_login(token_hash(login), now, now + timedelta(days=LOGIN_DAYS))
        return login

    async def by_login(self, login: str) -> Principal | None:
        """The operator's person whose browser holds this login."""
        if not 0 < len(login) <= _LONGEST_TOKEN:
            return None
        row = await keys.find_login(token_hash(login), self._clock.now())
        return Principal(Kind.OPERATOR, row.id) if row else None

    async def has_anybody_logged_in(self) -> bool:
        """Whether a login link has ever been used."""
        return await keys.any_login()

    async def log_out(self, login: str) -> None:
        await keys.end_login(token_hash(login), self._clock.now())


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _base62(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))
