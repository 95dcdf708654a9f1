"""`python -m tests.supervised APP`: a real supervisor over a small application, for what the large one does too seldom.

Each application is a process of its own, started by the supervisor as `python -m tests.supervised APP --as-app`.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from talkabiz import child
from talkabiz.parent import Parent
from talkabiz.stderr import NOISE
from talkabiz.supervisor import Supervisor

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
MUCH = b"".join(b"line %06d\n" % number for number in range(50_000))
"""More than a pipe holds."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stay() -> None:
    """Until a signal ends it."""
    threading.Event().wait()


def tell(parent: Parent, line: str) -> None:
    parent.tell({"ready": True})
    print(line, flush=True)


# --- applications -----------------------------------------------------------------------------------------------------


def well(parent: Parent) -> None:
    tell(parent, f"pid {os.getpid()}")
    stay()


def dies_at_once(_: Parent) -> None:
    die()


def dies_once_up(parent: Parent) -> None:
    tell(parent, "up")
    die()


def dies_in_json(parent: Parent) -> None:
    parent.tell({"log_format": "json"})
    die()


def refuses(_: Parent) -> None:
    sys.exit("It can't be.")


def refuses_later(parent: Parent) -> None:
    """The first one comes up and dies; those after it refuse to start, and the third is well."""
    restarts = sum((parent.restarts or {}).values())
    if restarts == 0:
        tell(parent, "up")
        die()
    if restarts == 1:
        sys.exit("There is no room on the disk.")
    well(parent)


def will_not_end(parent: Parent) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(parent, f"pid {os.getpid()}")
    stay()


def ends_by_itself(parent: Parent) -> None:
    tell(parent, "up")


def prints_much_and_dies(_: Parent) -> None:
    os.write(2, NOISE)
    os.write(2, b"\n")
    written = 0
    while written < len(MUCH):
        written += os.write(2, MUCH[written:])
    os.write(2, b"without an end")
    die()


def noisy(parent: Parent) -> None:
    written = 0
    while written < len(MUCH):
        written += os.write(2, MUCH[written:])
    tell(parent, f"pid {os.getpid()} {parent.is_terminal}")
    stay()


def leaves_an_orphan(parent: Parent) -> None:
    """Which ends when its own parent has."""
    if sum((parent.restarts or {}).values()):
        well(parent)
    read, _kept = os.pipe()
    subprocess.Popen(["cat"], stdin=read, stdout=subprocess.DEVNULL)
    tell(parent, "up")
    die()


def panics(_: Parent) -> None:
    from talkabiz.whatsapp import binding

    binding.load().neonize.gocode.GetMe(b"nobody")


def shows_what_its_children_get(parent: Parent) -> None:
    seen = "import os; print(sorted(name for name in os.environ if 'SUPERVISOR' in name), os.listdir('/dev/fd'))"
    subprocess.run([sys.executable, "-c", seen], close_fds=False, check=True)
    well(parent)


def grows(parent: Parent) -> None:
    """Says that it is far too large, again and again."""
    tell(parent, f"up {parent.restarts}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for times in itertools.count():
        parent.tell({"max_memory": 100, "sessions": 3, "resident_bytes": 200 * 2**20})
        if times == 20:
            print("said it twenty times", flush=True)
        time.sleep(0.02)


def well_without_prctl(parent: Parent) -> None:
    well(parent)


def well_without_the_channel(parent: Parent) -> None:
    well(parent)


APPLICATIONS: dict[str, Callable[[Parent], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        well,
        dies_at_once,
        dies_once_up,
        dies_in_json,
        refuses,
        refuses_later,
        will_not_end,
        ends_by_itself,
        prints_much_and_dies,
        noisy,
        leaves_an_orphan,
        panics,
        shows_what_its_children_get,
        grows,
        well_without_prctl,
        well_without_the_channel,
    )
}


def main(name: str, *arguments: str) -> None:
    if not arguments:
        child.STOP_SECONDS = 1.0
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # it inherits orphans, as the first process of a container
        command = [sys.executable, "-m", "tests.supervised", name, "--as-app"]
        sys.exit(Supervisor(command, chance=lambda: 1.0).run())
    if name == "well-without-prctl":
        sys.platform = "darwin"  # it doesn't ask the system then
    if name == "well-without-the-channel":
        setattr(Parent, "_outlive", lambda _: None)  # noqa: B010 - it is a method
    APPLICATIONS[name](Parent.find())


if __name__ == "__main__":
    main(*sys.argv[1:])
