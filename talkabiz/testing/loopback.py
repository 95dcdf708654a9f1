"""`talkabiz sandbox` as a child of the test run."""

from __future__ import annotations

import itertools
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import IO, Any, Self

from talkabiz.testing.control import Control
from talkabiz.testing.phones import VirtualPhone

START_SECONDS = 60.0
STOP_SECONDS = 15.0
_FIRST_NUMBER = 6281900000001


class SandboxFailed(Exception):
    """It couldn't be started; the text is what it said."""


class WhatsAppSandbox:
    """Made by `start`; it ends with `stop`, or with the process that has started it.

    proxy_url: the proxy that leads to it, for programs that speak WhatsApp. ca_file: PEM of the authority that they
    have to trust. root_key: the Noise root key in place of WhatsApp's, 64 hex digits. control_url: the control API,
    with a page for people at /sandbox.
    """

    def __init__(self, process: subprocess.Popen[str], complaints: IO[str], facts: Mapping[str, str]) -> None:
        self.proxy_url = facts["proxy_url"]
        self.ca_file = facts["ca_file"]
        self.root_key = facts["root_key"]
        self.control_url = facts["control_url"]
        self._process = process
        self._complaints = complaints
        self._control = Control(self.control_url)
        self._numbers = itertools.count(_FIRST_NUMBER)

    @classmethod
    def start(cls) -> Self:
        """SandboxFailed if it doesn't come up within a minute; on an idle machine it takes two seconds."""
        complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by stop
        process = subprocess.Popen(
            [sys.executable, "-m", "talkabiz", "sandbox", "--json", "--until-eof"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        line = _first_line(process)
        facts = json.loads(line) if line.endswith("\n") else {}
        if "control_url" in facts:
            return cls(process, complaints, facts)
        _end(process)
        complaints.seek(0)
        with complaints:
            raise SandboxFailed(line.strip() or complaints.read().strip() or f"no word in {START_SECONDS:g} s")

    def stop(self) -> None:
        _end(self._process)
        self._complaints.close()

    @property
    def settings(self) -> dict[str, str]:
        """What `talkabiz serve` needs in its environment to use this sandbox."""
        return {
            "TALKABIZ_WA_PROXY_URL": self.proxy_url,
            "TALKABIZ_WA_CA_FILE": self.ca_file,
            "TALKABIZ_WA_ROOT_KEY": self.root_key,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this process with `settings`, for a process that is to use the sandbox."""
        return {**os.environ, **self.settings}

    def command(self, script: str, *arguments: str) -> list[str]:
        """How a program that uses the library neonize itself is run in `environment`, to speak with this sandbox."""
        return [sys.executable, "-m", "talkabiz.testing.neonize", script, *arguments]

    def phone(self, number: str | None = None, name: str = "Test") -> VirtualPhone:
        """The phone with that number (the country code first), made if there is none; without one, a fresh number."""
        chosen = number or str(next(self._numbers))
        self._control.call("POST", "/phones", {"number": chosen, "name": name})
        return VirtualPhone(self._control, chosen, name)

    def fault(
        self,
        fault: str,
        phone: VirtualPhone | str | None = None,
        *,
        count: int | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Sets a fault (docs/sandbox.md lists them) for one phone or all, `count` times or for `seconds`."""
        number = phone.number if isinstance(phone, VirtualPhone) else phone
        wish = {"fault": fault, "number": number, "count": count, "seconds": seconds}
        given = {name: value for name, value in wish.items() if value is not None}
        return dict(self._control.call("POST", "/faults", given))

    def clear(self) -> None:
        """Takes all faults away. Phones and their devices stay."""
        self._control.call("DELETE", "/faults")


def _first_line(process: subprocess.Popen[str]) -> str:
    """Empty if none came in time. It is written in one piece."""
    assert process.stdout  # noqa: S101 - it was asked for
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    return process.stdout.readline() if ready else ""


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
