"""Rounds of codes to scan, and one to type, as pure functions of time.

WhatsApp gives an attempt six codes; the library shows the first for 60 s and the others for 20 s each, 160 s in all
(whatsmeow, qrchan.go). A round of ours is shorter (`Limits.pairing_seconds`): when it closes, the code is hidden, the
attempt lives on unseen until its own end, and a new round is a new attempt.

A code to type is asked for once the first QR code is there. It lives as long as the attempt (whatsmeow, pair-code.go),
and is hidden with the QR code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from talkabiz.domain.code_inputs import CodeRefusal
from talkabiz.domain.limits import Limits

CODES_OF_AN_ATTEMPT = 6
FIRST_CODE_SECONDS = 60.0
NEXT_CODE_SECONDS = 20.0
ATTEMPT_SECONDS = FIRST_CODE_SECONDS + (CODES_OF_AN_ATTEMPT - 1) * NEXT_CODE_SECONDS
MOST_REQUESTS = 3
"""Codes to type that WhatsApp is asked for in one round. It refuses who asks often, and each rings the phone."""


@dataclass(frozen=True, slots=True)
class Code:
    """One QR code. Its text holds the key that links a device: it is never logged, stored or put in a webhook."""

    text: str = field(repr=False)
    n: int
    of: int
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """A code to type into the phone of that number: wished for, then asked for, then there or refused."""

    phone: str
    is_asked: bool = False
    """Whether WhatsApp has been asked."""
    text: str | None = field(default=None, repr=False)
    """`ABCD-EFGH`; as secret as a QR code."""
    expires_at: datetime | None = None
    refusal: CodeRefusal | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether there is no need to ask again: it is there, or on its way."""
        return not self.refusal and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Round:
    """One round of codes: the `number`-th since a person asked. `closes_at` is unknown until the first code."""

    number: int
    closes_at: datetime | None = None
    code: Code | None = None
    request: CodeRequest | None = None
    requests: int = 0
    """So many times WhatsApp was asked for a code to type."""

    def show(self, text: str, now: datetime, limits: Limits) -> Round:
        """The round with its next code on screen, and its end set by the first."""
        closes_at = self.closes_at or now + timedelta(seconds=limits.pairing_seconds)
        n = self.code.n + 1 if self.code else 1
        lives = timedelta(seconds=code_seconds(n))
        code = Code(text, n, max(codes_shown(limits), n), issued_at=now, expires_at=min(now + lives, closes_at))
        return replace(self, closes_at=closes_at, code=code)

    def may_ask(self) -> bool:
        return self.requests < MOST_REQUESTS

    def ask(self, phone: str) -> Round:
        """The round once WhatsApp has been asked for a code to type, in place of any other."""
        return replace(self, request=CodeRequest(phone, is_asked=True), requests=self.requests + 1)

    def answer(self, request: CodeRequest, text: str, limits: Limits) -> Round:
        """The round with a code to type on screen beside the one to scan."""
        expires_at = self.closes_at
        if expires_at and limits.pairing_seconds > ATTEMPT_SECONDS:
            expires_at -= timedelta(seconds=limits.pairing_seconds - ATTEMPT_SECONDS)
        return replace(self, request=replace(request, text=text, expires_at=expires_at))

    def close(self) -> Round:
        """The round with nothing on screen."""
        return replace(self, code=None, request=None, requests=0)

    def may_be_followed(self, limits: Limits) -> bool:
        """Whether the program may begin the next round by itself."""
        return self.number < limits.auto_refresh_rounds


def code_seconds(n: int) -> float:
    """How long the library shows code number `n`, counted from 1."""
    return FIRST_CODE_SECONDS if n == 1 else NEXT_CODE_SECONDS


def codes_shown(limits: Limits) -> int:
    """How many codes of an attempt come before its round closes."""
    begins, shown = 0.0, 0
    while shown < CODES_OF_AN_ATTEMPT and begins < limits.pairing_seconds:
        shown += 1
        begins += code_seconds(shown)
    return max(shown, 1)
