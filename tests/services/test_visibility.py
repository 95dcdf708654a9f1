"""Who is shown as online is shown so no longer after a while; what WhatsApp answers is played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from talkabiz.domain import inputs as i
from talkabiz.services import visibility
from talkabiz.services.chat_calls import ChatCalls
from talkabiz.store.writing import Writer
from tests.services.conftest import Bench
from tests.services.sending import ANI, BUDI, ScriptedConversations, jid

SECONDS = 0.2


@asynccontextmanager
async def opened(bench: Bench, seconds: float = SECONDS) -> AsyncIterator[tuple[ChatCalls, ScriptedConversations]]:
    talks = ScriptedConversations()
    writer = Writer(bench.journal.publish)
    calls = ChatCalls(talks, bench.sessions.links, writer, bench.clock, online_seconds=seconds)
    yield calls, talks
    await calls.close()


def shown(talks: ScriptedConversations) -> list[bool]:
    return [call[2] for call in talks.calls if call[0] == "show_presence"]


@pytest.fixture(autouse=True)
async def _linked(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)


async def test_who_asked_is_shown_as_online_for_a_while(bench: Bench, klien_id: int) -> None:
    async with opened(bench) as (calls, talks):
        await calls.watch_presence(klien_id, jid(ANI))
        assert shown(talks) == [True]
        await talks.be_called("show_presence", 2)
        assert shown(talks) == [True, False]
        await asyncio.sleep(2 * SECONDS)
        assert shown(talks) == [True, False]


async def test_a_while_is_five_minutes() -> None:
    assert visibility.ONLINE_SECONDS == 300


async def test_who_asks_again_is_shown_for_longer(bench: Bench, klien_id: int) -> None:
    loop = asyncio.get_running_loop()
    async with opened(bench) as (calls, talks):
        await calls.watch_presence(klien_id, jid(ANI))
        await asyncio.sleep(SECONDS / 2)
        again = loop.time()
        await calls.watch_presence(klien_id, jid(BUDI))
        await talks.be_called("show_presence", 3)
        assert loop.time() - again >= SECONDS * 0.99
        assert shown(talks) == [True, True, False]


async def test_a_link_that_is_gone_is_left_alone(bench: Bench, klien_id: int) -> None:
    async with opened(bench) as (calls, talks):
        await calls.watch_presence(klien_id, jid(ANI))
        attempt = bench.sessions.links.attempt_of(klien_id)
        assert attempt
        bench.whatsapp.say(klien_id, i.StreamErrored(attempt, "516"))
        await bench.reach(klien_id, "reconnecting")
        await asyncio.sleep(2 * SECONDS)
        assert shown(talks) == [True]


async def test_what_failed_is_tried_again(bench: Bench, klien_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visibility, "RETRY_SECONDS", 0.01)
    async with opened(bench) as (calls, talks):
        await calls.watch_presence(klien_id, jid(ANI))
        talks.fail("show_presence", *["timed_out"] * 2)
        await talks.be_called("show_presence", 4)
        await asyncio.sleep(0.1)
        assert shown(talks) == [True, False, False, False]


async def test_it_is_not_tried_for_ever(bench: Bench, klien_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visibility, "RETRY_SECONDS", 0.01)
    async with opened(bench) as (calls, talks):
        await calls.watch_presence(klien_id, jid(ANI))
        talks.fail("show_presence", *["timed_out"] * 99)
        await talks.be_called("show_presence", 1 + visibility.MOST_TRIES)
        await asyncio.sleep(0.1)
        assert len(shown(talks)) == 1 + visibility.MOST_TRIES


@pytest.mark.parametrize(("code", "expected"), [("unanswered", [True, False]), ("no_push_name", [True])])
async def test_what_may_have_been_shown_is_taken_back(
    bench: Bench, klien_id: int, code: str, expected: list[bool]
) -> None:
    async with opened(bench) as (calls, talks):
        talks.fail("show_presence", code)
        await calls.watch_presence(klien_id, jid(ANI))
        assert ("subscribe_presence", bench.sessions.links.attempt_of(klien_id), jid(ANI)) in talks.calls
        await asyncio.sleep(2 * SECONDS)
        assert shown(talks) == expected


async def test_who_left_while_it_was_shown_leaves_nobody_online(bench: Bench, klien_id: int) -> None:
    async with opened(bench) as (calls, talks):
        talks.before_presence = asyncio.Event()
        asking = asyncio.create_task(calls.watch_presence(klien_id, jid(ANI)))
        await talks.be_called("show_presence", 1)
        asking.cancel()
        talks.before_presence.set()
        await talks.be_called("show_presence", 2)
        assert shown(talks) == [True, False]


async def test_nothing_is_taken_back_after_the_end(bench: Bench, klien_id: int) -> None:
    async with opened(bench, seconds=0.05) as (calls, talks):
        await calls.watch_presence(klien_id, jid(ANI))
    await asyncio.sleep(0.1)
    assert shown(talks) == [True]
