"""Media as they were uploaded, encrypted by who sent them: files on disk, within bounds, the oldest dropped first."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import shutil
import tempfile
import time
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO

from talkabiz.sandbox.nodes import Content, Node
from talkabiz.sandbox.session import Session

HOST = "mmg.whatsapp.net"
LARGEST_FILE = 128 << 20
LARGEST_TOTAL = 1 << 30
_TTL_SECONDS = 3600
_KEPT_SECONDS = 30 * 24 * 3600
_PLACE = "/v/t62.7118-24/"
_INCOMING = "incoming-"
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class MediaError(Exception):
    """By its HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Upload:
    """One file on its way in. `finish` or `discard` ends it."""

    def __init__(self, shelf: Shelf, token: bytes) -> None:
        self._shelf = shelf
        self._token = token
        self._hash = hashlib.sha256()
        self._size = 0
        self._path = shelf.directory / f"{_INCOMING}{secrets.token_hex(8)}"
        self._file: BinaryIO = os.fdopen(os.open(self._path, _NEW, 0o600), "wb")

    def write(self, data: bytes) -> None:
        """MediaError 413 for too much."""
        self._size += len(data)
        if self._size > LARGEST_FILE:
            raise MediaError(413)
        self._hash.update(data)
        self._file.write(data)

    def finish(self) -> str:
        """The name under which it is kept. MediaError 400 if it isn't what its token says."""
        self._file.close()
        digest = self._hash.digest()
        if digest != self._token:
            raise MediaError(400)
        return self._shelf.keep(self._path, digest.hex(), self._size)

    def discard(self) -> None:
        """Nothing happens to one that was finished."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class Shelf:
    """`directory` keeps them over a restart, for its owner alone; without one they end with this object."""

    def __init__(self, directory: Path | None = None) -> None:
        self.auth = secrets.token_urlsafe(24)
        self._directory = directory
        self._sizes: OrderedDict[str, int] = OrderedDict()
        if directory and directory.is_dir():
            self._take_stock(directory)

    @property
    def directory(self) -> Path:
        """There from the first time that it is wanted."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="talkabiz-media-"))
            weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._directory

    def _take_stock(self, directory: Path) -> None:
        """Without those that never arrived whole."""
        for path in sorted(directory.iterdir(), key=os.path.getmtime):
            if path.name.startswith(_INCOMING):
                path.unlink(missing_ok=True)
            else:
                self._sizes[path.name] = path.stat().st_size

    def connection(self, _session: Session, _query: Node) -> Content:
        """Where clients upload to and download from."""
        times = {"ttl": str(_TTL_SECONDS), "auth_ttl": str(_TTL_SECONDS), "max_buckets": "12"}
        host = Node("host", {"hostname": HOST, "type": "primary", "maxContentLengthBytes": str(LARGEST_FILE)})
        return (Node("media_conn", {"auth": self.auth, **times}, (host,)),)

    def begin(self, token: str, auth: str) -> Upload:
        """`token` is the hash of what will come. MediaError 401 or 400."""
        if not secrets.compare_digest(auth.encode(), self.auth.encode()):
            raise MediaError(401)
        try:
            digest = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raise MediaError(400) from None
        return Upload(self, digest)

    def keep(self, path: Path, name: str, size: int) -> str:
        path.replace(self.directory / name)
        self._sizes.pop(name, None)
        self._sizes[name] = size
        while sum(self._sizes.values()) > LARGEST_TOTAL:
            oldest, _ = self._sizes.popitem(last=False)
            (self.directory / oldest).unlink(missing_ok=True)
        return name

    def find(self, path: str) -> tuple[Path, int]:
        """The file behind a direct path, and its size. MediaError 404."""
        name = path.removeprefix(_PLACE)
        size = self._sizes.get(name) if path.startswith(_PLACE) else None
        if size is None:
            raise MediaError(404)
        return self.directory / name, size


def described(name: str) -> dict[str, str]:
    """What the sender is told, and tells the receivers in its message. Both sorts of clients put more behind the path,
    with an `&`, so it has to have a question mark already.
    """
    direct_path = f"{_PLACE}{name}?ccb=11-4&oh=01_{name[:16]}&oe={int(time.time()) + _KEPT_SECONDS:X}&_nc_sid=5e03e0"
    return {"url": f"https://{HOST}{direct_path}&mms3=true", "direct_path": direct_path, "handle": name}
