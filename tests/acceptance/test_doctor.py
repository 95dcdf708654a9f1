"""`talkabiz doctor` where all is well, and in each broken situation that it knows, made for real."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.far_end import far_end
from tests.running import API_KEY, CHECKOUT, finish, loopback, serving, until
from tests.whatsapp.proxies import cutting_proxy, hanging_proxy, refusing_proxy
from tests.whatsapp.test_magic import HIDE_THE_SYSTEMS_LIBMAGIC

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

CONFINED = "tests.confined"
NAMES = (
    *("settings", "libmagic", "library", "ffmpeg", "descriptors", "memory", "disk", "sessions", "media"),
    *("database", "port", "whatsapp-dns", "whatsapp-tcp", "whatsapp-tls", "clock"),
)
NOT_LOOKED_AT = {"whatsapp-dns", "whatsapp-tcp", "whatsapp-tls", "clock"}


@dataclass(frozen=True)
class Found:
    """What one examination said."""

    code: int
    checks: dict[str, dict[str, str]]

    def of(self, status: str) -> set[str]:
        return {name for name, check in self.checks.items() if check["status"] == status}

    def fails_alone(self, name: str, *words: str, advice: str) -> None:
        """This is what is wrong, nothing else is, and it says what to do."""
        assert (self.of("fail"), self.code) == ({name}, 1), self.checks
        self.says(name, *words, advice=advice)

    def warns(self, name: str, *words: str, advice: str) -> None:
        assert self.checks[name]["status"] == "warn", self.checks[name]
        assert (self.of("fail"), self.code) == (set(), 0), self.checks
        self.says(name, *words, advice=advice)

    def says(self, name: str, *words: str, advice: str) -> None:
        check = self.checks[name]
        assert all(word in check["found"] for word in words), check
        assert advice in check["advice"], check


async def examine(home: Path, *, package: str = CHECKOUT, module: str = "talkabiz", **settings: str) -> Found:
    settings = {"port": str(free_port()), **settings}
    done = await finish(home, "doctor", "--json", package=package, module=module, **settings)
    assert (done.errors, done.output.count("\n")) == ("", 1), done
    told = json.loads(done.output)
    checks = {check["name"]: check for check in told["checks"]}
    assert len(checks) == len(told["checks"])
    assert all(set(check) == {"name", "status", "found", "advice"} for check in told["checks"])
    assert all(check["found"] and (check["status"] == "ok") == (not check["advice"]) for check in told["checks"])
    assert told["ok"] == (done.code == 0)
    return Found(done.code, checks)


async def look(home: Path, **settings: str) -> Found:
    """With a far end that is well."""
    async with far_end(home) as far:
        return await examine(home, **{**far.settings, **settings})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def digests(home: Path) -> dict[str, str]:
    """Of every file but SQLite's index of its log, which lies in memory and only happens to have a name."""
    files = [path for path in home.rglob("*") if path.is_file() and not path.name.endswith(("-shm", ".err", ".pem"))]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def names(home: Path) -> set[str]:
    return {str(path) for path in home.rglob("*") if not path.name.endswith((".err", ".pem"))}


# --- all is well ------------------------------------------------------------------------------------------------------


@pytest.mark.alone
async def test_before_the_first_start_all_is_well_and_nothing_is_made(home: Path) -> None:
    async with loopback(home) as world:
        before, began = names(home), time.monotonic()
        found = await examine(home, **world.settings)
        assert time.monotonic() - began < 5
        assert tuple(found.checks) == NAMES
        assert (found.code, found.of("fail"), found.of("warn") - {"ffmpeg"}) == (0, set(), set())
        assert names(home) == before
    assert "neonize 0." in found.checks["library"]["found"]
    assert "isn't there yet" in found.checks["database"]["found"]
    assert "isn't there yet" in found.checks["sessions"]["found"]
    assert "isn't there yet" in found.checks["media"]["found"]


async def test_beside_a_server_that_runs_all_is_well_and_nothing_is_made(home: Path) -> None:
    port = str(free_port())
    async with loopback(home) as world, serving(home, "--port", port, **world.settings):
        before = names(home)
        found = await examine(home, port=port, **world.settings)
        assert names(home) == before
        assert (found.code, found.of("fail"), found.of("warn") - {"ffmpeg"}) == (0, set(), set())
        assert "our server runs at" in found.checks["port"]["found"]
        assert "in use by a running server" in found.checks["sessions"]["found"]
        assert "media: writable, private" in found.checks["media"]["found"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["in order", "killed"])
async def test_what_a_server_has_left_behind_is_left_as_it_was(home: Path, end: signal.Signals) -> None:
    async with serving(home, "--sandbox") as server:
        await server.add_klien("Toko Sinar")
        os.kill(server.app_pid, end)
        await server.process.end(end)
    before = digests(home), names(home)
    assert any(name.endswith("-wal") for name in before[1]) == (end is signal.SIGKILL)
    found = await look(home)
    assert (found.code, found.of("fail")) == (0, set())
    assert "up to date" in found.checks["database"]["found"]
    assert (digests(home), names(home)) == before


async def test_for_people_it_is_one_line_a_check_and_a_sum(home: Path) -> None:
    async with far_end(home) as far:
        done = await finish(home, "doctor", port="0", database_url="sqlite://nowhere/x.db", **far.settings)
    *lines, empty, total = done.output.splitlines()
    assert [line.split()[1] for line in lines] == list(NAMES)
    assert {line.split()[0] for line in lines} <= {"ok", "warn", "fail"}
    [failure] = [line for line in lines if line.startswith("fail")]
    assert "mkdir -p" in failure.partition("->")[2]
    assert (empty, done.code, done.errors) == ("", 1, "")
    assert "1 failure" in total


async def test_it_tells_no_secrets(home: Path) -> None:
    """Not where all is well, and not where the settings that hold them are wrong."""
    (home / ".env").write_text(f"TALKABIZ_API_KEY={API_KEY}\nTALKABIZ_REDIS_URL=redis://budi:rahasia1@127.0.0.1\n")
    async with far_end(home) as far:
        proxy = far.settings["wa_proxy_url"].replace("//", "//budi:rahasia2@")
        for settings in ({"wa_ca_file": far.settings["wa_ca_file"]}, {}):
            done = await finish(home, "doctor", wa_proxy_url=proxy, wa_root_key="rahasia3", **settings)
            assert done.code == 1
            assert not [word for word in (API_KEY, "rahasia") if word in done.output + done.errors]


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "settings", "word"),
    [
        ("", {"port": "70000"}, "TALKABIZ_PORT"),
        ("TALKABIZ_PROT=8000\n", {}, "TALKABIZ_PORT"),
        ("TALKABIZ_HOST='127\n", {}, "line 1"),
    ],
)
async def test_settings_that_can_not_be_are_told_and_the_rest_of_the_machine_is_looked_at(
    home: Path, file: str, settings: dict[str, str], word: str
) -> None:
    (home / ".env").write_text(file)
    found = await examine(home, **settings)
    found.fails_alone("settings", word, advice="Correct that")
    assert tuple(found.checks) == ("settings", "libmagic", "library", "ffmpeg", "descriptors")


async def test_a_key_that_others_can_read_in_the_env_file_is_told(home: Path) -> None:
    (home / ".env").write_text(f"TALKABIZ_API_KEY={API_KEY}\n")
    (home / ".env").chmod(0o644)
    (await look(home)).warns("settings", ".env", advice="chmod 600 .env")
    (home / ".env").chmod(0o600)
    assert "settings" in (await look(home)).of("ok")


# --- the libraries ----------------------------------------------------------------------------------------------------


@pytest.fixture(name="stub")
def _stub(tmp_path: Path) -> Path:
    """A folder whose modules stand before all others."""
    (tmp_path / "stub").mkdir()
    return tmp_path / "stub"


async def _look_with(home: Path, stub: Path) -> Found:
    return await look(home, package=os.pathsep.join((str(stub), CHECKOUT)))


def _half_downloaded(stub: Path) -> None:
    import neonize

    for path in Path(neonize.__path__[0]).iterdir():
        if path.suffix == ".so":
            (stub / "neonize" / path.name).write_bytes(path.read_bytes()[:4096])
        else:
            (stub / "neonize" / path.name).symlink_to(path)


def _crashing(stub: Path) -> None:
    (stub / "neonize/__init__.py").write_text("")
    (stub / "neonize/_binder.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")


def _foreign(stub: Path) -> None:
    (stub / "neonize/__init__.py").write_text("")
    (stub / "neonize/_binder.py").write_text("raise OSError('neonize-linux-amd64.so: wrong ELF class')\n")


def _hanging(stub: Path) -> None:
    (stub / "neonize/__init__.py").write_text("")
    (stub / "neonize/_binder.py").write_text("import time\ntime.sleep(60)\n")


def _old(stub: Path) -> None:
    (stub / "neonize-0.4.9.dist-info").mkdir()
    (stub / "neonize-0.4.9.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: neonize\nVersion: 0.4.9\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_half_downloaded, ("crashed",)),
        (_crashing, ("crashed", "SIGSEGV")),
        (_foreign, ("wrong ELF class",)),
        (_hanging, ("wasn't loaded within",)),
        (_old, ("0.4.9", "too old")),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
async def test_a_library_that_does_not_load_is_told(
    home: Path, stub: Path, spoil: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    (stub / "neonize").mkdir()
    spoil(stub)
    if spoil is _old:
        (stub / "neonize").rmdir()
    (await _look_with(home, stub)).fails_alone("library", *words, advice="pip install")


async def test_a_missing_libmagic_is_told_and_the_library_that_needs_it_is_not_looked_at(
    home: Path, stub: Path
) -> None:
    hide = f"{HIDE_THE_SYSTEMS_LIBMAGIC}\nimport importlib.util\nfind = importlib.util.find_spec\n"
    without = "importlib.util.find_spec = lambda name, *rest: None if name == 'pylibmagic' else find(name, *rest)\n"
    (stub / "sitecustomize.py").write_text(hide + without)
    found = await _look_with(home, stub)
    found.fails_alone("libmagic", "missing", advice="pylibmagic")
    assert found.checks["library"]["status"] == "warn"


async def test_ffmpeg_is_asked_for_its_version_and_missed_without_a_failure(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program := tmp_path / "ffmpeg").write_text("#!/bin/sh\necho ffmpeg version 7.1.1 Copyright\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await look(home)
    assert found.checks["ffmpeg"] == {"name": "ffmpeg", "status": "ok", "found": f"7.1.1 ({program})", "advice": ""}
    program.write_text("#!/bin/sh\nexit 1\n")
    (await look(home)).warns("ffmpeg", "doesn't run", advice="Only voice messages")
    program.unlink()
    (await look(home)).warns("ffmpeg", "not found", advice="apt install ffmpeg")


# --- the machine ------------------------------------------------------------------------------------------------------


def confine(home: Path, **limits: int) -> None:
    (home / "limits.json").write_text(json.dumps(limits))


async def test_few_descriptors_are_told(home: Path) -> None:
    confine(home, descriptors=512)
    (await look(home, module=CONFINED)).fails_alone("descriptors", "512", advice="LimitNOFILE")
    confine(home, descriptors=2048)
    (await look(home, module=CONFINED)).warns("descriptors", "2048", advice="LimitNOFILE")


async def test_a_full_disk_is_told(home: Path) -> None:
    """The confined program's disk is too small from the start."""
    (home / "disk").mkdir()
    where = {"sessions_dir": str(home / "disk/sessions"), "database_url": f"sqlite://{home}/talkabiz.db"}
    (await look(home, module=CONFINED, **where)).fails_alone("disk", "MB free at", "disk", advice="Make room")


async def test_a_memory_limit_that_the_server_would_always_meet_is_told(home: Path) -> None:
    (await look(home, max_memory="100")).warns("memory", "TALKABIZ_MAX_MEMORY=100", advice="restarted again and again")


# --- sessions/ --------------------------------------------------------------------------------------------------------


def _make(home: Path, mode: int, *names: str) -> None:
    (home / "sessions").mkdir()
    for name in names:
        (home / "sessions" / name).parent.mkdir(mode=0o700, exist_ok=True)
        (home / "sessions" / name).touch(mode=0o600)
    (home / "sessions").chmod(mode)


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o710])
async def test_sessions_that_others_may_read_are_told(home: Path, mode: int) -> None:
    _make(home, mode, "1/x.db")
    (await look(home)).fails_alone("sessions", "other users", f"{mode:04o}", advice=f"chmod -R go= {home}/sessions")


async def test_a_store_that_others_may_read_is_told(home: Path) -> None:
    _make(home, 0o700, "1/x.db")
    (home / "sessions/1/x.db").chmod(0o640)
    found = await look(home)
    found.fails_alone("sessions", f"{home}/sessions/1/x.db", "mode 0640", advice=f"chmod -R go= {home}/sessions")


async def test_the_empty_sessions_of_a_checkout_are_closed_by_the_first_start(home: Path) -> None:
    _make(home, 0o755, ".gitkeep")
    (await look(home)).warns("sessions", "other users", "empty", advice="The first start closes it")


@pytest.mark.parametrize("what", ["sessions", "sessions/1", "sessions/1/x.db"])
async def test_sessions_that_can_not_be_written_are_told(home: Path, what: str) -> None:
    _make(home, 0o700, "1/x.db")
    (home / what).chmod(0o500)
    found = await look(home, module=CONFINED)
    found.fails_alone("sessions", f"{home / what} can't be written", "mode 0500", advice="chown")


async def test_sessions_that_can_not_be_made_are_told(home: Path) -> None:
    (home / "locked").mkdir(mode=0o500)
    found = await look(home, module=CONFINED, sessions_dir="locked/sessions")
    found.fails_alone("sessions", "can't be made", advice="chown")


async def test_a_file_in_the_place_of_sessions_is_told(home: Path) -> None:
    (home / "sessions").touch()
    (await look(home)).fails_alone("sessions", "not a directory", advice="TALKABIZ_SESSIONS_DIR")


async def test_a_path_that_the_library_would_misread_is_told(home: Path) -> None:
    (await look(home, sessions_dir="what?")).fails_alone("sessions", "?", advice="TALKABIZ_SESSIONS_DIR")


# --- media/ -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o755, 0o710])
async def test_media_that_others_may_look_into_are_told(home: Path, mode: int) -> None:
    (home / "media").mkdir()
    (home / "media").chmod(mode)
    (await look(home)).warns("media", "other users", f"{mode:04o}", advice=f"chmod 700 {home}/media")


@pytest.mark.parametrize("what", ["media", "media/.coming", "media/1"])
async def test_media_that_can_not_be_written_are_told(home: Path, what: str) -> None:
    for name in ("media", "media/.coming", "media/1"):
        (home / name).mkdir(mode=0o700)
    (home / what).chmod(0o500)
    found = await look(home, module=CONFINED)
    found.fails_alone("media", f"{home / what} can't be written", "mode 0500", advice="chown")


async def test_media_that_can_not_be_made_are_told(home: Path) -> None:
    (home / "locked").mkdir(mode=0o500)
    found = await look(home, module=CONFINED, media_dir="locked/media")
    found.fails_alone("media", "can't be made", advice="TALKABIZ_MEDIA_DIR")


@pytest.mark.parametrize("media_dir", ["taken", "taken/media"])
async def test_a_file_in_the_place_of_media_is_told(home: Path, media_dir: str) -> None:
    (home / "taken").touch()
    found = await look(home, media_dir=media_dir)
    found.fails_alone("media", f"{home}/taken is not a directory", advice="TALKABIZ_MEDIA_DIR")


async def test_a_full_disk_of_media_is_told(home: Path) -> None:
    (home / "disk").mkdir()
    found = await look(home, module=CONFINED, media_dir=str(home / "disk/media"))
    found.fails_alone("disk", "MB free at", "disk", advice="Make room")


# --- the database -----------------------------------------------------------------------------------------------------


@pytest.fixture(name="database")
async def _database(home: Path) -> Path:
    assert (await finish(home, "migrate")).code == 0
    return home / "talkabiz.db"


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_a_database_that_others_may_read_is_told(home: Path, database: Path) -> None:
    assert "database" in (await look(home)).of("ok")
    database.chmod(0o640)
    (await look(home)).warns("database", "other users", "mode 0640", advice=f"chmod go= {database}*")


async def test_a_pending_step_is_told(home: Path, database: Path) -> None:
    change(database, "DELETE FROM tortoise_migrations WHERE name = (SELECT max(name) FROM tortoise_migrations)")
    (await look(home)).fails_alone("database", "isn't up to date", "000", advice="talkabiz migrate")


async def test_an_empty_file_is_a_database_to_migrate(home: Path) -> None:
    (home / "talkabiz.db").touch()
    (await look(home)).fails_alone("database", "0001_initial", advice="talkabiz migrate")


async def test_a_database_of_a_newer_version_is_told(home: Path, database: Path) -> None:
    change(database, "UPDATE tortoise_migrations SET name = '9000_later' WHERE name LIKE '0001%'")
    (await look(home)).fails_alone("database", "newer", "9000_later", advice="Update")


@pytest.mark.parametrize(
    "held",
    [("BEGIN IMMEDIATE",), ("PRAGMA journal_mode=DELETE", "BEGIN EXCLUSIVE")],
    ids=["its log", "the whole file"],
)
async def test_a_database_that_another_program_holds_is_told(home: Path, database: Path, held: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        for statement in held:
            other.execute(statement)
        (await look(home)).fails_alone("database", "another program holds", advice="fuser")
        other.execute("ROLLBACK")
    assert "database" in (await look(home)).of("ok")


async def test_a_database_that_can_not_be_written_is_told(home: Path, database: Path) -> None:
    database.chmod(0o400)
    (await look(home, module=CONFINED)).fails_alone("database", f"{database} can't be written", advice="chown")


async def test_a_database_that_can_not_be_read_is_told(home: Path, database: Path) -> None:
    database.chmod(0o000)
    (await look(home, module=CONFINED)).fails_alone("database", f"{database} can't be", advice="chown")


async def test_a_directory_that_the_database_needs_is_told(home: Path) -> None:
    (await look(home, database_url="sqlite://data/x.db")).fails_alone("database", "no directory", advice="mkdir -p")
    (home / "data").mkdir(mode=0o500)
    found = await look(home, module=CONFINED, database_url="sqlite://data/x.db")
    found.fails_alone("database", "data can't be written", advice="chown")


@pytest.mark.parametrize("content", [b"not a database, but a text of some length", b"SQLite format 3\0" + bytes(4080)])
async def test_a_broken_database_is_told(home: Path, content: bytes) -> None:
    (home / "talkabiz.db").write_bytes(content)
    (await look(home)).fails_alone("database", "no database, or a broken one", advice="backup")


async def test_an_address_that_is_no_database_s_is_told(home: Path) -> None:
    (await look(home, database_url="mysql://x")).fails_alone("database", "address", advice="sqlite://")


# --- the port ---------------------------------------------------------------------------------------------------------


async def test_a_port_that_another_program_uses_is_told_also_if_it_never_answers(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        (await look(home, port=port)).fails_alone("port", "another program", port, advice="TALKABIZ_PORT")


async def test_an_address_of_another_machine_is_told(home: Path) -> None:
    (await look(home, host="192.0.2.1")).fails_alone("port", "192.0.2.1", advice="TALKABIZ_HOST")


async def test_a_port_that_is_root_s_is_told(home: Path) -> None:
    confine(home, network=0)
    found = await examine(home, module=CONFINED, port="80")
    assert found.of("fail") == {"port", "whatsapp-dns"}
    found.says("port", "ermission denied", advice="higher TALKABIZ_PORT")


async def test_our_own_server_that_is_down_is_told(home: Path) -> None:
    port = str(free_port())
    async with serving(home, "--sandbox", "--port", port) as server:
        with closing(sqlite3.connect(home / "talkabiz.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            async def is_down() -> bool:
                return (await server.http.get("/health")).status_code == 503

            await until(is_down)
            found = await look(home, port=port)
            other.execute("ROLLBACK")
    assert (found.of("fail"), found.code) == ({"database", "port"}, 1), found.checks
    found.says("port", "our server", "down: database", advice="log")


async def test_a_server_that_hangs_is_told(home: Path) -> None:
    port = str(free_port())
    async with serving(home, "--sandbox", "--port", port) as server:
        os.kill(pid := server.app_pid, signal.SIGSTOP)
        found = await look(home, port=port)
        os.kill(pid, signal.SIGCONT)
    found.fails_alone("port", "no Talkabiz answers", advice="Restart it")


async def test_a_server_elsewhere_on_our_sessions_is_told(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        (await look(home)).warns("port", "is free, although a server uses", advice="can't start beside it")
        (home / "other").mkdir()
        other = server.base_url.rpartition(":")[2]
        (await look(home / "other", port=other)).warns("port", "not on these sessions/", advice="another TALKABIZ_PORT")


# --- WhatsApp and the clock -------------------------------------------------------------------------------------------


def _first_is(found: Found, name: str, *words: str, advice: str) -> None:
    """It fails there; what comes after wasn't tried and is no failure of its own."""
    found.fails_alone(name, *words, advice=advice)
    later = NAMES[NAMES.index(name) + 1 :]
    assert {found.checks[each]["status"] for each in later} == {"warn"}
    assert all(name in found.checks[each]["advice"] for each in later)
    assert "couldn't be compared" in found.checks["clock"]["found"]


async def test_a_machine_without_a_network_is_told_by_its_first_step(home: Path) -> None:
    confine(home, network=0)
    _first_is(await examine(home, module=CONFINED), "whatsapp-dns", "web.whatsapp.com", advice="resolv.conf")


async def test_a_proxy_that_is_not_there_is_told(home: Path) -> None:
    _first_is(await examine(home, wa_proxy_url=refusing_proxy()), "whatsapp-tcp", "refused", advice="Start the proxy")


async def test_a_way_that_leads_nowhere_is_given_up_in_time(home: Path) -> None:
    """A queue that is full: the system drops who comes to it, as a firewall does."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        began = time.monotonic()
        found = await examine(home, wa_proxy_url=f"http://127.0.0.1:{full.getsockname()[1]}")
        assert time.monotonic() - began < 9
    _first_is(found, "whatsapp-tcp", "no answer within", advice="Start the proxy")


async def test_a_proxy_that_never_answers_is_told(home: Path) -> None:
    async with hanging_proxy() as proxy:
        _first_is(await examine(home, wa_proxy_url=proxy.url), "whatsapp-tls", "no answer", advice="on the way")


@pytest.mark.parametrize("with_reset", [False, True])
async def test_a_way_that_is_cut_off_is_told(home: Path, *, with_reset: bool) -> None:
    async with cutting_proxy(with_reset=with_reset) as url:
        _first_is(await examine(home, wa_proxy_url=url), "whatsapp-tls", "cut", advice="on the way")


async def test_a_proxy_that_forbids_it_is_told(home: Path) -> None:
    async with far_end(home, status="403 Forbidden") as far:
        _first_is(await examine(home, **far.settings), "whatsapp-tls", "403 Forbidden", advice="whatsapp.net")


async def test_a_certificate_of_somebody_else_is_told(home: Path) -> None:
    async with far_end(home) as far:
        only_proxy = {"wa_proxy_url": far.settings["wa_proxy_url"]}
        _first_is(await examine(home, **only_proxy), "whatsapp-tls", "isn't trusted", advice="ca-certificates")
        (home / "another").mkdir()
        async with far_end(home / "another") as another:
            wrong = only_proxy | {"wa_ca_file": another.settings["wa_ca_file"]}
            _first_is(await examine(home, **wrong), "whatsapp-tls", "isn't trusted", advice="TALKABIZ_WA_CA_FILE")


async def test_an_authority_that_can_not_be_read_is_told(home: Path) -> None:
    (home / "ca.pem").write_text("no certificate")
    async with far_end(home) as far:
        wrong = far.settings | {"wa_ca_file": "ca.pem"}
        _first_is(await examine(home, **wrong), "whatsapp-tls", "ca.pem", advice="TALKABIZ_WA_CA_FILE")


async def test_a_clock_that_is_off_is_told_and_by_how_much(home: Path) -> None:
    async with far_end(home, ahead_seconds=120) as far:
        (await examine(home, **far.settings)).warns("clock", "behind", advice="timedatectl")
    async with far_end(home, ahead_seconds=-3600) as far:
        found = await examine(home, **far.settings)
        found.fails_alone("clock", "s ahead of", advice="timedatectl")
        assert 3598 <= int(found.checks["clock"]["found"].split()[0]) <= 3602


async def test_a_clock_by_which_the_certificate_is_not_valid_is_told(home: Path) -> None:
    async with far_end(home, certificate_ends=datetime.now(UTC) - timedelta(days=1)) as far:
        found = await examine(home, **far.settings)
    assert (found.of("fail"), found.code) == ({"whatsapp-tls", "clock"}, 1)
    found.says("clock", "as it is here", advice="timedatectl")
    found.says("whatsapp-tls", "expired", advice="clock")


async def test_a_proxy_of_the_environment_is_followed_as_the_library_does(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with far_end(home) as far:
        url = far.settings["wa_proxy_url"]
        monkeypatch.setenv("HTTPS_PROXY", url.replace("//", "//budi:r%40hasia@"))
        found = await examine(home, wa_ca_file=far.settings["wa_ca_file"])
        assert (found.code, found.of("fail")) == (0, set())
        assert "Proxy-Authorization: Basic YnVkaTpyQGhhc2lh" in far.asked[0]
        monkeypatch.setenv("HTTPS_PROXY", url.replace("http:", "socks5:"))
        (await examine(home)).warns("whatsapp-tls", "through this kind of proxy", advice="http://")
