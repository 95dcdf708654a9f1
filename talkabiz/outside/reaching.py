"""Reaches a server whose address somebody else chose: by leave of the guard, at the machine that it judged."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

import certifi
import httpx

from talkabiz.domain.media_errors import UrlUnreachable
from talkabiz.outside.guard import Address, Guard, Target
from talkabiz.outside.rations import Ration, RationedTransport

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses that a name leads to, as numbers; OSError: it leads nowhere."""

MOST_MACHINES = 4
"""Of those that a name leads to, so many are tried, one after the other."""
CONNECT_SECONDS = 5.0
"""For a machine to take the connection, and as long again to show its certificate."""
_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # what is packed can be endless when it is unpacked
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a server is asked. `read_seconds`: for each piece of its answer. `most_read`: bytes of its body, with what
    is sent around each of its pieces; what comes after breaks it off.
    """

    method: str
    headers: Mapping[str, str]
    most_read: int
    body: bytes = b""
    read_seconds: float = 10.0


class Reach:
    """Each request has a connection of its own, to a machine that was judged: one that is kept would be taken for
    another name at the same machine, and its certificate be believed unseen. Proxies of the environment are the
    business of httpx's client, which isn't used; `trust` says whom we believe: no variable made for others does.
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
    async def asked(self, target: Target, question: Question) -> AsyncIterator[httpx.Response]:
        """The beginning of the answer of the first machine that takes the connection.

        Raises:
            UrlRefused: it leads to a machine that may not be asked.
            UrlUnreachable: it leads to none.
            httpx.TransportError, ssl.SSLError: of the connection.
        """
        machines = (await self.find(target))[:MOST_MACHINES]
        ration = Ration()
        async with RationedTransport(self._trust, ration) as transport:
            patience = httpx.Timeout(question.read_seconds, connect=self._connect_seconds)
            answer = await _connect(transport, target, question, machines, patience)
            ration.left = question.most_read
            try:
                yield answer
            finally:
                await answer.aclose()

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


async def _connect(
    transport: httpx.AsyncHTTPTransport,
    target: Target,
    question: Question,
    machines: Sequence[Address],
    patience: httpx.Timeout,
) -> httpx.Response:
    """To the machine by its number; the name is what the certificate is compared with, and what the server is told."""
    failure: httpx.TransportError | None = None
    for machine in machines:
        number = f"[{machine}]" if isinstance(machine, IPv6Address) else str(machine)
        request = httpx.Request(
            question.method,
            target.url.copy_with(host=number, fragment=None),
            headers={"Host": target.url.netloc.decode("ascii")} | _HEADERS | dict(question.headers),
            content=question.body or None,
            extensions={"sni_hostname": target.host, "timeout": patience.as_dict()},
        )
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failure = error
    raise failure or UrlUnreachable
