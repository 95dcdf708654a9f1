"""What addresses a name has, by the machine's own resolver."""

from __future__ import annotations

import asyncio
import socket
from concurrent import futures
from dataclasses import dataclass

SLOW_SECONDS = 5.0
"""A name that isn't answered for so long is waited for by those who do so already, and by nobody else."""
SILENT_SECONDS = 60.0
"""Nor is it asked for again, for so long after that came to nothing."""


@dataclass(eq=False, slots=True)
class _Asked:
    """A name that is asked for, since then; `waiting`: how many haven't given up."""

    job: futures.Future[list[str]]
    answer: asyncio.Future[list[str]]
    since: float
    waiting: int = 0


class Names:
    """The machine's resolver, on threads of ours. It asks on for half a minute for a name that nobody answers for, and
    can't be told to stop: so each name has one thread, however many want it, and is left alone afterwards.
    """

    def __init__(self, most: int) -> None:
        """`most`: so many are asked for at once."""
        self._threads = futures.ThreadPoolExecutor(most, thread_name_prefix="resolver")
        self._asked: dict[str, _Asked] = {}
        """What has a thread, also when all have given up, or waits for one."""
        self._silent: dict[str, float] = {}
        """Until when, in the order of that."""

    def close(self) -> None:
        for asked in self._asked.values():
            asked.answer.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, host: str, port: int) -> list[str]:
        """The addresses of a host, as numbers. Raises OSError: it has none, or nobody answers for it."""
        now = asyncio.get_running_loop().time()
        while self._silent and (first := next(iter(self._silent.items())))[1] <= now:
            del self._silent[first[0]]
        asked = self._asked.get(host)
        if host in self._silent or (asked and now - asked.since > SLOW_SECONDS):
            raise OSError("nobody answers for that name")
        asked = asked or self._begin(host, port, now)
        asked.waiting += 1
        try:
            return await asyncio.shield(asked.answer)  # others may wait for it
        finally:
            asked.waiting -= 1
            if not asked.waiting and asked.job.cancel():  # it hadn't a thread yet
                del self._asked[host]

    def _begin(self, host: str, port: int, now: float) -> _Asked:
        job = self._threads.submit(_addresses, host, port)
        asked = self._asked[host] = _Asked(job, asyncio.wrap_future(job), now)
        asked.answer.add_done_callback(lambda _: self._end(host, asked))
        return asked

    def _end(self, host: str, asked: _Asked) -> None:
        if asked.answer.cancelled():
            return
        del self._asked[host]
        now = asyncio.get_running_loop().time()
        if asked.answer.exception() and now - asked.since > SLOW_SECONDS:
            self._silent[host] = now + SILENT_SECONDS


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
