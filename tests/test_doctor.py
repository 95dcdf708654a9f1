"""The doctor's own machinery, and what no test can make of this machine: containers of another size."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from talkabiz.doctor import files, machine
from talkabiz.doctor.deadline import begin, within
from talkabiz.doctor.examination import Look, carry_out
from talkabiz.doctor.findings import Check, Status, ok


def test_work_that_hangs_is_left_to_itself() -> None:
    stuck = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, stuck.wait)
    stuck.set()


def test_what_work_raises_is_raised_where_it_is_waited_for() -> None:
    wait = begin(lambda: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        wait(5)


def test_a_check_that_hangs_or_breaks_hides_no_other() -> None:
    stuck = threading.Event()

    def hang() -> Sequence[Check]:
        stuck.wait()
        return []

    def break_down() -> Sequence[Check]:
        raise RuntimeError("a fault of the doctor's")

    looks = [
        Look(("slow", "slower"), hang, 0.05),
        Look(("broken",), break_down),
        Look(("well",), lambda: [ok("well", "it is")]),
    ]
    began = time.monotonic()
    found = carry_out(looks)
    stuck.set()
    assert time.monotonic() - began < 4
    assert [(check.name, check.status) for check in found] == [
        ("slow", Status.FAIL),
        ("slower", Status.FAIL),
        ("broken", Status.FAIL),
        ("well", Status.OK),
    ]
    assert "within 0.05 s" in found[0].found
    assert "a fault of the doctor's" in found[2].found


def test_root_is_told_to_look_as_the_user_whose_sessions_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What root may do says nothing of what that user may."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(files, "owner_of", lambda _path: 54321)
    check = files.check_sessions(tmp_path)
    assert (check.status, check.advice) == (
        Status.WARN,
        "Look as the user that runs Talkabiz: sudo -u 54321 talkabiz doctor",
    )


# --- a container ------------------------------------------------------------------------------------------------------

NEW, OLD = "0::/system.slice/talkabiz.service\n", "4:memory:/docker/x\n0::/\n"


@pytest.fixture(name="container")
def _container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 24 GB, as /proc and /sys/fs/cgroup show it."""
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(machine, "_MEMORY_INFO", tmp_path / "meminfo")
    (tmp_path / "meminfo").write_text("MemTotal:       24684544 kB\nMemFree:         100 kB\n")
    return tmp_path


def _limit(container: Path, own: str, file: str, text: str) -> None:
    (container / "own").write_text(own)
    (path := container / "cgroup" / file).parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("own", "file", "text", "megabytes"),
    [
        (NEW, "system.slice/talkabiz.service/memory.max", f"{200 << 20}\n", 200),
        (NEW, "system.slice/memory.max", f"{280 << 20}\n", 280),  # a group above it
        (NEW, "system.slice/talkabiz.service/memory.max", "max\n", 24106),
        (OLD, "memory/docker/x/memory.limit_in_bytes", f"{200 << 20}\n", 200),
        (OLD, "memory/memory.limit_in_bytes", f"{280 << 20}\n", 280),
        (OLD, "memory/docker/x/memory.limit_in_bytes", "9223372036854771712\n", 24106),  # none, in the old hierarchy
    ],
)
def test_the_least_of_what_machine_and_container_give_counts(
    container: Path, own: str, file: str, text: str, megabytes: int
) -> None:
    _limit(container, own, file, text)
    assert machine.memory_limit_mb() == megabytes


@pytest.mark.parametrize(
    ("megabytes", "setting", "status", "advice"),
    [
        (200, None, Status.FAIL, "Give the machine or container more"),
        (280, None, Status.WARN, "kill it before"),
        (280, 0, Status.OK, ""),
        (512, 1024, Status.WARN, "TALKABIZ_MAX_MEMORY lower"),
        (512, 400, Status.OK, ""),
        (512, 100, Status.WARN, "again and again"),
    ],
)
def test_a_container_that_is_too_small_for_the_setting_is_told(
    container: Path, megabytes: int, setting: int | None, status: Status, advice: str
) -> None:
    _limit(container, NEW, "system.slice/talkabiz.service/memory.max", str(megabytes << 20))
    check = machine.check_memory(setting)
    assert check.status is status
    assert advice in check.advice
