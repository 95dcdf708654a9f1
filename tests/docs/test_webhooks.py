"""docs/webhooks.md says what the program does: its types, headers, schedule and errors are those of the code."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from talkabiz.domain import webhook_bodies, webhooks
from talkabiz.domain.events import Event
from talkabiz.domain.webhooks import DisabledReason, Type
from talkabiz.outside import post
from talkabiz.outside.reaching import CONNECT_SECONDS
from talkabiz.webhooks import courier, restraint
from tests.docs.pages import blocks, read, tables
from tests.fakes import NOW

PAGE = "docs/webhooks.md"
SECONDS = {"s": 1, "min": 60, "h": 3600}


def titled(*titles: str) -> list[list[str]]:
    [found] = [table[1:] for table in tables(PAGE) if table[0] == list(titles)]
    return found


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_type_has_its_row_and_no_other() -> None:
    rows = [named(row[0])[0] for row in titled("type", "comes when", "`data`")]
    assert sorted(rows) == sorted(set(Type) - {Type.CONNECTION_UPDATE})


def test_the_fields_are_those_of_a_body() -> None:
    body = json.loads(webhook_bodies.body("evt_1", Type.PING, NOW, 1, 2, {}))
    assert [named(row[0])[0] for row in titled("field", "")] == list(body)
    [shown] = [json.loads(block.text) for block in blocks(PAGE) if block.language == "json"]
    assert list(shown) == list(body)
    for name in (shown["id"], shown["type"]):
        assert f": {name}\n" in read(PAGE), "the headers above it are of the same"


def test_the_older_body_is_as_it_is_sent() -> None:
    [line] = re.findall(r'^ {4}(\{"event": "connection\.update".*\})$', read(PAGE), re.MULTILINE)
    event = Event(1, 1, 1, "connected", NOW, {"session_id": "test_123"})
    sent = json.loads(webhook_bodies.older_body(event, webhook_bodies.Connection(is_connected=True, phone="628…")))
    assert json.loads(line) == sent


def test_the_exhausted_ones_data_are_those_that_are_sent() -> None:
    [row] = [row for row in titled("type", "comes when", "`data`") if Type.EXHAUSTED in row[0]]
    delivery = webhooks.Delivery(
        *(1, 1, 1, "evt_1", Type.PING, 1, webhooks.DeliveryStatus.DEAD, 10, None, False, 500, "http_500", NOW, NOW)
    )
    assert named(row[2]) == list(webhook_bodies.exhausted(delivery))


def test_the_schedule_is_ours() -> None:
    [table] = [table for table in tables(PAGE) if table[0][0] == "try"]
    tries, [waits] = table[0][1:], table[1:]
    shown = [int(number) * SECONDS[unit] for number, unit in (each.split() for each in waits[1:])]
    assert [int(each) for each in tries] == list(range(1, len(webhooks.SCHEDULE_SECONDS) + 1))
    assert tuple(shown) == webhooks.SCHEDULE_SECONDS


@pytest.mark.parametrize(
    "said",
    [
        "ten times in all; each try waits for so long after the one\nbefore it, more or less by a fifth",
        f"within {post.POST_SECONDS:.0f} seconds",
        f"after {post.POST_SECONDS:.0f} s",
        f"reached, {CONNECT_SECONDS:.0f} s long",
        f"{post.MOST_READ >> 10} KB are read, {post.MOST_KEPT >> 10} KB kept",
        f"For {webhooks.ROTATION_HOURS} hours all is signed with both",
        "After five days of nothing but failures",
        "After ten failures in a row one delivery at a time is tried, instead of four",
        "tried for three days",
        "an hour at most",
        "a `webhook-timestamp` that is more than five minutes off",
    ],
)
def test_the_page_says(said: str) -> None:
    assert said in read(PAGE)


def test_the_words_for_numbers_are_right() -> None:
    assert (webhooks.FAILING_DAYS, webhooks.PROBE_AFTER, webhooks.PLACES, len(webhooks.SCHEDULE_SECONDS)) == (
        5,
        10,
        4,
        10,
    )
    assert restraint.SLOW_MS == 2000
    assert (2 * restraint.MOST_FAILING, restraint.LONGEST_PROBE_SECONDS) == (courier.MOST_AT_ONCE, 60)
    assert (webhooks.JITTER, webhooks.LONGEST_RETRY_AFTER_SECONDS) == (0.2, 3600)
    assert timedelta(days=3) < timedelta(seconds=sum(webhooks.SCHEDULE_SECONDS)) < timedelta(days=4)


def test_every_error_of_a_try_is_told_and_no_other() -> None:
    told = {name for row in titled("the receiver", "what comes of it", "`last_error`") for name in named(row[2])}
    documented = (post.Poster.post.__doc__ or "").partition("else: ")[2].partition(".\n")[0]
    errors = re.findall(r"\w+", re.sub(r"\([^)]*\)", "", documented))
    assert {name for name in told if not name.startswith("http_")} == set(errors)


@pytest.mark.parametrize("reason", [DisabledReason.GONE, DisabledReason.FAILING])
def test_every_reason_for_being_disabled_by_the_program_is_told(reason: DisabledReason) -> None:
    assert f"`{reason}`" in read(PAGE)
