"""What the supervisor writes on stderr: the application's output without one line, and lines of its own."""

from __future__ import annotations

import json
import os
import select
from datetime import UTC, datetime

STDERR = 2
NOISE = b"Press Ctrl+C to exit"
"""The WhatsApp library prints it for each session that starts; the program ends no other way for it."""


class Sieve:
    """Bytes go through as they come, but for NOISE at the beginning of a line.

    The library writes it and its line feed one by one, and a line of somebody else may come between the two.
    """

    def __init__(self) -> None:
        self._held = b""
        """The beginning of a line that may become NOISE."""
        self._is_within_line = False
        self._owed = 0
        """Line feeds of NOISE that haven't come yet."""

    def feed(self, data: bytes) -> bytes:
        """What may pass now."""
        rest, passed = self._held + data, b""
        self._held = b""
        while rest:
            if self._is_within_line:
                line, feed, rest = rest.partition(b"\n")
                passed += line + feed
                self._is_within_line = not feed
            elif rest.startswith(NOISE):
                rest = rest.removeprefix(NOISE)
                self._owed += 1
            elif self._owed and rest.startswith(b"\n"):
                rest = rest[1:]
                self._owed -= 1
            elif NOISE.startswith(rest):
                self._held, rest = rest, b""
            else:
                self._is_within_line = True
        return passed

    def end(self) -> bytes:
        """What was held back, with a line feed if the last line has none: nothing more comes."""
        return self._held + (b"\n" if self._held or self._is_within_line else b"")


def write(data: bytes) -> None:
    """All of it, unless nobody reads any more."""
    while data:
        try:
            data = data[os.write(STDERR, data) :]
        except BlockingIOError:
            select.select([], [STDERR], [])  # a terminal that another program has set to not waiting
        except OSError:
            return


def line(event: str, facts: dict[str, object], at: datetime, *, as_json: bool) -> bytes:
    """As `talkabiz.log` would put it: it is one log for whoever reads it."""
    moment = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if as_json:
        text = json.dumps({**facts, "event": event, "level": "warning", "timestamp": moment})
    else:
        pairs = " ".join(f"{name}={value if str(value).isalnum() else repr(value)}" for name, value in facts.items())
        text = f"{moment} [warning  ] {event:<30} {pairs}"
    return text.encode() + b"\n"


def say(event: str, *, as_json: bool, **facts: object) -> None:
    write(line(event, facts, datetime.now(UTC), as_json=as_json))
