"""What each cell of the session table does about codes: those to scan, and the one to type."""

from __future__ import annotations

from dataclasses import replace

from talkabiz.domain import code_inputs as c, effects as e, inputs as i
from talkabiz.domain.changes import at_rest, begin_round, to
from talkabiz.domain.pairing import CodeRequest, Round
from talkabiz.domain.states import Moment, Reason, Session, Status, Step


def show_code(s: Session, x: i.CodeIssued, m: Moment) -> Step:
    """The next one to scan; with the first, the one to type is asked for, if somebody wished for it before."""
    shown = (s.round or Round(1)).show(x.text, m.now, m.limits)
    wish = shown.request
    if wish is None or wish.is_asked:
        return Step(to(s, m, Status.QR_READY, round=shown))
    return Step(to(s, m, Status.QR_READY, round=shown.ask(wish.phone)), (e.AskPairingCode(x.attempt, wish.phone),))


def link_by_code(s: Session, x: c.PairingCodeAsked, m: Moment) -> Step | None:
    return None if s.device else begin_round(s, x, m, 1, CodeRequest(x.phone))


def wish_for_code(s: Session, x: c.PairingCodeAsked, m: Moment) -> Step:
    """Before the first code to scan WhatsApp can't be asked yet."""
    del m
    return Step(replace(s, round=replace(s.round or Round(1), request=CodeRequest(x.phone))))


def ask_for_code(s: Session, x: c.PairingCodeAsked, m: Moment) -> Step | None:
    """Once for one number, as long as its code is good."""
    if s.round is None or s.attempt is None:
        return None
    request = s.round.request
    if request and request.phone == x.phone and request.is_good(m.now):
        return Step(s)
    if not s.round.may_ask():
        return None
    return Step(replace(s, round=s.round.ask(x.phone)), (e.AskPairingCode(s.attempt, x.phone),))


def take_code(s: Session, x: c.PairingCodeIssued, m: Moment) -> Step:
    """Unless another number has been asked for since: its own code is still to come."""
    request = _request_for(s, x.phone)
    return Step(replace(s, round=s.round.answer(request, x.text, m.limits)) if s.round and request else s)


def miss_code(s: Session, x: c.PairingCodeRefused, m: Moment) -> Step:
    del m
    request = _request_for(s, x.phone)
    if s.round is None or request is None or request.text:
        return Step(s)
    return Step(replace(s, round=replace(s.round, request=replace(request, refusal=x.cause))))


def spoil_codes(s: Session, x: c.PairingCodeMistyped, m: Moment) -> Step:
    """The codes on show can't be scanned any more, so the round ends before its time. The next one brings a code to
    type by itself: whoever mistyped is still there. The run is left alive, since the right code would still link.
    """
    del x
    past = s.round.close() if s.round else None
    if past and s.round and s.round.request:
        past = replace(past, request=CodeRequest(s.round.request.phone))
    return Step(at_rest(s, m, Status.EXPIRED, Reason.QR_TIMEOUT, round=past))


def _request_for(s: Session, phone: str) -> CodeRequest | None:
    request = s.round.request if s.round else None
    return request if request and request.is_asked and request.phone == phone else None
