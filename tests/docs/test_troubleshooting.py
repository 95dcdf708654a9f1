"""docs/troubleshooting.md: complete, and in the program's own words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from talkabiz.config import Settings
from talkabiz.doctor import examination
from talkabiz.doctor.settings import SETTINGS
from talkabiz.domain.sentences import SENTENCES
from talkabiz.domain.states import Reason, Status
from tests.docs.pages import read, tables
from tests.running import CHECKOUT

PAGE = "docs/troubleshooting.md"
_SAID = re.compile(r"`(ok|warn|fail) ([a-z-]+): ([^`]+)`")
"""How the page quotes a line of doctor's."""


def titled(*titles: str) -> list[list[str]]:
    [found] = [table[1:] for table in tables(PAGE) if table[0] == list(titles)]
    return found


def checks() -> set[str]:
    looks = examination._of_the_installation(None) + examination._of_the_settings(Settings())
    return {SETTINGS, *(name for look in looks for name in look.names)}


def words_of_doctor() -> list[str]:
    """Every piece of text in its sources, and in the program that loads the library for it."""
    sources = [*Path(CHECKOUT, "talkabiz", "doctor").glob("*.py"), Path(CHECKOUT, "talkabiz", "whatsapp", "probe.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))]
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_row(reason: Reason) -> None:
    rows = [row for row in titled("state", "sentence", "cause", "what to do") if f"({reason})`" in row[0]]
    assert rows, f"{reason} is nowhere"


def test_the_states_and_sentences_are_the_programs_own() -> None:
    shown = {row[0].strip("`"): row[1] for row in titled("state", "sentence", "cause", "what to do")}
    ours = {f"{status}({reason})": said.en for (status, reason), said in SENTENCES.items() if reason}
    assert shown == {name: re.sub(r"\{\w+\}", "…", said) for name, said in ours.items()}


def test_every_check_of_doctors_has_its_row_and_no_other() -> None:
    rows = titled("check", "what it says, for example", "what it is about")
    assert [row[0] for row in rows] == [f"`{name}`" for name in sorted(checks())]


def test_what_doctor_is_said_to_say_it_says() -> None:
    said = _SAID.findall(read(PAGE))
    assert {name for _, name, _ in said} == checks()
    words = words_of_doctor()
    unknown = [
        f"{name}: {piece}"
        for _, name, text in said
        for piece in text.split("…")
        if len(piece.strip()) > 1 and not any(piece.strip() in each for each in words)
    ]
    assert unknown == []


def test_the_symptoms_name_states_that_there_are() -> None:
    states = {f"{status}({reason})" for status, reason in SENTENCES if reason} | {*Status}
    named = re.findall(rf"`((?:{'|'.join(Status)})(?:\(\w+\))?)`", read(PAGE))
    assert set(named) - states == set()
