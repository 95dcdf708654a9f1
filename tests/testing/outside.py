"""Somebody else's project: a folder with tests of its own, whose pytest finds the plugin as an installed package's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.running import CHECKOUT

_FENCE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, str]:
    """The files that docs/sandbox.md shows, by the name in their first line."""
    return dict(_FENCE.findall(Path(CHECKOUT, "docs/sandbox.md").read_text(encoding="utf-8")))


def install(folder: Path) -> dict[str, str]:
    """What of an installation matters: the entry points as pyproject.toml has them, and the command."""
    project = tomllib.loads(Path(CHECKOUT, "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = folder / "site" / "talkabiz-0.dist-info"
    about.mkdir(parents=True)
    about.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: talkabiz\nVersion: 0\n")
    points = project["entry-points"]["pytest11"].items()
    about.joinpath("entry_points.txt").write_text("\n".join(["[pytest11]", *(f"{name} = {at}" for name, at in points)]))
    command = folder / "bin" / "talkabiz"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m talkabiz "$@"\n')
    command.chmod(0o755)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("TALKABIZ_", "PYTEST_"))},
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{about.parent}:{CHECKOUT}",
    }


def run_pytest(folder: Path, *arguments: str, **files: str) -> str:
    """What pytest prints about these files (named without .py), each warning an error. AssertionError if it fails."""
    environment = install(folder)
    (home := folder / "project").mkdir()
    for name, text in files.items():
        (home / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error", *arguments]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
