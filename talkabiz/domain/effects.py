"""What the machine wants done about a session; the WhatsApp edge does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effect:
    """Something for the WhatsApp edge to do."""


@dataclass(frozen=True, slots=True)
class StartPairing(Effect):
    attempt: str


@dataclass(frozen=True, slots=True)
class AskPairingCode(Effect):
    """Of a pairing that shows QR codes already."""

    attempt: str
    phone: str


@dataclass(frozen=True, slots=True)
class StartSession(Effect):
    """Log in with a stored device."""

    attempt: str
    device: str


@dataclass(frozen=True, slots=True)
class CloseAttempt(Effect):
    """End the run; a stored device is kept."""

    attempt: str


@dataclass(frozen=True, slots=True)
class LogOut(Effect):
    """Take the device off the phone, then forget it. `attempt` is the run that holds it, None where none does."""

    attempt: str | None
    device: str


@dataclass(frozen=True, slots=True)
class ForgetDevice(Effect):
    """End the run and delete the store file: WhatsApp doesn't know the device any more."""

    attempt: str | None
    device: str
