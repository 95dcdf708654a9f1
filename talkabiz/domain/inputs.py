"""What can happen to a session; what the machine wants done about it is in `talkabiz.domain.effects`.

Inputs are of four kinds. Wishes come from people and programs. Facts come from WhatsApp and name the attempt that
they are about: one run of the library for one klien. Notices come from other rooms of this program and are about the
account, whichever run holds it. Alarms come from the clock (`talkabiz.domain.session.next_alarm`). All but facts bring
along `attempt`: a fresh name for the attempt that may have to begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Me:
    """The linked account. `phone` is digits, `lid` is `user@lid`; `name` is what its owner typed: never trust it."""

    phone: str
    lid: str = ""
    name: str = ""
    platform: str = ""


class PairFailure(StrEnum):
    """Why WhatsApp or the phone didn't complete a scan; the values are reasons of the session."""

    PAIR_FAILED = "pair_failed"
    PASSKEY_REQUIRED = "passkey_required"
    CLIENT_OUTDATED = "client_outdated"


class LogoutCause(StrEnum):
    """Why WhatsApp doesn't know the device any more; the values are reasons of the session."""

    LOGGED_OUT = "logged_out"
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_BANNED = "account_banned"


@dataclass(frozen=True, slots=True)
class Input:
    """Anything that the machine may be told."""

    attempt: str


# --- wishes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish(Input):
    """Somebody asked for something; `attempt` is a fresh name."""


@dataclass(frozen=True, slots=True)
class ConnectAsked(Wish):
    """Link, or bring a stored device back."""


@dataclass(frozen=True, slots=True)
class RefreshAsked(Wish):
    """A new round of codes: pressed by a person, or by the program because somebody watches."""

    by_program: bool = False


@dataclass(frozen=True, slots=True)
class StopAsked(Wish):
    """Run no longer, keep the device."""


@dataclass(frozen=True, slots=True)
class DisconnectAsked(Wish):
    """Log out on WhatsApp and forget the device."""


@dataclass(frozen=True, slots=True)
class HolderGone(Wish):
    """The process that held the link stops or has stopped: told at SIGTERM and first thing at start."""


@dataclass(frozen=True, slots=True)
class DeviceFound(Wish):
    """At start: the store file of an attempt holds a device that the row doesn't know (the process died between)."""

    device: str
    me: Me


@dataclass(frozen=True, slots=True)
class OutsideReported(Wish):
    """A gateway outside says which account it has linked for this klien; None: it has none (any more).

    A wish and not a fact, since it is about no run of ours, and since whoever tells it waits for an answer: a session
    may refuse it.
    """

    me: Me | None = None


# --- facts ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fact(Input):
    """WhatsApp or the library reported something about the attempt."""


@dataclass(frozen=True, slots=True)
class StartQueued(Fact):
    """Starts are one at a time, and this one has to wait for its turn. Told again when it has moved on a good deal."""

    ahead: int = 0
    """How many starts come before this one; 0: it waits for the end of an earlier run."""


@dataclass(frozen=True, slots=True)
class StartEntered(Fact):
    """The attempt entered the library: its clock runs from here."""


@dataclass(frozen=True, slots=True)
class CodeIssued(Fact):
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodesRanOut(Fact):
    """The library has no further code, or the server closed the socket before a scan."""


@dataclass(frozen=True, slots=True)
class OldPhoneScanned(Fact):
    """A phone without multi-device scanned; the codes go on."""


@dataclass(frozen=True, slots=True)
class Paired(Fact):
    """A phone scanned and the device is stored. The link itself comes with `Connected`."""

    me: Me


@dataclass(frozen=True, slots=True)
class AlreadyLinked(Fact):
    """As `Paired`, but the number belongs to another klien."""

    me: Me


@dataclass(frozen=True, slots=True)
class PairingRefused(Fact):
    cause: PairFailure


@dataclass(frozen=True, slots=True)
class Connected(Fact):
    """Logged in. `me` is None where the library said nothing new about the account."""

    me: Me | None = None


@dataclass(frozen=True, slots=True)
class LinkLost(Fact):
    """The socket is gone; the library tries to reconnect by itself."""


@dataclass(frozen=True, slots=True)
class KeepaliveMissed(Fact):
    """WhatsApp doesn't answer pings."""


@dataclass(frozen=True, slots=True)
class KeepaliveRestored(Fact):
    """WhatsApp answers pings again."""


@dataclass(frozen=True, slots=True)
class StreamErrored(Fact):
    code: str


@dataclass(frozen=True, slots=True)
class LoggedOut(Fact):
    """Not reported when we logged out ourselves."""

    cause: LogoutCause


@dataclass(frozen=True, slots=True)
class Replaced(Fact):
    """The same device logged in elsewhere."""


@dataclass(frozen=True, slots=True)
class Banned(Fact):
    until: datetime | None
    code: int = 0


@dataclass(frozen=True, slots=True)
class Outdated(Fact):
    """WhatsApp doesn't accept this version of the library any more."""


@dataclass(frozen=True, slots=True)
class ConnectRefused(Fact):
    code: int


@dataclass(frozen=True, slots=True)
class OtherNetwork(Fact):
    """The device wasn't tried: it belongs to another WhatsApp than the one that is spoken with. `is_real`: to the real
    one, and a sandbox is on; else to a sandbox.
    """

    is_real: bool


@dataclass(frozen=True, slots=True)
class NoRoute(Fact):
    """WhatsApp's servers couldn't be reached; the attempt has ended."""


@dataclass(frozen=True, slots=True)
class EngineFailed(Fact):
    """The attempt ended for a reason that isn't WhatsApp's. `lasting`: trying again at once would not help."""

    detail: str = ""
    lasting: bool = False


# --- notices ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notice(Input):
    """Something that this program knows of the account; `attempt` is a fresh name."""


@dataclass(frozen=True, slots=True)
class ReachoutLimited(Notice):
    """WhatsApp refused a message to somebody new (463), and the klien's queue waits until then. None: no longer."""

    until: datetime | None


# --- alarms -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alarm(Input):
    """A time came; `attempt` is a fresh name."""


@dataclass(frozen=True, slots=True)
class QrRequestTimedOut(Alarm):
    """No code in time."""


@dataclass(frozen=True, slots=True)
class RoundClosed(Alarm):
    """The round showed its codes for long enough."""


@dataclass(frozen=True, slots=True)
class ScanStalled(Alarm):
    """Scanned, but not connected in time."""


@dataclass(frozen=True, slots=True)
class LinkLossConfirmed(Alarm):
    """Lost for longer than a blink."""


@dataclass(frozen=True, slots=True)
class KeepaliveGivenUp(Alarm):
    """The library now reconnects, without telling."""


@dataclass(frozen=True, slots=True)
class ReachoutLimitEnded(Alarm):
    """Messages to somebody new may be tried again."""


@dataclass(frozen=True, slots=True)
class RouteMissed(Alarm):
    """Reconnecting for so long that WhatsApp must be out of reach."""


@dataclass(frozen=True, slots=True)
class RetryDue(Alarm):
    """`retry_at` came."""
