"""Wakes the courier of webhooks: something may be due now."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Bell:
    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._wished: set[int] = set()

    def ring(self, wished: int | None = None) -> None:
        """`wished`: an endpoint that somebody wants to be tried at once, however it has failed."""
        if wished is not None:
            self._wished.add(wished)
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Until it is rung, or was since the last time; no longer than that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()

    def take_wished(self) -> set[int]:
        """Those since the last time."""
        wished, self._wished = self._wished, set()
        return wished
