"""`talkabiz …` as one that can't do everything: `python -m tests.confined …`.

A directory `disk` in the current one becomes a disk of its own, as small as DISK_MB, that nobody else on the machine
sees but through `/proc/<pid>/root`. And the rights of files hold for it, also where the superuser runs it.

A file `limits.json` there may say more: `{"descriptors": 512}` is a hard limit, `{"network": false}` a machine of its
own without any network, on which ports below 1024 are root's.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from pathlib import Path

DISK_MB = 16

# The names and values are those of unshare(2), mount(2), prctl(2) and capabilities(7).
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_REC = 16384
MS_PRIVATE = 1 << 18
PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_NET_BIND_SERVICE = 10

_libc = ctypes.CDLL(None, use_errno=True)


def _must(code: int, what: str) -> None:
    if code:
        sys.exit(f"This machine doesn't let a test {what}: {os.strerror(ctypes.get_errno())}.")


def _leave(what: int, name: str) -> None:
    user, group = os.geteuid(), os.getegid()
    _must(_libc.unshare(what | (CLONE_NEWUSER if user else 0)), f"have {name} of its own")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def mount_small_disk(directory: Path) -> None:
    _leave(CLONE_NEWNS, "mounts")
    _must(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "keep its mounts to itself")
    options = f"size={DISK_MB}m,mode=700".encode()
    _must(_libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", 0, options), "mount a small disk")


def heed_limits(limits: dict[str, int]) -> None:
    if not limits.get("network", True):
        _leave(CLONE_NEWNET, "a network")
    if most := limits.get("descriptors"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def heed_rights() -> None:
    """Takes effect with the next program."""
    for right in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE):
        _must(_libc.prctl(PR_CAPBSET_DROP, right, 0, 0, 0), "give up the superuser's way around rights")


if __name__ == "__main__":
    disk = Path.cwd() / "disk"
    if disk.is_dir():
        mount_small_disk(disk)
    limits = Path.cwd() / "limits.json"
    if limits.is_file():
        heed_limits(json.loads(limits.read_text()))
    if os.geteuid() == 0:
        heed_rights()
    os.execv(sys.executable, [sys.executable, "-m", "talkabiz", *sys.argv[1:]])  # noqa: S606 - it is what this module is for
