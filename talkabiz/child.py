"""The application, as its supervisor knows it: one run of it as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from talkabiz.parent import VARIABLE, Handed, Told, stop_signals
from talkabiz.stderr import STDERR, Lines, Sieve, write

STOP_SECONDS = 20.0
"""How long it may take to end when it is asked to; then it is killed."""
AT_ONCE = 65536
FOR_THE_LIBRARY = {"NEONIZE_BOT_TAG": "off"}
"""What the WhatsApp library has to find from the beginning of its process (`talkabiz.whatsapp.environment`)."""


class Child:
    """Made by `start`. Nothing here waits, but for stderr if nobody reads that."""

    def __init__(self, pid: int, channel: socket.socket, stderr: int, told: Told) -> None:
        self.channel = channel
        self.stderr = stderr
        self.told = told
        self.listener: int | None = None
        """The listening socket that it handed over."""
        self.ready_at: float | None = None
        self.kill_at: float | None = None
        """When it is killed, since it was asked to end."""
        self.is_outgrown = False
        """It was asked to end for its memory."""
        self.is_spared = False
        """It has outgrown its memory, but was restarted for that too short a time ago."""
        self._pid = pid
        self._sieve = Sieve()
        self._lines = Lines()
        self._heard = b""

    def listen(self) -> bytes | None:
        """Takes in what it has told. None: there is nothing just now; empty: nothing any more."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.channel, AT_ONCE, 1)
        except BlockingIOError:
            return None
        except ConnectionError:
            return b""
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the standard library's signature
            self.listener = descriptor
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in filter(None, lines):
            self.told.update(json.loads(line))
        if self.told.get("ready") and self.ready_at is None:
            self.ready_at = time.monotonic()
        return data

    def pass_on(self) -> bytes | None:
        """Takes what it has printed on stderr to ours. Answers as `listen`."""
        try:
            data = os.read(self.stderr, AT_ONCE)
        except BlockingIOError:
            return None
        write(self._lines.feed(self._sieve.feed(data), as_json=self._logs_json))
        return data

    @property
    def _logs_json(self) -> bool:
        return self.told.get("log_format") == "json"

    def ask_to_end(self, number: int) -> None:
        """By this signal; it is killed if it takes too long."""
        self.kill_at = self.kill_at or time.monotonic() + STOP_SECONDS
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def kill(self) -> None:
        self.kill_at = None
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def reap(self) -> int | None:
        """Its exit code, negative for a signal; None: it runs.

        Takes away whatever else has ended, for the first process of a container inherits what others leave behind.
        """
        code = None
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._pid:
                    code = os.waitstatus_to_exitcode(found[1])
        return code

    def bury(self) -> None:
        """It has ended: what it still had to say, and then nothing more. Its own children may hold the other ends."""
        while self.listen():
            pass
        while self.pass_on():
            pass
        as_json = self._logs_json
        write(self._lines.feed(self._sieve.end(), as_json=as_json) + self._lines.end(as_json=as_json))
        self.channel.close()
        os.close(self.stderr)


def start(command: Sequence[str], hand_over: Callable[[int], Handed], log_format: str) -> Child:
    """A new process. `hand_over` is told the number of its end of the channel; `log_format` holds until it tells.

    Raises:
        OSError: there is no such program, or no room for a process, just now.
    """
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    theirs.set_inheritable(True)
    try:
        pid = os.posix_spawn(
            command[0],
            [*command],
            os.environ | FOR_THE_LIBRARY | {VARIABLE: hand_over(theirs.fileno()).as_variable()},
            file_actions=[(os.POSIX_SPAWN_DUP2, writing, STDERR)],
            setsigdef=[signal.SIGPIPE],
            setsigmask=stop_signals(),  # until it can deal with them
        )
    except OSError:
        ours.close()
        os.close(reading)
        raise
    finally:
        theirs.close()
        os.close(writing)
    ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
    os.set_blocking(reading, False)
    return Child(pid, ours, reading, {"log_format": log_format})
