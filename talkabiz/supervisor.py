"""The parent of `talkabiz serve`: starts the application, and starts it again when it dies or has outgrown its memory.

It reads no settings and loads no room, so that it stays small and has little that could fail: what it has to know the
application tells it (`talkabiz.parent`). It keeps the listening socket open, so that whoever connects during a restart
waits in line. When to restart is decided by `talkabiz.domain.restarts`.

One thread and one loop, which waits for a signal, a word of the application, a line on its stderr, or a moment. One
thread on purpose: on Linux the life of the application is tied to the thread that started it.
"""

from __future__ import annotations

import os
import random
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from talkabiz import stderr
from talkabiz.child import Child, start
from talkabiz.domain import restarts as rules
from talkabiz.parent import Handed, stop_signals

EXIT_FAILED = 1


def own_command() -> list[str]:
    """How this process was started, without the arguments of the program."""
    return [sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv[1:])]]


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of the application ended."""

    code: int
    """Its exit code, negative for a signal."""
    ready_seconds: float | None = None
    """How long it was up; None: it never was."""
    is_outgrown: bool = False
    """We asked it to end, for its memory."""


class Supervisor:
    def __init__(self, command: Sequence[str], chance: Callable[[], float] = random.random) -> None:
        """`command` starts the application; `chance`, from 0 to 1, spreads the waits before it is started again."""
        self._command = [*command]
        self._chance = chance
        self._selector = selectors.DefaultSelector()
        self._child: Child | None = None
        self._is_stopping = False
        self._was_ready = False
        self._has_announced = False
        # What the application is told in the same way, until it tells: it may fail before.
        self._log_format = os.environ.get("TALKABIZ_LOG_FORMAT", "console").strip().lower()
        self._listener: int | None = None
        self._restarts = {"crash": 0, "memory": 0}
        self._failures = 0
        self._memory_restart_at: float | None = None

    def run(self) -> int:
        """Until the application has ended for good. Returns the exit code."""
        self._take_signals()
        while True:
            ended = self._run_once()
            if self._is_stopping:
                return self._exit_code(ended.code)
            if ended.is_outgrown:
                self._restarts["memory"] += 1
            elif rules.should_restart(ended.code, was_ready=self._was_ready):
                self._restarts["crash"] += 1
                if self._is_asked_within(self._wait_after(ended)):
                    return 0
            else:
                return self._exit_code(ended.code)

    # --- one run ------------------------------------------------------------------------------------------------------

    def _run_once(self) -> Ended:
        try:
            child = start(self._command, self._hand_over, self._log_format)
        except OSError as error:
            self._say("app_not_started", reason=error.strerror)
            return Ended(EXIT_FAILED)
        self._child = child
        self._selector.register(child.channel, selectors.EVENT_READ, self._listen)
        self._selector.register(child.stderr, selectors.EVENT_READ, self._pass_on)
        while (code := child.reap()) is None:
            self._wait(child.kill_at)
            if child.kill_at and time.monotonic() >= child.kill_at:
                child.kill()
        self._child = None
        for source in (child.channel, child.stderr):
            with suppress(KeyError):
                self._selector.unregister(source)
        child.bury()
        self._take_in(child)
        return Ended(code, time.monotonic() - child.ready_at if child.ready_at else None, child.is_outgrown)

    def _hand_over(self, channel: int) -> Handed:
        return Handed(
            pid=os.getpid(),
            channel=channel,
            listener=self._listener,
            has_announced=self._has_announced,
            is_terminal=os.isatty(stderr.STDERR),
            restarts=self._restarts,
        )

    def _wait(self, until: float | None) -> None:
        seconds = None if until is None else max(0.0, until - time.monotonic())
        for key, _ in self._selector.select(seconds):
            key.data()

    def _pass_on(self) -> None:
        if self._child and self._child.pass_on() == b"":
            self._selector.unregister(self._child.stderr)

    def _listen(self) -> None:
        if self._child is None:
            return
        if self._child.listen() == b"":
            self._selector.unregister(self._child.channel)
        self._take_in(self._child)
        self._look_at_memory(self._child)

    def _take_in(self, child: Child) -> None:
        """What holds for the application after this one as well."""
        self._was_ready |= child.ready_at is not None
        self._has_announced |= child.told.get("has_announced", False)
        self._log_format = child.told.get("log_format", self._log_format)
        self._listener = child.listener if child.listener is not None else self._listener

    # --- and the next -------------------------------------------------------------------------------------------------

    def _wait_after(self, ended: Ended) -> float:
        """Seconds until the next start."""
        up = ended.ready_seconds
        self._failures = rules.failures_after(self._failures, up or 0.0)
        wait = rules.wait_seconds(self._failures, self._chance(), came_up=up is not None)
        how = f"exited with {ended.code}" if ended.code >= 0 else f"killed by {signal.Signals(-ended.code).name}"
        self._say("app_restarts", reason=how, up_seconds=round(up or 0), wait_seconds=round(wait, 1))
        return wait

    def _is_asked_within(self, seconds: float) -> bool:
        """Waits so long, unless it is asked to stop."""
        until = time.monotonic() + seconds
        while not self._is_stopping and time.monotonic() < until:
            self._wait(until)
        return self._is_stopping

    def _look_at_memory(self, child: Child) -> None:
        told, now = child.told, time.monotonic()
        allowed = rules.allowed_mb(told.get("max_memory"), told.get("sessions", 0))
        if child.is_outgrown or child.kill_at or not rules.is_outgrown(told.get("resident_bytes", 0), allowed):
            return
        figures = {"resident_mb": told["resident_bytes"] // 2**20, "allowed_mb": allowed}
        if rules.may_restart_for_memory(now, self._memory_restart_at):
            self._memory_restart_at, child.is_outgrown = now, True
            self._say("app_restarts", reason="memory", **figures)
            child.ask_to_end(signal.SIGTERM)
        elif not child.is_spared:
            child.is_spared = True
            self._say("app_outgrown", note="it was restarted for its memory less than an hour ago", **figures)

    def _say(self, event: str, **facts: object) -> None:
        stderr.say(event, as_json=self._log_format == "json", **facts)

    # --- signals ------------------------------------------------------------------------------------------------------

    def _take_signals(self) -> None:
        """From now on a signal is something to read: it is dealt with in the loop, never in between."""
        self._signals, waker = socket.socketpair()
        for end in (self._signals, waker):
            end.setblocking(False)  # noqa: FBT003 - the standard library's signature
        signal.set_wakeup_fd(waker.detach(), warn_on_full_buffer=False)
        for name in (signal.SIGCHLD, *stop_signals()):
            signal.signal(name, lambda *_: None)
        self._selector.register(self._signals, selectors.EVENT_READ, self._take_signal)

    def _take_signal(self) -> None:
        for number in self._signals.recv(64):
            if number != signal.SIGCHLD:
                self._is_stopping = True
                if self._child:
                    self._child.ask_to_end(number)

    def _exit_code(self, code: int) -> int:
        if code >= 0:
            return code
        # Asked to stop before it could do so by itself.
        return 0 if self._is_stopping and -code in stop_signals() else 128 - code
