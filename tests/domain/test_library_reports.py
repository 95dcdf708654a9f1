"""What the library reports about a session, row by row, and what everybody is told of it in the end.

The rows are what whatsmeow does and says (its client.go, connectionevents.go, keepalive.go and qrchan.go) and what
neonize passes on, also where both say nothing at all. That the facts are made of the library's events is tested with
the whatsapp room; here they only have to mean the right thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pytest

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.domain.inputs import LogoutCause, PairFailure
from talkabiz.domain.session import decide, is_transition, next_alarm
from talkabiz.domain.states import Moment, Session
from tests.domain.examples import FRESH, LIMITS, ME, PHONE, RUN, SESSIONS, STRANGER, at, leaves, told_of
from tests.domain.laws import ring


@dataclass(frozen=True)
class Report:
    """Inputs at their seconds; in between the alarms ring when they are due, as the clock has it, until the end."""

    what: str
    name: str
    inputs: Sequence[tuple[float, i.Input]]
    told: str
    until: float = 60

    def __str__(self) -> str:
        return self.what.replace(" ", "_")


def tell(session: Session, report: Report) -> str:
    """Everything that is told, in order."""
    told: list[str] = []
    pending = [(at(seconds), what) for seconds, what in report.inputs]
    while True:
        alarm = next_alarm(session, LIMITS)
        now: datetime = min([at(report.until), *(when for when, _ in pending[:1]), *([alarm.at] if alarm else [])])
        if pending and pending[0][0] == now:
            what = pending.pop(0)[1]
            step = decide(session, what, Moment(now, LIMITS, 0))
        elif alarm and alarm.at == now:
            step = ring(session, alarm, FRESH, Moment(now, LIMITS, 0))
        else:
            return " > ".join(told)
        if step and is_transition(session, step.session):
            told.append(told_of(step.session))
        session = step.session if step else session


# One report a line or two reads as the table that it is.
# fmt: off
REPORTS = [
    # the first code
    Report("no code in ten seconds", "new", [(0, i.ConnectAsked(RUN)), (1, i.StartEntered(RUN))],
           "qr_requested > error(qr_request_timeout)"),
    Report("connecting failed before a code", "qr_requested", [(1, i.NoRoute(RUN))], "error(unreachable)"),
    Report("the server closed the socket before a code", "qr_requested", [(1, i.CodesRanOut(RUN))],
           "error(unreachable)"),
    Report("err-unexpected-state", "qr_requested", [(1, i.EngineFailed(RUN, "unexpected state"))], "error(engine)"),
    Report("err-client-outdated before a code", "qr_requested", [(1, i.Outdated(RUN))], "error(client_outdated)"),
    # codes
    Report("six codes of 60 s and five times 20 s", "qr_requested",
           [(1, i.CodeIssued(RUN, "1")), *((41 + 20 * n, i.CodeIssued(RUN, str(n))) for n in range(1, 6)),
            (161, i.CodesRanOut(RUN))], "qr_ready > expired(qr_timeout)", 200),
    Report("timeout of a library that had one code", "qr_ready", [(20, i.CodesRanOut(RUN))], "expired(qr_timeout)"),
    Report("the socket was closed while a code was on show", "qr_ready", [(5, i.CodesRanOut(RUN))],
           "expired(qr_timeout)"),
    Report("err-scanned-without-multidevice", "qr_ready", [(5, i.OldPhoneScanned(RUN))], "qr_ready(update_whatsapp)"),
    Report("passkey-request", "qr_ready", [(5, i.PairingRefused(RUN, PairFailure.PASSKEY_REQUIRED))],
           "error(passkey_required)"),
    Report("PairError", "qr_ready", [(5, i.PairingRefused(RUN, PairFailure.PAIR_FAILED))], "error(pair_failed)"),
    Report("err-client-outdated at the scan", "qr_ready", [(5, i.PairingRefused(RUN, PairFailure.CLIENT_OUTDATED))],
           "error(client_outdated)"),
    # a code to type
    Report("PairPhone's code, then PairSuccess", "asked",
           [(5, c.PairingCodeIssued(RUN, "ABCD-EFGH", PHONE)), (9, i.Paired(RUN, ME)), (11, i.Connected(RUN))],
           "scanning > connected"),
    Report("PairPhone's error", "asked", [(5, c.PairingCodeRefused(RUN, PHONE, c.CodeRefusal.TOO_OFTEN))], ""),
    Report("an error while a code pair notification was handled, only logged", "typed",
           [(5, c.PairingCodeMistyped(RUN))], "expired(qr_timeout)"),
    Report("the right code after a wrong one", "typed",
           [(5, c.PairingCodeMistyped(RUN)), (9, i.Paired(RUN, ME)), (11, i.Connected(RUN))],
           "expired(qr_timeout) > scanning > connected"),
    # the scan
    Report("PairSuccess and 515, then Connected", "qr_ready", [(5, i.Paired(RUN, ME)), (7, i.Connected(RUN))],
           "scanning > connected"),
    Report("PairSuccess of a round that just expired", "qr_ready",
           [(125, i.Paired(RUN, ME)), (127, i.Connected(RUN))], "expired(qr_timeout) > scanning > connected", 130),
    Report("PairSuccess of another klien's number", "qr_ready", [(5, i.AlreadyLinked(RUN, STRANGER))],
           "error(already_linked)"),
    Report("the connect after 515 failed, only logged", "qr_ready",
           [(5, i.Paired(RUN, ME)), (66, i.StartEntered(FRESH)), (67, i.Connected(FRESH))],
           "scanning > connected", 200),
    Report("the connect after 515 failed twice", "qr_ready", [(5, i.Paired(RUN, ME)), (66, i.StartEntered(FRESH))],
           "scanning > error(pair_stalled)", 200),
    Report("PairError after the device was stored", "scanning",
           [(5, i.PairingRefused("device", PairFailure.PAIR_FAILED))], "error(pair_failed)"),
    Report("401 some seconds after the scan", "scanning", [(5, i.LoggedOut("device", LogoutCause.LOGGED_OUT))],
           "disconnected(logged_out)"),
    # the link
    Report("Disconnected, and the library is back in a second", "connected",
           [(5, i.LinkLost(RUN)), (6, i.Connected(RUN))], ""),
    Report("Disconnected, and back in a minute", "connected", [(5, i.LinkLost(RUN)), (59, i.Connected(RUN))],
           "reconnecting(link_lost) > reconnecting(unreachable) > connected"),
    Report("503 at each connect, of which no event tells", "connected", [(5, i.LinkLost(RUN))],
           "reconnecting(link_lost) > reconnecting(unreachable)", 900),
    Report("515, and the connect after it failed, only logged", "connected",
           [(5, i.LinkLost(RUN)), (309, i.StartEntered(FRESH)), (310, i.Connected(FRESH))],
           "reconnecting(link_lost) > reconnecting(unreachable) > connected", 900),
    Report("KeepAliveTimeout, KeepAliveRestored", "connected",
           [(5, i.KeepaliveMissed(RUN)), (30, i.KeepaliveRestored(RUN))], "connected(degraded) > connected"),
    Report("three minutes of KeepAliveTimeout, then a reconnect without an event", "connected",
           [(5, i.KeepaliveMissed(RUN)), (190, i.Connected(RUN))],
           "connected(degraded) > reconnecting(keepalive_timeout) > connected", 200),
    Report("StreamError, and the library is back", "connected",
           [(5, i.StreamErrored(RUN, "516")), (6, i.LinkLost(RUN)), (7, i.Connected(RUN))],
           "reconnecting(stream_error) > connected"),
    Report("StreamReplaced", "connected", [(5, i.Replaced(RUN)), (36, i.Connected(FRESH))],
           "error(replaced) > reconnecting(restoring) > connected"),
    Report("LoggedOut 401", "connected", [(5, i.LoggedOut(RUN, LogoutCause.LOGGED_OUT))], "disconnected(logged_out)"),
    Report("LoggedOut 403", "connected", [(5, i.LoggedOut(RUN, LogoutCause.ACCOUNT_LOCKED))],
           "disconnected(account_locked)"),
    Report("LoggedOut 406", "connected", [(5, i.LoggedOut(RUN, LogoutCause.ACCOUNT_BANNED))],
           "disconnected(account_banned)"),
    Report("TemporaryBan 402 for 40 seconds", "connected", [(5, i.Banned(RUN, at(45), 101))],
           "error(temporary_ban) > reconnecting(restoring)"),
    Report("ClientOutdated 405", "connected", [(5, i.Outdated(RUN))], "error(client_outdated)"),
    Report("ConnectFailure 418", "reconnecting", [(5, i.ConnectRefused(RUN, 418))],
           "error(connect_refused) > reconnecting(restoring)"),
    Report("Connect returned an error", "reconnecting", [(5, i.NoRoute(RUN)), (6, i.StartEntered(FRESH)),
           (7, i.Connected(FRESH))], "reconnecting(unreachable) > reconnecting(unreachable) > connected"),
    Report("Neonize returned, or the pump ended", "connected",
           [(5, i.EngineFailed(RUN, "returned")), (6, i.StartEntered(FRESH)), (7, i.Connected(FRESH))],
           "reconnecting(engine) > reconnecting(engine) > connected"),
    # wishes of ours, after which the library reports nothing
    Report("our own Logout", "connected", [(5, i.DisconnectAsked(FRESH))], "disconnected(by_user)", 900),
    Report("our own Disconnect", "connected", [(5, i.StopAsked(FRESH))], "disconnected(stopped)", 900),
    Report("the process is gone, and starts again", "connected",
           [(5, i.HolderGone(FRESH)), (6, i.RetryDue(FRESH)), (7, i.StartEntered(FRESH)), (8, i.Connected(FRESH))],
           "reconnecting(restoring) > connected"),
]
# fmt: on


@pytest.mark.parametrize("report", REPORTS, ids=str)
def test_what_the_library_reports_is_told_as_it_is(report: Report) -> None:
    assert tell(SESSIONS[report.name], report) == report.told


def test_every_fact_is_in_a_report() -> None:
    reported = {type(what) for report in REPORTS for _, what in report.inputs}

    ours = {i.StartQueued, i.OtherNetwork}  # told without the library

    assert {kind for kind in leaves() if issubclass(kind, i.Fact)} - reported == ours
