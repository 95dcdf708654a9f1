"""Waiting for blocking code no longer than so long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def begin(work: Callable[[], T]) -> Callable[[float], T]:
    """Starts `work` in a thread of its own, which doesn't keep the process alive. The answer waits for so many seconds
    for what comes of it, or raises TimeoutError.
    """
    results: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()

    def run() -> None:
        try:
            results.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            results.put((None, error))

    threading.Thread(target=run, daemon=True, name="check").start()

    def wait(seconds: float) -> T:
        try:
            result, error = results.get(timeout=max(0.0, seconds))
        except Empty:
            raise TimeoutError from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # one of the two is there

    return wait


def within(seconds: float, work: Callable[[], T]) -> T:
    return begin(work)(seconds)
