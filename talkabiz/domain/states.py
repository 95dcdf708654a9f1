"""The words and the memory of the session machine: statuses, reasons, and what is known of one session.

The rules are in `talkabiz.domain.session`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from talkabiz.domain.effects import Effect
from talkabiz.domain.inputs import Me
from talkabiz.domain.limits import Limits
from talkabiz.domain.pairing import Round


class Status(StrEnum):
    DISCONNECTED = "disconnected"
    QR_REQUESTED = "qr_requested"
    QR_READY = "qr_ready"
    SCANNING = "scanning"
    CONNECTED = "connected"
    EXPIRED = "expired"
    ERROR = "error"
    RECONNECTING = "reconnecting"


class Reason(StrEnum):
    # disconnected
    BY_USER = "by_user"
    STOPPED = "stopped"
    LOGGED_OUT = "logged_out"
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_BANNED = "account_banned"
    # qr_requested, qr_ready, scanning
    QUEUED = "queued"
    UPDATE_WHATSAPP = "update_whatsapp"
    # connected
    DEGRADED = "degraded"
    REACHOUT_LIMITED = "reachout_limited"
    EXTERNAL = "external"
    # reconnecting
    RESTORING = "restoring"
    LINK_LOST = "link_lost"
    KEEPALIVE_TIMEOUT = "keepalive_timeout"
    STREAM_ERROR = "stream_error"
    # reconnecting and error
    UNREACHABLE = "unreachable"
    ENGINE = "engine"
    # expired
    QR_TIMEOUT = "qr_timeout"
    # error
    QR_REQUEST_TIMEOUT = "qr_request_timeout"
    PAIR_FAILED = "pair_failed"
    PAIR_STALLED = "pair_stalled"
    PASSKEY_REQUIRED = "passkey_required"
    ALREADY_LINKED = "already_linked"
    CLIENT_OUTDATED = "client_outdated"
    REPLACED = "replaced"
    TEMPORARY_BAN = "temporary_ban"
    CONNECT_REFUSED = "connect_refused"


INTERRUPTED = "interrupted"
"""The detail of an expired session whose round ended with its process, and not in its time."""


SANDBOX_DEVICE, REAL_DEVICE = "sandbox_device", "real_device"
"""The detail of an engine's error about a device that belongs to another WhatsApp than the one that is spoken with."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the machine remembers of one klien. The fields after `replaced_at` die with the process, but for the
    last.
    """

    since: datetime
    """When this status began (a change of reason alone doesn't count)."""
    status: Status = Status.DISCONNECTED
    reason: Reason | None = None
    detail: str | None = None
    """More about the reason, for operators: WhatsApp's code of a refusal."""
    retry_at: datetime | None = None
    device: str | None = None
    """The name of the stored device; None: not linked."""
    me: Me | None = None
    tries: int = 0
    """Failed tries in a row, for whatever reason; the back-off grows with it."""
    replaced_at: datetime | None = None

    attempt: str | None = None
    """The run whose facts count."""
    entered_at: datetime | None = None
    """When that run entered the library, or lost its link later; None while it waits for its turn."""
    ahead: int | None = None
    """So many starts come before it, while it waits and that is worth a word."""
    lost_since: datetime | None = None
    """Connected, but the socket has been gone since then; not told until it is more than a blink."""
    degraded_since: datetime | None = None
    """Connected, but pings have gone unanswered since then."""
    refusals: int = 0
    """How many of `tries` WhatsApp refused. A new process begins at none, and so may be refused as often again."""
    restarted: bool = False
    """Scanning: the one restart has been used."""
    round: Round | None = None
    limited_until: datetime | None = None
    """WhatsApp takes no messages to somebody new until then. Stored elsewhere, as the pause of the klien's queue."""

    @property
    def wa_terhubung(self) -> bool:
        return self.status is Status.CONNECTED

    @property
    def is_outside(self) -> bool:
        """Linked by a gateway outside, which alone holds the device: nothing runs here."""
        return self.reason is Reason.EXTERNAL

    @property
    def is_elsewhere(self) -> bool:
        """Its device belongs to another WhatsApp than this process speaks with, or the last one spoke with."""
        return self.reason is Reason.ENGINE and self.detail in {SANDBOX_DEVICE, REAL_DEVICE}

    def is_cut_short(self, moment: Moment) -> bool:
        """Its round ended with its process, a moment ago: whoever stood before the code may still stand there."""
        might_have_lasted = timedelta(seconds=moment.limits.pairing_seconds)
        is_interrupted = self.status is Status.EXPIRED and self.detail == INTERRUPTED
        return is_interrupted and moment.now - self.since < might_have_lasted


@dataclass(frozen=True, slots=True)
class Moment:
    """What the rules need of the world: the time (UTC), the limits, and a random number from 0 to 1 for jitter."""

    now: datetime
    limits: Limits
    chance: float = 0.5

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Step:
    """The session after an input, and what has to be done about it, in order."""

    session: Session
    effects: tuple[Effect, ...] = ()
