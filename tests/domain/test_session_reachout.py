"""A link that may not be used to write to somebody new: told for as long as it lasts, unless something nearer is."""

from __future__ import annotations

from talkabiz.domain import inputs as i
from talkabiz.domain.session import DueAlarm, is_transition, next_alarm
from talkabiz.domain.states import Session
from tests.domain.examples import LIMITS, RUN, SESSIONS, at, live_through, told_of

CONNECTED = SESSIONS["connected"]
LIMITED = "connected(reachout_limited)"


def limited(session: Session = CONNECTED, seconds: float = 5, until: float = 905) -> Session:
    return live_through(session, (seconds, i.ReachoutLimited("x", at(until))))


def test_a_refusal_is_told_until_its_time_is_over() -> None:
    session = limited()
    assert (told_of(session), session.wa_terhubung, session.since) == (LIMITED, True, CONNECTED.since)
    assert session.retry_at is None
    assert next_alarm(session, LIMITS) == DueAlarm(at(905), i.ReachoutLimitEnded)

    assert live_through(session, (905, i.ReachoutLimitEnded("x"))) == CONNECTED


def test_a_queue_that_is_let_go_on_ends_it() -> None:
    assert live_through(limited(), (60, i.ReachoutLimited("x", None))) == CONNECTED


def test_the_next_refusal_makes_it_longer_and_rings_no_bells() -> None:
    before = limited()
    after = limited(before, 100, 1900)

    assert not is_transition(before, after)
    assert next_alarm(after, LIMITS) == DueAlarm(at(1900), i.ReachoutLimitEnded)


def test_what_is_over_already_is_not_told() -> None:
    assert limited(seconds=905, until=905) == CONNECTED


def test_an_alarm_is_believed_whatever_the_clock_has_been_set_to() -> None:
    assert live_through(limited(), (10, i.ReachoutLimitEnded("x"))) == CONNECTED


def test_a_slow_link_is_told_before_it_and_comes_back_to_it() -> None:
    slow = live_through(limited(), (20, i.KeepaliveMissed(RUN)))
    assert told_of(slow) == "connected(degraded)"
    assert next_alarm(slow, LIMITS) == DueAlarm(at(200), i.KeepaliveGivenUp)
    assert told_of(live_through(slow, (30, i.KeepaliveRestored(RUN)))) == LIMITED


def test_a_refusal_on_a_slow_link_is_told_when_the_link_is_well_again() -> None:
    slow = live_through(CONNECTED, (1, i.KeepaliveMissed(RUN)))
    after = limited(slow)

    assert not is_transition(slow, after)
    assert told_of(live_through(after, (30, i.KeepaliveRestored(RUN)))) == LIMITED
    ended = live_through(after, (20, i.ReachoutLimited("x", None)), (30, i.KeepaliveRestored(RUN)))
    assert ended == CONNECTED


def test_a_limit_that_ended_on_a_slow_link_is_not_told_again() -> None:
    slow = live_through(limited(until=100), (90, i.KeepaliveMissed(RUN)))

    assert live_through(slow, (110, i.KeepaliveRestored(RUN))) == CONNECTED


def test_a_blink_of_the_link_does_not_change_it() -> None:
    session = limited()
    lost = live_through(session, (10, i.LinkLost(RUN)))

    assert next_alarm(lost, LIMITS) == DueAlarm(at(13), i.LinkLossConfirmed)
    assert live_through(lost, (11, i.Connected(RUN))) == session


def test_a_link_that_comes_back_is_limited_as_long_as_the_account_is() -> None:
    lost = live_through(limited(), (10, i.StreamErrored(RUN, "516")))
    assert told_of(lost) == "reconnecting(stream_error)"

    assert told_of(live_through(lost, (20, i.Connected(RUN)))) == LIMITED
    late = live_through(lost, (905, i.Connected(RUN)))
    assert (told_of(late), late.limited_until) == ("connected", None)


def test_it_is_remembered_while_there_is_no_link() -> None:
    waiting = limited(SESSIONS["reconnecting"])

    assert not is_transition(SESSIONS["reconnecting"], waiting)
    assert told_of(live_through(waiting, (20, i.Connected(RUN)))) == LIMITED


def test_it_says_nothing_of_a_link_outside() -> None:
    outside = limited(SESSIONS["outside"])

    assert told_of(outside) == "connected(external)"
    assert next_alarm(outside, LIMITS) is None


def test_an_alarm_that_rang_while_the_limit_ended_changes_nothing() -> None:
    assert live_through(CONNECTED, (9, i.ReachoutLimitEnded("x"))) == CONNECTED
