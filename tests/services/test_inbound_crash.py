"""`kill -9` while messages come in: what was stored is taken in, once."""

from __future__ import annotations

import asyncio
import random
import sys

from talkabiz.store import heard as kept
from tests.running import CHECKOUT
from tests.services.hearing import open_hearing
from tests.services.inbound_child import Numbers

KILLS = 6


async def hear_until_killed(url: str, klien_id: int, first: int, seconds: float) -> int:
    """How many the process said to have stored, before it was killed so long after the first."""
    command = (sys.executable, "-m", "tests.services.inbound_child", url, str(klien_id), str(first))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT)
    assert process.stdout
    said = [await process.stdout.readline()]
    await asyncio.sleep(seconds)
    process.kill()
    said += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    return max(int(line) for line in said if line.endswith(b"\n"))


async def test_what_was_stored_is_taken_in_once_however_often_the_process_is_killed(db_url: str, klien_id: int) -> None:
    said: list[int] = []
    left: list[int] = []
    for _ in range(KILLS):
        first = (said[-1] + 1000) // 1000 * 1000 if said else 0
        said.append(await hear_until_killed(db_url, klien_id, first, random.uniform(0, 0.4)))
        left.append(await kept.count())
    async with open_hearing(Numbers()) as hearing:
        await hearing.settle_down()
        rows = [int(row.text or "") for row in await hearing.all(klien_id, limit=100_000)]
    assert len(set(rows)) == len(rows)
    assert rows == sorted(rows)
    for lot, last in enumerate(said):
        first = (said[lot - 1] + 1000) // 1000 * 1000 if lot else 0
        assert set(range(first + 1, last + 1)) <= set(rows)
    assert any(left), "it was never killed between the two transactions"
    assert await kept.count() == 0
