"""The ends of the centre's ports, played by hand: for tests of what lies between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.services.ports import Deliver, StoredDevice

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
QR_TEXT = "https://wa.me/settings/linked_devices#2@ref,bm9pc2U=,aWRlbnRpdHk=,c2VjcmV0,1"


@dataclass
class ScriptedWhatsApp:
    """Remembers what it was asked to do; says what the test makes it say. The real one is tested by itself."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    attempts: dict[int, str] = field(default_factory=dict)
    """The last attempt started for each klien."""
    on_disk: list[StoredDevice] = field(default_factory=list)
    is_reachable: bool = True
    """Whether a log-out reaches the phone."""
    gives_codes: bool = False
    """Whether a code to type comes by itself, as soon as it is asked for."""
    _noted: asyncio.Event = field(default_factory=asyncio.Event)

    def connect_facts(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def start_pairing(self, klien_id: int, attempt: str) -> None:
        self._start("start_pairing", klien_id, attempt)

    def ask_pairing_code(self, klien_id: int, attempt: str, phone: str) -> None:
        self._note("ask_pairing_code", klien_id, attempt, phone)
        if self.gives_codes:
            self.show_pairing_code(klien_id, phone)

    def start_session(self, klien_id: int, attempt: str, device: str) -> None:
        self._start("start_session", klien_id, attempt, device)

    def close(self, attempt: str) -> None:
        self._note("close", attempt)

    async def log_out(self, klien_id: int, attempt: str | None, device: str) -> bool:
        self._note("log_out", klien_id, attempt, device)
        return self.is_reachable

    def forget_device(self, klien_id: int, attempt: str | None, device: str) -> None:
        self._note("forget_device", klien_id, attempt, device)

    def forget_klien(self, klien_id: int) -> None:
        self._note("forget_klien", klien_id)

    def stored_devices(self) -> Sequence[StoredDevice]:
        return self.on_disk

    async def be_asked(self, times: int) -> None:
        """Wait until it has been asked so many things."""
        while len(self.asked) < times:
            self._noted.clear()
            await self._noted.wait()

    def _note(self, *what: object) -> None:
        self.asked.append(what)
        self._noted.set()

    # --- what the test makes it say -----------------------------------------------------------------------------------

    def say(self, klien_id: int, fact: i.Fact) -> None:
        self._deliver(klien_id, fact)

    def enter(self, klien_id: int) -> None:
        self.say(klien_id, i.StartEntered(self.attempts[klien_id]))

    def show_code(self, klien_id: int, text: str = QR_TEXT) -> None:
        self.say(klien_id, i.CodeIssued(self.attempts[klien_id], text))

    def show_pairing_code(self, klien_id: int, phone: str, text: str = "ABCD-EFGH") -> None:
        self.say(klien_id, c.PairingCodeIssued(self.attempts[klien_id], text, phone))

    def pair(self, klien_id: int, phone: str = "628123456789", name: str = "Ibu Sari", attempt: str = "") -> None:
        me = i.Me(phone, f"9{phone}@lid", name, "android")
        self.say(klien_id, i.Paired(attempt or self.attempts[klien_id], me))

    def link_up(self, klien_id: int) -> None:
        self.say(klien_id, i.Connected(self.attempts[klien_id]))

    def _start(self, what: str, klien_id: int, attempt: str, *more: str) -> None:
        self._note(what, klien_id, attempt, *more)
        self.attempts[klien_id] = attempt


@dataclass
class ManualClock:
    """A clock that stands still until the test moves it."""

    time: datetime = NOW
    passed_seconds: float = 0.0

    def now(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        return self.passed_seconds

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.passed_seconds += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock; no time passes."""
        self.time += timedelta(seconds=seconds)


@dataclass
class FixedWatchers:
    """So many sockets look at each klien."""

    watching: dict[int, int] = field(default_factory=dict)

    def count(self, klien_id: int) -> int:
        return self.watching.get(klien_id, 0)
