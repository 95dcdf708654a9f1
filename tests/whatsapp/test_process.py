"""What holds for a whole process. Each test is a process of its own, for the library is loaded once and stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.whatsapp.proxies import refusing_proxy

NOISE = "Press Ctrl+C to exit"
"""All that the library may leave on stderr: one line for each session."""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """SSL_CERT_FILE is cleared unless given: some machines set it for every process."""
    inherited = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=inherited | environment,
    )


def script(*lines: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-c", "\n".join(lines), **environment)


@pytest.fixture(scope="module")
def rush() -> subprocess.CompletedProcess[str]:
    """Ten seconds of starts, stops and calls at once; without the gate, hazard.py dies of that within a few."""
    return python("-m", "tests.whatsapp.hazard", "10")


def test_the_process_survives_starts_stops_and_calls_at_once(rush: subprocess.CompletedProcess[str]) -> None:
    assert rush.returncode == 0, rush.stderr[:2000]
    counts = json.loads(rush.stdout)
    assert counts["calls"] > 1000
    assert counts["starts that failed"] > 20
    assert counts["log-ins"] > 3
    assert counts["connected at the end"] == 2


def test_the_library_prints_nothing_among_our_output(rush: subprocess.CompletedProcess[str]) -> None:
    assert len(rush.stdout.splitlines()) == 1
    assert set(rush.stderr.splitlines()) == {NOISE}


LOAD = "from talkabiz.whatsapp.binding import load; binding = load()"


def test_output_of_ours_goes_on_as_before() -> None:
    done = script(
        "import sys, os, logging; kept = sys.stdout; print('before')",
        LOAD,
        "print('after'); print('through an old reference', file=kept); print('so too', file=sys.__stdout__)",
        "os.write(1, b'what the library would print')",
    )

    assert done.stdout.splitlines() == ["before", "after", "through an old reference", "so too"], done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_is_not_lost_with_or_without_a_buffer(unbuffered: str) -> None:
    done = script(LOAD, "print('here')", PYTHONUNBUFFERED=unbuffered)

    assert done.stdout == "here\n", done.stderr


def test_the_librarys_panic_is_not_lost() -> None:
    done = script(LOAD, "binding.neonize.gocode.GetMe(b'nobody')")

    assert done.returncode < 0
    assert "nil pointer dereference" in done.stderr


def test_logging_is_left_as_it_was() -> None:
    done = script("import logging", LOAD, "root = logging.getLogger(); print(root.handlers, root.level)")

    assert done.stdout == "[] 30\n", done.stderr


def test_the_environment_is_left_as_it_was(tmp_path: Path) -> None:
    done = script(
        "import os; from pathlib import Path; before = dict(os.environ)",
        "from talkabiz.whatsapp.binding import load",
        f"load(ca_file=Path({str(tmp_path / 'ca.pem')!r}))",
        "import subprocess; seen_by_child = subprocess.run(['env'], capture_output=True, text=True).stdout",
        "print(dict(os.environ) == before, 'ca.pem' in seen_by_child)",
    )

    assert done.stdout == "True False\n", done.stderr


def test_the_descriptor_limit_is_raised() -> None:
    done = script(
        "import resource; _, most = resource.getrlimit(resource.RLIMIT_NOFILE)",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, most))",
        LOAD,
        "print(resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most))",
    )

    assert done.stdout == "True\n", done.stderr


def test_loading_twice_is_one_library_and_one_gate() -> None:
    done = script(LOAD, "print(load() is binding)")

    assert done.stdout == "True\n", done.stderr


def refusal(*lines: str, **environment: str) -> str:
    """The code of the LibraryError that the last lines raise."""
    done = script(
        "from pathlib import Path",
        "from talkabiz.whatsapp.binding import load",
        "from talkabiz.whatsapp.library import LibraryError",
        "try:",
        *(f"    {line}" for line in lines),
        "except LibraryError as error:",
        "    print(error.code)",
        **environment,
    )
    return done.stdout.strip() or done.stderr


def test_another_authority_needs_another_process() -> None:
    assert refusal("load()", "load(ca_file=Path('ca.pem'))") == "library_loaded_before"


def test_a_library_loaded_by_somebody_else_is_not_taken_over() -> None:
    """It may have read another environment, and there would be calls beside the gate."""
    assert refusal("import neonize", "load()") == "library_loaded_before"


def test_a_root_key_without_an_authority_is_refused_and_nothing_is_swapped() -> None:
    """Such a library could meet the real WhatsApp."""
    then = "from talkabiz.whatsapp.library import has_root_key"
    refused = refusal("load()", "load(root_key=bytes(32))")
    done = script(
        then,
        LOAD,
        "try: load(root_key=bytes(32))",
        "except Exception: print(has_root_key())",
    )

    assert (refused, done.stdout) == ("root_key_alone", "True\n"), done.stderr


@pytest.mark.parametrize("version", ["0.4.3", "0.5.1", "0.4.3.post0", "0.5"])
def test_a_library_that_is_too_old_is_refused(version: str) -> None:
    pretend = f"import importlib.metadata; importlib.metadata.version = lambda name: {version!r}"

    assert refusal(pretend, "load()") == "library_too_old"


def test_a_process_without_any_environment_is_refused_with_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from talkabiz.whatsapp.binding import load; load()"],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )

    assert "needs NEONIZE_BOT_TAG in the environment" in done.stderr


def test_the_binding_can_be_imported_without_loading_the_library() -> None:
    done = script(
        "import sys, talkabiz.whatsapp.local, talkabiz.whatsapp.binding, talkabiz.whatsapp.from_whatsapp",
        "print('neonize' in sys.modules)",
    )

    assert done.stdout == "False\n", done.stderr


PAIR_WITHOUT_A_PROXY = """
import asyncio, sys
from pathlib import Path
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.local import LocalWhatsApp

async def main():
    devices, facts = Devices.open(Path(sys.argv[1])), asyncio.Queue()
    edge = LocalWhatsApp(binding, devices, proxy_url=None, loop=asyncio.get_running_loop())
    edge.connect_facts(lambda klien_id, fact: facts.put_nowait(type(fact).__name__))
    edge.start_pairing(1, "A")
    async with asyncio.timeout(30):
        print(await facts.get(), await facts.get())

asyncio.run(main())
"""


def test_without_a_proxy_of_its_own_the_library_follows_the_environments(tmp_path: Path) -> None:
    """Nobody listens there, so nothing leaves the machine."""
    log = "import structlog; structlog.configure(logger_factory=structlog.PrintLoggerFactory(__import__('sys').stderr))"
    done = python(
        *("-c", f"{log}\n{LOAD}\n{PAIR_WITHOUT_A_PROXY}", str(tmp_path / "sessions")), HTTPS_PROXY=refusing_proxy()
    )

    assert done.stdout == "StartEntered NoRoute\n", done.stderr
    assert "proxyconnect" in done.stderr
