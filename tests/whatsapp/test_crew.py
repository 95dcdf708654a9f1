from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from talkabiz.whatsapp.crew import Crew, NotBegun
from tests.whatsapp.ear import until

MOST = 4


@pytest.fixture
async def crew() -> AsyncIterator[Crew]:
    made = Crew(asyncio.get_running_loop(), "test", most=MOST, share=1, idle_seconds=0.1)
    yield made
    await made.drain(0)


@pytest.fixture
async def hanging() -> AsyncIterator[threading.Event]:
    """What a call hangs on, until the test lets it go."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_call_answers_what_the_function_returns_or_raises(crew: Crew) -> None:
    assert await crew.call("a", lambda: 42, seconds=5) == 42
    with pytest.raises(ZeroDivisionError):
        await crew.call("a", lambda: 1 / 0, seconds=5)


async def test_threads_are_made_when_they_are_needed_and_end_when_they_are_not(
    crew: Crew, hanging: threading.Event
) -> None:
    assert crew.threads == 0
    for _ in range(20):
        await crew.call("a", lambda: None, seconds=5)
    assert crew.threads <= 2
    busy = [asyncio.ensure_future(crew.call(whose, hanging.wait, seconds=5)) for whose in "abcd"]
    await until(lambda: crew.threads == 4)
    hanging.set()
    assert all(await asyncio.gather(*busy))
    await until(lambda: crew.threads == 0)
    assert await crew.call("a", lambda: "there is one again", seconds=5)


async def test_a_session_that_hangs_holds_up_itself_alone(crew: Crew, hanging: threading.Event) -> None:
    made = threading.Event()
    with pytest.raises(TimeoutError) as late:
        await crew.call("slow", hanging.wait, seconds=0.05)
    assert not isinstance(late.value, NotBegun)
    assert (crew.overdue, crew.under_way) == (1, 1)
    with pytest.raises(NotBegun):
        await crew.call("slow", made.set, seconds=0.05)
    assert await crew.call("fast", lambda: True, seconds=5)
    hanging.set()
    await until(lambda: crew.under_way == 0)
    assert await crew.call("slow", lambda: True, seconds=5)
    assert not made.is_set()


async def test_no_more_than_the_most_are_under_way_and_the_next_takes_its_turn(
    crew: Crew, hanging: threading.Event
) -> None:
    busy = [asyncio.ensure_future(crew.call(str(number), hanging.wait, seconds=5)) for number in range(MOST)]
    next_one = asyncio.ensure_future(crew.call("next", lambda: "in turn", seconds=5))
    await until(lambda: crew.threads == MOST)
    await asyncio.sleep(0.05)
    assert (crew.under_way, crew.threads, next_one.done()) == (MOST, MOST, False)
    hanging.set()
    assert await next_one == "in turn"
    await asyncio.gather(*busy)


async def test_a_call_that_is_given_up_before_its_turn_is_never_made(crew: Crew, hanging: threading.Event) -> None:
    made = threading.Event()
    busy = asyncio.ensure_future(crew.call("a", hanging.wait, seconds=5))
    given_up = asyncio.ensure_future(crew.call("a", made.set, seconds=5))
    await until(lambda: crew.under_way == 1)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    hanging.set()
    await busy
    await crew.call("a", lambda: None, seconds=5)
    assert not made.is_set()


async def test_at_the_end_what_is_under_way_gets_its_time_and_nothing_else_is_begun(
    crew: Crew, hanging: threading.Event
) -> None:
    busy = asyncio.ensure_future(crew.call("a", hanging.wait, seconds=5))
    waiting = asyncio.ensure_future(crew.call("a", lambda: None, seconds=5))
    await until(lambda: crew.under_way == 1)
    assert await crew.drain(0.05) == 1
    with pytest.raises(NotBegun):
        await waiting
    with pytest.raises(NotBegun):
        await crew.call("b", lambda: None, seconds=5)
    draining = asyncio.ensure_future(crew.drain(5))
    await asyncio.sleep(0)
    hanging.set()
    assert await draining == 0
    assert await busy
    await until(lambda: crew.threads == 0)


async def test_where_no_thread_can_be_had_the_call_fails_and_the_next_may_work(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    made = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(NotBegun):
            await crew.call("a", made.set, seconds=5)
    assert (crew.threads, crew.under_way) == (0, 0)
    assert await crew.call("a", lambda: True, seconds=5)
    assert not made.is_set()


async def test_where_no_further_thread_can_be_had_a_call_waits_for_one_that_is_there(
    crew: Crew, hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    made = threading.Event()
    busy = asyncio.ensure_future(crew.call("a", hanging.wait, seconds=5))
    await until(lambda: crew.threads == 1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(NotBegun):
            await crew.call("b", made.set, seconds=0.05)
        in_time = asyncio.ensure_future(crew.call("c", lambda: True, seconds=5))
        await asyncio.sleep(0)
        hanging.set()
        assert await in_time
    await busy
    assert not made.is_set()


async def test_its_threads_never_hold_up_the_end_of_the_process(crew: Crew, hanging: threading.Event) -> None:
    busy = asyncio.ensure_future(crew.call("a", hanging.wait, seconds=5))
    await until(lambda: crew.threads == 1)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("wa-test-"))
    hanging.set()
    await busy
