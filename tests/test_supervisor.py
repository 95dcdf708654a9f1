"""The supervisor over small applications (tests/supervised.py), and what it is made of."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from hypothesis import given, strategies as st

from talkabiz import log
from talkabiz.parent import VARIABLE, Handed
from talkabiz.stderr import NOISE, Sieve, line
from tests.running import CHECKOUT, Process, talkabiz, until
from tests.supervised import MUCH

HEAVY = ("asyncio", "hypercorn", "magic", "neonize", "pydantic", "quart", "socketio", "structlog", "tortoise", "typer")


def supervised(home: Path, app: str) -> AbstractAsyncContextManager[Process]:
    return talkabiz(home, app, module="tests.supervised")


async def pid_of_app(process: Process) -> int:
    await process.read_until(lambda lines: any(said.startswith("pid ") for said in lines))
    return int(process.lines[-1].removeprefix("pid "))


def reasons(process: Process) -> list[str]:
    """The lines that say why it was started again."""
    return [said for said in process.errors.read_text().splitlines() if "app_restarts" in said]


async def restarted(process: Process, times: int) -> list[str]:
    async def is_restarted() -> bool:
        return len(reasons(process)) >= times

    await until(is_restarted)
    return reasons(process)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> None:
    async def is_gone() -> bool:
        return not is_alive(pid)

    await until(is_gone, 2)


# --- starting again ---------------------------------------------------------------------------------------------------


async def test_a_crash_loop_waits_longer_each_time_and_says_why_in_one_line_each(tmp_path: Path) -> None:
    async with supervised(tmp_path, "dies-at-once") as process:
        began = time.monotonic()
        said = await restarted(process, 3)
        assert time.monotonic() - began >= 1 + 2
        assert [re.findall(r"reason='(.*?)'.*wait_seconds='?([\d.]+)", each) for each in said] == [
            [("killed by SIGKILL", wait)] for wait in ("1.0", "2.0", "4.0")
        ]
        stopped = time.monotonic()
        assert await process.end() == 0, "it was asked to stop while nothing ran"
        assert time.monotonic() - stopped < 1, "it doesn't wait for the end of its wait"


async def test_an_application_that_comes_up_each_time_is_not_kept_waiting_for_long(tmp_path: Path) -> None:
    async with supervised(tmp_path, "dies-once-up") as process:
        said = await restarted(process, 4)
        assert [re.findall(r"wait_seconds='?([\d.]+)", each) for each in said] == [["1.0"], ["2.0"], ["4.0"], ["4.0"]]


async def test_an_application_that_refuses_to_start_is_believed(tmp_path: Path) -> None:
    async with supervised(tmp_path, "refuses") as process:
        assert await process.process.wait() == 1
        assert process.errors.read_text() == "It can't be.\n"


async def test_a_refusal_after_it_was_up_is_tried_again_since_nobody_stands_there(tmp_path: Path) -> None:
    async with supervised(tmp_path, "refuses-later") as process:
        pid = await pid_of_app(process)
        assert "There is no room on the disk.\n" in process.errors.read_text()
        assert ["exited with 1" in said for said in reasons(process)] == [False, True]
        assert is_alive(pid)


async def test_an_application_that_ends_by_itself_has_ended(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ends-by-itself") as process:
        assert await process.process.wait() == 0
        assert process.errors.read_text() == ""


def test_a_program_that_is_not_there_ends_in_a_sentence(tmp_path: Path) -> None:
    program = "from talkabiz.supervisor import Supervisor; raise SystemExit(Supervisor(['/nowhere/at/all']).run())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 1
    assert "app_not_started" in done.stderr
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


async def test_who_outgrows_its_memory_is_started_again_once_and_told_of_once_more(tmp_path: Path) -> None:
    async with supervised(tmp_path, "grows") as process:
        await process.read_until(lambda lines: "said it twenty times" in lines)
        assert process.lines == ["up {'crash': 0, 'memory': 0}", "up {'crash': 0, 'memory': 1}", "said it twenty times"]
        [pid] = children(process.pid)
        assert is_alive(pid)
        assert await process.end() == 0
        said = process.errors.read_text().splitlines()
        assert [re.findall(r"(app_\w+) .*resident_mb=200 allowed_mb=100", each) for each in said] == [
            ["app_restarts"],
            ["app_outgrown"],
        ]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# --- ending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_to_stop_ends_both(tmp_path: Path, how: signal.Signals) -> None:
    async with supervised(tmp_path, "well") as process:
        pid = await pid_of_app(process)
        assert await process.end(how) == 0
        assert not is_alive(pid)
        assert reasons(process) == []


async def test_an_application_that_will_not_end_is_killed_in_the_end(tmp_path: Path) -> None:
    async with supervised(tmp_path, "will-not-end") as process:
        pid = await pid_of_app(process)
        assert await process.end() == 128 + signal.SIGKILL
        assert not is_alive(pid)


@pytest.mark.parametrize("app", ["well", "well-without-prctl", "well-without-the-channel"])
async def test_no_orphan_is_left_when_the_supervisor_is_killed(tmp_path: Path, app: str) -> None:
    """The system ends it, and where the system doesn't, the end of its channel does: either alone is enough."""
    async with supervised(tmp_path, app) as process:
        pid = await pid_of_app(process)
        assert await process.end(signal.SIGKILL) == -signal.SIGKILL
        await gone(pid)


def test_a_supervisor_that_died_before_it_was_known_leaves_no_orphan(tmp_path: Path) -> None:
    """What the system would have told came too early."""
    handed = Handed(os.getppid(), channel=0, listener=None, has_announced=False, is_terminal=False, restarts={})
    done = subprocess.run(
        [sys.executable, "-m", "talkabiz", "serve", "--no-supervisor", "--port", "0"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": CHECKOUT, VARIABLE: handed.as_variable()},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "supervisor that is gone" in done.stderr
    assert list(tmp_path.iterdir()) == []


async def test_a_terminal_that_closes_ends_nothing_under_nohup(tmp_path: Path) -> None:
    kept = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; those that are started inherit it
    try:
        async with supervised(tmp_path, "well") as process:
            pid = await pid_of_app(process)
            process.process.send_signal(signal.SIGHUP)
            os.kill(pid, signal.SIGHUP)
            os.kill(pid, signal.SIGKILL)
            await process.read_until(lambda lines: len(lines) == 2)
            assert ["killed by SIGKILL" in said for said in reasons(process)] == [True], "both went on"
            assert await process.end() == 0
    finally:
        signal.signal(signal.SIGHUP, kept)


async def test_what_the_application_leaves_behind_is_taken_away(tmp_path: Path) -> None:
    async with supervised(tmp_path, "leaves-an-orphan") as process:
        pid = await pid_of_app(process)

        async def is_alone() -> bool:
            return children(process.pid) == [pid]

        await until(is_alone)


# --- what the application prints --------------------------------------------------------------------------------------


async def test_what_it_prints_before_it_dies_comes_through_whole_and_in_order(tmp_path: Path) -> None:
    async with supervised(tmp_path, "prints-much-and-dies") as process:
        await restarted(process, 1)
        printed, _, after = process.errors.read_bytes().partition(b"without an end\n")
        assert printed == MUCH
        assert b"app_restarts" in after, "on a line of its own"


def test_a_stderr_that_nobody_reads_stops_nobody() -> None:
    read, written = os.pipe()
    os.close(read)
    assert last_words("noisy", written).endswith("False")


def test_the_application_knows_whether_its_lines_reach_a_terminal_in_the_end() -> None:
    ours, theirs = os.openpty()
    threading.Thread(target=read_all, args=(ours,), daemon=True).start()
    assert last_words("noisy", theirs).endswith("True")


def read_all(terminal: int) -> None:
    with suppress(OSError):  # how a terminal says that nobody has its other side any more
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def last_words(app: str, stderr: int) -> str:
    """What it prints on stdout when its stderr is this."""
    command = [sys.executable, "-m", "tests.supervised", app]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
        os.close(stderr)
        assert process.stdout
        said = process.stdout.readline().strip()
        process.terminate()
        assert process.wait(10) == 0
    return said


async def test_a_panic_of_the_library_comes_through_whole(tmp_path: Path) -> None:
    async with supervised(tmp_path, "panics") as process:
        await restarted(process, 1)
        text = process.errors.read_text()
        panic, _, after = text.partition("main.GetMe")
        assert panic.startswith("panic: runtime error: invalid memory address or nil pointer dereference\n")
        assert re.search(r"^goroutine \d+", panic, re.MULTILINE)
        assert re.match(r"\(.*\)\n\t\S+main\.go:\d+ \S+\n20", after), "its last line, and then ours"
        assert "killed by SIGABRT" in after


texts = st.lists(st.sampled_from([NOISE, b"\n", b"P", b"Press", b"Press Ctrl", b"a line", b"\n\n"]), max_size=12)


@given(texts.map(b"".join), st.lists(st.integers(0, 80), max_size=8))
def test_however_it_is_cut_the_same_comes_through(text: bytes, cuts: list[int]) -> None:
    places = sorted(min(cut, len(text)) for cut in cuts)
    pieces = [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)], strict=True)]
    assert sifted(*pieces) == sifted(text)


def sifted(*pieces: bytes) -> bytes:
    sieve = Sieve()
    return b"".join(sieve.feed(piece) for piece in pieces) + sieve.end()


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        (b"a\n" + NOISE + b"\nb\n", b"a\nb\n"),
        (NOISE + b"a line of ours\n\nb\n", b"a line of ours\nb\n"),  # ours came between the library's two writes
        (NOISE + NOISE + b"\n\nb\n", b"b\n"),
        (b"he said " + NOISE + b"\n", b"he said " + NOISE + b"\n"),
        (b"Press the button\n", b"Press the button\n"),
        (b"a\n\nb\n", b"a\n\nb\n"),
        (b"Press", b"Press\n"),
        (b"the end", b"the end\n"),
        (b"", b""),
    ],
)
def test_one_line_of_the_library_is_dropped_and_nothing_else(text: bytes, passed: bytes) -> None:
    assert sifted(text) == passed


def test_what_can_not_be_that_line_any_more_passes_at_once() -> None:
    sieve = Sieve()
    assert [sieve.feed(piece) for piece in (b"Press", b" Ctrl", b"!", b"more")] == [b"", b"", b"Press Ctrl!", b"more"]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_its_own_lines_look_like_those_of_the_log(log_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"reason": "killed by SIGKILL", "up_seconds": 12, "wait_seconds": 1.5}
    monkeypatch.setattr(sys, "stderr", printed := io.StringIO())
    log.configure(log_format, "info")
    structlog.get_logger("talkabiz.supervisor").warning("app_restarts", **facts)
    ours = line("app_restarts", dict(facts), datetime.now(UTC), as_json=log_format == "json").decode()

    moment = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    assert len(moment.findall(ours)) == 1
    assert moment.sub("now", ours) == moment.sub("now", printed.getvalue())


async def test_its_lines_take_the_form_that_the_application_has_been_given(tmp_path: Path) -> None:
    async with supervised(tmp_path, "dies-in-json") as process:
        [said] = await restarted(process, 1)
        assert {**json.loads(said), "timestamp": ""} == {
            "event": "app_restarts",
            "level": "warning",
            "logger": "talkabiz.supervisor",
            "reason": "killed by SIGKILL",
            "up_seconds": 0,
            "wait_seconds": 1.0,
            "timestamp": "",
        }


# --- small, and nothing leaks -----------------------------------------------------------------------------------------


def test_it_loads_nothing_large() -> None:
    program = "import sys; from talkabiz import __main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "talkabiz.supervisor" in loaded
    assert [module for module in loaded if module.startswith(HEAVY)] == []


async def test_children_of_the_application_get_nothing_of_what_was_handed_over(tmp_path: Path) -> None:
    async with supervised(tmp_path, "shows-what-its-children-get") as process:
        await pid_of_app(process)
        names, _, descriptors = process.lines[0].partition("] ")
        assert names == "["
        assert len(json.loads(descriptors.replace("'", '"'))) == 4, "the three of every process, and the look itself"
