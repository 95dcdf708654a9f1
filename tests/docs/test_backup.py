"""docs/backup.md: what it promises of copies, done."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.acceptance.rows import row
from tests.docs.pages import RUN, blocks
from tests.docs.reader import Reader
from tests.running import Loopback, Phones, finish, loopback, serving, until

BACKUP = "docs/backup.md"
NUMBER, LATER, LATEST = "628111000071", "628111000072", "628111000073"


@pytest.fixture(name="old")
def _old(home: Path) -> Path:
    return _made(home / "old")


@pytest.fixture(name="new")
def _new(home: Path) -> Path:
    return _made(home / "new")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_page_has_a_copy_to_make() -> None:
    assert [block.mark for block in blocks(BACKUP)] == [RUN]


@pytest.mark.soak
async def test_a_copy_made_while_the_server_runs_is_put_back(home: Path, old: Path) -> None:
    """Of three kliens one is linked when it is made, one is later, and one is new by then."""
    async with loopback(home) as world:
        phones = Phones(world.http)
        async with serving(old, **world.settings) as server:
            await server.link(phones, await server.add_klien("Toko Sinar"), NUMBER)
            await server.add_klien("Toko Nanti")
            await Reader(old).follow(blocks(BACKUP))
            await server.link(phones, 2, LATER)
            await server.link(phones, await server.add_klien("Toko Baru"), LATEST)
            assert await server.process.end() == 0
        await _put_back(old)
        async with serving(old, **world.settings) as server:
            await server.wait_for(1, "connected")
            assert (await server.snapshot(2))["status"] == "disconnected"
            await until(lambda: _has_no_device(phones, LATER))
            await server.link(phones, 2, LATER)
            await server.call("GET", "/api/v1/kliens/3", expect=404)
        assert not (old / "sessions" / "3").exists()
        assert not await _has_no_device(phones, LATEST), "the page says that the phone still shows it"


@pytest.mark.soak
async def test_a_stopped_server_is_moved_without_a_qr_and_what_it_leaves_behind_is_old_or_lost(
    home: Path, old: Path, new: Path
) -> None:
    """Whichever it is, it is told so, and links anew."""
    async with loopback(home) as world:
        await _link_and_stop(world, old)
        shutil.copytree(old, new, dirs_exist_ok=True)
        async with serving(new, **world.settings) as server:
            await server.wait_for(1, "connected")
            told = [event["type"] for event in (await server.call("GET", "/api/v1/kliens/1/events"))["events"]]
            assert told.count("qr_ready") == 1, "the code of the first linking alone"
            await server.disconnect(1)
        async with serving(old, **world.settings) as server:
            assert (await server.wait_for(1, "disconnected"))["reason"] == "logged_out"
            await server.link(Phones(world.http), 1, NUMBER)
            assert await server.process.end() == 0
        shutil.rmtree(old / "sessions")
        async with serving(old, **world.settings) as server:
            await server.wait_for(1, "disconnected")
            await server.link(Phones(world.http), 1, NUMBER)


async def _link_and_stop(world: Loopback, folder: Path) -> None:
    async with serving(folder, **world.settings) as server:
        await server.link(Phones(world.http), await server.add_klien("Toko Sinar"), NUMBER)
        assert await server.process.end() == 0
    assert row(folder, 1).status == "reconnecting", "nobody holds it"


async def _put_back(folder: Path) -> None:
    assert stat.S_IMODE((folder / "backup.db").stat().st_mode) == 0o600
    for each in folder.glob("talkabiz.db*"):
        each.unlink()
    (folder / "backup.db").rename(folder / "talkabiz.db")
    assert (await finish(folder, "migrate")).code == 0


async def _has_no_device(phones: Phones, number: str) -> bool:
    return not await phones.devices(number)
