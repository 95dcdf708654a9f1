"""The supervisor, as the application that it started knows it: what it hands over, and what it is told.

Between the two is one socket, inherited by number. The application tells facts on it, one JSON object a line, and its
listening socket; and it notices by the end of that socket that its parent is gone, where the system doesn't tell.

Lean, because it is used before everything else is imported: in that second the parent may die as well.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Self, TypedDict

VARIABLE = "TALKABIZ_SUPERVISOR"
"""Holds what is handed over, as JSON; removed from the environment as it is read."""

_PR_SET_PDEATHSIG = 1  # prctl(2)
_SENTENCE = b"Talkabiz was started by a supervisor that is gone, and ends.\n"


class Told(TypedDict, total=False):
    """What the application tells: all that the supervisor knows of settings and sessions."""

    log_format: str
    max_memory: int | None
    has_announced: bool
    """A person has been shown the address and how to get in."""
    ready: bool
    sessions: int
    """How many run on the library now."""
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Handed:
    """What the supervisor hands over."""

    pid: int
    channel: int
    listener: int | None
    """The listening socket of the application before this one."""
    has_announced: bool
    is_terminal: bool
    """Whether its stderr, to which it passes ours on, is one."""
    restarts: Mapping[str, int]
    """How many, by reason."""

    def as_variable(self) -> str:
        return json.dumps(asdict(self))


class Parent:
    """Made by `find`. Without a supervisor nothing is handed over, and what is told is told to nobody."""

    def __init__(self, handed: Handed | None = None) -> None:
        self._channel = _own(handed.channel) if handed else None
        self.listener = _own(handed.listener) if handed and handed.listener is not None else None
        """The socket that the application before this one listened on; whoever connected meanwhile waits in it."""
        self.has_announced = handed.has_announced if handed else False
        self.is_terminal = handed.is_terminal if handed else None
        self.restarts = handed.restarts if handed else None

    @classmethod
    def find(cls) -> Self:
        """Reads what was handed over, and ties this process to the supervisor: it won't outlive it."""
        variable = os.environ.pop(VARIABLE, None)
        if variable is None:
            return cls()
        handed = Handed(**json.loads(variable))
        _tie(handed.pid)
        for name in stop_signals():
            signal.signal(name, _leave)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals())
        found = cls(handed)
        threading.Thread(target=found._outlive, name="parent", daemon=True).start()
        return found

    def keep(self, listener: socket.socket) -> None:
        """Have the listening socket kept open for the application after this one."""
        if self._channel:
            with suppress(OSError):
                socket.send_fds(self._channel, [b"\n"], [listener.fileno()], socket.MSG_DONTWAIT)

    def tell(self, facts: Told) -> None:
        """Never waits: a supervisor that doesn't listen is no reason to stand still."""
        if self._channel:
            with suppress(OSError):
                self._channel.send(json.dumps(facts).encode() + b"\n", socket.MSG_DONTWAIT)

    def _outlive(self) -> None:
        """At once and not in order: whoever kills the supervisor may start another, which needs the port and the lock.

        A start takes back what rows claim, however the process before it ended.
        """
        with suppress(OSError):
            while self._channel and self._channel.recv(1):
                pass
        os.kill(os.getpid(), signal.SIGKILL)


def stop_signals() -> list[signal.Signals]:
    """Those that ask a server to stop. A terminal that closes doesn't, if whoever started us wanted that (nohup)."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hangs_up else [])]


def _tie(pid: int) -> None:
    """The system kills this process when its parent, this one, dies; here, if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != pid:
        os.write(2, _SENTENCE)
        os._exit(1)


def _own(descriptor: int) -> socket.socket:
    taken = socket.socket(fileno=descriptor)
    taken.set_inheritable(False)
    return taken


def _leave(*_: object) -> None:
    """Asked to stop before anything that would have to be stopped in order."""
    os._exit(0)
