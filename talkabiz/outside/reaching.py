"""Reaches a server whose address somebody else chose: by leave of the guard, at the machine that it judged."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address

import certifi

from talkabiz.domain.media_errors import UrlUnreachable
from talkabiz.outside.exchange import Connection, Failed, Question, Reply, ask, connected
from talkabiz.outside.guard import Address, Guard, Target
from talkabiz.outside.names import Names

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
        self._names = Names(names)
        self._resolve = resolve or self._names.ask

    def close(self) -> None:
        self._names.close()

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
