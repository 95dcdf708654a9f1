"""Waiting for a fact of the sandbox that it has no event for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DEADLINE_SECONDS = 10


async def until(fact: Callable[[], bool]) -> None:
    """TimeoutError if it doesn't come true."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not fact():
            await asyncio.sleep(0.001)
