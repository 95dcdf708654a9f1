"""A link that is up, in doubt, lost, refused, and taken up again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from talkabiz.domain import effects as e, inputs as i
from talkabiz.domain.backoff import LONGEST_SECONDS, SHORTEST_SECONDS
from talkabiz.domain.inputs import LogoutCause
from talkabiz.domain.limits import Limits
from talkabiz.domain.rules import BAN_OF_UNKNOWN_LENGTH_SECONDS
from talkabiz.domain.session import DueAlarm, decide, is_transition, next_alarm
from talkabiz.domain.states import Reason, Session, Status
from tests.domain.examples import BEGAN, DEVICE, LIMITS, ME, RUN, SESSIONS, STRANGER, at, live_through, moment, told_of

CONNECTED, RECONNECTING, WAITING = SESSIONS["connected"], SESSIONS["reconnecting"], SESSIONS["waiting"]


def test_a_link_that_comes_up_ends_what_was_tried_before_and_keeps_the_account() -> None:
    before = replace(SESSIONS["scanning"], restarted=True, tries=4, replaced_at=BEGAN)
    up = live_through(before, (5, i.Connected(DEVICE)))

    assert up == Session(
        at(5), Status.CONNECTED, device=DEVICE, me=ME, attempt=DEVICE, entered_at=BEGAN, replaced_at=BEGAN
    )
    assert up.wa_terhubung


def test_the_account_is_what_the_library_said_last() -> None:
    renamed = live_through(CONNECTED, (5, i.Connected(RUN, STRANGER)))

    assert renamed.me == STRANGER
    assert is_transition(CONNECTED, renamed)


def test_a_blink_rings_no_bells() -> None:
    lost = live_through(CONNECTED, (5, i.LinkLost(RUN)))
    back = live_through(lost, (7.9, i.Connected(RUN)))

    assert next_alarm(lost, LIMITS) == DueAlarm(at(8), i.LinkLossConfirmed)
    assert not is_transition(CONNECTED, lost)
    assert back == CONNECTED
    assert next_alarm(back, LIMITS) is None


def test_three_seconds_without_a_link_count_from_the_first_loss() -> None:
    lost = live_through(CONNECTED, (5, i.LinkLost(RUN)), (7, i.LinkLost(RUN)))

    assert next_alarm(lost, LIMITS) == DueAlarm(at(8), i.LinkLossConfirmed)


def test_a_lost_link_keeps_its_run_and_is_called_unreachable_after_ten_seconds() -> None:
    lost = live_through(CONNECTED, (5, i.LinkLost(RUN)), (8, i.LinkLossConfirmed("x")))
    assert (lost.attempt, lost.device, lost.since, lost.lost_since) == (RUN, DEVICE, at(8), None)
    assert next_alarm(lost, LIMITS) == DueAlarm(at(18), i.RouteMissed)

    missed = live_through(lost, (18, i.RouteMissed("x")))
    assert told_of(missed) == "reconnecting(unreachable)"
    assert (missed.attempt, missed.since) == (RUN, at(8))
    assert told_of(live_through(missed, (300, i.Connected(RUN)))) == "connected"


def test_a_library_that_may_have_given_up_silently_is_run_anew_every_five_minutes() -> None:
    missed = live_through(CONNECTED, (5, i.LinkLost(RUN)), (8, i.LinkLossConfirmed("x")), (18, i.RouteMissed("x")))
    assert next_alarm(missed, LIMITS) == DueAlarm(at(308), i.RetryDue)

    step = decide(missed, i.RetryDue("again"), moment(308))
    assert step
    assert step.effects == (e.CloseAttempt(RUN), e.StartSession("again", DEVICE))
    assert not is_transition(missed, step.session)
    assert next_alarm(step.session, LIMITS) is None  # while it waits for its turn

    entered = live_through(step.session, (310, i.StartEntered("again")))
    assert next_alarm(entered, LIMITS) == DueAlarm(at(610), i.RetryDue)


def test_who_still_hears_from_whatsapp_is_not_out_of_its_reach() -> None:
    """Ten seconds without a route count from the last word."""
    missed = live_through(RECONNECTING, (10, i.RouteMissed("x")))
    heard = live_through(missed, (60, i.StreamErrored(RUN, "516")))

    assert told_of(heard) == "reconnecting(stream_error)"
    assert next_alarm(heard, LIMITS) == DueAlarm(at(70), i.RouteMissed)


def test_a_run_that_ended_without_a_route_is_not_waited_for() -> None:
    ended = live_through(CONNECTED, (5, i.NoRoute(RUN)))

    assert (told_of(ended), ended.attempt, ended.wa_terhubung) == ("reconnecting(unreachable)", None, False)
    assert next_alarm(ended, LIMITS)


def test_a_restored_session_has_ten_seconds_from_its_turn_on() -> None:
    asked = live_through(SESSIONS["stopped"], (0, i.ConnectAsked(RUN)))
    entered = live_through(asked, (50, i.StartEntered(RUN)))

    assert next_alarm(asked, LIMITS) is None
    assert next_alarm(entered, LIMITS) == DueAlarm(at(60), i.RouteMissed)
    assert entered.reason is Reason.RESTORING


def test_pings_without_an_answer_are_told_at_once_and_given_up_after_three_minutes() -> None:
    late = live_through(CONNECTED, (20, i.KeepaliveMissed(RUN)), (50, i.KeepaliveMissed(RUN)))
    assert told_of(late) == "connected(degraded)"
    assert late.wa_terhubung
    assert next_alarm(late, LIMITS) == DueAlarm(at(200), i.KeepaliveGivenUp)

    gone = live_through(late, (200, i.KeepaliveGivenUp("x")))
    assert told_of(gone) == "reconnecting(keepalive_timeout)"
    assert (gone.attempt, gone.degraded_since) == (RUN, None)


def test_the_place_in_the_line_is_shown_but_not_told_until_the_turn_comes() -> None:
    asked = live_through(SESSIONS["stopped"], (0, i.ConnectAsked(RUN)))
    queued = live_through(asked, (1, i.StartQueued(RUN, ahead=12)))

    assert queued.ahead == 12
    assert not is_transition(asked, queued)
    assert live_through(queued, (50, i.StartEntered(RUN))).ahead is None
    assert live_through(queued, (50, i.HolderGone("x"))).ahead is None


def test_an_answered_ping_ends_the_doubt() -> None:
    late = live_through(CONNECTED, (20, i.KeepaliveMissed(RUN)))

    assert live_through(late, (30, i.KeepaliveRestored(RUN))) == CONNECTED


def test_a_lost_link_is_the_nearer_doubt() -> None:
    assert next_alarm(SESSIONS["doubted"], LIMITS) == DueAlarm(at(8), i.LinkLossConfirmed)


def test_alarms_that_rang_while_their_doubt_ended_change_nothing() -> None:
    late = (i.LinkLossConfirmed("x"), i.KeepaliveGivenUp("x"))

    assert live_through(CONNECTED, *((9, alarm) for alarm in late)) == CONNECTED
    assert live_through(WAITING, (9, i.RouteMissed("x"))) == WAITING


def test_an_error_of_the_stream_is_told_with_its_code() -> None:
    told = live_through(CONNECTED, (5, i.StreamErrored(RUN, "516")))

    assert (told_of(told), told.detail) == ("reconnecting(stream_error)", "516")


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_tries_are_further_and_further_apart_and_never_end(chance: float) -> None:
    session, seconds, waits = RECONNECTING, 0.0, []
    for _ in range(40):
        step = decide(session, i.NoRoute(session.attempt or ""), moment(seconds, chance))
        assert step
        assert step.session.retry_at
        waits.append((step.session.retry_at - at(seconds)).total_seconds())
        seconds += waits[-1]
        session = live_through(step.session, (seconds, i.RetryDue("again")), (seconds, i.StartEntered("again")))
        assert told_of(session) == "reconnecting(unreachable)"

    assert waits == sorted(waits)
    assert waits[0] == SHORTEST_SECONDS + chance
    assert waits[-1] == pytest.approx(SHORTEST_SECONDS + (LONGEST_SECONDS - SHORTEST_SECONDS) * chance)


def test_a_link_that_came_up_and_a_wish_begin_the_tries_anew() -> None:
    assert WAITING.tries == 2
    up = live_through(WAITING, (9, i.RetryDue(RUN)), (10, i.Connected(RUN)))
    asked = live_through(replace(SESSIONS["replaced"], tries=2), (9, i.ConnectAsked(RUN)))

    assert up.tries == asked.tries == 0


def test_a_fault_of_ours_is_told_with_what_it_was() -> None:
    passing = live_through(CONNECTED, (5, i.EngineFailed(RUN, "thread died")))
    lasting = live_through(CONNECTED, (5, i.EngineFailed(RUN, "disk full", lasting=True)))
    unlinked = live_through(SESSIONS["qr_ready"], (5, i.EngineFailed(RUN)))

    assert (told_of(passing), passing.detail) == ("reconnecting(engine)", "thread died")
    assert (told_of(lasting), lasting.detail) == ("error(engine)", "disk full")
    assert (told_of(unlinked), unlinked.detail, unlinked.retry_at) == ("error(engine)", None, None)


def test_refusals_without_a_name_are_tried_five_times() -> None:
    session, promised = CONNECTED, []
    for tried in range(LIMITS.refused_tries + 2):
        session = live_through(session, (5, i.ConnectRefused(session.attempt or "", 418)))
        assert (told_of(session), session.detail) == ("error(connect_refused)", "418")
        promised.append(next_alarm(session, LIMITS) is not None)
        session = live_through(session, (6, i.RetryDue(f"run-{tried}")))

    assert promised == [True] * 5 + [False] * 2


def test_an_outage_before_a_refusal_does_not_use_its_tries_up() -> None:
    session, seconds = CONNECTED, 5.0
    for _ in range(LIMITS.refused_tries * 4):
        session = live_through(session, (seconds, i.NoRoute(session.attempt or "")))
        assert session.retry_at
        seconds += 600
        session = live_through(session, (seconds, i.RetryDue(RUN)))

    refused = live_through(session, (seconds, i.ConnectRefused(RUN, 418)))
    assert (told_of(refused), refused.refusals) == ("error(connect_refused)", 1)
    assert refused.retry_at


def test_an_outage_between_two_refusals_gives_no_tries_back() -> None:
    session, promised = CONNECTED, []
    for _ in range(LIMITS.refused_tries + 1):
        session = live_through(session, (5, i.ConnectRefused(session.attempt or "", 418)))
        promised.append(session.retry_at is not None)
        session = live_through(session, (6, i.RetryDue(RUN)), (7, i.NoRoute(RUN)), (8, i.RetryDue(RUN)))

    assert promised == [True] * 5 + [False]


@pytest.mark.parametrize("again", [i.Connected(RUN), i.StopAsked("x"), i.DisconnectAsked("x")])
def test_refusals_are_counted_anew_after_a_link_and_after_a_wish(again: i.Input) -> None:
    refused = replace(RECONNECTING, tries=7, refusals=5)

    after = live_through(refused, (5, again))
    assert (after.tries, after.refusals) == (0, 0)
    by_hand = live_through(replace(SESSIONS["replaced"], refusals=5), (5, i.ConnectAsked(RUN)))
    assert by_hand.refusals == 0


def test_a_replaced_session_is_taken_back_once_in_ten_minutes() -> None:
    taken = live_through(CONNECTED, (0, i.Replaced(RUN)))
    assert next_alarm(taken, LIMITS) == DueAlarm(at(30), i.RetryDue)

    back = live_through(taken, (30, i.RetryDue("again")), (31, i.Connected("again")))
    soon = live_through(back, (599, i.Replaced("again")))
    later = live_through(back, (600, i.Replaced("again")))
    assert (soon.retry_at, later.retry_at) == (None, at(630))
    assert next_alarm(soon, LIMITS) is None


def test_what_is_forgotten_was_never_replaced() -> None:
    unlinked = live_through(CONNECTED, (0, i.Replaced(RUN)), (1, i.DisconnectAsked("x")))

    assert unlinked.replaced_at is None


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (at(7200), at(7200)),
        (None, at(7) + timedelta(seconds=BAN_OF_UNKNOWN_LENGTH_SECONDS)),
        (at(7), at(7) + timedelta(seconds=BAN_OF_UNKNOWN_LENGTH_SECONDS)),  # "expires in 0 seconds"
    ],
)
def test_nobody_asks_again_before_a_temporary_ban_is_over(until: datetime | None, expected: datetime) -> None:
    banned = live_through(CONNECTED, (7, i.Banned(RUN, until, 101)))

    assert (banned.retry_at, banned.detail) == (expected, "101")
    assert told_of(live_through(banned, (7300, i.RetryDue("x")))) == "reconnecting(restoring)"


def test_a_ban_and_a_refusal_without_a_code_have_no_detail() -> None:
    assert live_through(CONNECTED, (7, i.Banned(RUN, None))).detail is None
    assert live_through(CONNECTED, (7, i.ConnectRefused(RUN, 0))).detail is None


def test_the_wait_between_tries_is_a_setting() -> None:
    limits = Limits(retry_shortest_seconds=0.1, retry_longest_seconds=0.3)
    tried = live_through(replace(RECONNECTING, tries=9), (5, i.NoRoute(RUN)), limits=limits)

    assert tried.retry_at == at(5.2)  # chance is a half


def test_a_link_that_came_up_before_it_said_it_entered_did_so_now() -> None:
    asked = live_through(SESSIONS["stopped"], (0, i.ConnectAsked(RUN)), (5, i.Connected(RUN)))

    assert (told_of(asked), asked.entered_at) == ("connected", at(5))


@pytest.mark.parametrize("cause", LogoutCause)
def test_a_device_that_whatsapp_does_not_know_any_more_is_forgotten_here_too(cause: LogoutCause) -> None:
    before = replace(CONNECTED, tries=2, replaced_at=BEGAN)
    step = decide(before, i.LoggedOut(RUN, cause), moment(5))

    assert step
    assert step.session == Session(at(5), Status.DISCONNECTED, Reason(cause.value))
    assert step.effects == (e.ForgetDevice(RUN, DEVICE),)


def test_stopping_keeps_the_device_and_disconnecting_does_not() -> None:
    stopped = live_through(WAITING, (5, i.StopAsked("x")))
    disconnected = live_through(stopped, (6, i.DisconnectAsked("x")))

    assert stopped == Session(at(5), Status.DISCONNECTED, Reason.STOPPED, device=DEVICE, me=ME)
    assert next_alarm(stopped, LIMITS) is None
    assert disconnected == Session(at(5), Status.DISCONNECTED, Reason.BY_USER)


def test_when_the_process_ends_no_row_claims_a_link_and_at_the_next_start_it_comes_back() -> None:
    for name in ("connected", "doubted", "scanning", "reconnecting", "waiting"):
        left = live_through(SESSIONS[name], (5, i.HolderGone("x")))
        assert (told_of(left), left.wa_terhubung, left.device) == ("reconnecting(restoring)", False, DEVICE)
        assert (left.attempt, left.retry_at, left.lost_since) == (None, None, None)
        assert left.tries == SESSIONS[name].tries

        step = decide(left, i.RetryDue("again"), moment(6))
        assert step
        assert step.effects == (e.StartSession("again", DEVICE),)
        assert step.session.attempt == "again"


def test_a_promise_to_try_again_outlives_the_process() -> None:
    left = live_through(SESSIONS["replaced"], (5, i.HolderGone("x")))

    assert next_alarm(left, LIMITS) == DueAlarm(at(30), i.RetryDue)


def test_a_promise_without_a_device_rings_no_alarm() -> None:
    assert next_alarm(replace(SESSIONS["refused"], retry_at=at(9)), LIMITS) is None
