"""What holds of every session and of every step, whatever happens in whichever order."""

from __future__ import annotations

from talkabiz.domain import effects as e, inputs as i
from talkabiz.domain.limits import Limits
from talkabiz.domain.session import DueAlarm, decide, next_alarm
from talkabiz.domain.states import Moment, Reason, Session, Status, Step
from tests.domain.contract import MAY_RETRY, REACHABLE

LINKED = {Status.SCANNING, Status.CONNECTED, Status.RECONNECTING}
UNLINKED = {Status.QR_REQUESTED, Status.QR_READY, Status.EXPIRED}
RUNNING = {Status.QR_REQUESTED, Status.QR_READY, Status.SCANNING, Status.CONNECTED}
RESTING = {Status.DISCONNECTED, Status.EXPIRED, Status.ERROR}


def check_session(session: Session, limits: Limits) -> None:
    s = session
    assert (s.status, s.reason) in REACHABLE, "a status and reason outside the interface"
    assert s.wa_terhubung is (s.status is Status.CONNECTED)
    _check_device(s)
    _check_run(s)
    _check_round(s)
    _check_alarm(s, limits)


def _check_device(s: Session) -> None:
    assert s.device or s.status not in LINKED or s.is_outside, "a link without a device"
    assert not s.device or s.status not in UNLINKED, "codes on show beside a stored device"
    assert (s.me is not None) is (s.device is not None or s.is_outside), "an account without a device, or the reverse"
    assert not s.is_outside or (s.device is s.attempt is None), "a link outside, and one here"
    assert s.retry_at is None or (s.status, s.reason) in MAY_RETRY
    assert s.retry_at is None or s.device, "a promise to try again with nothing to try"


def _check_run(s: Session) -> None:
    assert s.attempt or s.status not in RUNNING or s.is_outside, "waits for facts of no run"
    assert s.attempt is None or s.status not in RESTING, "at rest, but a run still counts"
    assert s.attempt or s.entered_at is None
    assert s.attempt is None or s.retry_at is None, "a run, and a promise to start one"
    assert s.ahead is None or (s.attempt and s.entered_at is None), "in a line, but its turn has come"
    assert s.status is Status.CONNECTED or s.lost_since is s.degraded_since is None
    assert (s.reason is Reason.DEGRADED) is (s.degraded_since is not None)
    assert s.reason is not Reason.REACHOUT_LIMITED or s.limited_until, "a limit without an end"
    assert s.status is Status.SCANNING or not s.restarted
    assert s.refusals <= s.tries


def _check_round(s: Session) -> None:
    code = s.round.code if s.round else None
    assert s.round is None or s.status in UNLINKED, "a round outside pairing"
    assert s.round or s.status not in UNLINKED or s.status is Status.EXPIRED
    assert (code is not None) is (s.status is Status.QR_READY), "a code on show that shouldn't be, or none"
    request = s.round.request if s.round else None
    assert request is None or request.text is None or s.status is Status.QR_READY, "a code to type that hides"
    assert not (request and request.is_asked) or s.status is Status.QR_READY, "asked for a code of no run"
    assert not (s.round and request and request.expires_at) or request.expires_at <= (s.round.closes_at or s.since)
    assert code is None or (s.round and s.round.closes_at and code.expires_at <= s.round.closes_at)


def _check_alarm(s: Session, limits: Limits) -> None:
    alarm = next_alarm(s, limits)
    if s.retry_at:
        assert alarm == DueAlarm(s.retry_at, i.RetryDue), "a promise to try again that no alarm keeps"
    elif s.entered_at and s.status in {Status.QR_REQUESTED, Status.QR_READY, Status.SCANNING, Status.RECONNECTING}:
        assert alarm, "waits for something without an end"
    elif s.status in RESTING or s.is_outside:
        assert alarm is None
    if s.lost_since or s.degraded_since or s.reason is Reason.REACHOUT_LIMITED:
        assert alarm, "a doubt without an end"


def check_step(before: Session, what: i.Input, step: Step | None) -> None:
    after, effects = (step.session, step.effects) if step else (before, ())
    _check_late_facts(before, what, step)
    _check_newcomers(before, what, after, effects)
    _check_devices_lost(before, after, effects)
    _check_starts(before, what, after, effects)
    _check_runs_left(before, what, after, effects)
    assert (after.since == before.since) or (after.status is not before.status), "since moved within a status"


def _check_late_facts(before: Session, what: i.Input, step: Step | None) -> None:
    if isinstance(what, i.Fact) and what.attempt != before.attempt and not isinstance(what, i.Paired | i.AlreadyLinked):
        assert step is None, "a late fact counted"


def _check_newcomers(before: Session, what: i.Input, after: Session, effects: tuple[e.Effect, ...]) -> None:
    if isinstance(what, i.Paired | i.AlreadyLinked | i.DeviceFound):
        newcomer = what.device if isinstance(what, i.DeviceFound) else what.attempt
        assert after.device == newcomer or newcomer in devices_of(effects), "a device nobody here knows"
    else:
        assert after.device in {before.device, None}, "a device out of nowhere"
    if isinstance(what, i.AlreadyLinked) and before.device != what.attempt:
        assert after.device != what.attempt, "another klien's number was taken"


def _check_devices_lost(before: Session, after: Session, effects: tuple[e.Effect, ...]) -> None:
    if before.device and after.device != before.device:
        assert before.device in devices_of(effects), "a device was lost silently"
    assert after.device not in devices_of(effects) or after.device is None, "keeps a device that is being deleted"


def _check_starts(before: Session, what: i.Input, after: Session, effects: tuple[e.Effect, ...]) -> None:
    started = [effect for effect in effects if isinstance(effect, e.StartPairing | e.StartSession)]
    assert len(started) <= 1
    for effect in started:
        assert effect.attempt == after.attempt == what.attempt, "started a run whose facts won't count"
        assert effects[-1] is effect, "started before the old run was closed"
        assert isinstance(effect, e.StartPairing) is (after.device is None)
        assert isinstance(effect, e.StartPairing) or effect.device == after.device
    if not started and not isinstance(what, i.Paired):
        assert after.attempt in {before.attempt, None}, "a run out of nowhere"


def _check_runs_left(before: Session, what: i.Input, after: Session, effects: tuple[e.Effect, ...]) -> None:
    """A run that doesn't count any more is ended, but for two: of an expired round, and of a process that is gone."""
    expires = before.status is Status.QR_READY and after.status is Status.EXPIRED
    if before.attempt and after.attempt != before.attempt and not expires and not isinstance(what, i.HolderGone):
        assert before.attempt in runs_ended(effects), "a run was left running"
    assert after.attempt is None or after.attempt not in runs_ended(effects), "counts on a run that is being ended"


def devices_of(effects: tuple[e.Effect, ...]) -> set[str]:
    """The devices that are deleted."""
    return {effect.device for effect in effects if isinstance(effect, e.LogOut | e.ForgetDevice)}


def runs_ended(effects: tuple[e.Effect, ...]) -> set[str | None]:
    ending = [effect for effect in effects if isinstance(effect, e.CloseAttempt | e.LogOut | e.ForgetDevice)]
    return {effect.attempt for effect in ending}


def ring(session: Session, alarm: DueAlarm, fresh: str, moment: Moment) -> Step:
    """Ring the alarm that is due. It brings the session on: what rings next is another one, or rings later."""
    step = decide(session, alarm.ring(fresh), moment)
    assert step, "an alarm that the status doesn't know"
    following = next_alarm(step.session, moment.limits)
    again = following is not None and following.ring is alarm.ring and following.at <= moment.now
    assert not again, "the alarm rings again at once"
    return step
