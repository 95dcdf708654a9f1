"""MEDIA_DIR. Nothing is made: what isn't there is judged by the directory that it would be made in. Whether there is
room is told with the other disks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from talkabiz.doctor.files import can_write, let_write, nearest, whose
from talkabiz.doctor.findings import Check, fail, ok, warn

MEDIA = "media"
_OTHERS = 0o077
_ELSEWHERE = "or choose another TALKABIZ_MEDIA_DIR."


def check_media(directory: Path) -> Check:
    root = directory.absolute()
    if not root.is_dir():
        return _check_missing(root)
    for path in _written(root):
        if not can_write(path):
            return fail(MEDIA, f"{path} can't be written ({whose(path)})", f"{let_write(root)}, {_ELSEWHERE}")
    if root.stat().st_mode & _OTHERS:
        return warn(MEDIA, f"other users can look into {root} ({whose(root)})", f"chmod 700 {root}")
    return ok(MEDIA, f"{root}: writable, private")


def _check_missing(root: Path) -> Check:
    above = nearest(root)
    taken = next((path for path in (root, *root.parents) if path.exists() or path.is_symlink()), above)
    if not taken.is_dir():
        return fail(MEDIA, f"{taken} is not a directory", f"Move it away, {_ELSEWHERE}")
    if not can_write(above):
        return fail(MEDIA, f"{root} is missing and can't be made ({whose(above)})", f"{let_write(above)}, {_ELSEWHERE}")
    return ok(MEDIA, f"{root} isn't there yet; the first start makes it")


def _written(root: Path) -> Iterator[Path]:
    yield root
    for pattern in (".coming", ".lost", "[1-9]*"):
        yield from root.glob(pattern)
