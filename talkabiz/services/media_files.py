"""Files on disk: `MEDIA_DIR/<klien_id>/<ulid>`, directories 0700, files 0600. What is called how is nobody's choice but
ours.

Everything here waits for the disk, so it belongs on a thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog
from ulid import ULID

from talkabiz.domain.errors import Sentence, TalkabizError

COMING = ".coming"
"""Where files lie until they are whole."""
PIECE = 1 << 20
LOST = ".lost"
"""Where files lie that no row knows: left by a process that was killed, or known to another database than this one."""
STRAY_SECONDS = 3600.0
"""A file without a row is one whose row is being written; past this, it is nobody's."""
LOST_SECONDS = 7 * 86_400.0
"""And after this it is deleted."""

log = structlog.get_logger(__name__)

_PATH = re.compile(r"[1-9][0-9]*/[0-9A-Z]{26}")
_KLIEN = re.compile(r"[1-9][0-9]*")


class MediaDirError(TalkabizError):
    """The directory of the files can't be written to, and the server can't start."""

    code = "media_dir_not_writable"


class Coming:
    """A file that is being written. Ends with `keep` or `drop`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._hash = hashlib.sha256()
        self._file = os.fdopen(_create(path), "wb")

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    def measure(self) -> None:
        """Another program has written it, by its path."""
        self.size = self.path.stat().st_size
        with self.path.open("rb") as file:
            self._hash = hashlib.file_digest(file, "sha256")

    def flush(self) -> None:
        """Others may read what was written so far."""
        self._file.flush()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def finish(self) -> None:
        """All of it is on disk, also if the power goes."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def drop(self) -> None:
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Files:
    """Made by `open`."""

    root: Path

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Makes the directory, or sees that files can be written there. What was coming when the last process ended is
        deleted.

        Raises:
            MediaDirError.
        """
        root = directory.absolute()
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.rmtree(root / COMING, ignore_errors=True)
            (root / COMING).mkdir(mode=0o700, exist_ok=True)
            files = cls(root)
            files.begin().drop()
        except OSError as error:
            raise MediaDirError(
                Sentence(
                    f"Direktori media {root} tidak dapat ditulis: {error.strerror}.",
                    f"The media directory {root} can't be written to: {error.strerror}.",
                )
            ) from error
        return files

    def begin(self) -> Coming:
        return Coming(self.root / COMING / str(ULID()))

    def keep(self, klien_id: int, coming: Coming) -> str:
        """Its path from now on, below MEDIA_DIR. It is there for good when this returns."""
        coming.finish()
        folder = self.root / str(klien_id)
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync(self.root)
        kept = folder / str(ULID())
        coming.path.rename(kept)
        _sync(folder)
        return f"{klien_id}/{kept.name}"

    def path(self, relative: str) -> Path:
        """ValueError for one that could lead elsewhere."""
        if not _PATH.fullmatch(relative):
            raise ValueError("no file of ours is called that")
        return self.root / relative

    def remove(self, relative: str) -> None:
        self.path(relative).unlink(missing_ok=True)

    def remove_klien(self, klien_id: int) -> None:
        """All of them, also those that were taken out of the way. What can't be deleted stays, and the log tells."""

        def tell(_: object, path: str, failure: tuple[type[BaseException], BaseException, object]) -> None:
            if not isinstance(failure[1], FileNotFoundError):
                log.warning("media_not_deleted", klien_id=klien_id, path=path, why=str(failure[1]))

        shutil.rmtree(self.root / str(klien_id), onerror=tell)
        for lost in (self.root / LOST).glob(f"{klien_id}-*"):
            try:
                lost.unlink(missing_ok=True)
            except OSError as error:
                log.warning("media_not_deleted", klien_id=klien_id, path=str(lost), why=str(error))

    def kliens(self) -> list[int]:
        """Those that have, or had, files."""
        return sorted(int(entry.name) for entry in self.root.iterdir() if _KLIEN.fullmatch(entry.name))

    def set_aside(self, klien_id: int, known: Collection[str], *, older_than: float = STRAY_SECONDS) -> int:
        """Take the klien's files that aren't `known` out of the way: how many."""
        folder, until, moved = self.root / str(klien_id), time.time() - older_than, 0
        (self.root / LOST).mkdir(mode=0o700, exist_ok=True)
        for entry in folder.iterdir():
            if f"{klien_id}/{entry.name}" not in known and entry.lstat().st_mtime <= until:
                entry.rename(self.root / LOST / f"{klien_id}-{entry.name}")
                moved += 1
        if not known:
            with suppress(OSError):  # there are younger ones
                folder.rmdir()
        return moved

    def empty_lost(self, *, older_than: float = LOST_SECONDS) -> None:
        """Delete what was taken out of the way so long ago."""
        until = time.time() - older_than
        for entry in (self.root / LOST).glob("*"):
            if entry.lstat().st_ctime <= until:
                entry.unlink(missing_ok=True)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _sync(folder: Path) -> None:
    """What its files are called is on disk as well."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
