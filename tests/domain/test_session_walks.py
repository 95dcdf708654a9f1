"""Sessions that live through anything: inputs in any order, clocks that jump, alarms obeyed, missed, or out of turn."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from talkabiz.domain import effects as e, inputs as i
from talkabiz.domain.limits import Limits
from talkabiz.domain.session import TABLE, decide, next_alarm
from talkabiz.domain.states import Moment, Session, Status, Step
from tests.domain.examples import ALARMS, BEGAN, FACTS, ME, NOTICES, SESSIONS, STRANGER, WISHES
from tests.domain.laws import check_session, check_step, devices_of, ring, runs_ended

LIMITS = Limits()
ABOUT_PAIRING = {label for label in FACTS if label.startswith(("Paired", "AlreadyLinked"))}
chances = st.floats(0, 1)


class Walk(RuleBasedStateMachine):
    """One session, and beside it what is true in the world: which runs are alive, which devices a phone shows."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(BEGAN)
        self.now: datetime = BEGAN
        self.names = (f"run-{n}" for n in count())
        self.running: set[str | None] = set()
        self.left: set[str] = set()  # of expired rounds: alive until their own end
        self.on_phone: set[str | None] = set()

    @initialize(name=st.sampled_from(sorted(SESSIONS)))
    def it_stands_somewhere(self, name: str) -> None:
        self.session = SESSIONS[name]
        self.running = {self.session.attempt} - {None}
        self.on_phone = {self.session.device} - {None}

    # --- what can happen ----------------------------------------------------------------------------------------------

    @rule(label=st.sampled_from(sorted({*WISHES} - {"HolderGone", "DeviceFound own"})), chance=chances)
    def somebody_asks(self, label: str, chance: float) -> None:
        if label == "DeviceFound":
            device = next(self.names)
            self.on_phone.add(device)
            self.feed(i.DeviceFound(next(self.names), device, STRANGER), chance)
        else:
            self.feed(WISHES[label](next(self.names)), chance)

    @rule(chance=chances)
    def linking_goes_on(self, chance: float) -> None:
        """The next step of a link that goes well."""
        run = self.session.attempt or ""
        match self.session.status:
            case Status.QR_REQUESTED:
                self.feed(i.CodeIssued(run, "2@code"), chance)
            case Status.QR_READY:
                self.scan(i.Paired(run, ME), chance)
            case Status.SCANNING | Status.RECONNECTING if run:
                self.feed(i.Connected(run), chance)
            case _:
                self.feed(i.ConnectAsked(next(self.names)), chance)

    @precondition(lambda self: self.session.attempt)
    @rule(data=st.data(), chance=chances)
    def whatsapp_reports_what_fits(self, data: st.DataObject, chance: float) -> None:
        run, listed = self.session.attempt or "", TABLE[self.session.status]
        fitting = [label for label in sorted({*FACTS} - ABOUT_PAIRING) if type(FACTS[label](run)) in listed]
        self.feed(FACTS[data.draw(st.sampled_from(fitting))](run), chance)

    @rule(label=st.sampled_from(sorted({*FACTS} - ABOUT_PAIRING)), chance=chances)
    def whatsapp_reports_anything(self, label: str, chance: float) -> None:
        self.feed(FACTS[label](self.session.attempt or next(self.names)), chance)

    @rule(label=st.sampled_from(sorted({*FACTS} - ABOUT_PAIRING)), data=st.data())
    def whatsapp_reports_on_another_run(self, label: str, data: st.DataObject) -> None:
        others = sorted({*self.left, next(self.names)})
        self.feed(FACTS[label](data.draw(st.sampled_from(others))), 0.5)

    @rule(kind=st.sampled_from([i.Paired, i.AlreadyLinked]), data=st.data(), chance=chances)
    def a_phone_scans(self, kind: type[i.Paired | i.AlreadyLinked], data: st.DataObject, chance: float) -> None:
        """A code of the current round, of an expired one, or of one that was closed this very moment."""
        pairs = self.session.status in {Status.QR_REQUESTED, Status.QR_READY}
        codes = {self.session.attempt} if self.session.attempt and pairs else set()
        run = data.draw(st.sampled_from(sorted(codes | self.left | {next(self.names)})))
        self.scan(kind(run, STRANGER), chance)

    @rule(label=st.sampled_from(sorted(NOTICES)))
    def the_outbox_reports(self, label: str) -> None:
        self.feed(NOTICES[label](next(self.names)), 0.5)

    @rule(label=st.sampled_from(sorted(ALARMS)), chance=chances)
    def an_alarm_rings_out_of_turn(self, label: str, chance: float) -> None:
        self.feed(ALARMS[label](next(self.names)), chance)

    @precondition(lambda self: next_alarm(self.session, LIMITS) is not None)
    @rule(chance=chances)
    def the_alarm_rings(self, chance: float) -> None:
        alarm = next_alarm(self.session, LIMITS)
        assert alarm
        self.now = max(self.now, alarm.at)
        fresh, before = next(self.names), self.session
        self.accept(before, alarm.ring(fresh), ring(before, alarm, fresh, Moment(self.now, LIMITS, chance)))

    @rule(seconds=st.one_of(st.floats(0, 30), st.floats(-5, 0), st.floats(30, 90_000)))
    def time_passes(self, seconds: float) -> None:
        """Sometimes the wrong way: clocks are set."""
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_process_dies_and_starts_again(self) -> None:
        self.running.clear()
        self.left.clear()
        self.feed(i.HolderGone(next(self.names)), 0.5)
        if self.session.status is Status.RECONNECTING:
            self.feed(i.RetryDue(next(self.names)), 0.5)

    # --- how it is fed ------------------------------------------------------------------------------------------------

    def scan(self, what: i.Paired | i.AlreadyLinked, chance: float) -> None:
        self.on_phone.add(what.attempt)
        self.left.discard(what.attempt)
        self.running.add(what.attempt)
        self.feed(what, chance)

    def feed(self, what: i.Input, chance: float) -> None:
        self.accept(self.session, what, decide(self.session, what, Moment(self.now, LIMITS, chance)))

    def accept(self, before: Session, what: i.Input, step: Step | None) -> None:
        check_step(before, what, step)
        if step is None:
            return
        self.session = step.session
        if before.status is Status.QR_READY and step.session.status is Status.EXPIRED and before.attempt:
            self.running.discard(before.attempt)
            self.left.add(before.attempt)
        self.running -= runs_ended(step.effects)
        self.on_phone -= devices_of(step.effects)
        self.running |= {
            effect.attempt for effect in step.effects if isinstance(effect, e.StartPairing | e.StartSession)
        }

    # --- what holds all the while -------------------------------------------------------------------------------------

    @invariant()
    def the_laws_hold(self) -> None:
        check_session(self.session, LIMITS)

    @invariant()
    def no_phone_shows_a_device_that_nobody_here_knows(self) -> None:
        assert self.on_phone == {self.session.device} - {None}

    @invariant()
    def no_run_goes_on_that_does_not_count(self) -> None:
        assert self.running == {self.session.attempt} - {None}


Walk.TestCase.settings = settings(max_examples=300, stateful_step_count=50)


class TestWalk(Walk.TestCase):  # type: ignore[misc,valid-type]
    pass
