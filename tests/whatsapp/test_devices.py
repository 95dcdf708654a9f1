from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from talkabiz.domain.inputs import Me
from talkabiz.services.ports import StoredDevice
from talkabiz.whatsapp.devices import Devices, SessionsLocked, SessionsNotWritable, SessionsUnsafe

TABLE = "CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT, push_name TEXT, business_name TEXT, platform TEXT)"
ROW = "INSERT INTO whatsmeow_device VALUES ('628123:7@s.whatsapp.net', '99:7@lid', 'Toko', 'Toko Jaya', 'android')"
HOLD = """
import subprocess, sys, time
from pathlib import Path
from talkabiz.whatsapp.devices import Devices
devices = Devices.open(Path(sys.argv[1]))
print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL).pid, flush=True)
time.sleep(60)
"""
CRASH = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN")
database.execute("DELETE FROM whatsmeow_device")
database.execute("CREATE TABLE filler (text TEXT)")
for _ in range(2000):
    database.execute("INSERT INTO filler VALUES (hex(randomblob(200)))")
os._exit(0)
"""
ME = Me("628123", "99@lid", "Toko", "android")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.fixture
def devices(root: Path) -> Iterator[Devices]:
    opened = Devices.open(root)
    yield opened
    opened.close()


def store(devices: Devices, klien_id: int, device: str, *statements: str) -> Path:
    path = devices.path(klien_id, device)
    devices.make_empty(path)
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the directory ----------------------------------------------------------------------------------------------------


def test_the_directory_is_made_private(root: Path, devices: Devices) -> None:
    assert mode(root) == 0o700


def test_a_store_file_is_made_private(devices: Devices) -> None:
    path = store(devices, 1, "A", TABLE)

    assert (mode(path.parent), mode(path)) == (0o700, 0o600)


@pytest.mark.parametrize("brought", [".gitkeep", ".gitignore"])
def test_a_directory_that_others_can_read_is_closed_while_there_is_nothing_in_it(root: Path, brought: str) -> None:
    """As a checkout leaves it."""
    root.mkdir(mode=0o755)
    (root / brought).touch(mode=0o644)

    Devices.open(root).close()
    Devices.open(root).close()

    assert mode(root) == 0o700


@pytest.mark.parametrize("wide", [0o777, 0o1777, 0o757])
def test_a_directory_that_others_can_write_to_is_refused(root: Path, wide: int) -> None:
    """They may have put something there."""
    root.mkdir()
    root.chmod(wide)

    with pytest.raises(SessionsUnsafe, match="chmod -R go= "):
        Devices.check(root)

    assert mode(root) == wide


@pytest.mark.parametrize("name", ["what?", "50%", "no#1"])
def test_a_path_that_the_library_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SessionsUnsafe, match="must not contain"):
        Devices.check(tmp_path / name / "sessions")

    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SessionsNotWritable, match="can't be written"):
        Devices.check(tmp_path / "file" / "sessions")


def test_a_directory_that_takes_no_file_is_refused() -> None:
    """Root may write anywhere but where the kernel itself answers."""
    with pytest.raises((SessionsNotWritable, SessionsUnsafe)):
        Devices.check(Path("/proc/self"))


def test_a_second_server_is_refused(root: Path, devices: Devices) -> None:
    with pytest.raises(SessionsLocked, match="Another server"):
        Devices.open(root)


def test_the_lock_is_free_again_after_closing(root: Path) -> None:
    Devices.open(root).close()
    Devices.open(root).close()


def test_the_lock_dies_with_its_process_although_a_child_lives_on(root: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(SessionsLocked):
            Devices.open(root)
        holder.kill()
        holder.wait(10)

        Devices.open(root).close()
    finally:
        holder.kill()
        os.kill(child, signal.SIGKILL)
        holder.stdout.close()


# --- devices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("klien_id", "device"), [(1, "../2/A"), (1, ""), (1, "a.b"), (1, "a?b"), (0, "A"), (-1, "A")])
def test_a_name_that_could_lead_elsewhere_is_refused(devices: Devices, klien_id: int, device: str) -> None:
    with pytest.raises(ValueError, match="no device"):
        devices.path(klien_id, device)


def test_an_attempt_never_takes_over_an_existing_store(devices: Devices) -> None:
    path = store(devices, 1, "A", TABLE, ROW)

    with pytest.raises(FileExistsError):
        devices.make_empty(path)


def test_stored_devices_are_found_with_their_accounts(devices: Devices) -> None:
    store(devices, 2, "B", TABLE, ROW)
    store(devices, 1, "A", TABLE, ROW)

    assert devices.stored() == [StoredDevice(1, "A", ME), StoredDevice(2, "B", ME)]


def test_without_a_push_name_the_business_name_stands(devices: Devices) -> None:
    store(devices, 1, "A", TABLE, ROW, "UPDATE whatsmeow_device SET push_name = '', lid = NULL")

    assert [found.me for found in devices.stored()] == [Me("628123", "", "Toko Jaya", "android")]


def test_stores_without_a_device_are_deleted(devices: Devices, root: Path) -> None:
    store(devices, 1, "A")
    store(devices, 1, "B", TABLE)

    assert devices.stored() == []
    assert not (root / "1").exists()


def test_a_file_that_is_no_database_is_left_alone(devices: Devices) -> None:
    path = devices.path(1, "A")
    devices.make_empty(path)
    path.write_bytes(b"not a database, but perhaps somebody's only copy of one" * 100)

    assert devices.stored() == []
    assert path.exists()


def test_a_device_that_is_not_written_as_one_is_left_alone(devices: Devices) -> None:
    """It stops neither the start nor the others."""
    nobody = store(devices, 1, "A", TABLE, ROW, "UPDATE whatsmeow_device SET jid = NULL")
    strange = store(devices, 1, "B", TABLE, ROW, "UPDATE whatsmeow_device SET push_name = x'ff'")
    store(devices, 2, "C", TABLE, ROW)

    assert devices.stored() == [StoredDevice(2, "C", ME)]
    for path in (nobody, strange):
        assert path.exists()
        assert devices.has_device(path) is None


def test_what_a_crash_left_half_done_is_undone_at_start(devices: Devices, tmp_path: Path) -> None:
    """A journal beside the file: the transaction that it belongs to never was."""
    path = store(devices, 1, "A", TABLE, ROW)
    subprocess.run([sys.executable, "-c", CRASH, str(path)], check=True)
    assert path.with_name("A.db-journal").stat().st_size > 0

    assert [found.me for found in devices.stored()] == [ME]


def test_reading_a_store_in_use_undoes_nothing(devices: Devices) -> None:
    """To another copy of SQLite in the process, a transaction under way looks like one that a crash left."""
    path = store(devices, 1, "A", TABLE, ROW)
    subprocess.run([sys.executable, "-c", CRASH, str(path)], check=True)
    journal = path.with_name("A.db-journal").read_bytes()
    content = path.read_bytes()

    devices.has_device(path)

    assert path.with_name("A.db-journal").read_bytes() == journal
    assert path.read_bytes() == content


def test_a_store_is_known_to_hold_a_device_or_none(devices: Devices) -> None:
    assert devices.has_device(store(devices, 1, "A", TABLE, ROW)) is True
    assert devices.has_device(store(devices, 1, "B", TABLE)) is False
    assert devices.has_device(store(devices, 1, "C")) is False
    assert devices.has_device(devices.path(1, "D")) is False
    assert not devices.path(1, "D").exists()


def test_a_store_that_cannot_be_read_may_hold_one(devices: Devices) -> None:
    """Nobody deletes it for that."""
    path = store(devices, 1, "A", TABLE, ROW)
    path.write_bytes(b"SQLite format 3\x00" + path.read_bytes()[16:4000])
    assert devices.has_device(path) is None

    path.unlink()
    path.mkdir()
    assert devices.has_device(path) is None


def test_a_deleted_device_leaves_nothing(devices: Devices, root: Path) -> None:
    path = store(devices, 1, "A", TABLE, ROW)
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).touch()

    devices.delete(path)

    assert not (root / "1").exists()
    devices.delete(path)


def test_a_deleted_store_that_is_still_open_takes_no_room(devices: Devices) -> None:
    """The library never closes one."""
    path = store(devices, 1, "A", TABLE, ROW)
    with path.open("rb") as opened:
        devices.delete(path)
        assert os.fstat(opened.fileno()).st_size == 0


def test_a_deleted_store_that_a_run_may_still_write_to_is_left_whole(devices: Devices) -> None:
    path = store(devices, 1, "A", TABLE, ROW)
    with path.open("rb") as opened:
        devices.delete(path, in_use=True)
        assert os.fstat(opened.fileno()).st_size > 0
    assert not path.exists()


def test_deleting_a_device_keeps_the_others_of_the_klien(devices: Devices) -> None:
    other = store(devices, 1, "B", TABLE, ROW)
    devices.delete(store(devices, 1, "A", TABLE, ROW))

    assert other.exists()


def test_a_deleted_klien_leaves_nothing(devices: Devices, root: Path) -> None:
    store(devices, 1, "A", TABLE, ROW)
    kept = store(devices, 11, "A", TABLE, ROW)

    devices.delete_klien(1)

    assert not (root / "1").exists()
    assert kept.exists()
    devices.delete_klien(1)
