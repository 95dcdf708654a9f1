"""One run as the engine sees it: what is known of it, and what it has told that hasn't been read yet."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from talkabiz.domain import inputs as i
from talkabiz.whatsapp.run import Kind, Run

PAUSE_SECONDS = 2.0
"""By so much the library's pause grows with each try to connect that fails (whatsmeow, autoReconnect)."""


@dataclass(eq=False, slots=True)
class Attempt:
    klien_id: int
    name: str
    store: str
    pairing: bool
    muted: bool = False
    """Its facts aren't wanted: it was closed, or it runs only to be logged out."""
    run: Run | None = None
    """None while it waits for its turn."""
    ahead: int | None = None
    """The place in the line that was last told."""
    signed: bool = False
    closed_at: float | None = None
    inbox: deque[tuple[float, Kind, int, bytes, int | None]] = field(default_factory=deque)
    scanned: bool = False
    """The library reported a successful pairing; the account comes next."""
    paired: bool = False
    adopted: bool = False
    """The centre was told that it paired."""
    me: i.Me | None = None
    told: bool | None = None
    """Whether the link was last told to be up; None before the first time and after the end."""
    doubts: int = 0
    """Polls in a row that found it otherwise."""
    recovered: bool = False
    """It answers again. Whether the centre had given it up by then, by its own clock, isn't known here."""
    noticed_at: float | None = None
    """When the library last gave a sign of its trying; None before it was up for the first time."""
    lines: int = 0
    """Of the library's log since it was last up: each try that fails leaves one or two."""
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while it is up, and for good when it never will be again."""

    def notice(self, lines: int = 0) -> None:
        """The library gave a sign, and wrote so many lines to its log."""
        if self.noticed_at is not None:
            self.noticed_at, self.lines = time.monotonic(), self.lines + lines

    def quiet_seconds(self) -> float:
        """For how long it has been silent beyond the pause that it makes after so many failures."""
        if self.noticed_at is None:
            return 0.0
        return time.monotonic() - self.noticed_at - self.lines * PAUSE_SECONDS
