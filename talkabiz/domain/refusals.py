"""Why a session refuses a wish: what its sender is told."""

from __future__ import annotations

import math

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.domain.errors import IllegalState, RateLimited, TalkabizError
from talkabiz.domain.sentences import CODES_USED_UP, LINKED_HERE, NOT_BY_CODE
from talkabiz.domain.states import Moment, Session, Status


def refusal_of(session: Session, wish: i.Wish, moment: Moment) -> TalkabizError:
    """For a wish that `session.decide` has refused."""
    if not isinstance(wish, c.PairingCodeAsked):
        return IllegalState(LINKED_HERE)
    if session.status is not Status.QR_READY:
        return IllegalState(NOT_BY_CODE)
    closes_at = session.round.closes_at if session.round else None
    left = (closes_at - moment.now).total_seconds() if closes_at else 0.0
    return RateLimited(CODES_USED_UP, retry_after=max(1, math.ceil(left)))
