"""What can happen about a code that is typed into a phone, beside the other inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from talkabiz.domain.inputs import Fact, Wish


class CodeRefusal(StrEnum):
    """Why there is no pairing code."""

    INVALID_PHONE = "invalid_phone"
    """Of all reasons: WhatsApp refused the number that it was asked for."""
    TOO_OFTEN = "too_often"
    UNANSWERED = "unanswered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PairingCodeAsked(Wish):
    """Link by a code that is typed into the phone of that number, in digits; its QR codes are shown as well.

    Refused while a device is stored or a link stands, and where WhatsApp was asked too often.
    """

    phone: str


@dataclass(frozen=True, slots=True)
class PairingCodeIssued(Fact):
    """A code to type into the phone of that number. An earlier one is dead from now on."""

    text: str = field(repr=False)
    phone: str


@dataclass(frozen=True, slots=True)
class PairingCodeRefused(Fact):
    phone: str
    cause: CodeRefusal


@dataclass(frozen=True, slots=True)
class PairingCodeMistyped(Fact):
    """Another code was typed into the phone. The right one would still link, but no QR code of this attempt will:
    the library has changed the secret that they are made of (whatsmeow, pair-code.go).
    """
