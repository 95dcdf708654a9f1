"""The snapshot: the one shape in which a session is shown, to REST, sockets and the terminal alike."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from talkabiz.domain.ids import clean_name
from talkabiz.domain.klien import iso
from talkabiz.domain.limits import Limits
from talkabiz.domain.pairing import Code, Round
from talkabiz.domain.sentences import sentence
from talkabiz.domain.states import Session, Status

Snapshot = dict[str, Any]

_IN_PAIRING = {Status.QR_REQUESTED, Status.QR_READY}

EVENT_TYPES = {status: status.value for status in Status} | {Status.ERROR: "session_error"}
"""The name of the event that tells a transition into a status. `error` is taken by Socket.IO clients."""


def make_snapshot(
    klien_id: int,
    session: Session,
    *,
    session_id: str | None,
    seq: int,
    limits: Limits,
    now: datetime,
    svg: str | None = None,
) -> Snapshot:
    """The session as everybody sees it; `svg` is the picture of the code that is on show, if one is."""
    code = session.round.code if session.round and session.status is Status.QR_READY else None
    return {
        "klien_id": klien_id,
        "session_id": session_id,
        "seq": seq,
        "status": session.status.value,
        "reason": session.reason.value if session.reason else None,
        "detail": _detail(session),
        "wa_terhubung": session.wa_terhubung,
        "message": sentence(session).as_dict(),
        "since": iso(session.since),
        "retry_at": iso(session.retry_at) if session.retry_at else None,
        "server_now": iso(now),
        "qr": _qr(code, svg) if code else None,
        "pairing": _pairing(session.round, limits) if session.round and session.status in _IN_PAIRING else None,
        "me": _me(session),
    }


def _detail(session: Session) -> dict[str, Any] | None:
    """`code`: WhatsApp's of a refusal, or a fault's text. `ahead`: so many starts come before this one."""
    code = {"code": session.detail} if session.detail else {}
    ahead = {"ahead": session.ahead} if session.ahead is not None else {}
    return {**code, **ahead} or None


def _qr(code: Code, svg: str | None) -> dict[str, Any]:
    return {
        "code": code.text,
        "svg": svg,
        "n": code.n,
        "of": code.of,
        "issued_at": iso(code.issued_at),
        "expires_at": iso(code.expires_at),
    }


def _pairing(current: Round, limits: Limits) -> dict[str, Any]:
    request = current.request
    return {
        "round": current.number,
        "rounds": limits.auto_refresh_rounds,
        "closes_at": iso(current.closes_at) if current.closes_at else None,
        "code": request.text if request else None,
        "code_expires_at": iso(request.expires_at) if request and request.expires_at else None,
    }


def _me(session: Session) -> dict[str, Any] | None:
    me = session.me
    if me is None:
        return None
    return {"phone": me.phone, "lid": me.lid or None, "name": clean_name(me.name), "platform": me.platform or None}
