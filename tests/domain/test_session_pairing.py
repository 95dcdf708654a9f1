"""From the wish for a code to the scan: rounds, codes, their clocks, and what becomes of late scans."""

from __future__ import annotations

from dataclasses import replace

import pytest

from talkabiz.domain import effects as e, inputs as i
from talkabiz.domain.limits import Limits
from talkabiz.domain.pairing import Round
from talkabiz.domain.session import DueAlarm, decide, is_transition, next_alarm
from talkabiz.domain.states import Reason, Session, Status
from tests.domain.examples import BEGAN, LIMITS, ME, OLD, RUN, SESSIONS, at, live_through, moment, told_of


def expire(session: Session) -> Session:
    """The session at the end of a round that showed one code."""
    run = session.attempt or ""
    return live_through(session, (1, i.StartEntered(run)), (2, i.CodeIssued(run, "2@code")), (3, i.RoundClosed("x")))


def test_a_new_round_is_the_first_and_belongs_to_the_fresh_attempt() -> None:
    asked = live_through(SESSIONS["new"], (4, i.ConnectAsked(RUN)))

    assert asked == Session(at(4), Status.QR_REQUESTED, attempt=RUN, round=Round(1))


def test_the_ten_seconds_for_the_first_code_run_from_entering_the_library() -> None:
    asked = live_through(SESSIONS["new"], (0, i.ConnectAsked(RUN)))
    entered = live_through(asked, (30, i.StartEntered(RUN)))

    assert next_alarm(asked, LIMITS) is None
    assert next_alarm(entered, LIMITS) == DueAlarm(at(40), i.QrRequestTimedOut)
    assert next_alarm(entered, Limits(qr_request_seconds=3)) == DueAlarm(at(33), i.QrRequestTimedOut)


def test_an_alarm_of_the_run_before_does_not_end_one_that_waits_for_its_turn() -> None:
    asked = live_through(SESSIONS["new"], (0, i.ConnectAsked(RUN)), (0, i.StartQueued(RUN)))

    assert live_through(asked, (1, i.QrRequestTimedOut("late"))) == asked


def test_who_waits_for_a_turn_is_told_so_until_it_comes() -> None:
    asked = live_through(SESSIONS["new"], (0, i.ConnectAsked(RUN)))
    queued = live_through(asked, (0, i.StartQueued(RUN, ahead=12)))
    moved = live_through(queued, (3, i.StartQueued(RUN, ahead=4)))
    entered = live_through(moved, (5, i.StartEntered(RUN)))

    assert (asked.ahead, queued.ahead, moved.ahead, entered.ahead) == (None, 12, 4, None)
    assert queued.reason is moved.reason is Reason.QUEUED
    assert entered.reason is None
    assert not is_transition(queued, moved)
    assert is_transition(asked, queued)
    assert is_transition(queued, entered)
    assert not is_transition(asked, entered)
    assert asked.since == queued.since == entered.since


def test_a_code_of_a_run_that_never_said_it_entered_is_shown_all_the_same() -> None:
    queued = live_through(SESSIONS["new"], (0, i.ConnectAsked(RUN)), (0, i.StartQueued(RUN)))

    assert told_of(live_through(queued, (1, i.CodeIssued(RUN, "2@code")))) == "qr_ready"


def test_the_first_code_is_told_and_the_next_one_changes_silently() -> None:
    first = live_through(SESSIONS["qr_requested"], (2, i.CodeIssued(RUN, "2@first")))
    second = live_through(first, (62, i.CodeIssued(RUN, "2@second")))

    assert is_transition(SESSIONS["qr_requested"], first)
    assert not is_transition(first, second)
    assert second.round
    assert second.round.code
    assert (second.round.code.text, second.round.code.n, second.round.code.of) == ("2@second", 2, 4)
    assert (first.since, second.since) == (at(2), at(2))


def test_a_round_closes_two_minutes_after_its_first_code_however_many_follow() -> None:
    first = live_through(SESSIONS["qr_requested"], (2, i.CodeIssued(RUN, "2@first")))
    second = live_through(first, (62, i.CodeIssued(RUN, "2@second")))

    assert next_alarm(first, LIMITS) == next_alarm(second, LIMITS) == DueAlarm(at(122), i.RoundClosed)


def test_a_run_found_at_work_without_its_round_shows_its_code_in_a_first_one() -> None:
    restored = replace(SESSIONS["qr_requested"], round=None)

    shown = live_through(restored, (2, i.CodeIssued(RUN, "2@first")))

    assert shown.round == Round(1).show("2@first", at(2), LIMITS)


def test_the_advice_to_update_stays_until_the_next_code() -> None:
    advised = live_through(SESSIONS["qr_ready"], (5, i.OldPhoneScanned(RUN)))

    assert advised.reason is Reason.UPDATE_WHATSAPP
    assert advised.round == SESSIONS["qr_ready"].round
    assert live_through(advised, (60, i.CodeIssued(RUN, "2@next"))).reason is None


def test_an_expired_round_hides_its_code_and_leaves_its_run_alive() -> None:
    step = decide(SESSIONS["qr_ready"], i.RoundClosed("x"), moment(120))

    assert step
    assert step.effects == ()
    assert step.session.attempt is None
    assert step.session.round == Round(1, closes_at=at(120))
    assert next_alarm(step.session, LIMITS) is None


def test_rounds_follow_by_themselves_three_times_counting_the_first() -> None:
    numbers = []
    session = live_through(SESSIONS["new"], (0, i.ConnectAsked("run-1")))
    for n in range(2, 6):
        assert session.round
        numbers.append(session.round.number)
        session = live_through(expire(session), (4, i.RefreshAsked(f"run-{n}", by_program=True)))

    assert numbers == [1, 2, 3, 3]
    assert session.status is Status.EXPIRED


def test_after_the_last_round_a_person_begins_at_the_first_again() -> None:
    last = Session(BEGAN, Status.EXPIRED, Reason.QR_TIMEOUT, round=Round(3, BEGAN))

    for asked in (i.RefreshAsked("new"), i.ConnectAsked("new")):
        assert live_through(last, (4, asked)).round == Round(1)


def test_a_round_that_ended_with_its_process_is_followed_once_and_soon() -> None:
    """How many there were before nobody knows then: it counts as the second."""
    expired = live_through(SESSIONS["qr_ready"], (1, i.HolderGone("x")))
    renewed = live_through(expired, (120, i.RefreshAsked("new", by_program=True)))

    assert (expired.status, expired.round) == (Status.EXPIRED, None)
    assert (renewed.status, renewed.detail, renewed.round) == (Status.QR_REQUESTED, None, Round(2))
    assert live_through(expired, (121, i.RefreshAsked("new", by_program=True))) == expired


def test_no_round_follows_by_itself_where_none_is_remembered() -> None:
    expired = Session(BEGAN, Status.EXPIRED, Reason.QR_TIMEOUT)

    assert live_through(expired, (2, i.RefreshAsked("new", by_program=True))) == expired


@pytest.mark.parametrize("name", ["qr_requested", "qr_ready", "expired", "refused"])
def test_a_scan_makes_the_run_the_device(name: str) -> None:
    paired = live_through(replace(SESSIONS[name], tries=3, replaced_at=BEGAN), (6, i.Paired(OLD, ME)))

    assert paired == Session(at(6), Status.SCANNING, attempt=OLD, entered_at=at(6), device=OLD, me=ME)


def test_a_scan_of_a_round_before_ends_the_round_on_show() -> None:
    step = decide(SESSIONS["qr_ready"], i.Paired(OLD, ME), moment())

    assert step
    assert step.effects == (e.CloseAttempt(RUN),)
    assert (step.session.attempt, step.session.round) == (OLD, None)


def test_two_phones_that_scan_at_once_leave_one_device() -> None:
    one = live_through(SESSIONS["qr_ready"], (1, i.Paired(OLD, ME)))
    step = decide(one, i.Paired(RUN, ME), moment(2))

    assert step
    assert step.session == one
    assert step.effects == (e.LogOut(RUN, RUN),)


def test_a_scan_after_the_klien_gave_up_is_taken_off_the_phone_again() -> None:
    ended = live_through(SESSIONS["qr_ready"], (1, i.DisconnectAsked("x")))
    step = decide(ended, i.Paired(RUN, ME), moment(2))

    assert step
    assert step.session == ended
    assert step.effects == (e.LogOut(RUN, RUN),)


def test_a_scan_has_a_minute_to_connect_then_one_restart_with_a_minute_of_its_own() -> None:
    scanned = live_through(SESSIONS["qr_ready"], (10, i.Paired(RUN, ME)))
    assert next_alarm(scanned, LIMITS) == DueAlarm(at(70), i.ScanStalled)

    restarted = live_through(scanned, (70, i.ScanStalled("again")))
    assert next_alarm(restarted, LIMITS) is None  # while it waits for its turn
    assert (restarted.attempt, restarted.device) == ("again", RUN)

    entered = live_through(restarted, (75, i.StartEntered("again")))
    assert next_alarm(entered, LIMITS) == DueAlarm(at(135), i.ScanStalled)

    stalled = live_through(entered, (135, i.ScanStalled("x")))
    assert told_of(stalled) == "error(pair_stalled)"
    assert (stalled.device, stalled.me, stalled.attempt) == (RUN, ME, None)
    assert next_alarm(stalled, LIMITS) is None


def test_what_stalled_is_brought_back_by_hand_without_a_scan() -> None:
    stalled = live_through(SESSIONS["restarted"], (1, i.ScanStalled("x")))

    assert told_of(live_through(stalled, (2, i.ConnectAsked("new")))) == "reconnecting(restoring)"


def test_a_device_found_on_disk_is_adopted_with_its_account() -> None:
    found = live_through(SESSIONS["expired"], (3, i.DeviceFound("x", "disk", ME)))

    assert (found.device, found.me, found.attempt, found.since) == ("disk", ME, None, at(3))


def test_a_number_of_another_klien_leaves_nothing_here() -> None:
    for name in ("qr_ready", "expired", "scanning"):
        before = SESSIONS[name]
        refused = live_through(before, (3, i.AlreadyLinked(before.attempt or OLD, ME)))

        assert (refused.device, refused.me, refused.attempt, refused.round) == (None, None, None, None)
