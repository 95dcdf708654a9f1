"""Why a session refuses a wish, or why nothing came of it: what its sender is told."""

from __future__ import annotations

import math

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.domain.code_inputs import CodeRefusal
from talkabiz.domain.errors import (
    IllegalState,
    InvalidInput,
    PairingCodeRefused,
    PairingCodeTimeout,
    QrRequestTimeout,
    RateLimited,
    TalkabizError,
    Unreachable,
)
from talkabiz.domain.sentences import (
    CODES_USED_UP,
    LINKED_HERE,
    NO_SUCH_PHONE,
    NOT_BY_CODE,
    OTHER_CODE_ASKED,
    TOO_MANY_CODES,
)
from talkabiz.domain.states import Moment, Reason, Session, Status

TOO_OFTEN_SECONDS = 60
"""WhatsApp doesn't say when it may be asked again."""


def refusal_of(session: Session, wish: i.Wish, moment: Moment) -> TalkabizError:
    """For a wish that `session.decide` has refused."""
    if not isinstance(wish, c.PairingCodeAsked):
        return IllegalState(LINKED_HERE)
    if session.status is not Status.QR_READY:
        return IllegalState(NOT_BY_CODE)
    closes_at = session.round.closes_at if session.round else None
    left = (closes_at - moment.now).total_seconds() if closes_at else 0.0
    return RateLimited(CODES_USED_UP, retry_after=max(1, math.ceil(left)))


def why_no_qr(session: Session) -> TalkabizError | None:
    """For who has waited for the first code to scan; None: nothing is wrong, or its turn hasn't come."""
    waits_for_code = session.status is Status.QR_REQUESTED and session.reason is not Reason.QUEUED
    if waits_for_code or session.reason is Reason.QR_REQUEST_TIMEOUT:
        return QrRequestTimeout()
    if session.status is Status.ERROR and session.reason is Reason.UNREACHABLE:
        return Unreachable()
    return None


def why_no_code(session: Session, phone: str) -> TalkabizError | None:
    """For who has waited for the code to type into that phone; None: there it is."""
    if session.status is not Status.QR_READY or session.round is None:
        return IllegalState(NOT_BY_CODE)  # it was linked by the other code meanwhile, or ended
    request = session.round.request
    if request is None or request.phone != phone:
        return IllegalState(OTHER_CODE_ASKED)
    match request.refusal:
        case CodeRefusal.INVALID_PHONE:
            return InvalidInput(NO_SUCH_PHONE, fields={"phone": NO_SUCH_PHONE.en})
        case CodeRefusal.TOO_OFTEN:
            return RateLimited(TOO_MANY_CODES, retry_after=TOO_OFTEN_SECONDS)
        case CodeRefusal.FAILED:
            return PairingCodeRefused()
    return None if request.text else PairingCodeTimeout()
