"""The session machine: how one klien's link to WhatsApp changes, as one table of status and input.

Rule 1: nothing else writes a status. One task a session feeds `decide`, stores what comes out, then runs the effects.
Rule 2: nothing here knows a clock, a database or a library. Time, limits and chance are arguments (`Moment`).

The words are in `talkabiz.domain.states`, the inputs in `talkabiz.domain.inputs`, the effects in
`talkabiz.domain.effects`, and what each cell of the table does in `talkabiz.domain.rules`, `.code_rules` and
`.link_rules`.

Theory of operation
-------------------
A *device* is what WhatsApp calls a linked device: keys in a store file, named by the attempt that paired it. An
*attempt* is one run of the library. A session has at most one current attempt, whose facts count; attempts of expired
rounds may live on beside it, because the library can't end one early without a leak and because a phone may still
scan their last code. So:

- A fact of another attempt than the current one changes nothing, but for one: `Paired` is always honoured, or a device
  would stay on somebody's phone that nobody here knows. Without a device of its own the session adopts it; with one,
  and where nobody wants a link (`disconnected`), the newcomer is logged out.
- A pair of status and input that TABLE doesn't list changes nothing. The runner logs it, and tells whoever asked.
- What a person is told changes only with status, reason, retry_at or the account: `is_transition`. Silent memory (a
  link that is lost since two seconds) changes without a transition, so that a blink rings no bells.
- A link may be told by a gateway outside: `connected(external)`, with an account but neither device nor attempt. It has
  a row of its own, OUTSIDE, in which nothing rings and nothing is started; the end of our process doesn't touch it,
  since its holder lives on. Such a report is refused while a device is stored here or an attempt runs: who is linked
  here is told by WhatsApp alone.
- Timers are not kept anywhere: `next_alarm` derives the next one from the session itself, so none can be forgotten
  or come late.
- A passing fault (`reconnecting`) is tried again for ever, by the library as long as its run lives, else by us with
  back-off; a refusal (`error`) only where `retry_at` is set; `disconnected` never.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from talkabiz.domain import code_inputs as c, code_rules as codes, inputs as i, link_rules as links, rules
from talkabiz.domain.limits import Limits
from talkabiz.domain.rules import Rule
from talkabiz.domain.states import Moment, Reason, Session, Status, Step

_NOTICES: Mapping[type[i.Input], Rule] = {i.ReachoutLimited: links.remember_limit}
_FOREIGN_PAIRING: Mapping[type[i.Input], Rule] = {
    i.Paired: rules.log_out_newcomer,
    i.AlreadyLinked: rules.log_out_newcomer,
}
_ADOPTION: Mapping[type[i.Input], Rule] = {
    i.Paired: rules.pair,
    i.AlreadyLinked: rules.refuse_number,
    i.DeviceFound: rules.adopt_found,
}
_CUT_SHORT: Mapping[type[i.Input], Rule] = {
    i.StopAsked: rules.stop,
    i.DisconnectAsked: rules.disconnect,
    i.HolderGone: rules.lose_holder,
}
_RUNNING: Mapping[type[i.Input], Rule] = {
    **_NOTICES,
    **_CUT_SHORT,
    i.ConnectAsked: rules.keep,
    i.RefreshAsked: rules.keep,
    i.Outdated: rules.fail(Reason.CLIENT_OUTDATED),
}
_PAIRING: Mapping[type[i.Input], Rule] = {
    **_RUNNING,
    **_ADOPTION,
    i.CodeIssued: codes.show_code,
    i.PairingRefused: rules.refuse_pairing,
    i.EngineFailed: rules.fail_engine,
}
_LINK: Mapping[type[i.Input], Rule] = {
    **_RUNNING,
    **_FOREIGN_PAIRING,
    i.DeviceFound: rules.reject_found,
    i.Connected: links.come_up,
    i.EngineFailed: rules.fail_engine,
    i.LoggedOut: rules.log_out,
    i.Replaced: rules.replace_elsewhere,
    i.Banned: rules.ban,
    i.ConnectRefused: rules.refuse_link,
}

TABLE: Mapping[Status, Mapping[type[i.Input], Rule]] = {
    Status.DISCONNECTED: {
        **_NOTICES,
        **_FOREIGN_PAIRING,
        i.ConnectAsked: rules.connect,
        i.RefreshAsked: rules.refresh_by_hand,
        c.PairingCodeAsked: codes.link_by_code,
        i.StopAsked: rules.stop_stored,
        i.DisconnectAsked: rules.disconnect_stored,
        i.HolderGone: rules.keep,
        i.DeviceFound: rules.reject_found,
        i.OutsideReported: rules.hear_outside,
    },
    Status.QR_REQUESTED: {
        **_PAIRING,
        c.PairingCodeAsked: codes.wish_for_code,
        i.StartQueued: rules.queue,
        i.StartEntered: rules.enter,
        i.CodesRanOut: rules.fail(Reason.UNREACHABLE),
        i.NoRoute: rules.fail(Reason.UNREACHABLE),
        i.QrRequestTimedOut: rules.only_if(lambda s: s.entered_at, rules.fail(Reason.QR_REQUEST_TIMEOUT)),
    },
    Status.QR_READY: {
        **_PAIRING,
        c.PairingCodeAsked: codes.ask_for_code,
        c.PairingCodeIssued: codes.take_code,
        c.PairingCodeRefused: codes.miss_code,
        c.PairingCodeMistyped: codes.spoil_codes,
        i.OldPhoneScanned: rules.advise_update,
        i.NoRoute: rules.fail(Reason.UNREACHABLE),
        i.CodesRanOut: rules.expire,
        i.RoundClosed: rules.expire,
    },
    Status.SCANNING: {
        **_LINK,
        i.AlreadyLinked: rules.refuse_scanned,
        i.PairingRefused: rules.refuse_pairing,
        i.StartEntered: rules.enter,
        i.NoRoute: rules.retry_route,
        i.OtherNetwork: rules.leave_alone,
        i.ScanStalled: rules.stall,
    },
    Status.CONNECTED: {
        **_LINK,
        i.LinkLost: links.doubt,
        i.LinkLossConfirmed: rules.only_if(lambda s: s.lost_since, rules.reconnect(Reason.LINK_LOST)),
        i.KeepaliveMissed: links.degrade,
        i.KeepaliveRestored: links.recover,
        i.KeepaliveGivenUp: rules.only_if(lambda s: s.degraded_since, rules.reconnect(Reason.KEEPALIVE_TIMEOUT)),
        i.StreamErrored: rules.reconnect(Reason.STREAM_ERROR),
        i.NoRoute: rules.retry_route,
        i.ReachoutLimited: links.limit,
        i.ReachoutLimitEnded: rules.only_if(lambda s: s.limited_until, links.end_limit),
    },
    Status.EXPIRED: {
        **_NOTICES,
        **_ADOPTION,
        i.ConnectAsked: rules.connect,
        i.RefreshAsked: rules.refresh,
        c.PairingCodeAsked: codes.link_by_code,
        i.StopAsked: rules.stop,
        i.DisconnectAsked: rules.disconnect,
        i.HolderGone: rules.keep,
        i.OutsideReported: rules.hear_outside,
    },
    Status.ERROR: {
        **_NOTICES,
        **_ADOPTION,
        i.ConnectAsked: rules.connect,
        i.RefreshAsked: rules.refresh_by_hand,
        c.PairingCodeAsked: codes.link_by_code,
        i.StopAsked: rules.stop,
        i.DisconnectAsked: rules.disconnect,
        i.HolderGone: rules.keep,
        i.OutsideReported: rules.hear_outside,
        i.RetryDue: rules.retry,
    },
    Status.RECONNECTING: {
        **_LINK,
        i.StartQueued: rules.queue,
        i.StartEntered: rules.enter,
        i.StreamErrored: rules.reconnect(Reason.STREAM_ERROR),
        i.NoRoute: rules.retry_route,
        i.OtherNetwork: rules.leave_alone,
        i.RouteMissed: rules.only_if(lambda s: s.entered_at, rules.miss_route),
        i.RetryDue: rules.retry,
    },
}
"""Which rule answers which input in which status. What isn't here changes nothing."""

OUTSIDE: Mapping[type[i.Input], Rule] = {
    **_NOTICES,
    **_FOREIGN_PAIRING,
    i.ConnectAsked: rules.keep,
    i.RefreshAsked: rules.keep,
    i.StopAsked: rules.leave_outside,
    i.DisconnectAsked: rules.disconnect,
    i.HolderGone: rules.keep,
    i.DeviceFound: rules.reject_found,
    i.OutsideReported: rules.hear_outside,
}
"""The row of `connected(external)`, in place of the one of `connected`."""


def decide(session: Session, what: i.Input, moment: Moment) -> Step | None:
    """What becomes of the session. None: nothing; the input is late, or refused, or this status doesn't know it."""
    about_pairing = isinstance(what, i.Paired | i.AlreadyLinked)
    if isinstance(what, i.Fact) and what.attempt != session.attempt and not about_pairing:
        return None
    row = OUTSIDE if session.is_outside else TABLE[session.status]
    rule = row.get(type(what))
    return rule(session, what, moment) if rule else None


def is_transition(before: Session, after: Session) -> bool:
    """Whether people are told and the database is written: everything but silent memory and a further code."""
    return told(before) != told(after)


def told(session: Session) -> tuple[object, ...]:
    """The part of a session that a durable event tells."""
    s = session
    return (s.status, s.reason, s.detail, s.retry_at, s.me, s.device)


@dataclass(frozen=True, slots=True)
class DueAlarm:
    """The alarm that rings next, unless something else happens before."""

    at: datetime
    ring: Callable[[str], i.Alarm]
    """Makes the input, given a fresh attempt's name."""


def next_alarm(session: Session, limits: Limits) -> DueAlarm | None:
    """The one time that matters to this session as it is now, or None."""
    times = {
        Status.QR_REQUESTED: _code_missing,
        Status.QR_READY: _round_end,
        Status.SCANNING: _scan_stall,
        Status.CONNECTED: _link_doubt,
        Status.RECONNECTING: _reconnect_time,
        Status.ERROR: _retry_time,
    }
    when = times.get(session.status)
    return when(session, limits) if when else None


def _later(start: datetime, seconds: float, ring: Callable[[str], i.Alarm]) -> DueAlarm:
    return DueAlarm(start + timedelta(seconds=seconds), ring)


def _code_missing(s: Session, limits: Limits) -> DueAlarm | None:
    return _later(s.entered_at, limits.qr_request_seconds, i.QrRequestTimedOut) if s.entered_at else None


def _round_end(s: Session, limits: Limits) -> DueAlarm | None:
    del limits
    return DueAlarm(s.round.closes_at, i.RoundClosed) if s.round and s.round.closes_at else None


def _scan_stall(s: Session, limits: Limits) -> DueAlarm | None:
    return _later(s.entered_at, limits.scan_stall_seconds, i.ScanStalled) if s.entered_at else None


def _link_doubt(s: Session, limits: Limits) -> DueAlarm | None:
    if s.lost_since:
        return _later(s.lost_since, limits.link_loss_seconds, i.LinkLossConfirmed)
    if s.degraded_since:
        return _later(s.degraded_since, limits.keepalive_seconds, i.KeepaliveGivenUp)
    if s.limited_until and not s.is_outside:
        return DueAlarm(s.limited_until, i.ReachoutLimitEnded)
    return None


def _reconnect_time(s: Session, limits: Limits) -> DueAlarm | None:
    if s.retry_at:
        return DueAlarm(s.retry_at, i.RetryDue)
    if s.entered_at is None:
        return None
    if s.reason is Reason.UNREACHABLE:
        return _later(s.entered_at, limits.reconnect_seconds, i.RetryDue)
    return _later(s.entered_at, limits.route_seconds, i.RouteMissed)


def _retry_time(s: Session, limits: Limits) -> DueAlarm | None:
    del limits
    return DueAlarm(s.retry_at, i.RetryDue) if s.retry_at and s.device else None
