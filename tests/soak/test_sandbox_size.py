"""One sandbox carries three hundred sessions of the real library; what that costs is told, and bounded."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.bench import sandbox


async def test_three_hundred_sessions_link_against_one_sandbox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = "/dev/shm"  # noqa: S108 - a private directory is made in it: a pairing waits for a disk 812 times
    fast = memory if os.access(memory, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=fast, prefix="talkabiz-test-") as home:
        figures = [figure async for figure in sandbox.measure(Path(home))]

    with capsys.disabled():
        print("", *figures, sep="\n")
    assert [figure.name for figure in figures if not figure.is_met] == []
