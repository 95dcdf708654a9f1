"""The audit log: who did what, kept in the database and told in the log."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog

from talkabiz.domain.access import Caller
from talkabiz.services.ports import Clock
from talkabiz.store import audit
from talkabiz.store.audit import AuditEntry

KEEP_DAYS = 400

log = structlog.get_logger(__name__)


class Action(StrEnum):
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    LOGOUT_EVERYWHERE = "logout_everywhere"
    LOGIN_LINK_MADE = "login_link_made"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an action
    KEY_MADE = "key_made"
    KEY_REVOKED = "key_revoked"
    LINK_TOKEN_MADE = "link_token_made"  # noqa: S105 - as above
    SESSION_STARTED = "session_started"
    SESSION_REFRESHED = "session_refreshed"
    PAIRING_CODE_ASKED = "pairing_code_asked"
    SESSION_STOPPED = "session_stopped"
    SESSION_DISCONNECTED = "session_disconnected"
    SESSION_TOLD = "session_told"  #: by a gateway outside
    KLIEN_ADDED = "klien_added"
    KLIEN_RENAMED = "klien_renamed"
    KLIEN_DELETED = "klien_deleted"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_DELETED = "webhook_deleted"
    WEBHOOK_SECRET_ROTATED = "webhook_secret_rotated"  # noqa: S105 - as above
    WEBHOOK_TESTED = "webhook_tested"
    WEBHOOK_REPLAYED = "webhook_replayed"
    INCOMING_SECRET_MADE = "incoming_secret_made"  # noqa: S105 - as above


class Audit:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def note(
        self, action: Action, caller: Caller, klien_id: int | None = None, **detail: str | int | None
    ) -> None:
        """Part of the open transaction, if there is one. `detail` holds ids and names, never a secret."""
        entry: dict[str, Any] = {"actor": caller.actor, "address": caller.address, "action": action.value}
        await audit.append(self._clock.now(), **entry, klien_id=klien_id, detail=detail)
        log.info("audit", **entry, klien_id=klien_id, **detail)

    async def page(self, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
        """The newest first."""
        return await audit.page(before, limit)

    async def forget_old(self) -> None:
        """What is older than KEEP_DAYS."""
        await audit.forget(self._clock.now() - timedelta(days=KEEP_DAYS))
