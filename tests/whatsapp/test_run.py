"""The rules of one run, over a stand-in for the library whose every step the test decides: the real one can't be made
to stand still between two of them. What it does of itself is in test_port.py.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from talkabiz.whatsapp import run as run_module
from talkabiz.whatsapp.binding import Binding
from talkabiz.whatsapp.gate import Gate
from talkabiz.whatsapp.release import REFUSAL
from talkabiz.whatsapp.run import Kind, Run, RunClosed

SOON = 5.0  # seconds in which what may happen has happened, on however slow a machine
NOT_YET = 0.05  # seconds in which what must not happen would have happened on most machines


class Library:
    """Stands still wherever a test hasn't let it go on."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []
        self.entered = threading.Event()
        self.may_return = threading.Event()
        self.may_disconnect = threading.Event()
        self.may_disconnect.set()
        self.links = 0
        """How many times more it will be found connected after a Disconnect."""
        self.says = REFUSAL
        """To a second start."""
        self._callbacks: tuple[Callable[..., None], ...] = ()

    # as the library's functions

    def Neonize(self, *arguments: Any) -> bytes:  # noqa: N802
        self._note("Neonize")
        if self.entered.is_set():
            return self.says
        self._callbacks = arguments[6:9]
        self.entered.set()
        self.may_return.wait()
        return b"an error"

    def Disconnect(self, uuid: bytes) -> None:  # noqa: N802
        self._note("Disconnect")
        self.may_disconnect.wait()

    def IsConnected(self, uuid: bytes) -> bool:  # noqa: N802
        self.links -= 1
        return self.links >= 0

    def IsLoggedIn(self, uuid: bytes) -> bool:  # noqa: N802
        return True

    def Logout(self, uuid: bytes) -> bytes:  # noqa: N802
        self._note("Logout")
        return b""

    def Stop(self, uuid: bytes) -> None:  # noqa: N802
        self._note("Stop")

    # as the test's hand

    def code(self) -> None:
        self._callbacks[0](b"1:A", b"a code")

    def status(self, text: bytes) -> None:
        self._callbacks[1](b"1:A", text)

    def device(self) -> None:
        self._callbacks[2](b"1:A", b"a device", 8, 0)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def time_of(self, name: str) -> float:
        return next(at for called, at in self.calls if called == name)

    def _note(self, name: str) -> None:
        self.calls.append((name, time.monotonic()))


class Told:
    """What a run told."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self._news = threading.Condition()

    def __call__(self, kind: Kind, number: int, data: bytes) -> None:
        with self._news:
            self.kinds.append(kind)
            self._news.notify_all()

    def wait(self, kind: Kind, seconds: float = SOON) -> bool:
        with self._news:
            return self._news.wait_for(lambda: kind in self.kinds, seconds)


@pytest.fixture
def library() -> Iterator[Library]:
    made = Library()
    yield made
    made.may_return.set()
    made.may_disconnect.set()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def gate() -> Gate:
    return Gate(exclusive_seconds=60)


@pytest.fixture
def start(library: Library, told: Told, gate: Gate) -> Callable[..., Run]:
    def same(callback: Callable[..., None]) -> Callable[..., None]:
        return callback

    proxy = SimpleNamespace(_to_c_struct=ctypes.c_int)
    binder = SimpleNamespace(
        gocode=library,
        ProxySettings=lambda address: proxy,
        **dict.fromkeys(("func_string", "func_callback_bytes", "func_callback_bytes2"), same),
    )

    def start_(*, pairing: bool) -> Run:
        binding = Binding(binder, gate, b"")
        binding.release._store = "/nobody.db"
        run = Run(binding, 1, "A", "/store", pairing=pairing, hear=told)
        run.begin(None)
        assert library.entered.wait(SOON)
        return run

    return start_


@pytest.fixture
def pairing(start: Callable[..., Run]) -> Run:
    return start(pairing=True)


@pytest.fixture
def login(start: Callable[..., Run]) -> Run:
    return start(pairing=False)


def beside(step: Callable[[], Any]) -> threading.Event:
    """Set once the step, in a thread of its own, is done."""
    done = threading.Event()

    def run() -> None:
        step()
        done.set()

    threading.Thread(target=run, daemon=True).start()
    return done


def _fail(kind: Kind, number: int, data: bytes) -> None:
    raise RuntimeError("a fault of ours")


def is_free(gate: Gate) -> bool:
    return beside(lambda: gate.shared().release()).wait(NOT_YET)


# --- the start --------------------------------------------------------------------------------------------------------


def test_a_pairing_holds_the_gate_until_its_first_code(pairing: Run, library: Library, gate: Gate) -> None:
    assert not is_free(gate)
    library.code()
    assert is_free(gate)


def test_a_log_in_holds_the_gate_until_its_device_is_told(login: Run, library: Library, gate: Gate) -> None:
    assert not is_free(gate)
    library.device()
    assert is_free(gate)


def test_a_start_that_fails_gives_the_gate_back(login: Run, library: Library, gate: Gate, told: Told) -> None:
    library.may_return.set()

    assert told.wait(Kind.ENDED)
    assert is_free(gate)
    assert told.kinds == [Kind.ENTERED, Kind.RETURNED, Kind.ENDED]
    assert library.names() == ["Neonize", "Disconnect", "Stop"]


def test_a_run_closed_before_its_turn_never_enters(library: Library, told: Told, gate: Gate) -> None:
    binder = SimpleNamespace(gocode=library)
    run = Run(Binding(binder, gate, b""), 1, "A", "/store", pairing=True, hear=told)
    with gate.exclusive():
        run.begin(None)
        run.close()

    assert told.wait(Kind.ENDED)
    assert library.names() == []
    assert is_free(gate)


# --- calls ------------------------------------------------------------------------------------------------------------


def test_nothing_is_asked_of_a_client_that_may_not_be_there_yet(login: Run, library: Library) -> None:
    login._start_lease.release()  # type: ignore[union-attr] # as after two seconds

    with pytest.raises(RunClosed):
        login.log_out()
    assert "Logout" not in library.names()


def test_nothing_is_asked_of_a_client_on_its_way_out(login: Run, library: Library) -> None:
    library.device()
    assert login.log_out() == ""
    login.close()

    with pytest.raises(RunClosed):
        login.log_out()
    assert library.names().count("Logout") == 1


def test_nothing_is_asked_of_a_client_whose_run_has_returned(login: Run, library: Library, told: Told) -> None:
    library.device()
    library.may_return.set()
    assert told.wait(Kind.ENDED)

    with pytest.raises(RunClosed):
        login.is_up()


# --- closing ----------------------------------------------------------------------------------------------------------


def test_it_disconnects_and_then_stops(pairing: Run, library: Library, told: Told) -> None:
    library.code()

    pairing.close()

    assert told.wait(Kind.ENDED)
    assert library.names() == ["Neonize", "Disconnect", "Stop"]
    assert pairing.is_lost
    library.may_return.set()


def test_while_it_dials_nobody_waits_for_its_stop(login: Run, library: Library, told: Told, gate: Gate) -> None:
    """Disconnect waits for the dial, and Stop would too, with the gate in its hand."""
    library.device()
    library.may_disconnect.clear()

    login.close()

    assert not told.wait(Kind.ENDED, NOT_YET)
    assert "Stop" not in library.names()
    time.sleep(0.1)
    assert is_free(gate)
    library.may_disconnect.set()
    assert told.wait(Kind.ENDED)


def test_a_library_that_reconnects_in_between_is_disconnected_again(login: Run, library: Library, told: Told) -> None:
    library.device()
    library.links = 2

    login.close()

    assert told.wait(Kind.ENDED)
    assert library.names() == ["Neonize", "Disconnect", "Disconnect", "Disconnect", "Stop"]


def test_a_log_in_is_not_stopped_before_its_device_is_told(login: Run, library: Library, told: Told) -> None:
    """It would look for its client in the maps, and find none: the end of the process."""
    login.close()
    assert not told.wait(Kind.ENDED, NOT_YET)
    assert library.names() == ["Neonize"]

    library.device()

    assert told.wait(Kind.ENDED)
    assert library.names() == ["Neonize", "Disconnect", "Stop"]


def test_a_log_in_that_dials_for_long_is_still_waited_for(
    login: Run, library: Library, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "CODELESS_SECONDS", 0.01)

    login.close()

    assert not told.wait(Kind.ENDED, NOT_YET * 4)
    assert library.names() == ["Neonize"]


def test_a_pairing_that_never_gets_a_code_can_be_closed(
    pairing: Run, library: Library, told: Told, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client came into the maps long ago, and a status would not be returned from."""
    monkeypatch.setattr(run_module, "CODELESS_SECONDS", 0.1)
    assert pairing._start_lease is not None
    pairing._start_lease.release()  # as after two seconds

    pairing.close()

    assert told.wait(Kind.ENDED)
    assert library.time_of("Disconnect") - library.time_of("Neonize") > 0.09


def test_it_is_not_stopped_within_a_second_after_a_status(pairing: Run, library: Library, told: Told) -> None:
    """Who comes back from the status callback looks for the client in the maps."""
    library.code()
    library.status(b"success")
    told_at = time.monotonic()

    pairing.close()

    assert told.wait(Kind.ENDED)
    assert library.time_of("Stop") - told_at > 0.9


def test_once_its_device_is_told_a_status_holds_nothing_up(pairing: Run, library: Library, told: Told) -> None:
    library.code()
    library.status(b"success")
    library.device()
    told_at = time.monotonic()

    pairing.close()

    assert told.wait(Kind.ENDED)
    assert library.time_of("Stop") - told_at < 0.9


def test_a_pairing_that_is_over_is_led_out_by_a_second_start(pairing: Run, library: Library, told: Told) -> None:
    library.code()
    assert beside(lambda: library.status(b"timeout")).wait(SOON)
    assert library.names() == ["Neonize", "Stop", "Neonize"]

    library.device()
    library.may_return.set()

    assert told.wait(Kind.ENDED)
    assert not pairing.is_lost
    assert told.kinds == [Kind.ENTERED, Kind.CODE, Kind.STATUS, Kind.ENDED], "neither that device nor the return"
    assert library.names()[3:] == ["Stop", "Disconnect"], "the second client goes too"


def test_a_pairing_that_is_over_holds_the_gate_until_it_is_out(pairing: Run, library: Library, gate: Gate) -> None:
    """Two writes, and two reads of the library after them."""
    library.code()
    assert beside(lambda: library.status(b"error")).wait(SOON)

    called = beside(gate.shared)
    assert not called.wait(NOT_YET)
    library.device()
    assert called.wait(SOON)


def test_without_a_way_out_its_thread_is_kept_and_counted(
    pairing: Run, library: Library, told: Told, gate: Gate
) -> None:
    library.says = b"unable to open database file"
    library.code()

    assert not beside(lambda: library.status(b"timeout")).wait(NOT_YET)
    assert is_free(gate)
    pairing.close()
    assert told.wait(Kind.ENDED)
    assert pairing.is_lost


def test_a_way_out_that_fails_is_logged_and_not_taken(pairing: Run, library: Library, told: Told) -> None:
    library.says = None  # type: ignore[assignment] # something that nobody thought of
    library.code()

    with capture_logs() as logs:
        assert not beside(lambda: library.status(b"timeout")).wait(NOT_YET)
    assert [log["event"] for log in logs] == ["a pairing that is over keeps its thread"]


def test_a_status_of_a_stopped_run_is_led_out_too(pairing: Run, library: Library, told: Told) -> None:
    library.code()
    pairing.close()
    assert told.wait(Kind.ENDED)

    assert beside(lambda: library.status(b"success")).wait(SOON)

    assert library.names() == ["Neonize", "Disconnect", "Stop", "Stop", "Neonize"]


def test_a_status_of_a_stopped_run_is_not_returned_from_without_a_way_out(
    pairing: Run, library: Library, told: Told
) -> None:
    library.says = b""
    library.code()
    pairing.close()
    assert told.wait(Kind.ENDED)

    assert not beside(lambda: library.status(b"success")).wait(NOT_YET)


def test_a_status_that_nobody_could_be_told_of_holds_the_gate_all_the_same(
    pairing: Run, library: Library, gate: Gate
) -> None:
    gate._shared_seconds = 60
    library.code()
    told_before, pairing._hear = pairing._hear, _fail

    with capture_logs() as logs:
        library.status(b"success")
    pairing._hear = told_before

    assert len(logs) == 1
    assert not beside(gate.exclusive).wait(NOT_YET)


def test_a_status_holds_the_gate_against_stops_until_the_device_is_told(
    pairing: Run, library: Library, gate: Gate
) -> None:
    gate._shared_seconds = 60
    library.code()
    library.status(b"success")

    entered = beside(gate.exclusive)
    assert not entered.wait(NOT_YET)
    library.device()
    assert entered.wait(SOON)


def test_a_run_that_returns_because_it_was_closed_does_not_tell_of_it(login: Run, library: Library, told: Told) -> None:
    library.device()
    login.close()
    library.may_return.set()

    assert told.wait(Kind.ENDED)
    assert Kind.RETURNED not in told.kinds


def test_a_run_that_returns_while_it_is_closed_ends_once(login: Run, library: Library, told: Told) -> None:
    library.device()
    library.may_disconnect.clear()
    login.close()
    library.may_return.set()
    assert not told.wait(Kind.ENDED, NOT_YET)

    library.may_disconnect.set()

    assert told.wait(Kind.ENDED)
    assert library.names() == ["Neonize", "Disconnect", "Stop"]


def test_closing_twice_is_closing_once(login: Run, library: Library, told: Told) -> None:
    library.device()
    login.close()
    login.close()

    assert told.wait(Kind.ENDED)
    assert library.names().count("Stop") == 1


# --- callbacks --------------------------------------------------------------------------------------------------------


def test_a_callback_that_fails_is_logged_with_the_klien(library: Library, gate: Gate) -> None:
    def fail(kind: Kind, number: int, data: bytes) -> None:
        if kind is Kind.CODE:
            _fail(kind, number, data)

    def same(callback: Callable[..., None]) -> Callable[..., None]:
        return callback

    binder = SimpleNamespace(gocode=library, func_string=same, func_callback_bytes=same, func_callback_bytes2=same)
    Run(Binding(binder, gate, b""), 1, "A", "/store", pairing=True, hear=fail).begin(None)
    assert library.entered.wait(SOON)

    with capture_logs() as logs:
        library.code()

    assert [(entry["klien_id"], entry["attempt"], entry["log_level"]) for entry in logs] == [(1, "A", "error")]
