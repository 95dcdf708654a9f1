"""What holds up a klien's queue, told beside each message that waits in it. Waiting for its turn is no hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from talkabiz.domain.errors import Sentence
from talkabiz.domain.klien import iso
from talkabiz.domain.message_errors import SENTENCES
from talkabiz.domain.pacing import Why
from talkabiz.domain.sentences import sentence
from talkabiz.domain.states import Reason, Session, Status

STARTING = Sentence(
    "Server baru dinyalakan; sesi ini belum tersambung.", "The server has just started; not connected yet."
)
_PACE_SENTENCES: Mapping[Why, Sentence] = {
    Why.QUIET_HOURS: Sentence("Menunggu jam tenang berakhir.", "Waits for the end of quiet hours."),
    Why.DAILY_CAP: Sentence("Batas kirim hari ini tercapai.", "Today's limit of messages is reached."),
}


@dataclass(frozen=True, slots=True)
class Hold:
    """`reason`: a status or a reason of the session, `quiet_hours`, `daily_cap`, or the code of an error that WhatsApp
    gave. `until` None: nobody knows.
    """

    reason: str
    sentence: Sentence
    until: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        until = iso(self.until) if self.until else None
        return {"reason": self.reason, "until": until, "message": self.sentence.as_dict()}


def by_session(session: Session | None) -> Hold | None:
    """None: it is connected, and messages may go. Without a session, or with one that nothing runs for, the program has
    just begun.
    """
    if session is None or (session.status is Status.CONNECTED and session.attempt is None):
        return Hold(Reason.RESTORING.value, STARTING)
    if session.status is Status.CONNECTED and session.lost_since:
        return Hold(Reason.LINK_LOST.value, sentence(_lost(session)))
    if session.status is Status.CONNECTED:
        return None
    reason = session.reason.value if session.reason else session.status.value
    return Hold(reason, sentence(session), session.retry_at)


def by_pause(until: datetime | None, code: str | None, now: datetime) -> Hold | None:
    """As WhatsApp asked for it by refusing a message."""
    if until is None or until <= now:
        return None
    reason = code or "refused"
    return Hold(reason, SENTENCES.get(reason, SENTENCES["refused"]), until)


def by_pace(at: datetime, why: Why | None) -> Hold | None:
    return Hold(why.value, _PACE_SENTENCES[why], at) if why and why in _PACE_SENTENCES else None


def _lost(session: Session) -> Session:
    """As it will be told, if it is more than a blink."""
    return Session(session.since, Status.RECONNECTING, Reason.LINK_LOST, device=session.device)
