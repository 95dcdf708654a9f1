"""What the supervisor writes on stderr: the application's output without one line, redacted, and lines of its own."""

from __future__ import annotations

import json
import os
import re
import select
from datetime import UTC, datetime

from talkabiz.redaction import redact

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


LONGEST_LINE = 1 << 20
"""Bytes; of a line that is longer each such piece is taken for one."""
_OURS = re.compile(rb"(?:\x1b\[\d*m)*20\d\d-\d\d-\d\dT[\d:.]+Z")
_STDERR_LOGGER = "stderr"
_LOGGER = "talkabiz.supervisor"


class Lines:
    """Whole lines. Those of the log pass, for they are redacted; the others, which the WhatsApp library, Python or the
    command line printed, are redacted here, and become lines of the log if that is JSON.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes, *, as_json: bool) -> bytes:
        """The lines that are complete now."""
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > LONGEST_LINE:
            lines.append(self._held)
            self._held = b""
        return b"".join(_passed(line, as_json=as_json) for line in lines)

    def end(self, *, as_json: bool) -> bytes:
        """The last line, though nothing ended it."""
        last, self._held = self._held, b""
        return _passed(last, as_json=as_json) if last else b""


def _passed(line: bytes, *, as_json: bool) -> bytes:
    if _is_of_the_log(line, as_json=as_json):
        return line + b"\n"
    text = redact(line.decode(errors="backslashreplace"))
    if not as_json:
        return text.encode() + b"\n"
    return _as_json(text, "error", _STDERR_LOGGER, {}, datetime.now(UTC)) if text.strip() else b""


def _is_of_the_log(line: bytes, *, as_json: bool) -> bool:
    if not as_json:
        return bool(_OURS.match(line))
    if not line.startswith(b"{"):
        return False
    try:
        return bool({"timestamp", "event"} <= json.loads(line).keys())
    except ValueError:
        return False


def write(data: bytes) -> None:
    """All of it, unless nobody reads any more."""
    while data:
        try:
            data = data[os.write(STDERR, data) :]
        except BlockingIOError:
            select.select([], [STDERR], [])  # a terminal that another program has set to not waiting
        except OSError:
            return


def line(event: str, facts: dict[str, object], at: datetime, *, as_json: bool, level: str = "warning") -> bytes:
    """As `talkabiz.log` would put it: it is one log for whoever reads it."""
    if as_json:
        return _as_json(event, level, _LOGGER, facts, at)
    pairs = "".join(f" {name}={value if str(value).isalnum() else repr(value)}" for name, value in facts.items())
    return f"{_moment(at)} [{level:<9}] {event:<30} [{_LOGGER}]{pairs}\n".encode()


def _as_json(event: str, level: str, logger: str, facts: dict[str, object], at: datetime) -> bytes:
    fields = {"timestamp": _moment(at), "level": level, "event": event, "logger": logger, **facts}
    return json.dumps(fields).encode() + b"\n"


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def say(event: str, *, as_json: bool, **facts: object) -> None:
    write(line(event, facts, datetime.now(UTC), as_json=as_json))
