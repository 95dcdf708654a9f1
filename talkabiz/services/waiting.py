"""Waiting for what a session shows next, and saying why it doesn't come."""

from __future__ import annotations

from talkabiz.domain.refusals import why_no_code, why_no_qr
from talkabiz.domain.states import Session, Status
from talkabiz.services.runner import Runner

CODE_SECONDS = 12.0
"""The port answers about a code to type within so many seconds."""


async def wait_for_qr(runner: Runner, seconds: float) -> None:
    """Until the first QR is there, or whatever else comes of it, or the time is over. Raises what `why_no_qr` says."""
    await runner.wait_for(_is_settled, seconds)
    if error := why_no_qr(runner.session):
        raise error


async def wait_for_code(runner: Runner, phone: str, seconds: float = CODE_SECONDS) -> None:
    """The same for a code to type, which needs a QR to be there; else nothing is waited for. Raises `why_no_code`."""
    if runner.session.status is Status.QR_REQUESTED:
        return
    await runner.wait_for(lambda session: not _awaits_code(session, phone), seconds)
    if error := why_no_code(runner.session, phone):
        raise error


def _is_settled(session: Session) -> bool:
    return session.status not in {Status.QR_REQUESTED, Status.RECONNECTING}


def _awaits_code(session: Session, phone: str) -> bool:
    request = session.round.request if session.round and session.status is Status.QR_READY else None
    return request is not None and request.phone == phone and not request.text and not request.refusal
