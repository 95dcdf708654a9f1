"""What a machine does to a server: a full disk, a database that another process holds, rights that are wrong.

Each time: a sentence and a state while it lasts, nothing lost, and everything as before once the cause is gone, without
a restart.
"""

from __future__ import annotations

import base64
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import samples
from tests.running import Phones, Server, find_app, finish, loopback, serving, until

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

NUMBER, OTHER, THIRD = "628111000201", "628111000202", "628111000203"
CONFINED = "tests.confined"


@dataclass
class Place:
    """A server, its data as the test sees them, and the phones."""

    server: Server
    data: Path
    phones: Phones

    async def is_healthy(self, *, database: bool) -> None:
        """Within a moment /health says whether the database takes what it is given; the process itself is well."""
        code = 200 if database else 503

        async def is_so() -> bool:
            health, ready, live = [await self.server.http.get(f"/health{which}") for which in ("", "/ready", "/live")]
            assert live.status_code == 200
            assert (health.status_code == 200) == health.json()["checks"]["database"]
            return (health.status_code, ready.status_code) == (code, code)

        await until(is_so)

    async def is_refused(self, method: str, path: str, body: dict[str, Any]) -> bool:
        """Whether it is answered that the database can't be used, in words. Else it was done."""
        answer = await self.server.http.request(method, path, json=body)
        if answer.status_code in {200, 201, 202}:
            return False
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (503, "database_unavailable")
        assert all(text.endswith(".") for text in problem["message"].values())
        return True

    async def told(self, klien_id: int) -> list[str]:
        """The klien's journal as `status(reason)`; no seq is missing in it."""
        events = (await self.server.call("GET", f"/api/v1/kliens/{klien_id}/events"))["events"]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        return [f"{event['type']}({event['data']['reason'] or ''})" for event in events]

    async def says(self, event: str) -> None:
        async def is_said() -> bool:
            return event in self.server.process.errors.read_text()

        await until(is_said)


@asynccontextmanager
async def _place(home: Path, *, on_small_disk: bool = False) -> AsyncIterator[Place]:
    lies_in = home / "disk" if on_small_disk else home
    lies_in.mkdir(exist_ok=True)
    where = {"database_url": f"sqlite://{lies_in}/talkabiz.db", "sessions_dir": f"{lies_in}/sessions"}
    async with loopback(home) as world, serving(home, module=CONFINED, **where, **world.settings) as server:
        pid = server.app_pid
        yield Place(server, Path(f"/proc/{pid}/root{lies_in}"), Phones(world.http))
        assert server.app_pid == pid, "it was restarted"
    assert "Traceback" not in server.process.errors.read_text()


# --- the database -----------------------------------------------------------------------------------------------------


@contextmanager
def _full(directory: Path) -> Iterator[None]:
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(directory).f_bavail == 0
    try:
        yield
    finally:
        ballast.unlink()


async def test_a_full_disk_is_told_and_nothing_is_lost(home: Path) -> None:
    async with _place(home, on_small_disk=True) as place:
        server, phones = place.server, place.phones
        linked, scanned, idle = [await server.add_klien(name) for name in ("Toko Sinar", "Toko Bulan", "Toko Bintang")]
        await server.link(phones, linked, NUMBER)
        code = (await server.connect(scanned))["qr"]["code"]
        await phones.call("POST", "phones", {"number": OTHER, "name": "Pak Budi"})
        before = await place.told(linked)
        await place.is_healthy(database=True)

        with _full(place.data):
            assert await place.is_refused("PATCH", f"/api/v1/kliens/{idle}", {"nama": "Toko Baru"})
            assert await place.is_refused("POST", "/whatsapp/connect", {"klien_id": idle})
            await place.is_healthy(database=False)
            [device] = await phones.devices(NUMBER)
            await phones.remove_device(NUMBER, device["device"])
            await place.says("input_waits_for_store")
            assert (await server.snapshot(linked))["status"] == "connected", "what can't be stored isn't told"
            assert (await server.call("GET", f"/api/v1/kliens/{idle}"))["nama"] == "Toko Bintang"
            await phones.scan(OTHER, code, "Pak Budi", expect=409)

        await place.is_healthy(database=True)
        assert (await server.wait_for(linked, "disconnected"))["reason"] == "logged_out"
        assert (await place.told(linked))[len(before) :] == ["disconnected(logged_out)"]
        assert (await server.wait_for(scanned, "error"))["reason"] == "pair_failed"
        assert await phones.devices(OTHER) == []
        for klien_id, number in ((linked, NUMBER), (scanned, OTHER), (idle, THIRD)):
            await server.link(phones, klien_id, number)
            assert len(await phones.devices(number)) == 1
        await server.call("PATCH", f"/api/v1/kliens/{idle}", {"nama": "Toko Baru"})


@contextmanager
def _held(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


async def test_a_database_that_another_process_holds_for_long_is_told_and_nothing_is_lost(home: Path) -> None:
    async with _place(home) as place:
        server, phones = place.server, place.phones
        linked, idle = await server.add_klien("Toko Sinar"), await server.add_klien("Toko Bulan")
        await server.link(phones, linked, NUMBER)
        before = await place.told(linked)

        with _held(home / "talkabiz.db"):
            [device] = await phones.devices(NUMBER)
            await phones.remove_device(NUMBER, device["device"])
            assert await place.is_refused("POST", "/whatsapp/connect", {"klien_id": idle})
            await place.says("input_waits_for_store")
            await place.is_healthy(database=False)
            assert (await server.snapshot(linked))["status"] == "connected", "what can be read is read at once"

        await place.is_healthy(database=True)
        assert (await server.wait_for(linked, "disconnected"))["reason"] == "logged_out"
        assert (await place.told(linked))[len(before) :] == ["disconnected(logged_out)"]
        await server.link(phones, idle, OTHER)


# --- sessions/ --------------------------------------------------------------------------------------------------------


async def test_sessions_that_cannot_be_written_are_told_and_harm_no_link(home: Path) -> None:
    async with _place(home) as place:
        server, phones, sessions = place.server, place.phones, home / "sessions"
        linked, new = await server.add_klien("Toko Sinar"), await server.add_klien("Toko Bulan")
        await server.link(phones, linked, NUMBER)

        sessions.chmod(0o500)
        answer = await server.call("POST", "/whatsapp/connect", {"klien_id": new}, expect=None)
        snapshot = await server.wait_for(new, "error")
        assert (snapshot["reason"], snapshot["detail"]) == ("engine", {"code": "Permission denied"})
        assert "qr" not in answer or answer["qr"] is None
        assert all(text.endswith(".") for text in snapshot["message"].values())
        await server.call("POST", f"/api/v1/kliens/{linked}/session/restart", expect=None)
        await server.wait_for(linked, "connected")

        sessions.chmod(0o700)
        await server.link(phones, new, OTHER)


async def test_sessions_that_others_may_list_show_nobody_a_key_and_the_next_start_is_refused(home: Path) -> None:
    sessions = home / "sessions"
    async with _place(home) as place:
        linked = await place.server.add_klien("Toko Sinar")
        await place.server.link(place.phones, linked, NUMBER)
        sessions.chmod(0o755)
        second = await place.server.add_klien("Toko Bulan")
        await place.server.link(place.phones, second, OTHER)
        assert [path for path in sessions.rglob("*") if path.stat().st_mode & 0o077] == []
    await _is_refused(home, f"Other users can read the sessions directory {sessions};", f"chmod -R go= {sessions}")


async def test_a_start_is_refused_while_others_can_read_one_store_and_goes_on_once_it_is_closed(home: Path) -> None:
    """As a copy leaves it that didn't keep the rights."""
    async with loopback(home) as world:
        async with serving(home, **world.settings) as server:
            linked = await server.add_klien("Toko Sinar")
            await server.link(Phones(world.http), linked, NUMBER)
        [store] = (home / "sessions").glob("1/*.db")
        store.chmod(0o644)
        await _is_refused(home, f"read 1/{store.name} in the sessions directory", f"chmod -R go= {home}/sessions")
        assert store.stat().st_mode & 0o777 == 0o644, "it is for the operator to know"
        store.chmod(0o600)
        async with serving(home, **world.settings) as server:
            await server.wait_for(linked, "connected")


async def test_the_sessions_of_a_checkout_are_closed_by_the_first_start(home: Path) -> None:
    (home / "sessions").mkdir(mode=0o755)
    (home / "sessions" / ".gitkeep").touch(mode=0o644)
    async with serving(home, "--sandbox") as server:
        assert (home / "sessions").stat().st_mode & 0o777 == 0o700
        await server.link(Phones(server.http), await server.add_klien("Toko Sinar"), NUMBER)
    async with serving(home, "--sandbox") as server:
        await server.wait_for(1, "connected")


async def test_what_a_sandbox_keeps_is_for_its_owner_alone_and_the_next_start_goes_on(home: Path) -> None:
    before = os.umask(0)
    try:
        async with serving(home, "--sandbox", "--no-supervisor") as server:
            await _send_document(server)
            assert await server.process.end() == 0
    finally:
        os.umask(before)
    kept = list((home / "sessions").rglob("*"))
    assert any(path.parent.name == "state-media" for path in kept)
    assert [path for path in kept if path.stat().st_mode & 0o077] == []
    async with serving(home, "--sandbox", "--no-supervisor") as server:
        await server.wait_for(1, "connected")


async def _send_document(server: Server) -> None:
    phones = Phones(server.http)
    await server.link(phones, await server.add_klien("Toko Sinar"), NUMBER)
    await phones.call("POST", "phones", {"number": OTHER, "name": "Ani"})
    note = {"base64": base64.b64encode(samples.PDF).decode(), "mimetype": "application/pdf", "filename": "nota.pdf"}
    messages = "/api/v1/kliens/1/messages"
    sent = await server.call("POST", messages, {"to": OTHER, "type": "document", "media": note}, expect=202)

    async def has_left() -> bool:
        return (await server.call("GET", f"{messages}/{sent['id']}"))["status"] in {"sent", "delivered"}

    await until(has_left)


async def _is_refused(home: Path, *words: str) -> None:
    """With one sentence."""
    refused = await finish(home, "serve", "--port", "0", "--sandbox", module=CONFINED)
    assert (refused.code, refused.output) == (1, "")
    assert len(refused.errors.splitlines()) == 1
    assert all(word in refused.errors for word in words), refused.errors


@pytest.mark.parametrize(("mode", "sentence"), [(0o500, "can't be written to"), (0o777, "Other users can read")])
async def test_a_start_on_sessions_that_will_not_do_is_refused_with_a_sentence(
    home: Path, mode: int, sentence: str
) -> None:
    sessions = home / "sessions"
    sessions.mkdir(mode=0o700)
    sessions.chmod(mode)
    await _is_refused(home, sentence)
    sessions.chmod(0o700)
    async with serving(home, "--sandbox", module=CONFINED) as server:
        await server.link(Phones(server.http), await server.add_klien("Toko Sinar"), NUMBER)


async def test_a_restart_waits_for_sessions_that_can_be_written_again(home: Path) -> None:
    """Nobody stands before a server that has run for days: it tries again, and says each time why it couldn't."""
    async with loopback(home) as world, serving(home, module=CONFINED, **world.settings) as server:
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(world.http), klien_id, NUMBER)
        first = server.app_pid
        (home / "sessions").chmod(0o500)
        os.kill(first, signal.SIGKILL)

        async def is_said() -> bool:
            said = server.process.errors.read_text()
            return "can't be written to: Permission denied" in said and "exited with 1" in said

        await until(is_said)
        (home / "sessions").chmod(0o700)
        await server.wait_for(klien_id, "connected")
        assert find_app(server.process.pid) != first
