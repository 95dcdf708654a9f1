"""What can't be given back is bounded, each time it happens, and counted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from tests.running import loopback, serving
from tests.soak.leftovers import BEGIN, CASES, COMMAND, END, PAGE, Case, bounds, measure, table

CONNECTS = 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_what_stays_behind_is_bounded(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    left = measure(case)

    with capsys.disabled():
        print(f"\n{table([(case, left)])}")
    assert case.most
    most = asdict(case.most)
    assert {name: value for name, value in asdict(left).items() if value > most[name]} == {}
    assert left.abandoned == case.most.abandoned, "each that can't be ended is counted, and no other"


def test_the_page_promises_these_bounds() -> None:
    measured = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].splitlines()

    assert [line for line in measured if line.startswith("| at most")] == bounds(), f"Write it anew: {COMMAND}"


async def test_connects_of_a_round_share_its_attempt(tmp_path: Path) -> None:
    async with loopback(tmp_path) as world, serving(tmp_path, **world.settings) as server:
        klien_id = await server.add_klien("Toko Sinar")
        codes = {(await server.connect(klien_id))["qr"]["code"] for _ in range(CONNECTS)}
        health = await server.call("GET", "/health")

    assert len(codes) == 1
    assert health["runs"] == {"running": 1, "queued": 0, "abandoned": 0}
