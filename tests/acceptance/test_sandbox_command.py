"""`talkabiz sandbox` as other people's CI runs it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.running import CHECKOUT, Phones, finish, loopback, serving, talkabiz, until

NUMBER = "628111000071"
PARENT = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-m", "talkabiz", "sandbox", "--json", "--until-eof"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_its_first_line_says_all_and_a_signal_ends_it_without_a_trace(home: Path, how: signal.Signals) -> None:
    async with talkabiz(home, "sandbox", "--json", "--port", "0") as process:
        await process.read_until(bool)
        (line,) = process.lines
        facts = json.loads(line)
        assert set(facts) == {"proxy_url", "ca_file", "root_key", "control_url"}
        directory = Path(facts["ca_file"]).parent
        assert directory.stat().st_mode & 0o777 == 0o700
        assert "BEGIN CERTIFICATE" in (directory / "ca.pem").read_text()
        assert await process.end(how) == 0
        assert process.process.stdout
        assert await process.process.stdout.read() == b""
    assert not directory.exists()
    assert process.errors.read_text() == ""


async def test_a_signal_in_its_first_second_ends_it_without_a_trace(home: Path, tmp_path: Path) -> None:
    (temporary := tmp_path / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": CHECKOUT}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "talkabiz", "sandbox"), env=environment, stdout=subprocess.DEVNULL
    )
    await until(_async(lambda: any(temporary.iterdir())))  # it has begun to make files
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 15) == 0
    assert list(temporary.iterdir()) == []


async def test_it_listens_where_it_is_told_to_and_a_taken_port_is_a_sentence(home: Path) -> None:
    async with loopback(home) as world:
        port = str(world.http.base_url.port)
        said = await finish(home, "sandbox", "--port", port)
        told = await finish(home, "sandbox", "--json", "--port", port)
        assert (await world.http.get("/sandbox/api/phones")).status_code == 200

    assert (said.code, said.output) == (1, "")
    assert f"Can't listen on 127.0.0.1:{port}" in said.errors
    assert "Traceback" not in said.errors
    assert (told.code, json.loads(told.output)["error"]["code"]) == (1, "port_taken")
    async with talkabiz(home, "sandbox", "--json", "--port", port) as process:
        await process.read_until(bool)
        assert json.loads(process.lines[0])["control_url"] == f"http://127.0.0.1:{port}"


async def test_it_ends_with_its_parent_however_that_ends(home: Path) -> None:
    environment = os.environ | {"PYTHONPATH": CHECKOUT}
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT), stdout=subprocess.PIPE, env=environment
    )
    assert parent.stdout
    child = int(await asyncio.wait_for(parent.stdout.readline(), 30))
    assert Path(f"/proc/{child}").exists()
    parent.kill()
    await parent.wait()
    await until(_async(lambda: not _runs(child)))


async def test_phones_devices_and_the_root_key_are_kept_in_a_state_directory(home: Path) -> None:
    state = str(home / "state")
    async with talkabiz(home, "sandbox", "--json", "--state", state) as process:
        await process.read_until(bool)
        before = json.loads(process.lines[0])
        busy = await finish(home, "sandbox", "--state", state)
        assert await process.end() == 0
    assert busy.code == 1
    assert f"Another sandbox uses {state}" in busy.errors

    async with loopback(home, "--state", state) as world:
        assert world.settings["wa_root_key"] == before["root_key"]
        async with serving(home, **world.settings) as server:
            klien_id = await server.add_klien("Toko Sinar")
            await server.link(Phones(world.http), klien_id, NUMBER)
    async with loopback(home, "--state", state) as world, serving(home, **world.settings) as server:
        await server.wait_for(klien_id, "connected")
        assert len(await Phones(world.http).devices(NUMBER)) == 1


async def test_a_directory_of_something_else_is_refused_and_left_as_it_is(home: Path) -> None:
    (home / "music").mkdir(mode=0o755)
    (home / "music" / "song.mp3").touch()
    (home / "file").touch()

    other = await finish(home, "sandbox", "--state", "music")
    no_directory = await finish(home, "sandbox", "--state", "file")

    assert (other.code, no_directory.code) == (1, 2)
    assert "music holds other things" in other.errors
    assert (home / "music").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in (home / "music").iterdir()] == ["song.mp3"]


def _runs(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _async(look: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def looked() -> bool:
        return look()

    return looked
