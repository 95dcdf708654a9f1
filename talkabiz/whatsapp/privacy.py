"""Whether sessions/, with all that lies in it, is for its owner alone: 0700 and 0600.

What stands open is mended only where nothing can have been read, or put there, by anybody. Otherwise it is for the
operator to know: whoever read a store file has the account, and closing it later takes nothing back.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
_HARMLESS = {".gitkeep", ".gitignore", "lost+found"}
"""What a checkout or a new disk brings along; nobody's secret."""
_KNOWN = re.compile(r"[1-9][0-9]*|\.lock|\.gitkeep|\.gitignore|\.sandbox|\.heard|\.secret\.key(\.\w+)?|lost\+found")


def find_exposed(root: Path) -> Path | None:
    """What has a right for others: the directory itself, or else the first such thing in it. OSError: the directory
    can't be looked at.
    """
    return next((path for path in (root, *_inside(root)) if _is_exposed(path)), None)


def can_be_closed(root: Path) -> bool:
    """Whether closing it is all there is to do: it is ours, there is nothing in it to read, and not everybody could put
    something there.
    """
    found = root.stat()
    is_ours = found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWOTH | stat.S_ISVTX)
    return is_ours and _names(root) <= _HARMLESS


def how_to_close(root: Path) -> str:
    """The command; it leaves alone what isn't of this program."""
    return f"chmod -R go= {root}" if all(map(_KNOWN.fullmatch, _names(root))) else f"chmod 700 {root}"


def _names(root: Path) -> set[str]:
    """One that nobody knows, where they can't be listed."""
    try:
        return {entry.name for entry in root.iterdir()}
    except OSError:
        return {""}


def _inside(root: Path) -> Iterator[Path]:
    """All that can be listed; nothing behind a symbolic link."""
    for folder, folders, files in os.walk(root):
        for name in sorted((*folders, *files)):
            if Path(folder) != root or name not in _HARMLESS:
                yield Path(folder, name)


def _is_exposed(path: Path) -> bool:
    with suppress(FileNotFoundError):  # the library and a server beside us make and delete files
        return bool(path.stat().st_mode & OTHERS)
    return False
