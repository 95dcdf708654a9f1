"""Whether sessions/, with all that lies in it, is for its owner alone: 0700 and 0600.

What stands open is mended only where nothing can have been read, or put there, by anybody, and in the sandbox's folder,
which is no account of anybody's. Otherwise it is for the operator to know: whoever read a store file has the account,
and closing it later takes nothing back.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

OTHERS = 0o077
_SANDBOX = ".sandbox"
_HARMLESS = {".gitkeep", ".gitignore", "lost+found"}
"""What a checkout or a new disk brings along; nobody's secret."""
_KNOWN = re.compile(r"[1-9][0-9]*|\.lock|\.gitkeep|\.gitignore|\.sandbox|\.heard|\.secret\.key(\.\w+)?|lost\+found")


@dataclass(frozen=True, slots=True)
class Exposed:
    """`path` isn't for its owner alone, or nobody can tell: it is `root`, or lies in it."""

    root: Path
    path: Path
    found: os.stat_result | None
    """None: it can't be looked at."""

    @property
    def is_link(self) -> bool:
        """A symbolic one. What is behind it is never looked at, nor closed by a command for all of the directory."""
        return self.found is not None and stat.S_ISLNK(self.found.st_mode)

    @property
    def within(self) -> Path:
        """Without any part where it is the directory itself."""
        return self.path.relative_to(self.root)

    @property
    def top(self) -> Path:
        """The directory's own entry in which it lies."""
        return self.root.joinpath(*self.within.parts[:1])

    @property
    def can_be_closed(self) -> bool:
        """Whether closing it is all there is to do. The directory: it is ours, there is nothing in it to read, and not
        everybody could put something there. Something in it: it is ours, and a sandbox's.
        """
        if self.found is None or self.is_link or self.found.st_uid != os.geteuid():
            return False
        if self.path != self.root:
            return self.top.name == _SANDBOX
        return not self.found.st_mode & (stat.S_IWOTH | stat.S_ISVTX) and _names(self.root) <= _HARMLESS

    @property
    def command(self) -> str:
        """What closes it, if it is no link; it leaves alone what isn't of this program, unless that is what is open."""
        if self.found is None:
            return f"chmod -R u+rwX,go= {shlex.quote(str(self.top))}"
        if all(map(_KNOWN.fullmatch, _names(self.root))):
            return f"chmod -R go= {shlex.quote(str(self.root))}"
        how = "700" if self.path == self.root else "-R go="
        return f"chmod {how} {shlex.quote(str(self.top))}"


def find_exposed(root: Path) -> Exposed | None:
    """The first such thing, the directory itself before what is in it; one that can be closed only where there is no
    other. OSError: the directory can't be looked at.
    """
    closable = None
    for exposed in _exposed(root):
        if not exposed.can_be_closed:
            return exposed
        closable = closable or exposed
    return closable


def close(root: Path) -> None:
    """All that can be closed; where that fails, it is found again."""
    for exposed in list(_exposed(root)):
        if exposed.can_be_closed:
            with suppress(OSError):
                _close(exposed.path, 0 if exposed.path == root else os.O_NOFOLLOW)


def _close(path: Path, follow: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | follow)
    try:
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) & ~OTHERS)
    finally:
        os.close(descriptor)


def _names(root: Path) -> set[str]:
    """One that nobody knows, where they can't be listed."""
    try:
        return {entry.name for entry in root.iterdir()}
    except OSError:
        return {""}


def _exposed(root: Path) -> Iterator[Exposed]:
    if (found := root.stat()).st_mode & OTHERS:
        yield Exposed(root, root, found)
    for path in _inside(root):
        with suppress(FileNotFoundError):  # the library and a server beside us make and delete files
            seen = _look(path)
            if seen is None or stat.S_ISLNK(seen.st_mode) or seen.st_mode & OTHERS:
                yield Exposed(root, path, seen)


def _look(path: Path) -> os.stat_result | None:
    """None: it, or what is in it, can't be looked at. FileNotFoundError: it is gone."""
    try:
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            os.scandir(path).close()
            os.stat(f"{path}/.")  # noqa: PTH116 - pathlib leaves the dot out
    except FileNotFoundError:
        raise
    except OSError:
        return None
    return found


def _inside(root: Path) -> Iterator[Path]:
    """All that can be listed; nothing behind a symbolic link."""
    for folder, folders, files in os.walk(root):
        for name in sorted((*folders, *files)):
            if Path(folder) != root or name not in _HARMLESS:
                yield Path(folder, name)
