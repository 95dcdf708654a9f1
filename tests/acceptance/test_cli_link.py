"""`talkabiz link`: the live QR in a terminal, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from tests.acceptance.commands import fail
from tests.running import API_KEY, Phones, Process, Server, finish, klien_key, serving, talkabiz

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes
NUMBER = "628111000007"


async def test_link_shows_the_live_qr_in_the_terminal_and_ends_when_connected(home: Path) -> None:
    """Read off the terminal as a camera would."""
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        async with talkabiz(home, "link", str(klien_id), "--url", server.base_url, "--key", API_KEY) as process:
            await process.read_until(lambda lines: any(line.startswith("qr_ready") for line in lines))
            code = _read_off(process.lines)
            assert code == (await server.snapshot(klien_id))["qr"]["code"]
            await Phones(server.http).scan(NUMBER, code)
            await process.read_until(lambda lines: any(line.startswith("connected") for line in lines))
            assert await asyncio.wait_for(process.process.wait(), 10) == 0


def _read_off(lines: list[str]) -> str:
    """A QR drawn with block characters, each of them two modules above each other."""
    halves = {" ": (0, 0), "\xa0": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    drawn = [line for line in lines if line and set(line) <= set(halves)]
    image = Image.new("L", (max(map(len, drawn)), 2 * len(drawn)))
    for y, line in enumerate(drawn):
        for x, character in enumerate(line):
            for below, light in enumerate(halves[character]):
                image.putpixel((x, 2 * y + below), 255 * light)
    [found] = zxingcpp.read_barcodes(image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST))
    return found.text


async def test_link_json_prints_one_snapshot_a_line(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        arguments = ("link", str(klien_id), "--url", server.base_url, "--json")
        async with talkabiz(home, *arguments, api_key=API_KEY) as process:
            await process.read_until(lambda lines: json.loads(lines[-1])["qr"] is not None if lines else False)
            await Phones(server.http).scan(NUMBER, json.loads(process.lines[-1])["qr"]["code"])
            assert process.process.stdout
            rest = (await asyncio.wait_for(process.process.stdout.read(), 20)).decode().splitlines()
            assert await process.process.wait() == 0
        snapshots = [json.loads(line) for line in (*process.lines, *rest)]
        assert {snapshot["klien_id"] for snapshot in snapshots} == {klien_id}
        assert snapshots[-1]["status"] == "connected"
        seen = list(dict.fromkeys(snapshot["status"] for snapshot in snapshots))
        assert seen == ["qr_requested", "qr_ready", "scanning", "connected"]


async def test_what_is_wrong_is_said_by_the_exit_code_and_in_words(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert await fail(home, 3, "talkabiz serve", "link", "1", "--url", nowhere, "--key", API_KEY) == "no_server"
    assert await fail(home, 2, "--key", "link", "1") == "no_key"
    assert await fail(home, 2, "localhost", "link", "1", "--url", "localhost:8000", "--key", "x") == "invalid_url"
    async with serving(home, "--sandbox") as server:
        to = ("--url", server.base_url)
        assert await fail(home, 1, "key", "link", "1", *to, "--key", "tkb_no") == "unauthorized"
        assert await fail(home, 1, "klien list", "link", "7", *to, "--key", API_KEY) == "not_found"
        await server.add_klien("Toko Sinar")
        key = json.loads((await finish(home, "key", "create", "--klien", "1", "--scope", "read", "--json")).output)
        assert await fail(home, 1, "key", "link", "1", *to, "--key", key["token"]) == "missing_scope"


async def test_a_pairing_that_fails_ends_it(home: Path) -> None:
    async with serving(home, "--sandbox", qr_request_seconds="1") as server:
        klien_id = await server.add_klien("Toko Sinar")
        await Phones(server.http).fault("no_qr")
        done = await finish(home, "link", str(klien_id), "--url", server.base_url, "--key", API_KEY)
        assert (done.code, "Traceback" in done.errors) == (1, False)
        assert done.errors.strip() == (await server.snapshot(klien_id))["message"]["en"]


async def test_codes_that_nobody_scans_end_it(home: Path) -> None:
    async with serving(home, "--sandbox", pairing_seconds="1", auto_refresh_rounds="1") as server:
        klien_id = await server.add_klien("Toko Sinar")
        done = await finish(home, "link", str(klien_id), "--url", server.base_url, "--key", API_KEY, "--json")
        *shown, last = [json.loads(line) for line in done.output.splitlines()]
        seen = dict.fromkeys(snapshot["status"] for snapshot in shown)
        assert list(seen) == ["qr_requested", "qr_ready", "expired"]
        assert (done.code, last["error"]["code"]) == (1, "qr_timeout")


async def test_who_disconnects_the_klien_meanwhile_ends_it(home: Path) -> None:
    async with _linking(home) as (server, process):
        await server.disconnect(1)
        assert await _end_of(process) == 1
        assert process.errors.read_text().strip() == (await server.snapshot(1))["message"]["en"]


async def test_it_goes_on_with_a_server_that_comes_back(home: Path) -> None:
    async with _linking(home) as (server, process):
        before = len(process.lines)
        os.kill(server.app_pid, signal.SIGKILL)
        await process.read_until(lambda lines: any(line.startswith("qr_ready") for line in lines[before:]))
        assert "Waiting for it to come back" in process.errors.read_text()
        await Phones(server.http).scan(NUMBER, _read_off(process.lines[before:]))
        await process.read_until(lambda lines: any(line.startswith("connected") for line in lines))
        assert await _end_of(process) == 0


async def test_it_gives_a_server_up_that_stays_away(home: Path) -> None:
    async with _linking(home) as (server, process):
        await server.process.end()
        assert await _end_of(process, 40) == 3
        assert "No server answers" in process.errors.read_text().splitlines()[-1]


async def test_a_key_that_is_revoked_meanwhile_ends_it(home: Path) -> None:
    async with _linking(home, by_klien=True) as (_, process):
        assert (await finish(home, "key", "revoke", "1")).code == 0
        assert await _end_of(process) == 1
        assert "key" in process.errors.read_text().splitlines()[-1]


async def test_ctrl_c_ends_it_without_a_word(home: Path) -> None:
    async with _linking(home) as (_, process):
        process.process.send_signal(signal.SIGINT)
        assert await _end_of(process) == 130
        assert process.errors.read_text().strip() == ""


@asynccontextmanager
async def _linking(home: Path, *, by_klien: bool = False) -> AsyncIterator[tuple[Server, Process]]:
    """A server, and klien 1 being linked in a terminal as far as its first code."""
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        key = await klien_key(home, klien_id) if by_klien else API_KEY
        async with talkabiz(home, "link", str(klien_id), "--url", server.base_url, "--key", key) as process:
            await process.read_until(lambda lines: any(line.startswith("qr_ready") for line in lines))
            yield server, process


async def _end_of(process: Process, seconds: float = 20) -> int:
    assert process.process.stdout
    async with asyncio.timeout(seconds):
        await process.process.stdout.read()
        return await process.process.wait()
