"""Codes to type: when WhatsApp is asked for one, how long it is good, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from talkabiz.domain import code_inputs as c, effects as e, inputs as i
from talkabiz.domain.code_inputs import CodeRefusal
from talkabiz.domain.errors import IllegalState, RateLimited
from talkabiz.domain.limits import Limits
from talkabiz.domain.pairing import MOST_REQUESTS, CodeRequest, Round
from talkabiz.domain.refusals import refusal_of
from talkabiz.domain.session import decide, is_transition
from talkabiz.domain.states import Session, Status
from tests.domain.examples import BEGAN, LIMITS, PHONE, RUN, SESSIONS, at, live_through, moment, told_of

OTHER = "628222222222"
TEXT = "ABCD-EFGH"


def request_of(session: Session) -> CodeRequest:
    assert session.round
    assert session.round.request
    return session.round.request


def test_who_wants_to_type_a_code_gets_a_round_of_codes_to_scan_as_well() -> None:
    asked = live_through(SESSIONS["new"], (1, c.PairingCodeAsked(RUN, PHONE)))

    assert asked == Session(at(1), Status.QR_REQUESTED, attempt=RUN, round=Round(1, request=CodeRequest(PHONE)))


@pytest.mark.parametrize("name", ["expired", "refused"])
def test_after_an_end_it_is_a_first_round_again(name: str) -> None:
    step = decide(SESSIONS[name], c.PairingCodeAsked("new", PHONE), moment())

    assert step
    assert step.effects == (e.StartPairing("new"),)
    assert step.session.round == Round(1, request=CodeRequest(PHONE))


def test_whatsapp_is_asked_once_the_first_code_to_scan_is_there() -> None:
    wished = live_through(SESSIONS["qr_requested"], (1, c.PairingCodeAsked("x", PHONE)))
    first = decide(wished, i.CodeIssued(RUN, "2@first"), moment(2))

    assert first
    assert first.effects == (e.AskPairingCode(RUN, PHONE),)
    assert request_of(first.session).is_asked
    second = decide(first.session, i.CodeIssued(RUN, "2@second"), moment(62))
    assert second
    assert second.effects == ()


def test_of_several_numbers_before_the_first_code_the_last_counts() -> None:
    wished = live_through(
        SESSIONS["qr_requested"], (1, c.PairingCodeAsked("x", PHONE)), (2, c.PairingCodeAsked("y", OTHER))
    )
    step = decide(wished, i.CodeIssued(RUN, "2@first"), moment(3))

    assert step
    assert step.effects == (e.AskPairingCode(RUN, OTHER),)


def test_a_code_is_good_until_its_round_closes() -> None:
    shown = live_through(SESSIONS["asked"], (9, c.PairingCodeIssued(RUN, TEXT, PHONE)))

    assert not is_transition(SESSIONS["asked"], shown)
    assert (request_of(shown).text, request_of(shown).expires_at) == (TEXT, at(120))
    assert shown.round
    assert shown.round.code == SESSIONS["asked"].round.code  # type: ignore[union-attr] # an example's


def test_in_a_long_round_it_is_good_as_long_as_its_attempt_lives() -> None:
    limits = Limits(pairing_seconds=900)
    shown = Round(1).show("2@first", BEGAN, limits).ask(PHONE)
    assert shown.request

    answered = shown.answer(shown.request, TEXT, limits)

    assert answered.request
    assert (answered.closes_at, answered.request.expires_at) == (at(900), at(160))


def test_asking_again_for_the_same_number_gives_the_same_code() -> None:
    for name in ("asked", "typed"):
        before = SESSIONS[name]
        step = decide(before, c.PairingCodeAsked("x", PHONE), moment())

        assert step
        assert (step.session, step.effects) == (before, ())


def test_asking_for_another_number_hides_the_code_of_the_first() -> None:
    step = decide(SESSIONS["typed"], c.PairingCodeAsked("x", OTHER), moment())

    assert step
    assert step.effects == (e.AskPairingCode(RUN, OTHER),)
    assert request_of(step.session) == CodeRequest(OTHER, is_asked=True)


def test_an_answer_about_another_number_than_the_last_is_not_shown() -> None:
    asked = live_through(SESSIONS["asked"], (1, c.PairingCodeAsked("x", OTHER)))

    late = live_through(
        asked,
        (2, c.PairingCodeIssued(RUN, TEXT, PHONE)),
        (3, c.PairingCodeRefused(RUN, PHONE, CodeRefusal.FAILED)),
    )

    assert late == asked


def test_after_a_refusal_the_same_number_may_be_asked_for_again() -> None:
    refused = live_through(SESSIONS["asked"], (1, c.PairingCodeRefused(RUN, PHONE, CodeRefusal.UNANSWERED)))
    step = decide(refused, c.PairingCodeAsked("x", PHONE), moment())

    assert request_of(refused).refusal is CodeRefusal.UNANSWERED
    assert step
    assert step.effects == (e.AskPairingCode(RUN, PHONE),)


def test_a_round_asks_only_so_often() -> None:
    """Each code rings a phone, and WhatsApp refuses whoever asks often."""
    session = SESSIONS["qr_ready"]
    for n in range(MOST_REQUESTS):
        session = live_through(session, (n, c.PairingCodeAsked("x", f"62811111111{n}")))
    wish = c.PairingCodeAsked("x", OTHER)

    assert decide(session, wish, moment(5)) is None
    error = refusal_of(session, wish, moment(5.5))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 115
    assert decide(session, c.PairingCodeAsked("x", f"62811111111{MOST_REQUESTS - 1}"), moment(5)) is not None


@pytest.mark.parametrize(
    "name",
    ["stopped", "scanning", "restarted", "connected", "doubted", "reconnecting", "waiting", "outside", "replaced"],
)
def test_what_is_linked_is_not_linked_by_a_code(name: str) -> None:
    wish = c.PairingCodeAsked("x", PHONE)

    assert decide(SESSIONS[name], wish, moment()) is None
    assert type(refusal_of(SESSIONS[name], wish, moment())) is IllegalState


@pytest.mark.parametrize("end", [i.RoundClosed("x"), i.CodesRanOut(RUN), i.StopAsked("x"), i.HolderGone("x")])
def test_a_code_to_type_is_hidden_with_the_one_to_scan(end: i.Input) -> None:
    ended = live_through(SESSIONS["typed"], (120, end))

    assert ended.round is None or ended.round.request is None
    assert ended.round is None or ended.round.requests == 0


def test_a_round_that_follows_by_itself_asks_for_no_code() -> None:
    followed = live_through(SESSIONS["typed"], (120, i.RoundClosed("x")), (121, i.RefreshAsked("new", by_program=True)))

    assert followed.round == Round(2)


def test_a_mistyped_code_ends_the_round_and_the_next_brings_a_code_by_itself() -> None:
    """No code of that attempt can be scanned any more, so none may be on show. The person is still there."""
    step = decide(SESSIONS["typed"], c.PairingCodeMistyped(RUN), moment(9))

    assert step
    assert step.effects == ()  # the run lives on: the right code still links
    assert told_of(step.session) == "expired(qr_timeout)"
    followed = live_through(step.session, (9, i.RefreshAsked("new", by_program=True)))
    assert followed.round == Round(2, request=CodeRequest(PHONE))
    again = decide(followed, i.CodeIssued("new", "2@next"), moment(10))
    assert again
    assert again.effects == (e.AskPairingCode("new", PHONE),)


def test_a_person_who_begins_anew_after_a_mistyped_code_wishes_anew() -> None:
    ended = live_through(SESSIONS["typed"], (9, c.PairingCodeMistyped(RUN)))

    assert live_through(ended, (10, i.RefreshAsked("new"))).round == Round(1)


def test_a_report_of_a_code_without_a_request_changes_nothing() -> None:
    lost = replace(SESSIONS["qr_ready"], round=None)
    for what in (c.PairingCodeIssued(RUN, TEXT, PHONE), c.PairingCodeRefused(RUN, PHONE, CodeRefusal.FAILED)):
        assert live_through(lost, (1, what)) == lost
    assert decide(lost, c.PairingCodeAsked("x", PHONE), moment()) is None
    assert isinstance(refusal_of(lost, c.PairingCodeAsked("x", PHONE), moment()), RateLimited)


def test_a_code_to_type_keeps_its_secret_to_itself() -> None:
    assert TEXT not in repr(SESSIONS["typed"])
    assert TEXT not in repr(c.PairingCodeIssued(RUN, TEXT, PHONE))
    assert LIMITS.pairing_seconds == 120
