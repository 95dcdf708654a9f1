"""What survives the server: after SIGTERM and after kill -9 the session is back without a QR."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.acceptance.rows import Row, row, told
from tests.running import Phones, Server, finish, serving

NUMBER = "628111000002"
STOPS_WITHIN_SECONDS = 8


async def test_after_sigterm_no_row_claims_a_link_and_the_next_start_is_connected_without_a_qr(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(server.http), klien_id, NUMBER)
        assert row(home, klien_id) == Row(True, NUMBER, "connected", None)
        began = time.monotonic()
        assert await server.process.end() == 0
        assert time.monotonic() - began < STOPS_WITHIN_SECONDS

    assert row(home, klien_id) == Row(False, NUMBER, "reconnecting", "restoring")
    before = told(home, klien_id)
    async with serving(home, "--sandbox") as server:
        await _is_connected_again(server, klien_id)
    assert told(home, klien_id)[len(before) :] == ["connected()"]


async def test_after_kill_9_the_next_start_takes_the_claim_back_and_is_connected_without_a_qr(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(server.http), klien_id, NUMBER)
        assert await server.process.end(signal.SIGKILL) == -signal.SIGKILL

    before = told(home, klien_id)
    async with serving(home, "--sandbox") as server:
        await _is_connected_again(server, klien_id)
    assert told(home, klien_id)[len(before) :] == ["reconnecting(restoring)", "connected()"]


async def _is_connected_again(server: Server, klien_id: int) -> None:
    snapshot = await server.wait_for(klien_id, "connected")
    assert snapshot["me"]["phone"] == NUMBER
    assert row(server.home, klien_id) == Row(True, NUMBER, "connected", None)
    assert [device["online"] for device in await Phones(server.http).devices(NUMBER)] == [True]


async def test_a_klien_that_never_linked_is_left_alone_by_a_restart(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        assert await server.process.end() == 0
    async with serving(home, "--sandbox") as server:
        snapshot = await server.snapshot(klien_id)
    assert (snapshot["status"], snapshot["reason"], snapshot["seq"]) == ("disconnected", None, 0)


async def test_a_second_server_on_the_same_sessions_is_refused_with_a_sentence(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        second = await finish(home, "serve", "--port", "0", "--sandbox")
        assert second.code == 1
        assert "sessions" in second.errors
        assert "Traceback" not in second.errors
        assert (await server.call("GET", "/health"))["status"] == "ok"


async def test_a_server_that_was_killed_leaves_no_lock_behind(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        await server.process.end(signal.SIGKILL)
    async with serving(home, "--sandbox") as server:
        assert (await server.call("GET", "/health"))["status"] == "ok"
