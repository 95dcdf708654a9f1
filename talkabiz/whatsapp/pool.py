"""The threads for calls into the library: few, our own, and never waited for.

asyncio's default executor would do neither: one call that hangs in the library takes one of its few threads from
everything else in the process, and its threads are joined at exit, which a hanging call makes endless.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
THREADS = 8


class Pool:
    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int = THREADS) -> None:
        self._loop = loop
        self._orders: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._under_way: set[asyncio.Future[Any]] = set()
        self.threads = [
            threading.Thread(target=self._work, name=f"wa-call-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self.threads:
            thread.start()

    @property
    def overdue(self) -> int:
        """Calls whose deadline has passed and that haven't returned: each of them holds a thread."""
        return sum(future.done() for future in tuple(self._under_way))

    async def call(self, function: Callable[[], T], *, seconds: float) -> T:
        """What the function returns or raises; TimeoutError past the deadline.

        Then the call goes on and its result is dropped. If its turn hadn't come yet, it is never made.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._orders.put((function, future))
        async with asyncio.timeout(seconds):
            return await future

    def close(self) -> None:
        """Lets the idle threads end. Waits for none."""
        for _ in self.threads:
            self._orders.put(None)

    def _work(self) -> None:
        while order := self._orders.get():
            function, future = order
            if future.cancelled():
                continue
            self._under_way.add(future)
            try:
                result, error = function(), None
            except Exception as caught:  # noqa: BLE001 - it is raised again where the call was made
                result, error = None, caught
            finally:
                self._under_way.discard(future)
            with contextlib.suppress(RuntimeError):  # the loop is closed, and with it whoever waited
                self._loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error:
        future.set_exception(error)
    else:
        future.set_result(result)
