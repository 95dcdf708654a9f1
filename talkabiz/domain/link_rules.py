"""What each cell of the session table does about a link that is up: in doubt, or up with a limit to what it may be used
for. Pure, as `talkabiz.domain.rules`.

Of two reasons the nearer one is told. `degraded` says that the link itself may be about to go, is over within minutes,
and hides `reachout_limited` for so long; this one is remembered meanwhile, also while there is no link at all.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from talkabiz.domain import inputs as i
from talkabiz.domain.changes import UNTRIED, at_rest, to
from talkabiz.domain.states import Moment, Reason, Session, Status, Step


def come_up(s: Session, x: i.Connected, m: Moment) -> Step:
    entered_at, until = s.entered_at or m.now, _ahead(s.limited_until, m)
    run = {"attempt": s.attempt, "entered_at": entered_at, "me": x.me or s.me, "limited_until": until}
    return Step(at_rest(s, m, Status.CONNECTED, _reason(until), **run, **UNTRIED))


def doubt(s: Session, x: i.LinkLost, m: Moment) -> Step:
    del x
    return Step(replace(s, lost_since=s.lost_since or m.now))


def degrade(s: Session, x: i.KeepaliveMissed, m: Moment) -> Step:
    del x
    return Step(to(s, m, Status.CONNECTED, Reason.DEGRADED, degraded_since=s.degraded_since or m.now))


def recover(s: Session, x: i.KeepaliveRestored, m: Moment) -> Step:
    del x
    return _up_until(_ahead(s.limited_until, m), replace(s, degraded_since=None), m)


def limit(s: Session, x: i.ReachoutLimited, m: Moment) -> Step:
    """Told at once, unless the link itself is in doubt."""
    if s.degraded_since:
        return remember_limit(s, x, m)
    return _up_until(_ahead(x.until, m), s, m)


def remember_limit(s: Session, x: i.ReachoutLimited, m: Moment) -> Step:
    """For when it is connected: it is about the account, and not about this run."""
    return Step(replace(s, limited_until=_ahead(x.until, m)))


def end_limit(s: Session, x: i.ReachoutLimitEnded, m: Moment) -> Step:
    """Whatever the clock says: it may have been set meanwhile."""
    return limit(s, i.ReachoutLimited(x.attempt, None), m)


def _up_until(until: datetime | None, s: Session, m: Moment) -> Step:
    return Step(to(s, m, Status.CONNECTED, _reason(until), limited_until=until))


def _reason(until: datetime | None) -> Reason | None:
    return Reason.REACHOUT_LIMITED if until else None


def _ahead(until: datetime | None, m: Moment) -> datetime | None:
    return until if until and until > m.now else None
