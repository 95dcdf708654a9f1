"""sessions/, and the disks. Nothing is made: what isn't there is judged by the directory that it would be made in."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path

from talkabiz.doctor.findings import Check, fail, ok, warn
from talkabiz.whatsapp.network import REAL, mark_in
from talkabiz.whatsapp.privacy import Exposed, find_exposed

SESSIONS, DISK = "sessions", "disk"
LEAST_FREE_MB, FREE_MB = 100, 1000
_ELSEWHERE = "or choose another TALKABIZ_SESSIONS_DIR."


def check_sessions(directory: Path, network: int = REAL) -> Check:
    """`network` is the mark of the WhatsApp that the settings lead to."""
    root = Path(os.path.abspath(directory))  # noqa: PTH100 - as named: a symbolic link may be an operator's wish
    if any(sign in str(root) for sign in "?#%"):
        return fail(SESSIONS, f"the path of {root} has a ?, # or % in it", "Choose another TALKABIZ_SESSIONS_DIR.")
    if not os.path.lexists(root):
        return _check_missing(root)
    if not root.is_dir():
        return fail(SESSIONS, f"{root} is not a directory", f"Move it away, {_ELSEWHERE}")
    return _check_private(root) or _check_writable(root) or _describe(root, network)


def is_in_use(directory: Path) -> bool:
    """By a server: it holds the lock as long as it lives. Nobody can be kept out by this look, which is shared and
    over at once, but by a start in the same instant.
    """
    try:
        lock = os.open(directory / ".lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def check_disk(*places: Path) -> Check:
    """Where rows, devices and files of messages are written: the fullest of the disks."""
    free, place = min((shutil.disk_usage(there).free, there) for there in map(nearest, places))
    found = f"{free // 10**6} MB free at {place}"
    advice = "Make room: what can't be written can't be linked or sent."
    if free < LEAST_FREE_MB * 10**6:
        return fail(DISK, found, advice)
    return warn(DISK, found, advice) if free < FREE_MB * 10**6 else ok(DISK, found)


def nearest(path: Path) -> Path:
    """The directory that is there, of this path or above it."""
    found = path.absolute()
    while not found.is_dir() and found != found.parent:
        found = found.parent
    return found


def can_write(path: Path) -> bool:
    """As the program's user; a directory: make files in it."""
    how = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    effective = os.access in os.supports_effective_ids
    return os.access(path, how, effective_ids=effective)


def whose(path: Path) -> str:
    """`owner budi, mode 0700`"""
    return _rights(path.stat())


def _rights(found: os.stat_result) -> str:
    return f"owner {_user(found.st_uid)}, mode {found.st_mode & 0o7777:04o}"


def owner_of(path: Path) -> int:
    return path.stat().st_uid


def let_write(path: Path) -> str:
    """What to do about a path that can't be written."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return f"The disk of {path} is mounted read-only: mount it for writing"
    return f"Give it to the user that runs Talkabiz: chown -R {_user(os.geteuid())} {path} && chmod -R u+rwX {path}"


def _check_missing(root: Path) -> Check:
    above = nearest(root)
    if not can_write(above):
        return fail(
            SESSIONS, f"{root} is missing and can't be made ({whose(above)})", f"{let_write(above)}, {_ELSEWHERE}"
        )
    return ok(SESSIONS, f"{root} isn't there yet; the first start makes it")


def _check_private(root: Path) -> Check | None:
    exposed = find_exposed(root)
    if not exposed:
        return None
    if exposed.found is None:
        return fail(SESSIONS, f"{exposed.path} can't be looked at", f"Run: {exposed.command}")
    if exposed.is_link:
        advice = "Move what is behind it to where it is, or let TALKABIZ_SESSIONS_DIR name the directory behind it."
        return fail(SESSIONS, f"{exposed.path} is a symbolic link", advice)
    text = f"other users can read {exposed.path} ({_rights(exposed.found)})"
    if exposed.can_be_closed:
        return _check_closable(exposed, text)
    return fail(SESSIONS, text, f"Whoever has these files has the accounts. Run: {exposed.command}")


def _check_closable(exposed: Exposed, text: str) -> Check:
    which, what = ("first", "is empty") if exposed.path == exposed.root else ("next", "belongs to the sandbox")
    return warn(SESSIONS, f"{text}; it {what}", f"The {which} start closes it. Or do it now: {exposed.command}")


def _check_writable(root: Path) -> Check | None:
    for path in _written(root):
        if not can_write(path):
            return fail(SESSIONS, f"{path} can't be written ({whose(path)})", f"{let_write(root)}, {_ELSEWHERE}")
    return None


def _written(root: Path) -> Iterator[Path]:
    yield root
    for pattern in (".lock", "[1-9]*", "[1-9]*/*.db*"):
        yield from root.glob(pattern)


def _describe(root: Path, network: int) -> Check:
    stores = list(root.glob("[1-9]*/*.db"))
    devices = len(stores)
    found = f"{root}: writable, private, {devices} stored device{'' if devices == 1 else 's'}"
    owner = owner_of(root)
    if os.geteuid() == 0 and owner != 0:
        name = _user(owner)
        return warn(
            SESSIONS,
            f"{found}; it belongs to {name}, and root may do everything",
            f"Look as the user that runs Talkabiz: sudo -u {name} talkabiz doctor",
        )
    if others := sum(not _belongs(store, network) for store in stores):
        kind = "a sandbox" if network == REAL else "another WhatsApp"
        return warn(
            SESSIONS,
            f"{found}, {others} of which {'belongs' if others == 1 else 'belong'} to {kind}",
            "With these settings they are left alone. Start with their sandbox (--sandbox, TALKABIZ_WA_ROOT_KEY) or "
            "without any, as they were linked; or disconnect their kliens.",
        )
    return ok(SESSIONS, f"{found}, in use by a running server" if is_in_use(root) else found)


def _belongs(store: Path, network: int) -> bool:
    try:
        return mark_in(store) == network
    except OSError:
        return True


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
