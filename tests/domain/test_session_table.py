"""Every status meets every input, and does what the design says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from talkabiz.domain import code_inputs as c, effects as e, inputs as i
from talkabiz.domain.session import OUTSIDE, TABLE, decide, is_transition, told
from talkabiz.domain.states import Session, Status, Step
from tests.domain.contract import REACHABLE, REASONS
from tests.domain.examples import FACTS, FRESH, INPUTS, OLD, SESSIONS, leaves, make, moment
from tests.domain.expectations import TABLES

CELL = re.compile(r"([.=*]|[a-z_]+(?:\([a-z_]+\))?\+?)(?: ([PSLNDFxA]+))?")


@dataclass(frozen=True)
class Case:
    name: str
    label: str
    outcome: str
    effects: str

    def __str__(self) -> str:
        return f"{self.name}-{self.label.replace(' ', '_')}"


def cases_of(table: str) -> Iterator[Case]:
    cells, _, nothing = table.partition("nothing:")
    names, *rows = cells.strip("\n").splitlines()
    starts = [found.start() for found in re.finditer(r"\S+", names)]
    for row in filter(None, rows):
        label = row[: starts[0]].strip()
        for name, start, end in zip(names.split(), starts, [*starts[1:], None], strict=True):
            cell = CELL.fullmatch(row[start:end].strip())
            assert cell, row
            yield Case(name, label, cell[1], cell[2] or "")
    for label in nothing.split(","):
        for name in names.split():
            yield Case(name, label.strip(), ".", "")


CASES = [case for table in TABLES for case in cases_of(table)]


def effect(letter: str, session: Session, what: i.Input) -> e.Effect:
    run, device = session.attempt, session.device
    match letter:
        case "P":
            return e.StartPairing(what.attempt)
        case "S" if device:
            return e.StartSession(what.attempt, device)
        case "A" if run and isinstance(what, c.PairingCodeAsked):
            return e.AskPairingCode(run, what.phone)
        case "x" if run:
            return e.CloseAttempt(run)
        case "L" if device:
            return e.LogOut(run, device)
        case "F" if device:
            return e.ForgetDevice(run, device)
        case "N":
            return e.LogOut(what.attempt, what.attempt)
        case "D" if isinstance(what, i.DeviceFound):
            return e.LogOut(None, what.device)
    raise AssertionError(letter)


def outcome(before: Session, step: Step | None) -> str:
    """In the words of the table."""
    if step is None:
        return "."
    after = step.session
    if after == before:
        return "="
    if not is_transition(before, after):
        return "*"
    reason = f"({after.reason})" if after.reason else ""
    return f"{after.status}{reason}{'+' if after.retry_at else ''}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_input_does_to_a_session_what_the_design_says(case: Case) -> None:
    before = SESSIONS[case.name]
    what = make(case.label, before)

    step = decide(before, what, moment())

    assert outcome(before, step) == case.outcome
    assert (step.effects if step else ()) == tuple(effect(letter, before, what) for letter in case.effects)


def test_the_expectations_cover_every_session_and_every_input_once() -> None:
    assert sorted((case.name, case.label) for case in CASES) == sorted(
        (name, label) for name in SESSIONS for label in INPUTS
    )


def test_the_examples_have_every_kind_of_input_and_every_status() -> None:
    some = SESSIONS["connected"]

    assert {type(make(label, some)) for label in INPUTS} == leaves()
    assert len(leaves()) == 41  # a new one wants a row above
    assert {session.status for session in SESSIONS.values()} == set(Status)


def test_the_table_lists_statuses_and_inputs_that_exist() -> None:
    assert set(TABLE) == set(Status)
    assert {kind for row in TABLE.values() for kind in row} == leaves()
    assert set(OUTSIDE) < leaves()


def test_no_wish_is_refused_but_a_report_from_outside_and_a_code_to_type() -> None:
    for row in (*TABLE.values(), OUTSIDE):
        assert {kind for kind in leaves() if issubclass(kind, i.Wish)} - set(row) <= {
            i.OutsideReported,
            c.PairingCodeAsked,
        }


@pytest.mark.parametrize("name", SESSIONS)
@pytest.mark.parametrize("label", [label for label in FACTS if not label.startswith(("Paired", "AlreadyLinked"))])
def test_a_fact_of_another_attempt_changes_nothing(name: str, label: str) -> None:
    assert decide(SESSIONS[name], FACTS[label](OLD), moment()) is None


@pytest.mark.parametrize("name", SESSIONS)
@pytest.mark.parametrize("label", INPUTS)
def test_what_is_told_is_of_the_interface(name: str, label: str) -> None:
    before = SESSIONS[name]

    step = decide(before, make(label, before), moment())

    after = step.session if step else before
    assert after.reason in REASONS[after.status]
    assert (after.status, after.reason) in REACHABLE
    assert after.wa_terhubung is (after.status is Status.CONNECTED)


def test_what_people_are_told_is_the_status_the_reason_the_time_of_the_next_try_and_the_account() -> None:
    session = SESSIONS["waiting"]

    assert told(session) == (
        Status.RECONNECTING,
        session.reason,
        None,
        session.retry_at,
        session.me,
        session.device,
    )


def test_an_input_of_no_leaf_kind_is_not_known() -> None:
    assert all(decide(session, i.Wish(FRESH), moment()) is None for session in SESSIONS.values())
