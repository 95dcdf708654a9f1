"""Every fault against every state, played; docs/faults.md says what has to come of it."""

from __future__ import annotations

import pytest

from talkabiz.sandbox.tokens import Tokens
from talkabiz.whatsapp.binding import Binding
from tests.faults.matrix import STATES, cases, play_all
from tests.faults.page import COMMAND, PAGE, SAYS, draw, tables

OF_THE_NETWORK = {"no_qr", "slow_qr", "one_qr", "http_503", "lost_515", "silence", "drop", "drop, once"}
LINKED = {"connected", "reconnecting", "error", "disconnected"}


@pytest.mark.soak
async def test_every_fault_does_in_every_state_what_the_page_says(binding: Binding, tokens: Tokens) -> None:
    """What comes out otherwise is played once more: on a machine that was busy elsewhere, a word may come too late."""
    played = await play_all(binding, tokens, list(cases()))
    if unlike := [case for case in played if _table_of(draw({case: played[case]})) != _on_page(str(case))]:
        played |= await play_all(binding, tokens, unlike)

    news = sorted(set(draw(played).splitlines()) - set(PAGE.read_text().splitlines()))
    otherwise = [str(case) for case in played if _table_of(draw({case: played[case]})) != _on_page(str(case))]
    is_as_drawn = draw(played) == PAGE.read_text()
    # Compared by hand: pytest would look for the differences of two long pages for minutes.
    assert is_as_drawn, f"docs/{PAGE.name} says otherwise of {otherwise}: {news}. Write it: {COMMAND}"


def test_the_page_has_every_fault_and_every_state() -> None:
    page = tables(PAGE.read_text())

    assert list(page) == [f"{case}: {SAYS[str(case)]}" for case in cases()]
    for table in page.values():
        assert [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:]] == list(STATES)


def test_no_fault_of_the_network_costs_a_device_or_shows_a_code_to_who_is_linked() -> None:
    for heading, table in tables(PAGE.read_text()).items():
        for row in table.splitlines()[2:]:
            state, during, after, in_the_end = row.strip("| ").split(" | ")
            if heading.partition(":")[0] in OF_THE_NETWORK and state in LINKED:
                assert in_the_end == "connected", (heading, row)
                assert "qr_" not in during + after


def _table_of(page: str) -> str:
    (table,) = tables(page).values()
    return table


def _on_page(case: str) -> str:
    return tables(PAGE.read_text()).get(f"{case}: {SAYS[case]}", "")
