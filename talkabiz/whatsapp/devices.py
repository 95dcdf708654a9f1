"""The store files of linked devices: `sessions/<klien_id>/<attempt>.db`. Who has such a file is the klien on WhatsApp.

Named by the attempt that paired it, for a refresh may start a second one beside the first. Directories are 0700, files
0600, and the whole belongs to one server at a time.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import structlog

from talkabiz.domain.errors import Sentence, TalkabizError
from talkabiz.domain.inputs import Me
from talkabiz.services.ports import StoredDevice
from talkabiz.whatsapp.network import REAL, put_mark
from talkabiz.whatsapp.privacy import Exposed, close, find_exposed

log = structlog.get_logger(__name__)

_DEVICE = re.compile(r"[A-Za-z0-9-]+")
_KLIEN = re.compile(r"[1-9][0-9]*")
_BESIDE = ("", "-wal", "-shm", "-journal")
"""SQLite's names: the file itself and what it may put beside it."""
_ME = "SELECT jid, coalesce(lid, ''), push_name, business_name, platform FROM whatsmeow_device LIMIT 1"
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = 'whatsmeow_device'"


class SessionsError(TalkabizError):
    """Something is wrong with the directory of the store files, and the server can't start."""

    code = "sessions_error"


class SessionsUnsafe(SessionsError):
    code = "sessions_unsafe"


class SessionsNotWritable(SessionsError):
    code = "sessions_not_writable"


class SessionsLocked(SessionsError):
    code = "sessions_locked"


class Devices:
    """Made by `open`; holds the lock of the directory until `close`, or until the process is gone."""

    def __init__(self, root: Path, lock: int) -> None:
        self._root = root
        self._lock = lock

    @classmethod
    def open(cls, directory: Path) -> Self:
        """SessionsError, one kind for each thing that can be wrong."""
        return cls(cls.check(directory), _lock(directory))

    @staticmethod
    def check(directory: Path) -> Path:
        """Makes the directory, or sees that it is ours alone and that files can be written; its absolute path."""
        root = Path(os.path.abspath(directory))  # noqa: PTH100 - as named: a symbolic link may be an operator's wish
        if any(sign in str(root) for sign in "?#%"):
            raise SessionsUnsafe(
                Sentence(
                    f"Direktori sesi {root} tidak boleh mengandung tanda ?, # atau %.",
                    f"The path of the sessions directory, {root}, must not contain ?, # or %.",
                )
            )
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(root)
            with tempfile.TemporaryFile(dir=root) as probe:
                probe.write(b"written")
                probe.flush()
        except OSError as error:
            raise SessionsNotWritable(
                Sentence(
                    f"Direktori sesi {root} tidak dapat ditulis: {error.strerror}.",
                    f"The sessions directory {root} can't be written to: {error.strerror}.",
                )
            ) from error
        return root

    def close(self) -> None:
        os.close(self._lock)

    # --- one device ---------------------------------------------------------------------------------------------------

    def path(self, klien_id: int, device: str) -> Path:
        """ValueError for a name that could lead elsewhere."""
        if klien_id < 1 or not _DEVICE.fullmatch(device):
            raise ValueError(f"no device can be called {device!r} of klien {klien_id}")
        return self._root / str(klien_id) / f"{device}.db"

    def make_empty(self, path: Path, network: int = REAL) -> None:
        """An empty file is an empty database. Made here for its mode, which SQLite's other files follow, and for the
        mark of its network.
        """
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        put_mark(path, network)

    def has_device(self, path: Path) -> bool | None:
        """Whether the store, which the library may have open, holds a device. None: it can't be told at the moment, so
        do nothing that can't be undone. A file that isn't there holds none.

        Read as a mere file (`immutable`): without locks and journal. The library brings its own copy of SQLite, and two
        copies in one process don't see each other's locks: ours would take the journal of a transaction under way for
        one left over from a crash, and undo it.
        """
        try:
            path.lstat()
            return _read(path, "mode=ro&immutable=1") is not None
        except FileNotFoundError:
            return False
        except (OSError, sqlite3.Error):
            return None

    def delete(self, path: Path, *, in_use: bool = False) -> None:
        """Unless a run may still write to it, it is emptied too: the library never closes a store, and a file that is
        open keeps its room on the disk for as long as the process lives.
        """
        if not in_use:
            with suppress(FileNotFoundError):
                os.truncate(path, 0)
        for suffix in _BESIDE:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        if path.parent.exists() and not any(path.parent.iterdir()):
            path.parent.rmdir()

    def delete_klien(self, klien_id: int) -> None:
        shutil.rmtree(self._root / str(klien_id), ignore_errors=True)

    # --- all of them, at start ----------------------------------------------------------------------------------------

    def stored(self) -> list[StoredDevice]:
        """What is on disk, before the library has anything open. Attempts that never paired are deleted."""
        return list(self._find())

    def _find(self) -> Iterator[StoredDevice]:
        for directory in sorted(self._root.iterdir()):
            if not _KLIEN.fullmatch(directory.name) or not directory.is_dir():
                continue
            for path in sorted(directory.glob("*.db")):
                if _DEVICE.fullmatch(path.stem) and (found := self._examine(int(directory.name), path)):
                    yield found

    def _examine(self, klien_id: int, path: Path) -> StoredDevice | None:
        try:
            me = _read(path, "mode=rw")  # so that what a crash left half done is undone
        except (OSError, sqlite3.Error) as error:
            log.warning(
                "a store file can't be read and is left alone", klien_id=klien_id, file=path.name, why=str(error)
            )
            return None
        if me is None:
            self.delete(path)
            return None
        return StoredDevice(klien_id, path.stem, me)


def _read(path: Path, how: str) -> Me | None:
    with closing(sqlite3.connect(f"file:{path}?{how}", uri=True, timeout=1)) as store:
        if not store.execute(_HAS_TABLE).fetchone():
            return None
        row = store.execute(_ME).fetchone()
    if row is None:
        return None
    if not all(isinstance(value, str) for value in row):
        raise sqlite3.DataError("a device that isn't written as the library writes it")
    jid, lid, push_name, business_name, platform = row
    return Me(_user(jid), f"{_user(lid)}@lid" if lid else "", push_name or business_name, platform)


def _user(jid: str) -> str:
    """`628123:4@s.whatsapp.net`, `628123.0:4@…` -> `628123`"""
    return re.split(r"[.:@]", jid, maxsplit=1)[0]


def _make_private(root: Path) -> None:
    """Closes a directory that others can read, as a checkout or `mkdir` leaves it, if there is nothing in it yet, and
    what an older sandbox left open.
    """
    exposed = find_exposed(root)
    if exposed and exposed.can_be_closed:
        close(root)
        log.info("sessions_closed", directory=str(exposed.top))
        exposed = find_exposed(root)
    if exposed:
        raise SessionsUnsafe(_link_told(exposed) if exposed.is_link else _told(exposed))


def _told(exposed: Exposed) -> Sentence:
    """The two names apart: in one piece the log would take many a path for a secret."""
    within, root, command = exposed.within, exposed.root, exposed.command
    di, of = (f"{within} di ", f"{within} in ") if within.parts else ("", "")
    if exposed.found is None:
        return Sentence(
            f"Tidak dapat diperiksa siapa yang dapat membaca {di}direktori sesi {root}. Jalankan: {command}",
            f"It can't be told who can read {of}the sessions directory {root}. Run: {command}",
        )
    return Sentence(
        f"Pengguna lain dapat membaca {di}direktori sesi {root}; siapa yang punya isinya, punya akunnya. "
        f"Jalankan: {command}",
        f"Other users can read {of}the sessions directory {root}; whoever has what is in it has the accounts. "
        f"Run: {command}",
    )


def _link_told(exposed: Exposed) -> Sentence:
    within, root = exposed.within, exposed.root
    return Sentence(
        f"{within} di direktori sesi {root} adalah tautan simbolis, dan tidak diperiksa siapa yang dapat membaca "
        "isinya. Pindahkan isinya ke tempat tautan itu, atau isi TALKABIZ_SESSIONS_DIR dengan direktori tujuannya.",
        f"{within} in the sessions directory {root} is a symbolic link, and nobody looks after who can read what is "
        "behind it. Move that to where the link is, or let TALKABIZ_SESSIONS_DIR name the directory behind it.",
    )


def _lock(root: Path) -> int:
    """A lock of the process: the kernel lifts it however the process ends, and children don't inherit it."""
    lock = os.open(root / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise SessionsLocked(
            Sentence(
                f"Server lain sudah memakai direktori sesi {root}. Hentikan dulu, atau pakai SESSIONS_DIR lain.",
                f"Another server already uses the sessions directory {root}. Stop it, or choose another SESSIONS_DIR.",
            )
        ) from error
    return lock
