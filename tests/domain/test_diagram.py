"""The drawn session machine is the one that runs."""

from __future__ import annotations

import re

from talkabiz.domain.states import Status
from tests.domain.diagram import CASES, COMMAND, PAGE, draw
from tests.domain.examples import SESSIONS


def test_the_page_shows_the_machine_as_it_is() -> None:
    assert PAGE.read_text() == draw(), f"docs/{PAGE.name} is out of date. Draw it anew: {COMMAND}"


def test_every_status_is_drawn_with_a_way_in_and_a_way_out() -> None:
    arrows = re.findall(r"^    (\S+) --> (\S+)", draw(), re.MULTILINE)

    assert {after for _, after in arrows} == {status.value for status in Status}
    assert {before for before, _ in arrows} == {"[*]", *(status.value for status in Status)}


def test_every_example_has_its_table() -> None:
    assert set(CASES) == set(SESSIONS)
