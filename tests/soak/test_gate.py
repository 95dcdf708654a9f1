"""The process survives what its sessions are asked at once, and it is the gate that does it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.running import CHECKOUT
from tests.soak.rush import SESSIONS

SECONDS = 60
RUNS = 3
LEAST = {
    "calls": 1000,
    "starts that failed": 20,
    "pairings that were cut off": 10,
    "pairings that expired": 2,
    "log-ins": 10,
    "log-outs": 3,
    "connected at the end": SESSIONS,
}


def rush(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.soak.rush", str(SECONDS), *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 120,
    )


@pytest.mark.parametrize("run", range(1, RUNS + 1))
def test_25_sessions_live_while_25_callers_ask_and_others_come_and_go(
    run: int, capsys: pytest.CaptureFixture[str]
) -> None:
    done = rush()

    assert done.returncode == 0, done.stderr[:3000]
    counts = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\nrun {run}: {counts}")
    assert {what: counts.get(what, 0) for what, least in LEAST.items() if counts.get(what, 0) < least} == {}


def test_without_the_gate_the_process_dies(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the collision that the gate is for. How soon is chance: the first death of a few runs will do."""
    for run in range(1, RUNS + 1):
        done = rush("--no-gate")
        reason = re.search(r"^fatal error: .*", done.stderr, re.MULTILINE)
        with capsys.disabled():
            print(f"\nwithout the gate, run {run}: {done.returncode}, {reason and reason[0]}")
        if done.returncode:
            assert done.stdout == "begins\n"
            assert reason
            assert "concurrent map" in reason[0]
            return
    pytest.fail("it lived; either the library has learnt to lock its maps, or this doesn't try hard enough")
