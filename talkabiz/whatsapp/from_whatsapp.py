"""What the library tells, as facts of the domain. Pure: bytes and texts in, facts out.

The messages are those of neonize.proto.Neonize_pb2. Importing that loads the library, so it is done when the first
message arrives: by then it is there.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from talkabiz.domain import code_inputs as c, inputs as i

NAME_LENGTH = 100
DETAIL_LENGTH = 200
# Codes to scan carry the key of the pairing; keys and tokens of the protocol are longer than any word.
_SECRET = re.compile(r"\S*(?:linked_devices#|[A-Za-z0-9+/=_-]{32})\S*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

# ConnectFailureReason of the library -> WhatsApp's code (whatsmeow types/events/events.go)
_REFUSALS = {1: 400, 2: 401, 3: 402, 4: 403, 5: 406, 6: 405, 7: 409, 8: 500, 9: 501, 10: 503}
_LOGOUTS = {403: i.LogoutCause.ACCOUNT_LOCKED, 406: i.LogoutCause.ACCOUNT_BANNED}
# TempBanReason of the library -> WhatsApp's code
_BANS = {1: 101, 2: 102, 3: 103, 4: 104, 5: 106}

_PLAIN_EVENTS: Mapping[int, Callable[[str], i.Fact]] = {
    3: i.Connected,
    4: i.KeepaliveMissed,
    5: i.KeepaliveRestored,
    7: i.Replaced,
    10: i.Outdated,
    12: i.LinkLost,
}
_STATUSES: Mapping[str, Callable[[str], i.Fact]] = {
    "timeout": i.CodesRanOut,
    "err-scanned-without-multidevice": i.OldPhoneScanned,
}
_REFUSED_STATUSES = {
    "error": i.PairFailure.PAIR_FAILED,
    "passkey-request": i.PairFailure.PASSKEY_REQUIRED,
    "passkey-confirmation": i.PairFailure.PASSKEY_REQUIRED,
    "err-client-outdated": i.PairFailure.CLIENT_OUTDATED,
}
_MISTYPED = "Failed to handle code pair notification: info query"
"""Written when WhatsApp refuses the last word of a pairing by code. By then the secret of the QR codes has
been replaced (whatsmeow, handleCodePairNotification); what else is written there comes before.
"""
LAST_STATUSES = frozenset({"timeout", "error", "err-client-outdated", "err-unexpected-state"})
"""After one of these the run has nothing more to tell, and never returns."""

_STORE_WORDS = ("database", "disk", "sqlite", "sql:", "no such table")
_ROUTE_WORDS = (
    *("failed to dial", "handshake", "websocket", "proxyconnect", "socks connect", "dial tcp", "no such host"),
    *("connection refused", "connection reset", "network is unreachable", "no route to host", "i/o timeout"),
    *("tls:", "x509:", "eof"),
)


@cache
def _messages() -> Any:
    return importlib.import_module("neonize.proto.Neonize_pb2")


def redact(text: str) -> str:
    """Fit for a log or a detail: one line, not long, without codes and keys."""
    return _CONTROL.sub(" ", _SECRET.sub("…", text)).strip()[:DETAIL_LENGTH]


def log_line(data: bytes) -> str:
    entry = _messages().LogEntry.FromString(data)
    return redact(f"{entry.Name}: {entry.Message}")


def fact_of_log(attempt: str, line: str) -> i.Fact | None:
    """A fact that the library tells in its log alone."""
    return c.PairingCodeMistyped(attempt) if _MISTYPED in line else None


def me_of(data: bytes) -> i.Me:
    """The account in event 0."""
    device = _messages().Device.FromString(data)
    lid = f"{device.LID.User}@lid" if device.LID.User else ""
    name = _text(device, "PushName") or _text(device, "BussinessName")
    return i.Me(device.JID.User, lid, name, _text(device, "Platform"))


def fact_of_event(attempt: str, number: int, data: bytes, now: datetime) -> i.Fact | None:
    """A fact for an event, None for a number we didn't ask for. Not for event 0, which `me_of` reads."""
    if plain := _PLAIN_EVENTS.get(number):
        return plain(attempt)
    messages = _messages()
    match number:
        case 2:
            return _pairing(attempt, messages.PairStatus.FromString(data))
        case 6:
            code = _REFUSALS[messages.LoggedOut.FromString(data).Reason]
            return i.LoggedOut(attempt, _LOGOUTS.get(code, i.LogoutCause.LOGGED_OUT))
        case 8:
            return _ban(attempt, messages.TemporaryBan.FromString(data), now)
        case 9:
            return i.ConnectRefused(attempt, _REFUSALS[messages.ConnectFailure.FromString(data).Reason])
        case 11:
            return i.StreamErrored(attempt, redact(messages.StreamError.FromString(data).Code))
    return None


def fact_of_status(attempt: str, status: str) -> i.Fact | None:
    """A fact for a status of a pairing. None for "success": the account comes with event 0."""
    if status == "success":
        return None
    if told := _STATUSES.get(status):
        return told(attempt)
    if cause := _REFUSED_STATUSES.get(status):
        return i.PairingRefused(attempt, cause)
    return i.EngineFailed(attempt, redact(status))


def fact_of_return(attempt: str, text: str) -> i.Fact:
    """Why a run ended by itself. `text` is the library's error, or empty."""
    lower = text.lower()
    if "required field" in lower:
        return _unknown_value(attempt, text)
    if any(word in lower for word in _STORE_WORDS):
        return i.EngineFailed(attempt, redact(text), lasting=True)
    if any(word in lower for word in _ROUTE_WORDS):
        return i.NoRoute(attempt)
    return i.EngineFailed(attempt, redact(text))


def _unknown_value(attempt: str, text: str) -> i.Fact:
    """WhatsApp gave a number that the library has no word for, so it couldn't encode the event and ended."""
    if "TemporaryBan" in text:
        return i.Banned(attempt, until=None)
    if "ConnectFailure" in text:
        return i.ConnectRefused(attempt, 0)
    return i.EngineFailed(attempt, redact(text))


def _pairing(attempt: str, status: Any) -> i.Fact:
    if status.Status == _messages().PairStatus.ERROR:
        return i.PairingRefused(attempt, i.PairFailure.PAIR_FAILED)
    return i.Paired(attempt, i.Me(status.ID.User, "", _text(status, "BusinessName"), _text(status, "Platform")))


def _ban(attempt: str, ban: Any, now: datetime) -> i.Banned:
    # Seconds, by EncodeTemporaryBan of goneonize/utils/encoder.go; 0: WhatsApp didn't say.
    until = now + timedelta(seconds=ban.Expire) if ban.Expire > 0 else None
    return i.Banned(attempt, until, _BANS.get(ban.Code, 0))


def _text(message: Any, field: str) -> str:
    """A text as its owner typed it, which may be anything. What isn't UTF-8 comes as bytes."""
    value = getattr(message, field)
    return clean(value.decode(errors="ignore") if isinstance(value, bytes) else value)


def clean(name: str) -> str:
    """A name on one line, and not too long."""
    return _CONTROL.sub("", name)[:NAME_LENGTH]
