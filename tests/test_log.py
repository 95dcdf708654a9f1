"""One line an event, whoever wrote it; nothing secret in it, and nothing that looks like a line of somebody else's."""

from __future__ import annotations

import gc
import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, strategies as st

from talkabiz import log, stderr
from talkabiz.redaction import HIDDEN
from tests.running import CHECKOUT

KEY = "tkb_Ab3dEf9h_Zk3vQx0bT9aLwPz7YhRu2mNe5sKd8cJf"
CHOSEN = "an-admin-key-of-the-operators-own"
LINE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \[(\w+) *\] (.*?) +\[([\w.]+)\](.*)")

Printed = Callable[[], str]


@pytest.fixture(name="configure")
def _configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Printed]]:
    """Sends this process's log where the test can read it, until the test ends."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def configure(log_format: str) -> Printed:
        printed = io.StringIO()
        monkeypatch.setattr(sys, "stderr", printed)
        log.configure(log_format, "debug", is_terminal=False, secrets=[CHOSEN, None])
        return printed.getvalue

    yield configure
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def fail(text: object) -> None:
    raise ValueError(text)


def one(text: str) -> dict[str, Any]:
    [line] = text.splitlines()
    return dict(json.loads(line))


# --- the form ---------------------------------------------------------------------------------------------------------


def test_a_json_line_begins_with_the_same_four_fields(configure: Callable[[str], Printed]) -> None:
    printed = configure("json")
    structlog.get_logger("talkabiz.here").info("session_changed", klien_id=3, status="connected")
    logging.getLogger("lib").warning("it is %s", "so")
    ours, theirs = (json.loads(line) for line in printed().splitlines())
    assert list(ours) == ["timestamp", "level", "event", "logger", "klien_id", "status"]
    assert {**ours, "timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": "session_changed",
        "logger": "talkabiz.here",
        "klien_id": 3,
        "status": "connected",
    }
    assert list(theirs) == ["timestamp", "level", "event", "logger"]
    assert (theirs["level"], theirs["event"], theirs["logger"]) == ("warning", "it is so", "lib")
    assert datetime.fromisoformat(theirs["timestamp"]).tzinfo == UTC


def test_a_console_line_says_when_how_bad_what_and_who(configure: Callable[[str], Printed]) -> None:
    printed = configure("console")
    structlog.get_logger("talkabiz.here").info("session_changed", klien_id=3, status="connected")
    found = LINE.fullmatch(printed().rstrip("\n"))
    assert found
    assert found.groups() == ("info", "session_changed", "talkabiz.here", " klien_id=3 status=connected")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_secrets_are_hidden_in_lines_of_ours_and_of_libraries(
    log_format: str, configure: Callable[[str], Printed]
) -> None:
    printed = configure(log_format)
    structlog.get_logger().info(f"event {KEY}", why={"deep": [KEY]}, text="see you", phone="628111222333", a=CHOSEN)
    logging.getLogger("lib").error("got %s of %r", KEY, {"password": "hunter2"})
    try:
        fail(KEY)
    except ValueError as error:
        error.add_note(CHOSEN)
        structlog.get_logger().exception("ours_failed")
        logging.getLogger("lib").exception("theirs failed", stack_info=True)
    text = printed()
    assert text.count(HIDDEN) > 8
    assert "6281*****333" in text
    assert "ValueError: tkb_" in text
    assert "Stack (most recent call last)" in text
    for secret in (KEY, CHOSEN, "see you", "hunter2", "628111222333"):
        assert secret not in text


def test_values_of_variables_do_not_stand_under_a_traceback(configure: Callable[[str], Printed]) -> None:
    printed = configure("console")
    local = "the-value-of-a-variable"
    try:
        fail(len(local))
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: 23" in printed()
    assert local not in printed().replace(f'local = "{local}"', "")


# --- injection --------------------------------------------------------------------------------------------------------

FORGED = "\n2026-11-24T00:00:00.000000Z [info     ] forged                         [talkabiz.log]"
NASTY = ["\n", "\r", "\x1b[2J", "\x00", "\x85", "\u2028", "\u202e", "\x9b1m", "\ud800", "\ufeff", FORGED, "a b\nc"]


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_strangers_text_stays_in_its_line(nasty: str, log_format: str, configure: Callable[[str], Printed]) -> None:
    printed = configure(log_format)
    structlog.get_logger().info(f"event{nasty}", name=f"a{nasty}", spaced=f"a {nasty}", deep=[nasty], **{nasty: 1})
    logging.getLogger("lib").info("said %s", nasty)
    text = printed()
    assert text.count("\n") == 2
    assert text.replace("\n", "").isprintable()


@given(st.text())
def test_whatever_a_text_holds_it_is_one_line_of_printable_characters(text: str) -> None:
    named = log._keep_to_the_line(None, "", {"event": text, "a": text})
    line = structlog.dev.ConsoleRenderer(colors=False)(None, "", dict(named))
    assert len(line.splitlines()) <= 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)


def test_lines_of_a_traceback_are_set_off_from_lines_of_the_log(configure: Callable[[str], Printed]) -> None:
    printed = configure("console")
    try:
        fail("a" + FORGED + "\x1b[31m")
    except ValueError:
        structlog.get_logger().exception("failed")
    first, *rest = printed().splitlines()
    assert LINE.fullmatch(first)
    assert rest
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in printed()


# --- what nobody logs -------------------------------------------------------------------------------------------------


def test_a_line_that_can_not_be_made_is_told_of_without_what_it_holds(configure: Callable[[str], Printed]) -> None:
    printed = configure("json")
    logging.getLogger("lib").warning("%s and %d", KEY, "hunter2")
    told = one(printed())
    assert re.fullmatch(r"a log line was lost: test_log\.py:\d+, TypeError", told["event"])
    assert (told["level"], told["logger"]) == ("error", "lib")


def test_a_stderr_that_is_gone_is_no_reason_to_fail(configure: Callable[[str], Printed]) -> None:
    configure("console")
    sys.stderr.close()
    structlog.get_logger().info("still_here")


PROGRAM = f"""
import asyncio, gc, sys, threading, warnings
from talkabiz import log
log.configure(sys.argv[1], "debug")
log.catch_the_rest()
warnings.warn("beware of {KEY}")

def fail(): raise ValueError("thread {KEY}")
thread = threading.Thread(target=fail, name="worker")
thread.start(); thread.join()
leaving = threading.Thread(target=sys.exit)
leaving.start(); leaving.join()

async def lose_a_task():
    async def lost(): raise ValueError("task {KEY}")
    asyncio.create_task(lost())
    await asyncio.sleep(0)
asyncio.run(lose_a_task()); gc.collect()

class Dying:
    def __del__(self): raise ValueError("end {KEY}")
Dying()
raise KeyError("last {KEY}")
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_warnings_lost_tasks_threads_and_the_last_exception_are_lines_of_the_log(log_format: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert KEY not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("    ")]
    if log_format == "json":
        told = [json.loads(line) for line in lines]
        found = [(each["level"], each["logger"], each["event"]) for each in told]
    else:
        found = [(m[1], m[3], m[2]) for line in lines if (m := LINE.fullmatch(line))]
        assert len(found) == len(lines), lines
    assert [(level, logger) for level, logger, _ in found] == [
        ("warning", "py.warnings"),
        ("error", "talkabiz.log"),
        ("error", "asyncio"),
        ("error", "talkabiz.log"),
        ("critical", "talkabiz.log"),
    ]
    assert "UserWarning: beware of tkb_" in found[0][2]
    assert "Task exception was never retrieved" in found[2][2]
    for said in ("ValueError: thread", "ValueError: task", "ValueError: end", "KeyError: 'last"):
        assert said in done.stderr


# --- a server of the operator's choice --------------------------------------------------------------------------------


def test_a_servers_own_handlers_write_nothing_secret_and_nothing_twice(
    configure: Callable[[str], Printed], tmp_path: Path
) -> None:
    from hypercorn.config import Config
    from hypercorn.logging import Logger

    printed = configure("json")
    config = Config()
    config.accesslog = str(tmp_path / "access.log")
    config.errorlog = "-"
    server = Logger(config)  # after ours, as hypercorn does
    assert server.access_logger
    assert server.error_logger
    try:
        server.access_logger.info("%(R)s", {"R": f"GET /login/{'a1B' * 14}?token=abc 1.1"})
        try:
            fail(KEY)
        except ValueError:
            server.error_logger.exception("Error in ASGI Framework")
        told = one(printed())
        assert told["event"] == "Error in ASGI Framework"
        assert f"ValueError: tkb_{HIDDEN}" in told["exception"]
        assert (tmp_path / "access.log").read_text().endswith(f"GET /login/{HIDDEN}?token={HIDDEN} 1.1\n")
    finally:
        for logger in (server.access_logger, server.error_logger):
            for handler in logger.handlers[:]:
                handler.close()
                logger.removeHandler(handler)
            logger.filters.clear()
            logger.propagate = True
        gc.collect()


# --- what the supervisor passes on ------------------------------------------------------------------------------------


def passed(text: bytes, *, as_json: bool, cut: int = 0) -> list[str]:
    lines = stderr.Lines()
    pieces = (text[:cut], text[cut:])
    data = b"".join(lines.feed(piece, as_json=as_json) for piece in pieces) + lines.end(as_json=as_json)
    return data.decode().splitlines()


def test_lines_that_no_log_wrote_are_redacted_on_their_way_through() -> None:
    assert passed(b"panic: " + KEY.encode() + b"\n\nthe \xff end", as_json=False) == [
        f"panic: tkb_{HIDDEN}",
        "",
        "the \\xff end",
    ]


@given(st.integers(0, 60))
def test_a_secret_that_comes_in_pieces_is_hidden_too(cut: int) -> None:
    assert passed(b"panic: " + KEY.encode(), as_json=False, cut=cut) == [f"panic: tkb_{HIDDEN}"]


def test_lines_that_no_log_wrote_become_lines_of_a_json_log() -> None:
    ours = json.dumps({"timestamp": "x", "event": "y", "code": "[redacted]"})
    got = passed(f'{ours}\nCan\'t listen on {KEY}\n\n{{"a": "{KEY}"}}\n[1]\n{{\n'.encode(), as_json=True)
    assert got[0] == ours, "as it was"
    rest = [json.loads(line) for line in got[1:]]
    assert [each["event"] for each in rest] == [
        f"Can't listen on tkb_{HIDDEN}",
        f'{{"a": "tkb_{HIDDEN}"}}',
        "[1]",
        "{",
    ]
    assert all(list(each) == ["timestamp", "level", "event", "logger"] for each in rest)
    assert {(each["level"], each["logger"]) for each in rest} == {("error", "stderr")}


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    lines = stderr.Lines()
    piece = b"x" * (stderr.LONGEST_LINE // 2)
    assert [len(lines.feed(piece, as_json=False)) > 0 for _ in range(3)] == [False, False, True]
