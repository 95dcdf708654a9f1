"""The application is killed while messages go out and come in: none is lost, none is sent or taken in twice.

Callers do as docs/api.md tells them: a request whose answer they didn't get they send again, with the same key. A
message that was accepted ends as sent, or further, and then the phone has it once, by the id that we show; or as
uncertain, and then the phone has it once or not at all.

What comes in is in the database once. But for a gap that the library leaves: it tells WhatsApp that it has a message
before it hands it over, so what it had told of and we hadn't stored is gone. How many those are is counted.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.market import SHOPS, Market, count, open_market, read

MANY_KILLS = 10
LEFT = {"sent", "delivered", "read", "played"}

Report = Callable[[str, object], None]


async def _go_through(home: Path, kills: int, messages: int, report: Report) -> None:
    """So many kills, while so many messages go out and as many come in."""
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    report("seed", seed)
    each_way = -(-messages // (SHOPS * kills))
    async with open_market(home, random.Random(seed)) as market:
        await market.go_through(kills, each_way)
        report("seconds from each kill to all of them connected", [round(each, 1) for each in market.back])
        report("under way at each kill", market.under_way)
        report("requests sent again", sum(stall.again for stall in market.stalls))
        uncertain = await _nothing_is_lost_on_its_way_out(market, report)
        lost = await _nothing_is_lost_on_its_way_in(market, report)
        assert uncertain <= SHOPS * kills, "more than the one that each session had under way"
        assert lost <= SHOPS * kills, "more than the one that each session's library was about to hand over"
        assert sum(market.under_way) > 0 or kills < MANY_KILLS, "it was never killed while it was sending"


async def _nothing_is_lost_on_its_way_out(market: Market, report: Report) -> int:
    """How many are uncertain."""
    ends: Counter[str] = Counter()
    uncertain_there = 0
    for stall in market.stalls:
        rows, log = read(market.home, "out", stall.klien_id), await stall.reader.log()
        there = {entry["id"]: entry["text"] for entry in log if entry["direction"] == "in"}
        assert {row.text: row.id for row in rows} == stall.accepted
        assert len(rows) == stall.posted
        twice = [text for text, times in Counter(there.values()).items() if times > 1]
        assert not twice, f"came twice: {twice}"
        for row in rows:
            ends[row.status if row.status == "uncertain" else "sent"] += 1
            if row.status == "uncertain":
                assert (row.error, row.wa_id) in {("interrupted", None), ("unanswered", None)}, row
                uncertain_there += row.text in there.values()
            else:
                assert row.status in LEFT, row
                assert there.get(row.wa_id or "") == row.text, f"{row} isn't what the phone has by that id"
        assert set(there.values()) <= stall.accepted.keys()
    report("out", dict(ends))
    report("of the uncertain ones arrived", uncertain_there)
    return ends["uncertain"]


async def _nothing_is_lost_on_its_way_in(market: Market, report: Report) -> int:
    """But for so many."""
    total, lost = 0, dict[str, str]()
    for stall in market.stalls:
        rows = read(market.home, "in", stall.klien_id)
        assert len({row.wa_id for row in rows}) == len(rows)
        for row in rows:
            assert stall.said.get(row.wa_id or "") == row.text, row
        total += len(stall.said)
        missing = stall.said.keys() - {row.wa_id for row in rows}
        lost |= {entry["id"]: entry["status"] for entry in await stall.writer.log() if entry["id"] in missing}
    report("in", total)
    report("in, told of by the library and never stored", len(lost))
    report("what their senders see of those", lost)
    assert count(market.home, "SELECT count(*) FROM heard") == 0
    return len(lost)


async def test_a_kill_while_messages_go_out_and_come_in(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    await _go_through(home, 1, 50, _printing(record_property))


@pytest.mark.soak
@pytest.mark.alone
async def test_twenty_kills_while_messages_go_out_and_come_in(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    await _go_through(home, 20, 500, _printing(record_property))


def _printing(record: Callable[[str, object], None]) -> Report:
    """Into the report of the run, and onto the screen where that isn't caught."""

    def report(name: str, value: Any) -> None:
        record(name, value)
        print(f"{name}: {value}")  # noqa: T201 - the figures are what the test is run for

    return report
