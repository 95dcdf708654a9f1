"""What each cell of the session table does: pure functions from a session, an input and a moment to a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from talkabiz.domain import effects as e, inputs as i, states
from talkabiz.domain.changes import UNTRIED, at_rest, begin_round, close, log_in, to, try_later, unlinked
from talkabiz.domain.pairing import Round
from talkabiz.domain.states import INTERRUPTED, Moment, Reason, Session, Status, Step

Rule = Callable[[Session, Any, Moment], Step | None]
"""None: the wish is refused."""

BAN_OF_UNKNOWN_LENGTH_SECONDS = 3600.0
"""WhatsApp didn't say when a temporary ban ends; asking again sooner could lengthen it."""

# --- wishes -----------------------------------------------------------------------------------------------------------


def keep(s: Session, x: i.Input, m: Moment) -> Step:
    """Listed, and rightly without any effect: the wish is fulfilled already, or the fact is known."""
    del x, m
    return Step(s)


def connect(s: Session, x: i.ConnectAsked | i.RefreshAsked, m: Moment) -> Step:
    if s.device:
        return log_in(s, x, m, Status.RECONNECTING, Reason.RESTORING, **UNTRIED)
    return begin_round(s, x, m, 1)


def refresh(s: Session, x: i.RefreshAsked, m: Moment) -> Step:
    if not x.by_program:
        return connect(s, x, m)
    past = s.round or (Round(1) if s.is_cut_short(m) else None)
    if past and past.may_be_followed(m.limits):
        return begin_round(s, x, m, past.number + 1, past.request)
    return Step(s)


def refresh_by_hand(s: Session, x: i.RefreshAsked, m: Moment) -> Step:
    return Step(s) if x.by_program else connect(s, x, m)


def stop(s: Session, x: i.StopAsked, m: Moment) -> Step:
    del x
    return Step(at_rest(s, m, Status.DISCONNECTED, Reason.STOPPED, **UNTRIED), close(s))


def stop_stored(s: Session, x: i.StopAsked, m: Moment) -> Step:
    del x
    return Step(to(s, m, Status.DISCONNECTED, Reason.STOPPED) if s.device else s)


def disconnect(s: Session, x: i.DisconnectAsked, m: Moment) -> Step:
    del x
    effects = (e.LogOut(s.attempt, s.device),) if s.device else close(s)
    return Step(unlinked(s, m, Reason.BY_USER), effects)


def disconnect_stored(s: Session, x: i.DisconnectAsked, m: Moment) -> Step:
    return disconnect(s, x, m) if s.device else Step(s)


def lose_holder(s: Session, x: i.HolderGone, m: Moment) -> Step:
    """The link is gone with its process; the device isn't, and comes back without a QR."""
    del x
    if s.device:
        return Step(at_rest(s, m, Status.RECONNECTING, Reason.RESTORING))
    return Step(at_rest(s, m, Status.EXPIRED, Reason.QR_TIMEOUT, detail=INTERRUPTED))


def adopt_found(s: Session, x: i.DeviceFound, m: Moment) -> Step:
    if s.device:
        return reject_found(s, x, m)
    return Step(at_rest(s, m, Status.RECONNECTING, Reason.RESTORING, device=x.device, me=x.me, **UNTRIED), close(s))


def reject_found(s: Session, x: i.DeviceFound, m: Moment) -> Step:
    del m
    return Step(s, () if x.device == s.device else (e.LogOut(None, x.device),))


# --- a gateway outside ------------------------------------------------------------------------------------------------


def hear_outside(s: Session, x: i.OutsideReported, m: Moment) -> Step | None:
    """Refused while a device is stored here: its link and another gateway's would be told as one."""
    if s.device:
        return None
    if x.me is None:
        return leave_outside(s, x, m) if s.status is not Status.DISCONNECTED else Step(s)
    return Step(at_rest(s, m, Status.CONNECTED, Reason.EXTERNAL, me=x.me, replaced_at=None, **UNTRIED))


def leave_outside(s: Session, x: i.OutsideReported | i.StopAsked, m: Moment) -> Step:
    """Of all reasons `stopped`: without a device here it is told as "Stopped", and as nothing else.

    Nobody tells us why it ended out there. `by_user` and `logged_out` would claim to know, and no reason at all says
    that it never was linked.
    """
    del x
    return Step(unlinked(s, m, Reason.STOPPED))


# --- facts of pairing -------------------------------------------------------------------------------------------------


def queue(s: Session, x: i.StartQueued, m: Moment) -> Step:
    """Told to who waits for a code; else the place is only shown, for why the link isn't up has been said."""
    del m
    reason = Reason.QUEUED if s.status is Status.QR_REQUESTED else s.reason
    return Step(replace(s, reason=reason, ahead=x.ahead, entered_at=None))


def enter(s: Session, x: i.StartEntered, m: Moment) -> Step:
    del x
    return Step(replace(s, entered_at=m.now, reason=None if s.reason is Reason.QUEUED else s.reason, ahead=None))


def advise_update(s: Session, x: i.OldPhoneScanned, m: Moment) -> Step:
    del x
    return Step(to(s, m, s.status, Reason.UPDATE_WHATSAPP))


def expire(s: Session, x: i.Input, m: Moment) -> Step:
    """Hide the codes. The run isn't closed: it can't be without a leak, and its last codes may still be used."""
    del x
    return Step(at_rest(s, m, Status.EXPIRED, Reason.QR_TIMEOUT, round=s.round and s.round.close()))


def pair(s: Session, x: i.Paired, m: Moment) -> Step:
    if s.device:
        return log_out_newcomer(s, x, m)
    others = close(s) if s.attempt != x.attempt else ()
    paired = at_rest(
        s,
        m,
        Status.SCANNING,
        attempt=x.attempt,
        entered_at=m.now,
        device=x.attempt,
        me=x.me,
        replaced_at=None,
        **UNTRIED,
    )
    return Step(paired, others)


def log_out_newcomer(s: Session, x: i.Paired | i.AlreadyLinked, m: Moment) -> Step:
    """A second device was paired: known to us at least, so that it can be taken off the phone again."""
    del m
    return Step(s, () if x.attempt == s.device else (e.LogOut(x.attempt, x.attempt),))


def refuse_number(s: Session, x: i.AlreadyLinked, m: Moment) -> Step:
    if s.device:
        return log_out_newcomer(s, x, m)
    others = close(s) if s.attempt != x.attempt else ()
    after = at_rest(s, m, Status.ERROR, Reason.ALREADY_LINKED)
    return Step(after, (*others, e.LogOut(x.attempt, x.attempt)))


def refuse_scanned(s: Session, x: i.AlreadyLinked, m: Moment) -> Step:
    if x.attempt != s.device:
        return log_out_newcomer(s, x, m)
    after = at_rest(s, m, Status.ERROR, Reason.ALREADY_LINKED, device=None, me=None)
    return Step(after, (e.LogOut(s.attempt, s.device),))


def refuse_pairing(s: Session, x: i.PairingRefused, m: Moment) -> Step:
    after = at_rest(s, m, Status.ERROR, Reason(x.cause.value), device=None, me=None)
    return Step(after, (e.ForgetDevice(s.attempt, s.device),) if s.device else close(s))


def fail(reason: Reason) -> Rule:
    """A rule that ends the run in an error which only a person can end."""

    def rule(s: Session, x: i.Input, m: Moment) -> Step:
        detail = x.detail if isinstance(x, i.EngineFailed) and x.detail else None
        return Step(at_rest(s, m, Status.ERROR, reason, detail=detail), close(s))

    return rule


def stall(s: Session, x: i.ScanStalled, m: Moment) -> Step:
    """Scanned and stored, but not connected: the reconnect after pairing may have failed silently, so once more."""
    if s.restarted:
        return Step(at_rest(s, m, Status.ERROR, Reason.PAIR_STALLED), close(s))
    return log_in(s, x, m, Status.SCANNING, None, restarted=True)


# --- facts of the link ------------------------------------------------------------------------------------------------


def reconnect(reason: Reason) -> Rule:
    """A rule for a link that is lost while the library itself goes on trying: the run is kept."""

    def rule(s: Session, x: i.Input, m: Moment) -> Step:
        detail = x.code if isinstance(x, i.StreamErrored) else None
        heard = {"entered_at": m.now, "ahead": None, "lost_since": None, "degraded_since": None}
        return Step(to(s, m, Status.RECONNECTING, reason, detail=detail, **heard))

    return rule


def retry_route(s: Session, x: i.NoRoute, m: Moment) -> Step:
    del x
    return try_later(s, m, Status.RECONNECTING, Reason.UNREACHABLE)


def fail_engine(s: Session, x: i.EngineFailed, m: Moment) -> Step:
    status = Status.ERROR if x.lasting or not s.device else Status.RECONNECTING
    return try_later(s, m, status, Reason.ENGINE, detail=x.detail or None)


def leave_alone(s: Session, x: i.OtherNetwork, m: Moment) -> Step:
    """The device is kept for the process that speaks with its own WhatsApp again. Here only a person can decide."""
    detail = states.REAL_DEVICE if x.is_real else states.SANDBOX_DEVICE
    return Step(at_rest(s, m, Status.ERROR, Reason.ENGINE, detail=detail), close(s))


def log_out(s: Session, x: i.LoggedOut, m: Moment) -> Step:
    effects = (e.ForgetDevice(s.attempt, s.device),) if s.device else ()
    return Step(unlinked(s, m, Reason(x.cause.value)), effects)


def replace_elsewhere(s: Session, x: i.Replaced, m: Moment) -> Step:
    """Taken over elsewhere. Once we take it back; a second time within the window, a person decides."""
    del x
    window = timedelta(seconds=m.limits.replaced_window_seconds)
    again = s.replaced_at is not None and m.now - s.replaced_at < window
    retry_at = None if again else m.after(m.limits.replaced_retry_seconds)
    after = at_rest(s, m, Status.ERROR, Reason.REPLACED, retry_at=retry_at, replaced_at=m.now)
    return Step(after, close(s))


def ban(s: Session, x: i.Banned, m: Moment) -> Step:
    until = x.until if x.until and x.until > m.now else m.after(BAN_OF_UNKNOWN_LENGTH_SECONDS)
    after = at_rest(s, m, Status.ERROR, Reason.TEMPORARY_BAN, retry_at=until, detail=str(x.code) if x.code else None)
    return Step(after, close(s))


def refuse_link(s: Session, x: i.ConnectRefused, m: Moment) -> Step:
    """Tried again a few times. Only refusals count: an outage before them says nothing about the next one."""
    refusals, detail = s.refusals + 1, str(x.code) if x.code else None
    step = try_later(s, m, Status.ERROR, Reason.CONNECT_REFUSED, refusals=refusals, detail=detail)
    if refusals > m.limits.refused_tries:
        return replace(step, session=replace(step.session, retry_at=None))
    return step


# --- alarms -----------------------------------------------------------------------------------------------------------


def only_if(holds: Callable[[Session], object], rule: Rule) -> Rule:
    """A rule for an alarm that may have rung while what it was about ended."""
    return lambda s, x, m: rule(s, x, m) if holds(s) else Step(s)


def miss_route(s: Session, x: i.RouteMissed, m: Moment) -> Step:
    del x
    return Step(to(s, m, Status.RECONNECTING, Reason.UNREACHABLE))


def retry(s: Session, x: i.RetryDue, m: Moment) -> Step:
    reason = s.reason if s.status is Status.RECONNECTING else Reason.RESTORING
    return log_in(s, x, m, Status.RECONNECTING, reason)
