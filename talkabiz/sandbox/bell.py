"""Wakes whoever shows how things are, whenever they have changed. Nothing is queued: they look for themselves."""

from __future__ import annotations

import asyncio


class Bell:
    """`rung` counts the changes of what is looked at as a whole. What counts by itself only needs the waking."""

    def __init__(self) -> None:
        self.rung = 0
        self.is_over = False
        """Nobody is to be shown anything any more."""
        self._ringing = asyncio.Event()

    def ring(self) -> None:
        """On the event loop, as all of this."""
        self.rung += 1
        self.wake()

    def wake(self) -> None:
        self._ringing.set()
        self._ringing = asyncio.Event()

    def end(self) -> None:
        self.is_over = True
        self.wake()

    async def wait(self, within_seconds: float) -> bool:
        """Whether it woke us in that time. Look first: what was before isn't waited for."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._ringing.wait()
        except TimeoutError:
            return False
        return True
