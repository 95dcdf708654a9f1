"""The application is killed while webhooks are on their way: each event arrives at least once, always as the same.

What there is to arrive is what the journal holds in the end; that it holds what happened, test_message_crashes sees to.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from tests.acceptance.market import SHOPS, Market, count, open_market
from tests.outside.server import answer
from tests.running import until
from tests.webhooks.receiver import Behave, Receiver, Request

SLOWEST_ANSWER_SECONDS = 0.05
FAILING_SHARE = 0.02
DELIVERED_SECONDS = 60.0

Report = Callable[[str, object], None]


def _whims(chance: random.Random, secrets: Mapping[int, str], false: list[Request]) -> Behave:
    """A receiver as they are: it takes its time, and now and then it fails, though never twice for one event, whose
    third try is minutes away. `false`: what wasn't signed.
    """
    seen: set[str] = set()

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        try:
            request.verify(secrets[_klien_of(request)])
        except WebhookVerificationError:
            false.append(request)
        await asyncio.sleep(chance.uniform(0, SLOWEST_ANSWER_SECONDS))
        fails = request.id not in seen and chance.random() < FAILING_SHARE
        seen.add(request.id)
        writer.write(answer(status="503 Busy" if fails else "204 Done"))

    return behave


def _klien_of(request: Request) -> int:
    return int(request.path[1:])


async def _listen(market: Market, receiver: Receiver) -> dict[int, str]:
    """The secret of each klien's endpoint."""
    secrets = {}
    for stall in market.stalls:
        wish = {"url": receiver.url(f"/{stall.klien_id}")}
        made = await market.server.call("POST", f"/api/v1/kliens/{stall.klien_id}/webhooks", wish, expect=201)
        secrets[stall.klien_id] = str(made["secret"])
    return secrets


def _journal(home: Path) -> dict[int, list[int]]:
    """By klien, the numbers of what happened since its endpoint was there."""
    query = """
        SELECT journal_events.klien_id, seq FROM journal_events
        JOIN webhooks ON webhooks.klien_id = journal_events.klien_id AND journal_events.id > since_id ORDER BY seq
    """
    found: dict[int, list[int]] = {}
    with closing(sqlite3.connect(f"file:{home / 'talkabiz.db'}?mode=ro", uri=True)) as database:
        for klien_id, seq in database.execute(query):
            found.setdefault(klien_id, []).append(seq)
    return found


async def _go_through(home: Path, kills: int, messages: int, report: Report) -> None:
    """So many kills while what happens to so many messages is told: half of them go out, half come in."""
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    report("seed", seed)
    chance = random.Random(seed)
    secrets: dict[int, str] = {}
    false: list[Request] = []
    async with Receiver(behave=_whims(chance, secrets, false)).running() as receiver:
        async with open_market(home, chance, webhook_allow_hosts="127.0.0.1") as market:
            secrets |= await _listen(market, receiver)
            await market.go_through(kills, -(-messages // (2 * SHOPS * kills)))

            async def is_delivered() -> bool:
                return count(home, "SELECT count(*) FROM deliveries WHERE status = 'pending'") == 0

            await until(is_delivered, DELIVERED_SECONDS)
        report("undelivered at each kill", market.undelivered)
        assert false == []
        _check(receiver, _journal(home), report)
        assert sum(market.undelivered) > 0 or kills == 1, "it was never killed while anything was on its way"


def _check(receiver: Receiver, journal: dict[int, list[int]], report: Report) -> None:
    arrived: dict[tuple[int, int], set[tuple[str, bytes]]] = {}
    times: Counter[str] = Counter()
    for request in receiver.kept:
        klien_id = _klien_of(request)
        told = json.loads(request.body)
        assert (told["klien_id"], told["id"]) == (klien_id, request.id)
        times[request.id] += 1
        arrived.setdefault((klien_id, told["seq"]), set()).add((request.id, request.body))
    expected = {(klien_id, seq) for klien_id, seqs in journal.items() for seq in seqs}
    report("events", len(expected))
    report("arrived more than once", sum(number > 1 for number in times.values()))
    assert expected - arrived.keys() == set(), "never arrived"
    assert arrived.keys() - expected == set(), "nobody knows of them"
    assert [each for each in arrived.values() if len(each) > 1] == [], "the same event by another id, or in other bytes"


async def test_a_kill_while_webhooks_are_on_their_way(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    await _go_through(home, 1, 60, record_property)


@pytest.mark.soak
@pytest.mark.alone
async def test_ten_kills_while_webhooks_are_on_their_way(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    await _go_through(home, 10, 1000, record_property)
