"""What of each session outlives the process, and its reflection in the columns wa_… of its klien.

In SQL, not through the models: each transition passes here, and pages of them, and Tortoise's objects cost ten times
what the rows cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from talkabiz.domain.errors import NotFound
from talkabiz.domain.inputs import Me
from talkabiz.domain.outcomes import NEW_CONTACT_LIMITED
from talkabiz.domain.states import Reason, Session, Status
from talkabiz.store.database import connected


@dataclass(frozen=True, slots=True)
class StoredSession:
    klien_id: int
    session_id: str | None
    """The name that a program gave it, or ours. None: it was never started."""
    seq: int
    """The klien's last durable event."""
    session: Session
    """What dies with the process is at its defaults. `limited_until` is the pause of its queue (`store.paces`)."""


_SAVE_KLIEN = """
    UPDATE kliens SET wa_terhubung = ?, wa_nomor = ?, wa_lid = ?, wa_nama = ?, updated_at = ? WHERE id = ?
"""
_SAVE_SESSION = """
    INSERT INTO sessions (klien_id, session_id, status, reason, detail, since, retry_at, device,
                          me_phone, me_lid, me_name, me_platform, tries, replaced_at, last_active_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (klien_id) DO UPDATE SET
        session_id = excluded.session_id, status = excluded.status, reason = excluded.reason,
        detail = excluded.detail, since = excluded.since, retry_at = excluded.retry_at, device = excluded.device,
        me_phone = excluded.me_phone, me_lid = excluded.me_lid, me_name = excluded.me_name,
        me_platform = excluded.me_platform, tries = excluded.tries, replaced_at = excluded.replaced_at,
        last_active_at = CASE WHEN sessions.status = 'connected' THEN excluded.updated_at
                              ELSE COALESCE(excluded.last_active_at, sessions.last_active_at) END,
        updated_at = excluded.updated_at
"""
_SELECT = """
    SELECT kliens.id, kliens.seq, kliens.created_at, session_id, status, reason, detail, since, retry_at, device,
           me_phone, me_lid, me_name, me_platform, tries, replaced_at, paused_until, pause_reason
    FROM kliens LEFT JOIN sessions ON sessions.klien_id = kliens.id
         LEFT JOIN paces ON paces.klien_id = kliens.id
"""
_ONE = f"{_SELECT} WHERE kliens.id = ?"
_STARTED = f"{_SELECT} WHERE sessions.klien_id IS NOT NULL ORDER BY last_active_at DESC, kliens.id"
_PAGE = f"{_SELECT} WHERE kliens.id > ? ORDER BY kliens.id LIMIT ?"
_OWNER = "SELECT klien_id FROM sessions WHERE me_phone = ? AND (device IS NOT NULL OR reason = ?) LIMIT 1"


async def save(klien_id: int, session: Session, session_id: str | None, now: datetime) -> None:
    """Inside a transaction.

    Raises:
        NotFound: there is no such klien (any more).
    """
    me = session.me or Me("")
    # What wasn't told is NULL, so that "no number" has one spelling.
    told = [value or None for value in (me.phone, me.lid, me.name, me.platform)]
    klien = [session.wa_terhubung, *told[:3], now, klien_id]
    if not (await connected().execute_query(_SAVE_KLIEN, klien))[0]:
        raise NotFound
    row = [klien_id, session_id, session.status, session.reason, session.detail, session.since, session.retry_at]
    row += [session.device, *told, session.tries, session.replaced_at, now if session.wa_terhubung else None, now]
    await connected().execute_query(_SAVE_SESSION, row)


async def load(klien_id: int) -> StoredSession | None:
    """None: there is no such klien. One that was never started is disconnected since it was added."""
    return next(iter(await _stored(_ONE, klien_id)), None)


async def load_all() -> list[StoredSession]:
    """Those that were ever started, the last active first."""
    return await _stored(_STARTED)


async def page(after: int, limit: int) -> list[StoredSession]:
    """Of every klien whose id is above `after`, by id."""
    return await _stored(_PAGE, after, limit)


async def owner_of(phone: str) -> int | None:
    """The klien that holds a device of the account with this number, or is linked with it by a gateway outside."""
    _, rows = await connected().execute_query(_OWNER, [phone, Reason.EXTERNAL])
    return rows[0]["klien_id"] if rows else None


async def _stored(question: str, *values: int) -> list[StoredSession]:
    _, rows = await connected().execute_query(question, list(values))
    return [StoredSession(row["id"], row["session_id"], row["seq"], _session(row)) for row in rows]


def _session(row: Mapping[str, Any]) -> Session:
    if row["status"] is None:
        return Session(since=datetime.fromisoformat(row["created_at"]), limited_until=_limited_until(row))
    return Session(
        since=datetime.fromisoformat(row["since"]),
        status=Status(row["status"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        detail=row["detail"],
        retry_at=_time(row["retry_at"]),
        device=row["device"],
        me=_me(row),
        tries=row["tries"],
        replaced_at=_time(row["replaced_at"]),
        limited_until=_limited_until(row),
    )


def _limited_until(row: Mapping[str, Any]) -> datetime | None:
    return _time(row["paused_until"]) if row["pause_reason"] == NEW_CONTACT_LIMITED else None


def _me(row: Mapping[str, Any]) -> Me | None:
    if not row["me_phone"]:
        return None
    return Me(row["me_phone"], row["me_lid"] or "", row["me_name"] or "", row["me_platform"] or "")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
