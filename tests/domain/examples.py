"""Sessions as they stand in each status, and one of each input: what the tests and the diagram put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.domain.inputs import LogoutCause, PairFailure
from talkabiz.domain.limits import Limits
from talkabiz.domain.pairing import CodeRequest, Round
from talkabiz.domain.session import decide
from talkabiz.domain.states import Moment, Reason, Session, Status

LIMITS = Limits()
BEGAN = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)
NOW = BEGAN + timedelta(seconds=7)
ME = i.Me("628123456789", "111@lid", "Toko Maju", "android")
STRANGER = i.Me("628999999999", "222@lid", "Orang Lain", "iphone")

OUTSIDER = i.Me("628777777777")
"""All that a gateway outside tells of an account."""

PHONE = "628111111111"
"""The number that a code to type is asked for."""

FRESH, RUN, OLD, DEVICE, FOUND = "fresh", "run", "old", "device", "found"
"""Attempts and devices: the fresh name that wishes bring, the current run, one of an earlier round; the stored
device, and another one found on disk."""


def at(seconds: float) -> datetime:
    """That many seconds after the session's status began."""
    return BEGAN + timedelta(seconds=seconds)


def moment(seconds: float = 7, chance: float = 0.5, limits: Limits = LIMITS) -> Moment:
    return Moment(at(seconds), limits, chance)


LIMITED_UNTIL = at(90_000)
"""Later than any test that doesn't wait for it."""

_linked = partial(Session, since=BEGAN, device=DEVICE, me=ME)
_running = partial(_linked, attempt=RUN, entered_at=BEGAN)

SESSIONS: Mapping[str, Session] = {
    "new": Session(BEGAN),
    "stopped": _linked(status=Status.DISCONNECTED, reason=Reason.STOPPED),
    "qr_requested": Session(BEGAN, Status.QR_REQUESTED, attempt=RUN, entered_at=BEGAN, round=Round(1)),
    "qr_ready": Session(
        BEGAN, Status.QR_READY, attempt=RUN, entered_at=BEGAN, round=Round(1).show("2@first", BEGAN, LIMITS)
    ),
    "asked": Session(
        BEGAN, Status.QR_READY, attempt=RUN, entered_at=BEGAN, round=Round(1).show("2@first", BEGAN, LIMITS).ask(PHONE)
    ),
    "typed": Session(
        *(BEGAN, Status.QR_READY),
        attempt=RUN,
        entered_at=BEGAN,
        round=Round(1)
        .show("2@first", BEGAN, LIMITS)
        .ask(PHONE)
        .answer(CodeRequest(PHONE, is_asked=True), "ABCD-EFGH", LIMITS),
    ),
    "expired": Session(BEGAN, Status.EXPIRED, Reason.QR_TIMEOUT, round=Round(1, closes_at=BEGAN)),
    "scanning": _linked(status=Status.SCANNING, attempt=DEVICE, entered_at=BEGAN),
    "restarted": _linked(status=Status.SCANNING, attempt=RUN, restarted=True),
    "connected": _running(status=Status.CONNECTED),
    "doubted": _running(status=Status.CONNECTED, reason=Reason.DEGRADED, lost_since=at(5), degraded_since=at(1)),
    "limited": _running(status=Status.CONNECTED, reason=Reason.REACHOUT_LIMITED, limited_until=LIMITED_UNTIL),
    "reconnecting": _running(status=Status.RECONNECTING, reason=Reason.LINK_LOST),
    "waiting": _linked(status=Status.RECONNECTING, reason=Reason.UNREACHABLE, retry_at=at(9), tries=2),
    "outside": Session(BEGAN, Status.CONNECTED, Reason.EXTERNAL, me=OUTSIDER),
    "refused": Session(BEGAN, Status.ERROR, Reason.PAIR_FAILED),
    "replaced": _linked(status=Status.ERROR, reason=Reason.REPLACED, retry_at=at(30), replaced_at=BEGAN),
}
"""By name. `stopped`, `scanning` to `waiting` and `replaced` have a device; `stopped`, `expired`, `waiting`, `outside`,
`refused`, `replaced` and `new` have no run."""

Make = Callable[[str], i.Input]

WISHES: Mapping[str, Make] = {
    "ConnectAsked": i.ConnectAsked,
    "RefreshAsked": i.RefreshAsked,
    "RefreshAsked by program": partial(i.RefreshAsked, by_program=True),
    "PairingCodeAsked": partial(c.PairingCodeAsked, phone=PHONE),
    "StopAsked": i.StopAsked,
    "DisconnectAsked": i.DisconnectAsked,
    "HolderGone": i.HolderGone,
    "DeviceFound": partial(i.DeviceFound, device=FOUND, me=STRANGER),
    "DeviceFound own": partial(i.DeviceFound, device=DEVICE, me=ME),
    "OutsideReported": partial(i.OutsideReported, me=OUTSIDER),
    "OutsideReported gone": i.OutsideReported,
}
FACTS: Mapping[str, Make] = {
    "StartQueued": i.StartQueued,
    "StartEntered": i.StartEntered,
    "CodeIssued": partial(i.CodeIssued, text="2@next"),
    "PairingCodeIssued": partial(c.PairingCodeIssued, text="ABCD-EFGH", phone=PHONE),
    "PairingCodeRefused": partial(c.PairingCodeRefused, phone=PHONE, cause=c.CodeRefusal.TOO_OFTEN),
    "PairingCodeMistyped": c.PairingCodeMistyped,
    "CodesRanOut": i.CodesRanOut,
    "OldPhoneScanned": i.OldPhoneScanned,
    "Paired": partial(i.Paired, me=STRANGER),
    "Paired old": partial(i.Paired, me=STRANGER),
    "Paired own": partial(i.Paired, me=ME),
    "AlreadyLinked": partial(i.AlreadyLinked, me=STRANGER),
    "AlreadyLinked old": partial(i.AlreadyLinked, me=STRANGER),
    "AlreadyLinked own": partial(i.AlreadyLinked, me=ME),
    "PairingRefused failed": partial(i.PairingRefused, cause=PairFailure.PAIR_FAILED),
    "PairingRefused passkey": partial(i.PairingRefused, cause=PairFailure.PASSKEY_REQUIRED),
    "PairingRefused outdated": partial(i.PairingRefused, cause=PairFailure.CLIENT_OUTDATED),
    "Connected": i.Connected,
    "LinkLost": i.LinkLost,
    "KeepaliveMissed": i.KeepaliveMissed,
    "KeepaliveRestored": i.KeepaliveRestored,
    "StreamErrored": partial(i.StreamErrored, code="516"),
    "LoggedOut": partial(i.LoggedOut, cause=LogoutCause.LOGGED_OUT),
    "LoggedOut locked": partial(i.LoggedOut, cause=LogoutCause.ACCOUNT_LOCKED),
    "LoggedOut banned": partial(i.LoggedOut, cause=LogoutCause.ACCOUNT_BANNED),
    "Replaced": i.Replaced,
    "Banned": partial(i.Banned, until=at(3600), code=101),
    "Outdated": i.Outdated,
    "ConnectRefused": partial(i.ConnectRefused, code=418),
    "NoRoute": i.NoRoute,
    "OtherNetwork": partial(i.OtherNetwork, is_real=False),
    "OtherNetwork real": partial(i.OtherNetwork, is_real=True),
    "EngineFailed": i.EngineFailed,
    "EngineFailed lasting": partial(i.EngineFailed, detail="disk full", lasting=True),
}
NOTICES: Mapping[str, Make] = {
    "ReachoutLimited": partial(i.ReachoutLimited, until=LIMITED_UNTIL),
    "ReachoutLimited no longer": partial(i.ReachoutLimited, until=None),
}
ALARMS: Mapping[str, Make] = {
    "QrRequestTimedOut": i.QrRequestTimedOut,
    "RoundClosed": i.RoundClosed,
    "ScanStalled": i.ScanStalled,
    "LinkLossConfirmed": i.LinkLossConfirmed,
    "KeepaliveGivenUp": i.KeepaliveGivenUp,
    "ReachoutLimitEnded": i.ReachoutLimitEnded,
    "RouteMissed": i.RouteMissed,
    "RetryDue": i.RetryDue,
}
INPUTS: Mapping[str, Make] = {**WISHES, **FACTS, **NOTICES, **ALARMS}


def make(label: str, session: Session, fresh: str = FRESH) -> i.Input:
    """The input as it would reach that session.

    All but facts bring a fresh name. Facts are about the current run, or, where none counts, about an old one; `… old`
    is always about an old one, and `… own` about the run that paired the stored device. A run that logs a stored device
    in never pairs another.
    """
    if label not in FACTS:
        return INPUTS[label](fresh)
    if label.endswith(" own"):
        return INPUTS[label](session.device or DEVICE)
    if label.endswith(" old") or (session.device and label in {"Paired", "AlreadyLinked"}):
        return INPUTS[label](OLD)
    return INPUTS[label](session.attempt or OLD)


def leaves() -> frozenset[type[i.Input]]:
    """Every kind of input that can really happen."""
    names = (*vars(i).values(), *vars(c).values())
    kinds = {kind for kind in names if isinstance(kind, type) and issubclass(kind, i.Input)}
    return frozenset(kind for kind in kinds if not any(kind in other.__bases__ for other in kinds))


def live_through(session: Session, *inputs: tuple[float, i.Input], limits: Limits = LIMITS) -> Session:
    """The session after inputs at those seconds."""
    for seconds, what in inputs:
        step = decide(session, what, moment(seconds, limits=limits))
        session = step.session if step else session
    return session


def told_of(session: Session) -> str:
    """`status(reason)`, as tests write it."""
    return f"{session.status}({session.reason})" if session.reason else str(session.status)
