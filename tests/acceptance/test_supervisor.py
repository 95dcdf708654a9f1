"""`talkabiz serve` as people start it, under its supervisor: what becomes of the application and of whoever uses it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from talkabiz.process import REPORT_SECONDS
from talkabiz.stderr import NOISE
from tests.acceptance.rows import Row, row, told
from tests.running import API_KEY, Phones, Process, Server, find_app, finish, serving, talkabiz, until

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

NUMBER = "628111000011"
BACK_WITHIN_SECONDS = 10
LARGEST_MB = 25


def reasons(process: Process) -> list[str]:
    """The lines that say why it was started again."""
    return [said for said in process.errors.read_text().splitlines() if "app_restarts" in said]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def environment(pid: int) -> dict[str, str]:
    """What a process was started with."""
    entries = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    return dict(entry.partition("=")[::2] for entry in entries)


async def app_after(server: Server, pid: int) -> int:
    """The process that took the place of this one."""
    found: int | None = pid

    async def is_another() -> bool:
        nonlocal found
        found = find_app(server.process.pid)
        return found not in {pid, None}

    await until(is_another)
    assert found
    return found


async def metric(server: Server, name: str) -> float:
    text = (await server.http.get("/metrics")).text
    return float(re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[0])


async def ask_anew(server: Server, path: str) -> int:
    """By a connection of its own: one that was open before breaks with the application that held it."""
    async with httpx.AsyncClient(base_url=server.base_url, timeout=30, trust_env=False) as http:
        return (await http.get(path)).status_code


# --- started again ----------------------------------------------------------------------------------------------------


async def test_an_application_that_is_killed_is_back_and_connected_without_a_qr(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(server.http), klien_id, NUMBER)
        before, printed = told(home, klien_id), list(server.process.lines)
        pid = server.app_pid

        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        assert await ask_anew(server, "/health/live") == 200, "whoever comes meanwhile waits in line"
        snapshot = await server.wait_for(klien_id, "connected")
        assert time.monotonic() - killed < BACK_WITHIN_SECONDS

        assert snapshot["me"]["phone"] == NUMBER
        assert row(home, klien_id) == Row(True, NUMBER, "connected", None)
        assert told(home, klien_id)[len(before) :] == ["reconnecting(restoring)", "connected()"]
        assert server.app_pid != pid
        assert len(reasons(server.process)) == 1
        assert "killed by SIGKILL" in reasons(server.process)[0]
        assert await metric(server, 'talkabiz_supervisor_restarts_total{reason="crash"}') == 1
        assert await server.process.end() == 0
        assert server.process.process.stdout
        rest = await server.process.process.stdout.read()
        assert (printed[0][:16], rest) == ("Talkabiz runs at", b""), "what a person has to know is said once"


async def test_an_application_that_is_killed_again_and_again_comes_back_after_a_wait_each_time(home: Path) -> None:
    async with serving(home) as server:
        pid = server.app_pid
        for times, longest in enumerate((1, 2, 4), 1):
            died = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            pid = await app_after(server, pid)
            [wait] = re.findall(r"wait_seconds='?([\d.]+)", reasons(server.process)[-1])
            assert len(reasons(server.process)) == times
            assert 0.5 <= float(wait) <= longest
            assert time.monotonic() - died >= float(wait) - 0.06, "it was said to the tenth"
        assert await ask_anew(server, "/health/ready") == 200


async def test_who_outgrows_its_memory_is_restarted_in_order_and_once(home: Path) -> None:
    async with serving(home, "--sandbox", max_memory="60") as server:
        second = await app_after(server, server.app_pid)
        assert await ask_anew(server, "/health/ready") == 200
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(server.http), klien_id, NUMBER)

        async def is_spared() -> bool:
            return "app_outgrown" in server.process.errors.read_text()

        await until(is_spared)
        assert server.app_pid == second
        assert re.findall(r"reason=memory resident_mb=(\d+) allowed_mb=60", reasons(server.process)[0])
        assert await metric(server, 'talkabiz_supervisor_restarts_total{reason="memory"}') == 1
        assert await metric(server, 'talkabiz_supervisor_restarts_total{reason="crash"}') == 0
        assert (await server.snapshot(klien_id))["status"] == "connected"
        assert await server.process.end() == 0
        assert len(reasons(server.process)) == 1


async def test_with_room_for_what_it_needs_nothing_is_restarted(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        pid = server.app_pid
        await server.link(Phones(server.http), await server.add_klien("Toko Sinar"), NUMBER)

        async def is_older() -> bool:
            return await metric(server, "talkabiz_uptime_seconds") > REPORT_SECONDS + 1

        await until(is_older)
        assert server.app_pid == pid
        assert reasons(server.process) == []


async def test_a_refusal_to_start_is_passed_on_and_not_repeated(home: Path) -> None:
    other_home = home / "other"
    other_home.mkdir()
    async with serving(home, "--sandbox") as server:
        second = await finish(other_home, "serve", "--port", server.base_url.rpartition(":")[2])
    assert (second.code, second.output) == (1, "")
    assert len(second.errors.splitlines()) == 1
    assert "Can't listen" in second.errors


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_to_the_supervisor_ends_both_in_order(home: Path, how: signal.Signals) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(server.http), klien_id, NUMBER)
        pid = server.app_pid
        assert await server.process.end(how) == 0
        assert not is_alive(pid)
    assert row(home, klien_id) == Row(False, NUMBER, "reconnecting", "restoring")


async def test_a_signal_to_the_application_alone_ends_both(home: Path) -> None:
    async with serving(home) as server:
        os.kill(server.app_pid, signal.SIGTERM)
        assert await asyncio.wait_for(server.process.process.wait(), 10) == 0
        assert reasons(server.process) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("after_seconds", [0.0, 0.05, 0.4])
async def test_a_signal_during_the_start_ends_both_without_a_word(
    home: Path, how: signal.Signals, after_seconds: float
) -> None:
    async with talkabiz(home, "serve", "--port", "0", "--sandbox", api_key=API_KEY) as process:
        found: list[int] = []

        async def is_started() -> bool:
            found[:] = [pid] if (pid := find_app(process.pid)) else []
            return bool(found)

        await until(is_started)
        await asyncio.sleep(after_seconds)  # wherever it is by then
        os.kill(found[0], how)  # as a terminal does, which tells both
        assert await process.end(how) == 0
        assert not is_alive(found[0])
        assert not re.search("Traceback|Interrupt|Aborted", process.errors.read_text())


async def test_a_supervisor_that_is_killed_leaves_no_orphan_and_a_new_server_can_start_at_once(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(server.http), klien_id, NUMBER)
        pid, port = server.app_pid, server.base_url.rpartition(":")[2]
        assert await server.process.end(signal.SIGKILL) == -signal.SIGKILL
        killed = time.monotonic()
        async with serving(home, "--sandbox", "--port", port) as another:
            assert not is_alive(pid)
            assert another.base_url == server.base_url
            await another.wait_for(klien_id, "connected")
            assert time.monotonic() - killed < BACK_WITHIN_SECONDS


# --- what it is made of -----------------------------------------------------------------------------------------------


async def test_the_supervisor_stays_small(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        await server.link(Phones(server.http), await server.add_klien("Toko Sinar"), NUMBER)
        assert 1 < resident_mb(server.process.pid) < LARGEST_MB < resident_mb(server.app_pid)


def resident_mb(pid: int) -> float:
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[0]) / 1024


async def test_what_the_library_must_find_is_given_to_the_application_alone(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        application, supervisor = environment(server.app_pid), environment(server.process.pid)
        assert application["NEONIZE_BOT_TAG"] == "off"
        assert "NEONIZE_BOT_TAG" not in supervisor
        assert application.get("SSL_CERT_FILE") == supervisor.get("SSL_CERT_FILE"), "the sandbox's is lent to no other"


async def test_the_line_that_the_library_leaves_for_each_session_is_dropped(home: Path) -> None:
    noise = NOISE.decode()
    async with serving(home, "--sandbox") as server:
        await server.link(Phones(server.http), await server.add_klien("Toko Sinar"), NUMBER)
        assert await server.process.end() == 0
        assert "session_changed" in server.process.errors.read_text()
        assert noise not in server.process.errors.read_text()
    async with serving(home, "--sandbox", "--no-supervisor") as server:
        await server.wait_for(1, "connected")
        assert server.app_pid == server.process.pid
        assert noise in server.process.errors.read_text(), "it is there to be dropped"
