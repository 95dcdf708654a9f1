"""One run of the library for one store file, from the call that starts it until its client is gone. All in threads.

What the library does, in the order of its code (neonize goneonize/main.go, whatsmeow qrchan.go):

    Neonize()   writes its three maps, dials, and then
                for a pairing: hands us codes, and at last a status ("success", "timeout", …); goes on as
                a login: reads two maps, waits until the device has an id, hands us the device (event 0), then events
    Stop()      takes the client out of the maps; a run that has come to its events returns, any other never does

So these are the rules:

- A call is a method of a run and looks under its lease whether the client is there: none is made for an unknown id.
- A start holds the gate until the first sign that its writes are done, a status callback until event 0 shows that the
  reads after it are done; both for a limited time (`talkabiz.whatsapp.gate`).
- Closing is Disconnect, then Stop. Disconnect waits while the library dials, up to a minute if the network is dead; so
  it has a thread of its own and no gate, and Stop, which needs the gate, comes only when there is nothing to wait for.
- A login is never stopped before event 0: it would still read the maps, and find nothing, which ends the process.
- Whoever returns from a status callback reads the maps at once. So there is no Stop in the second after one.
- After the last status of a pairing that came to nothing the login would wait for ever; `talkabiz.whatsapp.release`
  ends it. A pairing that is cut off gets no status any more, and its thread never comes back.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import threading
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, cast

import structlog

from talkabiz.whatsapp.binding import Binding
from talkabiz.whatsapp.from_whatsapp import LAST_STATUSES
from talkabiz.whatsapp.gate import Lease

P = ParamSpec("P")
log = structlog.get_logger(__name__)

DEVICE_EVENT = 0
"""Comes always, once: the account of the device that logged in or was paired."""
AFTER_STATUS_SECONDS = 1.0
CODELESS_SECONDS = 10.0
"""A pairing without a code is closed so long after its start at the earliest: its client is in the maps by then."""
NO_ROUTE = b"dial tcp: no connection, so the library wasn't asked"
DISCONNECT_TRIES = 5


class Kind(enum.Enum):
    """What a run tells: ENTERED, then CODE, STATUS, EVENT and LOG in any number, RETURNED perhaps, at last ENDED."""

    ENTERED = enum.auto()
    CODE = enum.auto()
    STATUS = enum.auto()
    EVENT = enum.auto()
    LOG = enum.auto()
    RETURNED = enum.auto()
    """By itself, without `close`."""
    ENDED = enum.auto()
    """The client is gone and the store file is free. Doesn't come for a closed login that hangs before event 0."""


Hear = Callable[[Kind, int, bytes], None]
"""Takes what a run tells: the kind, an event's number (else 0), the bytes. On any thread; returns at once."""


def _hear_nothing(kind: Kind, number: int, data: bytes) -> None:
    del kind, number, data


class RunClosed(Exception):
    """There is no client to ask: it hasn't come up yet, or is on its way out."""


def _guarded(callback: Callable[Concatenate[Run, P], None]) -> Callable[Concatenate[Run, P], None]:
    """Nothing can be raised into Go: it is logged with the klien's id."""

    @functools.wraps(callback)
    def guarded(self: Run, *args: P.args, **named: P.kwargs) -> None:
        try:
            callback(self, *args, **named)
        except Exception:  # noqa: BLE001 - the one place where it can be seen
            self._log.exception("a callback of the WhatsApp library failed", callback=callback.__name__)

    return cast("Callable[Concatenate[Run, P], None]", guarded)


class Run:
    """The library knows it by klien and attempt, never used twice. `pairing`: the store holds no device yet."""

    def __init__(self, binding: Binding, klien_id: int, attempt: str, store: str, *, pairing: bool, hear: Hear) -> None:
        self._gate = binding.gate
        self._binding = binding
        self._library = binding.neonize.gocode
        self._name = f"{klien_id}:{attempt}"
        self._uuid = self._name.encode()
        self._store = store
        self._pairing = pairing
        self._hear = hear
        self._log = log.bind(klien_id=klien_id, attempt=attempt)

        self._lock = threading.Lock()  # over what follows; never held while waiting for anything
        self._signed = threading.Event()
        self._entered_at: float | None = None
        self._start_lease: Lease | None = None
        self._status_lease: Lease | None = None
        self._no_stop_until = 0.0
        self._callbacks: tuple[object, ...] = ()
        self._closing = self._finishing = self._stopped = self._released = self._returned = False

    # --- asked for by the engine --------------------------------------------------------------------------------------

    def begin(self, proxy_url: str | None, has_route: Callable[[str | None], bool] | None = None) -> None:
        """Starts the run's thread, which waits for the gate and then enters the library, if there is a way at all."""
        self._spawn("run", lambda: self._live(proxy_url, has_route))

    def close(self) -> None:
        """Ends the run as soon as that is safe; returns at once."""
        with self._lock:
            if self._closing or self._returned:
                return
            self._closing = True
            now = self._entered_at is not None and (self._pairing or self._signed.is_set())
        if now:
            self._spawn("close", self._finish_when_signed)

    def is_up(self) -> bool:
        """Whether the link stands, and it or one before it has logged in. Waits while the library dials. RunClosed."""
        return bool(self.call(self._library.IsConnected)) and bool(self.call(self._library.IsLoggedIn))

    def is_heard(self) -> bool:
        """Whether WhatsApp answers this device, asked what each login asks. Waits for it, 75 s at most. RunClosed."""
        return not self.call(lambda name: self._library.SetPassive(name, False))  # noqa: FBT003 - a C function

    def log_out(self) -> str:
        """Takes the device off the phone; an error's text or nothing. Waits for WhatsApp, 75 s at most. RunClosed."""
        return bytes(self.call(self._library.Logout)).decode(errors="replace")

    @property
    def is_lost(self) -> bool:
        """Stopped, but its thread will never return (or has yet a moment to do so)."""
        return self._stopped and not self._returned

    # --- the thread that lives in the library -------------------------------------------------------------------------

    def _live(self, proxy_url: str | None, has_route: Callable[[str | None], bool] | None) -> None:
        if has_route and not has_route(proxy_url):
            self._returned = True
            if not self._closing:
                self._hear(Kind.RETURNED, 0, NO_ROUTE)
            self._end()
            return
        lease = self._gate.exclusive()
        with self._lock:
            if not self._closing:
                self._start_lease = lease
                self._entered_at = time.monotonic()
        if self._start_lease is None:
            self._returned = True
            lease.release()
            self._end()
            return
        self._hear(Kind.ENTERED, 0, b"")
        text = self._enter_library(proxy_url)
        lease.release()
        with self._lock:
            self._returned = True
            asked_for = self._closing or self._released
        self._signed.set()
        if self._released:
            self._stop()
        if not asked_for:
            self._hear(Kind.RETURNED, 0, text)
        self._finish()

    def _enter_library(self, proxy_url: str | None) -> bytes:
        """Returns when the run is over, with an error's text or nothing."""
        binder = self._binding.neonize
        self._callbacks = (
            binder.func_string(self._on_code),
            binder.func_string(self._on_status),
            binder.func_callback_bytes(self._on_event),
            binder.func_callback_bytes2(self._on_log),
        )
        self._binding.kept.append(self._callbacks)
        try:
            return self._binding.enter(self._store, self._uuid, proxy_url, self._callbacks)
        except Exception:  # noqa: BLE001 - a run always tells how it ended
            self._log.exception("the WhatsApp library couldn't be called")
            return b"call failed"

    # --- callbacks: on the run's thread, but for the log --------------------------------------------------------------

    @_guarded
    def _on_code(self, _uuid: int, text: int) -> None:
        self._sign()
        self._hear(Kind.CODE, 0, ctypes.string_at(text))

    @_guarded
    def _on_status(self, _uuid: int, text: int) -> None:
        self._no_stop_until = time.monotonic() + AFTER_STATUS_SECONDS
        status = ctypes.string_at(text)
        try:
            self._sign()
            self._hear(Kind.STATUS, 0, status)
        finally:
            self._pass_to_events(is_over=status.decode() in LAST_STATUSES)

    @_guarded
    def _on_event(self, _uuid: bytes, data: int | None, size: int, number: int) -> None:
        if number == DEVICE_EVENT:
            self._no_stop_until = 0.0
            if self._status_lease:
                self._status_lease.release()
            self._sign()
        if not self._released:
            self._hear(Kind.EVENT, number, ctypes.string_at(data, size) if data and size else b"")

    @_guarded
    def _on_log(self, data: int | None, size: int) -> None:
        if data and size:
            self._hear(Kind.LOG, 0, ctypes.string_at(data, size))

    def _sign(self) -> None:
        """The maps are behind this run."""
        if self._start_lease:
            self._start_lease.release()
        with self._lock:
            first = not self._signed.is_set()
            self._signed.set()
            close = first and self._closing and not self._pairing
        if close:
            self._spawn("close", self._finish_when_signed)

    def _pass_to_events(self, *, is_over: bool) -> None:
        """Ahead of the library's reading of the maps. Never returns if no client is in them any more."""
        if self._status_lease:
            self._status_lease.release()
        self._released = is_over or self._stopped
        self._status_lease = self._gate.exclusive() if self._released else self._gate.shared()
        self._no_stop_until = time.monotonic() + AFTER_STATUS_SECONDS
        if self._released or self._stopped:
            leave = self._binding.release.leave
            if self._released and leave(self._binding, self._uuid, self._callbacks, self._log):
                return
            self._status_lease.release()
            threading.Event().wait()

    # --- calls and the end --------------------------------------------------------------------------------------------

    def call(self, function: Callable[[bytes], Any]) -> Any:
        with self._gate.shared():
            if not self._signed.is_set() or self._closing or self._finishing:
                raise RunClosed
            return function(self._uuid)

    def _finish_when_signed(self) -> None:
        if self._entered_at is not None:
            self._signed.wait(max(0.0, self._entered_at + CODELESS_SECONDS - time.monotonic()))
        self._finish()

    def _finish(self) -> None:
        with self._lock:
            if self._finishing:
                return
            self._finishing = True
        self._disconnect()
        while not self._stopped:
            time.sleep(self._stop_early_seconds())
            self._stop()
        self._end()

    def _end(self) -> None:
        hear, self._hear = self._hear, _hear_nothing  # this run is kept for ever, who heard it isn't
        hear(Kind.ENDED, 0, b"")

    def _disconnect(self) -> None:
        """Waits for a dial that is under way. Again, if the library had another one up its sleeve."""
        for _ in range(DISCONNECT_TRIES):
            with self._gate.shared():
                self._library.Disconnect(self._uuid)
            with self._gate.shared():
                if not self._library.IsConnected(self._uuid):
                    return

    def _stop(self) -> None:
        """Nothing happens if a status has been told while we waited for the gate."""
        with self._gate.exclusive():
            if not self._stop_early_seconds():
                self._stopped = True
                self._library.Stop(self._uuid)

    def _stop_early_seconds(self) -> float:
        """For how long a stop would come too early."""
        return 0.0 if self._returned else max(0.0, self._no_stop_until - time.monotonic())

    def _spawn(self, what: str, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=f"wa-{what}-{self._name}", daemon=True).start()
