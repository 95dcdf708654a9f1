"""A klien that is linked by a gateway outside: what is told is theirs, and nothing of ours touches it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.sentences import sentence
from talkabiz.domain.session import decide, is_transition, next_alarm
from talkabiz.domain.states import Reason, Session, Status
from tests.domain.examples import BEGAN, LIMITS, ME, OUTSIDER, SESSIONS, at, live_through, moment, told_of

OUTSIDE = SESSIONS["outside"]


def test_a_report_links_a_klien_that_has_nothing_here() -> None:
    failed = replace(SESSIONS["refused"], tries=3, refusals=2)
    for before in (SESSIONS["new"], SESSIONS["expired"], failed):
        linked = live_through(before, (5, i.OutsideReported("x", OUTSIDER)))

        assert linked == Session(at(5), Status.CONNECTED, Reason.EXTERNAL, me=OUTSIDER)
        assert linked.wa_terhubung
        assert linked.is_outside


@pytest.mark.parametrize("name", [name for name, session in SESSIONS.items() if session.device or session.attempt])
@pytest.mark.parametrize("me", [OUTSIDER, ME, None])
def test_a_report_is_refused_while_a_device_or_a_run_is_here(name: str, me: i.Me | None) -> None:
    assert decide(SESSIONS[name], i.OutsideReported("x", me), moment()) is None


@pytest.mark.parametrize("name", ["new", "expired", "refused", "outside"])
@pytest.mark.parametrize("me", [OUTSIDER, None])
def test_the_same_report_again_changes_nothing(name: str, me: i.Me | None) -> None:
    once = live_through(SESSIONS[name], (5, i.OutsideReported("x", me)))

    assert live_through(once, (9, i.OutsideReported("y", me))) == once


def test_another_number_is_told_within_the_same_status() -> None:
    moved = live_through(OUTSIDE, (5, i.OutsideReported("x", i.Me("628666666666"))))

    assert is_transition(OUTSIDE, moved)
    assert moved == replace(OUTSIDE, me=i.Me("628666666666"))


@pytest.mark.parametrize("end", [i.OutsideReported("x"), i.StopAsked("x")])
def test_what_ended_outside_is_told_as_stopped_and_says_nothing_of_a_phone(end: i.Input) -> None:
    ended = live_through(OUTSIDE, (5, end))

    assert ended == Session(at(5), Status.DISCONNECTED, Reason.STOPPED)
    assert "phone" not in sentence(ended).en


def test_a_disconnect_has_nothing_to_log_out() -> None:
    step = decide(OUTSIDE, i.DisconnectAsked("x"), moment(5))

    assert step
    assert (step.session, step.effects) == (Session(at(5), Status.DISCONNECTED, Reason.BY_USER), ())


def test_the_end_of_our_process_does_not_touch_a_link_that_it_does_not_hold() -> None:
    assert live_through(OUTSIDE, (5, i.HolderGone("x")), (6, i.HolderGone("y"))) == OUTSIDE


def test_no_clock_of_ours_runs() -> None:
    linked = live_through(SESSIONS["expired"], (5, i.OutsideReported("x", OUTSIDER)))

    assert next_alarm(OUTSIDE, LIMITS) is next_alarm(linked, LIMITS) is None


def test_a_round_that_would_follow_by_itself_does_not_any_more() -> None:
    linked = live_through(SESSIONS["expired"], (5, i.OutsideReported("x", OUTSIDER)))

    assert live_through(linked, (5, i.RefreshAsked("y", by_program=True))) == linked


def test_a_late_scan_beside_a_link_outside_is_logged_out() -> None:
    linked = live_through(SESSIONS["expired"], (5, i.OutsideReported("x", OUTSIDER)))
    step = decide(linked, i.Paired("late", ME), moment(6))

    assert step
    assert step.session == linked
    assert [type(effect).__name__ for effect in step.effects] == ["LogOut"]


def test_after_it_ended_outside_a_link_here_begins_as_ever() -> None:
    ended = live_through(OUTSIDE, (5, i.OutsideReported("x")))
    asked = live_through(ended, (6, i.ConnectAsked("run")))

    assert told_of(asked) == "qr_requested"
    assert asked == live_through(Session(BEGAN), (6, i.ConnectAsked("run")))
