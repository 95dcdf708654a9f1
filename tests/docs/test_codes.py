"""docs/api.md has every code that the program can give: of refusals, and of messages that went wrong."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import talkabiz
from talkabiz.domain import message_errors, outcomes
from talkabiz.domain.errors import TalkabizError
from talkabiz.web.errors import STATUSES
from tests.docs.pages import tables
from tests.running import CHECKOUT

API = "docs/api.md"
ROOMS = ("domain", "store", "services", "outside", "web", "realtime")
"""Whatever is raised in these may come before a program."""
ENDS_A_START = {"media_dir_not_writable", "secret_key_unsafe", "secret_key_wrong"}
"""By then nobody is there to be answered."""


def refusals() -> dict[str, str]:
    """The codes of all errors of these rooms, with the class."""
    for room in ROOMS:
        package = importlib.import_module(f"talkabiz.{room}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"talkabiz.{room}.{module.name}")
    ours = tuple(f"{talkabiz.__name__}.{room}." for room in ROOMS)
    return {kind.code: kind.__name__ for kind in _below(TalkabizError) if kind.__module__.startswith(ours)}


def _below(kind: type[TalkabizError]) -> Iterator[type[TalkabizError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)


def ends_of_messages() -> set[str]:
    """The codes that a message fails with, or is uncertain by: those of the tables, and those that are written out."""
    known = {*outcomes._NEVER.values(), *outcomes._NOT_THIS_TIME.values(), outcomes.UNANSWERED.error or ""}
    written: set[str] = set()
    for path in Path(CHECKOUT, "talkabiz").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in {"failed", "fail_all", "fail_waiting"}:
                constants = [each.value for each in node.args if isinstance(each, ast.Constant)]
                written |= {each for each in constants if isinstance(each, str)}
    in_sql = {"interrupted", "expired"}
    return known | written | in_sql


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def shown(head: list[str], column: int) -> set[str]:
    [table] = [table for table in tables(API) if table[0] == head]
    return {row[column].strip("`") for row in table[1:]}


def test_every_refusal_has_a_status_and_stands_on_the_page() -> None:
    codes = refusals()
    assert len(codes) > 25
    missing = codes.keys() - STATUSES.keys() - ENDS_A_START - {TalkabizError.code}
    assert not missing, {code: codes[code] for code in missing}
    assert codes.keys() - ENDS_A_START <= shown(["status", "code", ""], 1)


def test_every_end_of_a_message_has_a_sentence_and_stands_on_the_page() -> None:
    ends = ends_of_messages()
    assert {"logged_out", "not_on_whatsapp", "media_gone", "internal", "expired"} <= ends
    assert ends <= message_errors.SENTENCES.keys()
    assert ends <= shown(["`error.code`", ""], 0)
