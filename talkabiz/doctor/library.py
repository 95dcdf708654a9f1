"""The WhatsApp library and libmagic, loaded in a process of its own: a library that crashes must not take us along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from talkabiz.doctor.findings import Check, fail, ok, warn

LIBRARY, LIBMAGIC = "library", "libmagic"
LOAD_SECONDS = 8.0
"""It takes one on an idle machine."""

_PROGRAM = "talkabiz.whatsapp.probe"
_REINSTALL = "Install it anew: pip install --force-reinstall neonize. It has builds for Linux and macOS, 64 bits."
_MAGIC = "Install it: pip install pylibmagic, or apt install libmagic1."


def check_library(ca_file: Path | None, root_key: str | None) -> list[Check]:
    """Of libmagic and of the library, which needs the other."""
    wanted = json.dumps({"ca_file": str(ca_file) if ca_file else None, "root_key": root_key})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}  # noqa: PTH109
    program = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
    )
    try:
        output, complaints = program.communicate(wanted, LOAD_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        output, complaints = program.communicate()
        complaints = f"it wasn't loaded within {LOAD_SECONDS:g} s"
    told: dict[str, Any] = {}
    for line in output.splitlines():
        told |= json.loads(line)
    return _judge(told, complaints or _how(program.returncode))


def _judge(told: dict[str, Any], otherwise: str) -> list[Check]:
    if "libmagic" not in told:
        wrong = told.get("error") or _crash(otherwise)
        return [fail(LIBMAGIC, wrong, _MAGIC), warn(LIBRARY, "not looked at: it needs libmagic", f"First: {LIBMAGIC}.")]
    magic = ok(LIBMAGIC, told["libmagic"])
    if "library" in told:
        return [magic, ok(LIBRARY, told["library"])]
    return [magic, fail(LIBRARY, told.get("error") or _crash(otherwise), _REINSTALL)]


def _crash(complaints: str) -> str:
    """The first line is the fault's name; the rest is for its makers."""
    return f"it crashed: {complaints.strip().partition(chr(10))[0][:200]}"


def _how(code: int | None) -> str:
    return f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
