"""How a session changes: the few moves that all rules are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from talkabiz.domain import effects as e, inputs as i
from talkabiz.domain.backoff import delay_seconds
from talkabiz.domain.pairing import CodeRequest, Round
from talkabiz.domain.states import Moment, Reason, Session, Status, Step

UNTRIED: Mapping[str, Any] = {"tries": 0, "refusals": 0}
"""What a link that came up, and a person's wish, begin anew with."""


def to(s: Session, m: Moment, status: Status, reason: Reason | None = None, **changes: Any) -> Session:
    """The session in a status. Reason, detail and retry_at are those of the new status or none."""
    since = s.since if status is s.status else m.now
    return replace(s, status=status, since=since, **{"reason": reason, "detail": None, "retry_at": None, **changes})


def at_rest(s: Session, m: Moment, status: Status, reason: Reason | None = None, **changes: Any) -> Session:
    """The session in a status in which no run of the library counts any more."""
    rest = {"attempt": None, "entered_at": None, "ahead": None, "lost_since": None, "degraded_since": None}
    return to(s, m, status, reason, **{**rest, "restarted": False, "round": None, **changes})


def unlinked(s: Session, m: Moment, reason: Reason) -> Session:
    return at_rest(s, m, Status.DISCONNECTED, reason, device=None, me=None, replaced_at=None, **UNTRIED)


def close(s: Session) -> tuple[e.Effect, ...]:
    return (e.CloseAttempt(s.attempt),) if s.attempt else ()


def begin_round(s: Session, x: i.Input, m: Moment, number: int, request: CodeRequest | None = None) -> Step:
    round_ = Round(number, request=request)
    after = at_rest(s, m, Status.QR_REQUESTED, me=None, attempt=x.attempt, round=round_)
    return Step(after, (e.StartPairing(x.attempt),))


def log_in(s: Session, x: i.Input, m: Moment, status: Status, reason: Reason | None, **changes: Any) -> Step:
    """Start the stored device, in a new run."""
    if s.device is None:
        return Step(s)
    after = at_rest(s, m, status, reason, attempt=x.attempt, **changes)
    return Step(after, (*close(s), e.StartSession(x.attempt, s.device)))


def try_later(s: Session, m: Moment, status: Status, reason: Reason, **changes: Any) -> Step:
    """End the run and come back to it by itself, if there is a device to come back to."""
    tries = s.tries + 1
    shortest, longest = m.limits.retry_shortest_seconds, m.limits.retry_longest_seconds
    retry_at = m.after(delay_seconds(tries, m.chance, shortest=shortest, longest=longest)) if s.device else None
    return Step(at_rest(s, m, status, reason, tries=tries, **{"retry_at": retry_at, **changes}), close(s))
