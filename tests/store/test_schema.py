"""The models, the migrations and the tables agree."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.transactions import in_transaction

import talkabiz
from talkabiz.domain.states import Session
from talkabiz.store import (
    arrivals,
    database as store,
    heard,
    joining,
    kliens,
    media,
    messages,
    parties,
    receipts,
    sessions,
)
from talkabiz.store.database import close_database, is_up_to_date, migrate, open_database, transaction
from talkabiz.store.errors import StoreError
from tests.store.conftest import NOW

ROOT = Path(talkabiz.__file__).parents[1]
STEPS = ["0001_initial", "0002_access", "0003_messages", "0004_webhooks"]


async def test_the_second_time_there_is_nothing_left_to_do(url: str) -> None:
    assert await migrate(url) == STEPS
    assert await migrate(url) == []
    await open_database(url)
    try:
        assert await is_up_to_date() is True
    finally:
        await close_database()


async def test_an_empty_file_is_brought_up_to_date(url: str, tmp_path: Path) -> None:
    (tmp_path / "talkabiz.db").touch()
    assert await migrate(url) == STEPS


async def test_it_can_be_done_while_the_database_is_open_and_keeps_what_is_in_it(database: str) -> None:
    added = await kliens.add("Toko Sinar")
    assert await migrate(database) == []
    assert await kliens.page(0, 10) == [added]
    assert await kliens.add("Toko Terang") is not None


async def test_no_migration_is_missing_for_the_models(url: str) -> None:
    with TortoiseContext() as context:
        await context.init(config=store._config(store.parse_url(url)), init_connections=False)
        assert context.apps
        changes = await MigrationAutodetector(context.apps, store.APPS).changes()
    assert [change.operations for change in changes] == []


async def test_the_tables_are_those_that_the_models_describe(url: str, empty_database: Path, tmp_path: Path) -> None:
    with TortoiseContext() as context:
        await context.init(config=store._config(tmp_path / "described.db"))
        async with in_transaction(store.CONNECTION):
            await context.generate_schemas()
        await context.close_connections()
    migrated = tables(empty_database)
    assert migrated.pop("tortoise_migrations")
    assert migrated == tables(tmp_path / "described.db")
    ours = {"kliens", "sessions", "journal_events", "api_keys", "operators", "login_links", "logins"}
    assert migrated.keys() == ours | {"limit_hits", "limit_windows", "audit_entries"} | {
        *("parties", "media", "messages", "receipts", "heard", "paces"),
        *("webhooks", "webhook_events", "deliveries", "attempts", "webhook_cursor"),
    }


def tables(path: Path) -> dict[str, list[object]]:
    """Each table's columns, foreign keys and indexes, the names of indexes apart."""
    file = sqlite3.connect(path)
    names = [row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    shapes: dict[str, list[object]] = {}
    for name in names:
        indexes = file.execute("SELECT name, [unique], origin FROM pragma_index_list(?)", [name]).fetchall()
        shapes[name] = [
            file.execute("SELECT name, type, [notnull], dflt_value, pk FROM pragma_table_info(?)", [name]).fetchall(),
            sorted(file.execute("SELECT [from], [table], [to], on_delete FROM pragma_foreign_key_list(?)", [name])),
            sorted(
                (unique, [row[0] for row in file.execute("SELECT name FROM pragma_index_info(?)", [index])])
                for index, unique, _ in indexes
            ),
        ]
    file.close()
    shapes.pop("sqlite_sequence", None)
    return shapes


def test_what_is_looked_up_has_an_index(empty_database: Path) -> None:
    for question in (
        "SELECT * FROM sessions WHERE me_phone = ?",
        "SELECT * FROM journal_events WHERE klien_id = ? AND seq > 1 ORDER BY seq",
        "SELECT * FROM api_keys WHERE hash = ?",
        "SELECT * FROM api_keys WHERE klien_id = ?",
        "SELECT * FROM login_links WHERE hash = ?",
        "SELECT * FROM logins WHERE hash = ?",
    ):
        plan = plan_of(empty_database, question)
        assert "SEARCH" in plan, question
        assert "TEMP B-TREE" not in plan, question


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        (messages._NEXT_DUE, "klien_id=? AND status=?"),
        (messages._POSITION, "klien_id=? AND status=? AND due_at<?"),
        (messages._NEXT_EXPIRY, "klien_id=? AND status=? AND expires_at>?"),
        (messages._EXPIRE, "klien_id=? AND status=? AND expires_at<?"),
        (messages._BY_KEY, "klien_id=? AND key=?"),
        (messages._BY_WA_ID, "chat_id=? AND wa_id=?"),
        (messages._SENT_SINCE, "klien_id=? AND sent_at>?"),
        (messages._HAS_WRITTEN, "chat_id=?"),
        (f"{messages._OF_KLIEN} AND messages.id > ? ORDER BY messages.id LIMIT ?", "klien_id=? AND id>?"),
        (f"{messages._OF_KLIEN} AND chat_id = ? AND messages.id > ? ORDER BY messages.id", "chat_id=? AND id>?"),
        (arrivals._IS_THERE, "chat_id=? AND wa_id=?"),
        (parties._BY_ADDRESS, "klien_id=? AND lid=?"),
        (parties._CHATS, "klien_id=? AND last_at>? AND last_at<?"),
        (receipts._SUMS, "chat_id=? AND wa_id=?"),
        (receipts._UNCLAIMED, "chat_id=?"),
        (media._OUTLIVED, "status=? AND expires_at<?"),
        (heard._NEXT, "tries=?"),
        ("DELETE FROM messages WHERE chat_id = ?", "chat_id=?"),  # as it goes with its klien
        ("DELETE FROM receipts WHERE chat_id = ?", "chat_id=?"),
    ],
)
def test_what_is_asked_of_messages_looks_through_no_more_than_it_must(
    empty_database: Path, question: str, terms: str
) -> None:
    plan = plan_of(empty_database, question)
    assert f"({terms})" in plan
    assert "SCAN messages" not in plan
    assert "SCAN parties" not in plan
    assert "SCAN heard" not in plan


@pytest.mark.parametrize("statement", [joining._TWICE, *joining._ONCE, *joining._ALL])
def test_to_join_two_parties_looks_through_what_is_theirs_alone(empty_database: Path, statement: str) -> None:
    plan = plan_of(empty_database, statement)
    assert not re.search(r"SCAN \w", plan)  # what a subquery has found, in brackets, may be
    assert "(klien_id=?)" not in plan


def plan_of(path: Path, question: str) -> str:
    file = sqlite3.connect(path)
    named = [int(number) for number in re.findall(r"\?(\d)", question)]
    values = ["1"] * max([question.count("?") if not named else 0, *named])
    plan = "\n".join(row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {question}", values))
    file.close()
    return plan


LATER_STEP = """
from tortoise import fields, migrations
from tortoise.migrations import operations as ops

class Migration(migrations.Migration):
    dependencies = [("talkabiz", "0004_webhooks")]
    operations = [{operations}]
"""
REPLACE_TABLES = """
    ops.AlterField(model_name="Klien", name="nama", field=fields.CharField(max_length=200, null=True)),
    ops.AlterField(model_name="Session", name="detail", field=fields.CharField(max_length=200, null=True)),
"""
FAIL = 'ops.RunSQL("CREATE TABLE half (id INTEGER)"), ops.RunSQL("SELECT nonsense")'


def add_later_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operations: str) -> None:
    """As in a later version of the program."""
    package = f"steps_of_{tmp_path.name}".replace("-", "_")
    shutil.copytree(Path(store.__file__).with_name("migrations"), tmp_path / package)
    (tmp_path / package / "0005_later.py").write_text(LATER_STEP.format(operations=operations))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(store, "APPS", {"talkabiz": {**store.APPS["talkabiz"], "migrations": package}})


async def test_a_step_that_replaces_a_table_keeps_the_rows_that_point_at_it(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    klien = await kliens.add("Toko Sinar")
    async with transaction():
        await sessions.save(klien.id, Session(since=NOW), "01J", NOW)
    await close_database()
    add_later_step(tmp_path, monkeypatch, REPLACE_TABLES)
    assert await migrate(database) == ["0005_later"]
    await open_database(database)
    assert [stored.klien_id for stored in await sessions.load_all()] == [klien.id]
    assert await kliens.find(klien.id) == klien


async def test_a_step_that_fails_leaves_the_database_as_it_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_later_step(tmp_path, monkeypatch, FAIL)
    with pytest.raises(StoreError, match="nonsense"):
        await migrate(url)
    assert tables(tmp_path / "talkabiz.db") == {}


async def test_a_database_of_a_newer_version_is_refused_and_stays_as_it_is(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        add_later_step(tmp_path, newer, REPLACE_TABLES)
        await migrate(url)
    before = tables(tmp_path / "talkabiz.db")
    with pytest.raises(StoreError, match="newer version"):
        await migrate(url)
    assert tables(tmp_path / "talkabiz.db") == before


def test_an_installed_wheel_finds_its_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
    use = (
        "import asyncio, sys; sys.path.insert(0, 'installed');"
        "from talkabiz.store import database; print(database.__file__);"
        "print(asyncio.run(database.migrate('sqlite://talkabiz.db')))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", use], cwd=tmp_path, check=True, capture_output=True, text=True, env={}
    )
    where, steps = done.stdout.splitlines()
    assert Path(where) == tmp_path / "installed/talkabiz/store/database.py"
    assert steps == str(STEPS)
