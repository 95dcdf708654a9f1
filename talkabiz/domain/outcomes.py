"""What becomes of a message that was handed to WhatsApp, and how far receipts bring it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from talkabiz.domain.answers import CallFailed, Sent
from talkabiz.domain.message import Status

NEW_CONTACT_LIMITED = "new_contact_limited"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status`: sent; failed or uncertain, with the `error` that says why; or queued: it hasn't left for sure and may
    be tried again, with the `error` that it fails by if it was tried often enough; None: as often as it takes.
    """

    status: Status
    error: str | None = None
    wa_id: str | None = None
    at: datetime | None = None

    @property
    def is_limited(self) -> bool:
        """WhatsApp wants no more messages to strangers from this account, for now."""
        return self.error == NEW_CONTACT_LIMITED


UNANSWERED = Outcome(Status.UNCERTAIN, "unanswered")
_NOT_NOW = {"not_connected", "not_logged_in", "not_begun"}
_NOT_THIS_TIME = {"timed_out": "internal", "media_unreachable": "media_failed"}
_NEVER = {
    "error_463": NEW_CONTACT_LIMITED,
    "no_lid": "not_on_whatsapp",
    "invalid_phone": "not_on_whatsapp",
    "not_in_group": "not_in_group",
    "group_not_found": "group_not_found",
    "media_gone": "media_failed",
    "no_media": "media_failed",
    "media_damaged": "media_failed",
}


def sent(answer: Sent) -> Outcome:
    return Outcome(Status.SENT, wa_id=answer.id, at=answer.at)


def failed(code: str) -> Outcome:
    return Outcome(Status.FAILED, code)


def of_send(failure: CallFailed) -> Outcome:
    return UNANSWERED if failure.may_have_happened else of_step(failure)


def of_step(failure: CallFailed) -> Outcome:
    """Of what has to be done before a message is sent: it hasn't left. WhatsApp's own numbers are codes as they are;
    what isn't known here is a fault of ours.
    """
    code = failure.code
    if code in _NOT_NOW:
        return Outcome(Status.QUEUED)
    if failure.may_have_happened:
        return Outcome(Status.QUEUED, "internal")
    if code in _NOT_THIS_TIME:
        return Outcome(Status.QUEUED, _NOT_THIS_TIME[code])
    is_told = code.startswith(("error_", "refused_"))
    return failed(_NEVER.get(code, code if is_told else "internal"))


def reached(sums: Mapping[str, int]) -> Status | None:
    """How far a message has come with anybody, by its receipts. `sums` as `store.receipts` has them; None: nowhere."""
    steps = (("played", Status.PLAYED), ("read", Status.READ), ("delivered", Status.DELIVERED))
    return next((status for name, status in steps if sums.get(name)), None)
