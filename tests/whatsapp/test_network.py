"""Each device is of one network and never shown to another; nor can the library be turned by accident."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from talkabiz.domain import inputs as i
from talkabiz.sandbox.world import Sandbox
from talkabiz.services.ports import StoredDevice
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.library import WHATSAPP_ROOT_KEY
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.network import REAL, mark_in, mark_of, put_mark
from tests.house import ROOT
from tests.source import calls, name_of
from tests.whatsapp.ear import Ear
from tests.whatsapp.test_devices import ME, ROW, TABLE

KLIEN = 1


def store(devices: Devices, device: str, mark: int) -> Path:
    """A device as the library leaves it, of the network with that mark."""
    path = devices.path(KLIEN, device)
    devices.make_empty(path, mark)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"{TABLE};{ROW}")
    return path


def test_each_network_has_a_mark_and_the_real_one_is_none() -> None:
    marks = [mark_of(bytes([number] * 32)) for number in range(200)]

    assert mark_of(WHATSAPP_ROOT_KEY) == REAL
    assert len(set(marks)) == 200
    assert all(0 < mark < 1 << 31 for mark in marks)


def test_the_mark_stays_with_the_file_through_all_that_happens_to_it(tmp_path: Path) -> None:
    mark = mark_of(bytes(32))
    devices = Devices.open(tmp_path / "sessions")
    path = store(devices, "A", mark)
    devices.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("VACUUM")
        database.execute(f"VACUUM INTO '{tmp_path / 'copy.db'}'")

    assert [mark_in(path), mark_in(tmp_path / "copy.db")] == [mark, mark]


def test_a_store_of_the_real_network_is_as_the_library_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "A.db"
    path.touch()
    put_mark(path, REAL)

    assert path.read_bytes() == b""
    assert mark_in(path) == REAL


@pytest.mark.parametrize("mark", [REAL, mark_of(b"\1" * 32)])
async def test_a_device_of_another_network_is_never_tried(
    edge: LocalWhatsApp, sandbox: Sandbox, sessions: Path, ear: Ear, mark: int
) -> None:
    path = store(edge._devices, "A", mark)
    before = path.read_bytes()

    assert edge.stored_devices() == []
    edge.start_session(KLIEN, "run", "A")
    told = await ear.wait("run", i.OtherNetwork)

    assert told.is_real == (mark == REAL)
    assert (edge.started, edge.running, edge.queued) == (0, 0, 0)
    assert path.read_bytes() == before


async def test_a_device_of_another_network_is_forgotten_without_a_word_to_anybody(edge: LocalWhatsApp) -> None:
    path = store(edge._devices, "A", REAL)

    assert await edge.log_out(KLIEN, None, "A") is False
    assert edge.started == 0
    assert not path.exists()


def test_the_devices_of_this_network_are_found_beside_those_of_others(edge: LocalWhatsApp, sandbox: Sandbox) -> None:
    for device, mark in {"A": REAL, "B": mark_of(bytes.fromhex(sandbox.root_key)), "C": mark_of(b"\1" * 32)}.items():
        store(edge._devices, device, mark)

    assert edge.stored_devices() == [StoredDevice(KLIEN, "B", ME)]


def test_the_root_key_is_replaced_in_one_place_and_for_loopback_alone() -> None:
    found = {
        (str(path.relative_to(ROOT / "talkabiz")), name_of(call))
        for path, call in calls(ROOT)
        if name_of(call) in {"swap_root_key", "trust", "memmove", "memset"}
    }

    assert found == {
        ("whatsapp/library.py", "memmove"),
        ("whatsapp/binding.py", "swap_root_key"),
        ("whatsapp/bare.py", "swap_root_key"),
        ("whatsapp/binding.py", "trust"),
        ("loopback.py", "trust"),
    }
