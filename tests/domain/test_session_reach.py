"""Every session that can come about, found by trying every input on every session that can come about."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest

from talkabiz.domain import effects as e, inputs as i
from talkabiz.domain.limits import Limits
from talkabiz.domain.session import decide, next_alarm
from talkabiz.domain.states import Moment, Session, Status, Step
from tests.domain.contract import NOT_HERE, REACHABLE, REASONS
from tests.domain.examples import BEGAN, INPUTS, make
from tests.domain.laws import check_session, check_step, ring

LIMITS = Limits(auto_refresh_rounds=2, refused_tries=1)


@dataclass(frozen=True)
class Edge:
    before: Session
    what: i.Input
    step: Step | None

    @property
    def after(self) -> Session:
        return self.step.session if self.step else self.before


def shape(session: Session) -> tuple[object, ...]:
    """Sessions of one shape behave alike: names and times don't matter, only which there are."""
    s = session
    times = (s.retry_at, s.replaced_at, s.entered_at, s.lost_since, s.degraded_since, s.limited_until)
    rounds = (s.round.number, s.round.code.n > 1 if s.round.code else None) if s.round else None
    known = tuple(time is not None for time in times)
    failed = (min(s.tries, 2), min(s.refusals, 2))
    return (s.status, s.reason, known, s.restarted, rounds, failed, s.device is None, s.attempt == s.device)


def explore() -> list[Edge]:
    edges: list[Edge] = []
    names = (f"run-{n}" for n in count())
    waiting = deque([Session(BEGAN)])
    seen = {shape(waiting[0])}
    while waiting:
        before = waiting.popleft()
        # Later than every alarm, so that the window of `replaced` closes now and then, too.
        now = Moment(before.since + timedelta(seconds=400), LIMITS)
        for label in INPUTS:
            what = make(label, before, fresh=next(names))
            edge = Edge(before, what, decide(before, what, now))
            edges.append(edge)
            if shape(edge.after) not in seen:
                seen.add(shape(edge.after))
                waiting.append(edge.after)
    return edges


@pytest.fixture(scope="module")
def edges() -> list[Edge]:
    return explore()


def test_every_status_and_reason_of_the_interface_comes_about_and_no_other(edges: list[Edge]) -> None:
    reached = {(edge.after.status, edge.after.reason) for edge in edges}

    assert reached == REACHABLE
    assert reached | NOT_HERE == {(status, r) for status, reasons in REASONS.items() for r in reasons}


def test_every_reason_of_pairing_is_told_by_one_of_its_statuses(edges: list[Edge]) -> None:
    pairing = {Status.QR_REQUESTED, Status.QR_READY, Status.SCANNING}

    assert {edge.after.reason for edge in edges if edge.after.status in pairing} == REASONS[Status.SCANNING]


def test_the_laws_hold_for_every_session(edges: list[Edge]) -> None:
    for edge in edges:
        check_session(edge.after, LIMITS)


def test_the_laws_hold_for_every_step(edges: list[Edge]) -> None:
    for edge in edges:
        check_step(edge.before, edge.what, edge.step)


def test_every_alarm_that_is_due_brings_its_session_on(edges: list[Edge]) -> None:
    for edge in edges:
        if alarm := next_alarm(edge.after, LIMITS):
            ring(edge.after, alarm, "fresh", Moment(alarm.at, LIMITS))


def test_a_session_that_wants_its_link_has_a_run_or_a_time_for_one(edges: list[Edge]) -> None:
    """But while the process starts, which then tells `RetryDue` to all that wait to be restored."""
    for edge in edges:
        if _has_nothing_to_wait_for(edge.after) and not _has_nothing_to_wait_for(edge.before):
            assert isinstance(edge.what, i.HolderGone | i.DeviceFound)


def _has_nothing_to_wait_for(session: Session) -> bool:
    return session.status is Status.RECONNECTING and not session.attempt and not session.retry_at


def test_only_people_and_whatsapp_part_a_klien_from_its_device(edges: list[Edge]) -> None:
    """Whatever happens to the network, the process or the library: nobody has to scan again for it."""
    parts = (i.DisconnectAsked, i.LoggedOut, i.PairingRefused, i.AlreadyLinked)
    for edge in edges:
        assert edge.after.device or not edge.before.device or isinstance(edge.what, parts)
        begun = [effect for effect in (edge.step.effects if edge.step else ()) if isinstance(effect, e.StartPairing)]
        assert not begun or not edge.before.device


def test_whatever_happened_a_person_gets_a_link_or_a_code_by_asking(edges: list[Edge]) -> None:
    for edge in edges:
        asked = decide(edge.after, i.ConnectAsked("fresh"), Moment(BEGAN, LIMITS))
        assert asked
        assert asked.session.status not in {Status.DISCONNECTED, Status.EXPIRED, Status.ERROR}


def test_whatever_happened_a_person_gets_rid_of_the_link_by_asking(edges: list[Edge]) -> None:
    for edge in edges:
        asked = decide(edge.after, i.DisconnectAsked("fresh"), Moment(BEGAN, LIMITS))
        assert asked
        assert asked.session.status is Status.DISCONNECTED
        assert asked.session.device is None
