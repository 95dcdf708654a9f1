"""What the centre needs of its edges. Bootstrap fills these in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from talkabiz.domain.inputs import Fact, Me

Deliver = Callable[[int, Fact], None]
"""Takes a fact about a klien: on the event loop, in the order in which things happened to that klien; never blocks."""


@dataclass(frozen=True, slots=True)
class StoredDevice:
    """A linked device found in a store file on disk."""

    klien_id: int
    device: str
    me: Me


class WhatsApp(Protocol):
    """The phone network. Calls return at once, but for `log_out`; what comes of them arrives as facts.

    An attempt is one run of the library, named by the caller. A device is a store file, named by the attempt that
    paired it.
    """

    def connect_facts(self, deliver: Deliver) -> None:
        """Where facts go. Called once, before anything else."""

    def start_pairing(self, klien_id: int, attempt: str) -> None:
        """Begin an attempt with an empty store: StartQueued?, StartEntered, then CodeIssued… or how it failed."""

    def ask_pairing_code(self, klien_id: int, attempt: str, phone: str) -> None:
        """Of a pairing that has shown a code to scan: PairingCodeIssued or PairingCodeRefused,
        12 seconds later at most; of several numbers one after the other.
        """

    def start_session(self, klien_id: int, attempt: str, device: str) -> None:
        """Log in with a stored device: StartQueued?, StartEntered, then Connected or how it failed."""

    def close(self, attempt: str) -> None:
        """End the attempt as soon as that is safe. No fact of it is delivered any more. Unknown names are ignored."""

    async def log_out(self, klien_id: int, attempt: str | None, device: str) -> bool:
        """Take the device off the phone, end the attempt, delete the store file.

        Where no attempt holds the device, one is started for it. Returns within 12 seconds whether WhatsApp was told;
        the file is gone either way.
        """

    def forget_device(self, klien_id: int, attempt: str | None, device: str) -> None:
        """End the attempt and delete the store file."""

    def forget_klien(self, klien_id: int) -> None:
        """End everything of this klien and delete its directory."""

    def stored_devices(self) -> Sequence[StoredDevice]:
        """At start, before any attempt: the devices on disk. Files of attempts that never paired are deleted."""


class Watchers(Protocol):
    def count(self, klien_id: int) -> int:
        """How many sockets look at this klien right now; the list of all kliens doesn't count."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, in UTC. It may jump, when somebody sets the machine's clock."""

    def seconds(self) -> float:
        """Since some moment of the past. It never jumps."""
