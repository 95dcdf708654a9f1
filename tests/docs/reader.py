"""Somebody who reads a page and does what it says, word for word, in a directory of their own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.docs.likeness import differences
from tests.docs.pages import FILE, GIVEN, RUN, SHOWS, Block
from tests.running import CHECKOUT

BLOCK_SECONDS = 30
PRINTED_ADDRESS = "http://127.0.0.1:8000"
"""Where the pages say that the server is; in a test it has another port."""


class Reader:
    """`found` is what the shell has in its variables, from one block to the next."""

    def __init__(self, home: Path, *, has_curl: bool | None = None, **given: str) -> None:
        """`has_curl`: False, to do without the machine's own; None: as it is."""
        self.found = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        self.found |= {
            "PATH": f"{_commands(home, has_curl=_has_curl() if has_curl is None else has_curl)}:{os.environ['PATH']}",
            "HOME": str(home),
            **given,
        }
        self._home = home
        self._output = ""

    async def follow(self, page: Sequence[Block]) -> None:
        for block in page:
            if block.mark == FILE:
                (self._home / block.name).write_text(block.text, encoding="utf-8")
            elif block.mark == RUN:
                self._output = await self.type(block.text, f"line {block.line}")
            elif block.mark == SHOWS:
                shown = block.text.replace(PRINTED_ADDRESS, self.found.get("URL", PRINTED_ADDRESS))
                wrong = differences(shown, block.language, self._output)
                assert not wrong, f"line {block.line}: {wrong}"
            else:
                assert block.mark == GIVEN, f"line {block.line}: nobody says what becomes of this block"

    async def type(self, text: str, where: str) -> str:
        """One block in a shell, which gives up at the first thing that fails. What it prints on stdout."""
        kept = self._home / ".variables"
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", f"set -aeuo pipefail\n{text}\nset +a\nenv -0 >{kept}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._home,
            env=self.found,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), BLOCK_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, f"{where}: {output.decode()}{errors.decode()}"
        self.found = _read(kept)
        return output.decode()


def _read(variables: Path) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in variables.read_text(encoding="utf-8").split("\0") if pair)
    return {name: value for name, _, value in pairs}


def _has_curl() -> bool:
    program = shutil.which("curl")
    if program is None:
        return False
    told = subprocess.run([program, "--help", "all"], capture_output=True, text=True, check=False)
    return "--json" in told.stdout


def _commands(home: Path, *, has_curl: bool) -> Path:
    """What an installation puts on the PATH: `talkabiz`, and the Python that has the libraries."""
    folder = home / "bin"
    folder.mkdir(exist_ok=True)
    programs = {
        "talkabiz": f'PYTHONPATH={CHECKOUT} exec {sys.executable} -m talkabiz "$@"',
        "python3": f'exec {sys.executable} "$@"',
    }
    if not has_curl:  # or one that is too old
        programs["curl"] = f'exec {sys.executable} {CHECKOUT}/tests/docs/curl.py "$@"'
    for name, line in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder
