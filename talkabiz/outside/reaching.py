"""Reaches a server whose address somebody else chose: by leave of the guard, at the machine that it judged."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address

import certifi

from talkabiz.domain.media_errors import UrlUnreachable
from talkabiz.outside.exchange import Connection, Failed, Question, Reply, ask, connected
from talkabiz.outside.guard import Address, Guard, Target

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses that a name leads to, as numbers; OSError: it leads nowhere."""

MOST_MACHINES = 4
"""Of those that a name leads to, so many are tried, one after the other."""
CONNECT_SECONDS = 5.0
"""For a machine to take the connection, and to show its certificate."""


class Reach:
    """Each request has a connection of its own, to a machine that was judged: one that is kept would be taken for
    another name at the same machine, and its certificate be believed unseen. No proxy of the environment is used, and
    `trust` says whom we believe: no variable made for others does.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        names: int,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        """`names`: so many are looked up at once."""
        self.guard = guard
        self._connect_seconds = connect_seconds
        self._trust = trust or ssl.create_default_context(cafile=certifi.where())
        self._system = _SystemResolver(names)
        self._resolve = resolve or self._system

    def close(self) -> None:
        self._system.close()

    async def find(self, target: Target) -> list[Address]:
        """The machines that it leads to, each of which may be asked. Raises UrlRefused, UrlUnreachable."""
        return self.guard.judge(target, await self._machines(target))

    @asynccontextmanager
    async def asked(self, target: Target, question: Question) -> AsyncIterator[Reply]:
        """The beginning of the answer of the first machine that takes the connection.

        Raises:
            UrlRefused: it leads to a machine that may not be asked.
            UrlUnreachable: it leads to none.
            Failed, TimeoutError: of the connection.
        """
        async with AsyncExitStack() as stack:
            reader, writer = await self._first(stack, target, (await self.find(target))[:MOST_MACHINES])
            yield await ask(reader, writer, target, question)

    async def _first(self, stack: AsyncExitStack, target: Target, machines: Sequence[Address]) -> Connection:
        failure: Failed | TimeoutError | None = None
        for machine in machines:
            try:
                return await stack.enter_async_context(connected(machine, target, self._trust, self._connect_seconds))
            except (Failed, TimeoutError) as error:
                failure = error
        raise failure or UrlUnreachable

    async def _machines(self, target: Target) -> list[Address]:
        if target.address is not None:
            return [target.address]
        try:
            return [ip_address(text) for text in await self._resolve(target.host, target.port)]
        except (OSError, ValueError):
            raise UrlUnreachable from None


class _SystemResolver:
    """The machine's resolver, on threads of ours: a name that nobody answers for holds up no other work. It holds one
    thread, however many ask for it.
    """

    def __init__(self, names: int) -> None:
        self._threads = ThreadPoolExecutor(names, thread_name_prefix="resolver")
        self._asked: dict[str, asyncio.Future[list[str]]] = {}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, host: str, port: int) -> list[str]:
        if host not in self._asked:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._asked[host] = asked
            asked.add_done_callback(lambda _: self._forget(host))
        return await asyncio.shield(self._asked[host])

    def _forget(self, host: str) -> None:
        asked = self._asked.pop(host)
        if not asked.cancelled():
            asked.exception()  # or it would be logged where whoever asked has gone


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
