"""The project keeps its own rules, and each rule notices the fault that it is there for."""

from __future__ import annotations

import re
import tomllib
from functools import partial
from pathlib import Path

import pytest

from tests import house
from tests.house import ROOT, Rule

RULES: list[Rule] = [
    house.broken_import_contracts,
    house.clocks_in_the_domain,
    house.emits_outside_the_relay,
    house.gaps_in_the_locks,
    partial(house.go_library_loaded_by, "talkabiz.bootstrap"),
    partial(house.go_library_loaded_by, "talkabiz.cli"),
    house.ignores_without_a_reason,
    house.imports_out_of_place,
    house.imports_that_no_contract_sees,
    house.objects_made_by_an_import,
    house.oversized,
    house.remote_assets,
    house.skipped_tests,
    house.traces_of_a_machine,
    house.undeclared_imports,
    house.uses_of_the_default_executor,
    house.vague_names,
]


def rule_name(rule: object) -> str:
    return "-".join((rule.func.__name__, *rule.args)) if isinstance(rule, partial) else getattr(rule, "__name__", "")


@pytest.mark.parametrize("rule", RULES, ids=rule_name)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


LONG = "\n".join(["    x = 1"] * 41)


def locks(*, asked_for: str, locked: str) -> dict[str, str]:
    """A project that asks for one package, and its lock files."""
    project = f'[project]\ndependencies = ["{asked_for}"]\n[project.optional-dependencies]\n'
    return {"pyproject.toml": project} | dict.fromkeys(("requirements.lock", ".ci/test.lock", ".ci/node.lock"), locked)


IMPORTS_CLI = partial(house.go_library_loaded_by, "talkabiz.cli")
HASH = " \\\n    --hash=sha256:00"
# A rule, a tree with a fault, and what the rule has to say of it.
FAULTS: list[tuple[Rule, dict[str, str], str]] = [
    (house.clocks_in_the_domain, {"talkabiz/domain/x.py": "\ndatetime.now()"}, "x.py:2 asks"),
    (house.emits_outside_the_relay, {"talkabiz/realtime/rooms.py": "sio.emit('x')"}, "rooms.py:1 emits"),
    (
        house.gaps_in_the_locks,
        locks(asked_for="tortoise-orm>=1", locked="quart==1" + HASH),
        "tortoise-orm is asked for",
    ),
    (house.gaps_in_the_locks, locks(asked_for="quart>=0.22", locked="quart==1"), "quart isn't pinned"),
    (house.gaps_in_the_locks, locks(asked_for="quart>=0.22", locked="quart>=1" + HASH), "quart isn't pinned"),
    (IMPORTS_CLI, {"talkabiz/cli/__init__.py": "import magic"}, "talkabiz.cli loads magic"),
    (IMPORTS_CLI, {"talkabiz/cli/__init__.py": "import talkabiz.nowhere"}, "ModuleNotFoundError"),
    (house.ignores_without_a_reason, {"pyproject.toml": '[tool.ruff.lint]\nignore = [\n    "D1",\n]\n'}, '"D1"'),
    (house.imports_out_of_place, {"talkabiz/web/x.py": "import aiosqlite"}, "x.py:1 imports aiosqlite"),
    (house.imports_out_of_place, {"talkabiz/sandbox/x.py": "import neonize.client"}, "x.py:1 imports neonize.client"),
    (
        house.imports_out_of_place,
        {"talkabiz/sandbox/x.py": "from neonize import client"},
        "x.py:1 imports neonize.client",
    ),
    (
        house.imports_out_of_place,
        {"talkabiz/services/x.py": "from neonize.proto import y"},
        "x.py:1 imports neonize.proto",
    ),
    (
        house.imports_that_no_contract_sees,
        {"talkabiz/web/x.py": "importlib.import_module('neonize')"},
        "x.py:1 imports",
    ),
    (house.objects_made_by_an_import, {"talkabiz/web/x.py": "\napp = Quart()"}, "x.py:2 makes a Quart"),
    (house.objects_made_by_an_import, {"talkabiz/web/x.py": "queue: object = asyncio.Queue()"}, "x.py:1 makes a Queue"),
    (house.oversized, {"talkabiz/x.py": "\n" * 301}, "talkabiz/x.py: 301 lines"),
    (house.oversized, {"static/x.js": "\n" * 301}, "static/x.js: 301 lines"),
    (house.oversized, {"talkabiz/x.py": f"async def long():\n{LONG}"}, "talkabiz/x.py:long: 42 lines"),
    (house.remote_assets, {"templates/x.html": '<script src="https://cdn.example/x.js"></script>'}, "x.html:1 loads"),
    (house.remote_assets, {"static/x.js": 'import { io } from "https://cdn.example/x.js";'}, "x.js:1 loads"),
    (house.remote_assets, {"static/x.css": '@font-face { src: url("//cdn.example/x.woff2") }'}, "x.css:1 loads"),
    (house.skipped_tests, {"tests/x.py": "import pytest\n@pytest.mark." + "skip\ndef test_x(): ..."}, "x.py:2 skips"),
    (house.traces_of_a_machine, {"docs/x.md": "see " + "/ro" + "ot/x"}, "x.md:1 names"),
    (house.traces_of_a_machine, {"x.lock": "\nhttps://files.python" + "hosted.org/x"}, "x.lock:2 names"),
    (
        house.undeclared_imports,
        locks(asked_for="quart>=1", locked="") | {"talkabiz/x.py": "import os, quart\nimport werkzeug"},
        "x.py:2 imports werkzeug",
    ),
    (house.uses_of_the_default_executor, {"talkabiz/x.py": "asyncio.to_thread(f)"}, "x.py:1 uses"),
    (house.uses_of_the_default_executor, {"talkabiz/x.py": "loop.run_in_executor(None, f)"}, "x.py:1 uses"),
    (house.vague_names, {"talkabiz/web/db_utils.py": ""}, "talkabiz/web/db_utils.py says nothing"),
]


@pytest.mark.parametrize(("rule", "files", "sentence"), FAULTS, ids=lambda value: rule_name(value) or "")
def test_a_planted_fault_breaks_the_rule(rule: Rule, files: dict[str, str], sentence: str, tmp_path: Path) -> None:
    plant(tmp_path, {"talkabiz/__init__.py": "", "pyproject.toml": ""} | files)

    assert sentence in "\n".join(rule(tmp_path))


def test_every_rule_of_one_tree_is_proved_by_a_fault() -> None:
    """Import contracts have faults of their own, below."""
    proved = {getattr(rule, "func", rule) for rule, _, _ in FAULTS}

    assert {getattr(rule, "func", rule) for rule in RULES} - proved == {house.broken_import_contracts}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LAYERS = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
# Every room that the contracts know, empty.
HOUSE = {f"talkabiz/{room}/__init__.py": "" for layer in LAYERS for room in re.findall(r"\w+", layer)} | {
    "talkabiz/__init__.py": ""
}
# Every protected library is imported where it may be: the contracts insist that it is imported at all.
LAWFUL = {
    "talkabiz/outside/guard.py": "import httpx",
    "talkabiz/whatsapp/binding.py": "import neonize",
    "talkabiz/store/models.py": "import tortoise",
    "talkabiz/realtime/server.py": "import socketio",
    "talkabiz/web/app.py": "import quart",
}
# Who imports, and what.
ILLEGAL = [
    ("bootstrap", "talkabiz.cli"),
    ("domain", "asyncio"),
    ("domain", "quart"),
    ("domain", "talkabiz.store"),
    ("domain", "talkabiz.config"),
    ("domain", "time"),
    ("outside", "talkabiz.web"),
    ("realtime", "quart"),
    ("realtime", "talkabiz.web"),
    ("sandbox", "talkabiz.whatsapp"),
    ("services", "httpx"),
    ("services", "neonize"),
    ("services", "talkabiz.outside"),
    ("services", "talkabiz.whatsapp"),
    ("services", "tortoise"),
    ("store", "talkabiz.services"),
    ("web", "socketio"),
    ("web", "talkabiz.config"),
    ("web", "talkabiz.store"),
    ("webhooks", "httpx"),
    ("webhooks", "neonize"),
    ("webhooks", "talkabiz.realtime"),
    ("whatsapp", "talkabiz.store"),
]


@pytest.fixture(scope="module", name="report")
def _report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the contracts say of one tree that holds every illegal import."""
    top = tmp_path_factory.mktemp("house")
    plant(top, HOUSE | LAWFUL)
    for importer, imported in ILLEGAL:
        with (top / "talkabiz" / importer / "planted.py").open("a") as file:
            file.write(f"import {imported}\n")
    return "\n".join(house.broken_import_contracts(top))


@pytest.mark.parametrize(("importer", "imported"), ILLEGAL)
def test_a_planted_import_breaks_a_contract(importer: str, imported: str, report: str) -> None:
    assert f"talkabiz.{importer}.planted -> {imported} (l." in report


def test_an_empty_house_keeps_the_contracts(tmp_path: Path) -> None:
    plant(tmp_path, HOUSE | LAWFUL)

    assert house.broken_import_contracts(tmp_path) == []


def test_a_new_room_has_to_be_placed(tmp_path: Path) -> None:
    plant(tmp_path, HOUSE | LAWFUL | {"talkabiz/attic/__init__.py": ""})

    assert "attic" in "\n".join(house.broken_import_contracts(tmp_path))


def plant(top: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
