from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from talkabiz.whatsapp.pool import Pool
from tests.whatsapp.ear import until


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool(asyncio.get_running_loop(), threads=2)
    yield made
    made.close()


async def test_a_call_answers_what_the_function_returns(pool: Pool) -> None:
    assert await pool.call(lambda: 42, seconds=5) == 42


async def test_a_call_raises_what_the_function_raises(pool: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        await pool.call(lambda: 1 / 0, seconds=5)


async def test_a_call_past_its_deadline_is_left_alone_and_counted(pool: Pool) -> None:
    hanging = threading.Event()

    with pytest.raises(TimeoutError):
        await pool.call(hanging.wait, seconds=0.05)

    assert pool.overdue == 1
    assert await pool.call(lambda: "others go on", seconds=5)
    hanging.set()
    await until(lambda: pool.overdue == 0)


async def test_a_call_whose_turn_did_not_come_in_time_is_never_made(pool: Pool) -> None:
    """A log-out that was given up must not happen a minute later."""
    hanging, made = threading.Event(), threading.Event()
    busy = [asyncio.ensure_future(pool.call(hanging.wait, seconds=30)) for _ in range(2)]
    await until(lambda: len(pool._under_way) == 2)

    with pytest.raises(TimeoutError):
        await pool.call(made.set, seconds=0.05)
    hanging.set()
    await asyncio.gather(*busy)
    await pool.call(lambda: None, seconds=5)

    assert not made.is_set()


async def test_its_threads_never_hold_up_the_end_of_the_process(pool: Pool) -> None:
    assert all(thread.daemon for thread in pool.threads)


async def test_closing_lets_idle_threads_end(pool: Pool) -> None:
    pool.close()

    await until(lambda: not any(thread.is_alive() for thread in pool.threads))
