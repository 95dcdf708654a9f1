"""Two processes and more at one file: the server, and the CLI beside it."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

import talkabiz
from talkabiz.domain.klien import Klien
from talkabiz.domain.states import Session, Status
from talkabiz.store import events, kliens, sessions
from talkabiz.store.database import close_database, is_up_to_date, open_database, transaction
from tests.store.child import count_up
from tests.store.conftest import NOW

DEADLINE_SECONDS = 60
Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(url: str) -> AsyncIterator[Start]:
    """Starts a child and waits until it is ready; `finish` lets it go."""
    children: list[Process] = []

    async def start(*arguments: str) -> Process:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", str(Path(__file__).with_name("child.py")), url, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(talkabiz.__file__).parents[1])},
        )
        children.append(child)
        assert child.stdout
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await child.stdout.readline() == b"ready\n"
        return child

    yield start
    for child in children:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def finish(child: Process) -> str:
    """What it printed."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        out, err = await child.communicate(b"go\n")
    assert (child.returncode, err.decode()) == (0, "")
    return out.decode().strip()


async def test_two_processes_that_read_before_they_write_lose_nothing(database: str, start: Start) -> None:
    await kliens.add("0")
    child = await start("count_up", "200")
    finishing = asyncio.create_task(finish(child))
    for _ in range(200):
        await count_up()
    await finishing
    found = await kliens.find(1)
    assert found is not None
    assert found.nama == "400"


async def test_the_cli_adds_kliens_while_the_server_writes(klien: Klien, start: Start) -> None:
    child = await start("add", "Dari CLI", "50")
    finishing = asyncio.create_task(finish(child))
    written = 0
    while not finishing.done() or written < 50:
        async with transaction():
            await sessions.save(klien.id, Session(since=NOW, status=Status.CONNECTED), "01J", NOW)
            await events.append(klien.id, "connected", NOW, {"n": written})
        written += 1
    await finishing
    assert [each.nama for each in await kliens.page(klien.id, 100)] == [f"Dari CLI {n}" for n in range(50)]
    assert [event.data["n"] for event in (await events.since(klien.id, 0, 10_000))[0]] == list(range(written))


async def test_the_server_sees_at_once_what_the_cli_has_stored(database: str, start: Start) -> None:
    for n in range(3):
        assert await kliens.count() == n
        await finish(await start("add", "Dari CLI", "1"))
    assert await kliens.count() == 3


async def test_the_cli_waits_for_a_transaction_of_the_server(klien: Klien, start: Start) -> None:
    child = await start("add", "Dari CLI", "1")
    async with transaction():
        mine = await kliens.add("Dari server")
        assert child.stdin
        child.stdin.write(b"go\n")
        await child.stdin.drain()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await child.wait()
    assert await finish(child) == "done"
    assert [each.nama for each in await kliens.page(klien.id, 10)] == [mine.nama, "Dari CLI 0"]


async def test_of_processes_that_migrate_at_once_each_step_is_taken_by_one(url: str, start: Start) -> None:
    children = [await start("migrate") for _ in range(4)]
    taken = await asyncio.gather(*map(finish, children))
    assert sorted(taken) == ["", "", "", "0001_initial 0002_access 0003_messages 0004_webhooks"]
    await open_database(url)
    try:
        assert await is_up_to_date()
        await kliens.add("Toko Sinar")
    finally:
        await close_database()


async def test_a_migration_that_is_killed_leaves_nothing_half_done(url: str, start: Start) -> None:
    for attempt in range(5):
        child = await start("migrate")
        assert child.stdin
        child.stdin.write(b"go\n")
        await child.stdin.drain()
        await asyncio.sleep(attempt / 100)  # somewhere in the middle; each moment must do
        with suppress(ProcessLookupError):  # it was faster
            child.kill()
        await child.wait()
    last = await finish(await start("migrate"))
    assert last in {"", "0001_initial 0002_access 0003_messages 0004_webhooks"}  # one transaction: all steps or none
    assert await finish(await start("migrate")) == ""
    assert await finish(await start("add", "Toko", "1")) == "done"
