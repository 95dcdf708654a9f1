"""What was heard a moment ago, in a file: from before the library's callback returns until the database has it.

The library has told WhatsApp by then that it has a message, and a transaction that is under way may take as long as a
hundred messages do. So a callback writes down what it got, which takes microseconds, and a process that is killed at
that moment leaves it to the next one. It isn't forced to the disk: it outlives the process, not the machine's power.

What was stored just before a kill may stand here as well, and is then heard twice; it is taken in once.
"""

from __future__ import annotations

import os
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from talkabiz.store.heard import Heard

FOLDER = ".heard"
LARGEST_FILE = 4 << 20
"""Where there is no moment at which everything is stored, files are begun anew, and old ones go."""
_HEAD = struct.Struct("<II")  # bytes of what follows, their CRC
_EVENT = struct.Struct("<qqd")  # klien, the event's number, when; then its data

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _File:
    path: Path
    descriptor: int
    last: int = 0
    """The ticket of the last that stands in it."""
    size: int = 0


class Spool:
    """`keep` is called on any thread and never raises; the rest on the loop's."""

    def __init__(self, folder: Path) -> None:
        """OSError: nothing can be written there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._left = sorted((each for each in folder.glob("*.spool") if each.stem.isdecimal()), key=_number)
        self._number = _number(self._left[-1]) if self._left else 0
        self._lock = threading.Lock()
        self._last = 0
        self._on_their_way: set[int] = set()
        self._files: deque[_File] = deque([self._begin()])
        self._is_failing = False

    def keep(self, klien_id: int, number: int, data: bytes) -> int:
        """Write it down. Returns its ticket, for `passed`."""
        record = _record(klien_id, number, time.time(), data)
        with self._lock:
            self._last += 1
            self._on_their_way.add(self._last)
            try:
                self._append(record)
            except OSError as error:
                self._tell(error)
            return self._last

    def passed(self, ticket: int) -> None:
        """It is in the hands of whoever stores it."""
        with self._lock:
            self._on_their_way.discard(ticket)

    def mark(self) -> int:
        """Everything up to this one has been passed."""
        with self._lock:
            return min(self._on_their_way, default=self._last + 1) - 1

    def stored(self, mark: int) -> None:
        """Everything up to this one is in the database."""
        with self._lock, suppress(OSError):
            while len(self._files) > 1 and self._files[0].last <= mark:
                self._drop(self._files.popleft())
            (first, *others) = self._files
            if not others and first.size and first.last <= mark:
                os.ftruncate(first.descriptor, 0)
                first.size = 0

    def left(self) -> list[Heard]:
        """What earlier processes wrote down, in order; until `forget_left`. OSError: it can't be read."""
        return [heard for path in self._left for heard in _records(path.read_bytes())]

    def forget_left(self) -> None:
        for path in self._left:
            path.unlink(missing_ok=True)
        self._left = []

    def close(self) -> None:
        """What isn't stored stays for the next process."""
        with self._lock:
            while self._files:
                file = self._files.popleft()
                if file.size:
                    os.close(file.descriptor)
                else:
                    self._drop(file)

    def _append(self, record: bytes) -> None:
        """All of it, or nothing."""
        if not self._files:  # closed: a thread of the library that is late
            return
        if self._files[-1].size > LARGEST_FILE:
            self._files.append(self._begin())
        file = self._files[-1]
        if os.write(file.descriptor, record) != len(record):
            os.ftruncate(file.descriptor, file.size)
            raise OSError("no room for it")
        file.last, file.size = self._last, file.size + len(record)
        self._is_failing = False

    def _begin(self) -> _File:
        self._number += 1
        path = self._folder / f"{self._number}.spool"
        return _File(path, os.open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    def _drop(self, file: _File) -> None:
        os.close(file.descriptor)
        file.path.unlink(missing_ok=True)

    def _tell(self, error: OSError) -> None:
        """Once, until it works again. What is heard is stored all the same, if nobody kills the process."""
        if not self._is_failing:
            log.error("heard_not_spooled", why=str(error))
        self._is_failing = True


def _record(klien_id: int, number: int, at: float, data: bytes) -> bytes:
    body = _EVENT.pack(klien_id, number, at) + data
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _records(data: bytes) -> Iterator[Heard]:
    """Up to the first that isn't whole."""
    place = 0
    while place + _HEAD.size <= len(data):
        size, checksum = _HEAD.unpack_from(data, place)
        begin = place + _HEAD.size
        body, place = data[begin : begin + size], begin + size
        if len(body) != size or size < _EVENT.size or zlib.crc32(body) != checksum:
            log.warning("heard_torn", bytes=len(data) - begin)
            return
        klien_id, number, at = _EVENT.unpack_from(body)
        yield klien_id, number, body[_EVENT.size :], datetime.fromtimestamp(at, UTC)


def _number(path: Path) -> int:
    return int(path.stem)
