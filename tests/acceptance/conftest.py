"""Where the servers of these tests keep their data."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a private directory is made in it


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where the system has that: at each pairing the library writes 812 keys, each to the disk.

    Logs are found beside the test's screenshots in the end.
    """
    if not os.access(IN_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=IN_MEMORY, prefix="talkabiz-test-") as directory:
        yield Path(directory)
        for log in Path(directory).glob("*.err"):
            shutil.copy(log, tmp_path)
