"""Fetches a file from an address that somebody else chose: guarded, and limited in size and time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent import futures
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address

import certifi
import httpx
from werkzeug.http import parse_options_header

from talkabiz import __version__
from talkabiz.domain.errors import Sentence
from talkabiz.domain.media_errors import UrlBadType, UrlRefused, UrlTimeout, UrlTooLarge, UrlUnreachable
from talkabiz.outside.guard import Address, Guard, Target
from talkabiz.services.fetching import FETCH_SECONDS, Fetched, Sink

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses that a name leads to, as numbers; OSError: it leads nowhere."""

MOST_REDIRECTS = 3
MOST_MACHINES = 4
"""Of those that a name leads to, so many are tried, one after the other."""
MOST_AT_ONCE = 16
MOST_NAMES = 64
"""Are asked for at once, each on a thread: more than fetches, for the system asks on when a fetch has given up."""
SLOW_SECONDS = 5.0
"""A name that isn't answered for so long is waited for by those who do so already, and by nobody else."""
SILENT_SECONDS = 60.0
"""Nor is it asked for again, for so long after that came to nothing."""
_PATIENCE = httpx.Timeout(10.0, connect=5.0)
"""Seconds: for each piece of an answer, and for a machine to take the connection."""
_HEADERS = {
    "User-Agent": f"Talkabiz/{__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # what is packed can be endless when it is unpacked
    "Connection": "close",
}


class Fetcher:
    """`fetch` is a `talkabiz.services.fetching.Fetch`.

    Each request has a connection of its own, to a machine that was judged: one that is kept would be taken for another
    name at the same machine, and its certificate be believed unseen. Proxies of the environment are the business of
    httpx's client, which isn't used; `trust` says whom we believe, so that no variable made for others does.
    """

    def __init__(self, guard: Guard, *, resolve: Resolve | None = None, trust: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._trust = trust or ssl.create_default_context(cafile=certifi.where())
        self._names = _Names()
        self._resolve = resolve or self._names.ask
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    def close(self) -> None:
        self._names.close()

    async def fetch(self, url: str, into: Sink, *, most_bytes: int, seconds: float = FETCH_SECONDS) -> Fetched:
        """As the port says. `seconds` count from here to the last byte, names and redirects included."""
        try:
            async with asyncio.timeout(seconds), self._places:
                return await self._follow(url, into, most_bytes)
        except (TimeoutError, httpx.TimeoutException):
            raise UrlTimeout from None
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise UrlUnreachable from error

    async def _follow(self, url: str, into: Sink, most_bytes: int) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            target = self._guard.read(url)
            async with self._asked(target) as answer:
                if not answer.has_redirect_location:
                    return await _receive(answer, target, into, most_bytes)
                url = _onward(target, answer.headers["Location"])
        raise UrlRefused(_TOO_MANY_REDIRECTS)

    @asynccontextmanager
    async def _asked(self, target: Target) -> AsyncIterator[httpx.Response]:
        """The beginning of the answer of the first machine that takes the connection."""
        machines = self._guard.judge(target, await self._machines(target))[:MOST_MACHINES]
        async with httpx.AsyncHTTPTransport(verify=self._trust) as transport:
            answer = await _connect(transport, target, machines)
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


@dataclass(eq=False, slots=True)
class _Asked:
    """A name that is asked for, since then; `waiting`: how many haven't given up."""

    job: futures.Future[list[str]]
    answer: asyncio.Future[list[str]]
    since: float
    waiting: int = 0


class _Names:
    """The machine's resolver, on threads of ours. It asks on for half a minute for a name that nobody answers for, and
    can't be told to stop: so each name has one thread, however many want it, and is left alone afterwards.
    """

    def __init__(self) -> None:
        self._threads = futures.ThreadPoolExecutor(MOST_NAMES, thread_name_prefix="resolver")
        self._asked: dict[str, _Asked] = {}
        """What has a thread, also when all have given up, or waits for one."""
        self._silent: dict[str, float] = {}
        """Until when, in the order of that."""

    def close(self) -> None:
        for asked in self._asked.values():
            asked.answer.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, host: str, port: int) -> list[str]:
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


async def _connect(transport: httpx.AsyncHTTPTransport, target: Target, machines: Sequence[Address]) -> httpx.Response:
    """To the machine by its number; the name is what the certificate is compared with, and what the server is told."""
    failure: httpx.TransportError | None = None
    for machine in machines:
        number = f"[{machine}]" if isinstance(machine, IPv6Address) else str(machine)
        request = httpx.Request(
            "GET",
            target.url.copy_with(host=number, fragment=None),
            headers={"Host": target.url.netloc.decode("ascii")} | _HEADERS,
            extensions={"sni_hostname": target.host, "timeout": _PATIENCE.as_dict()},
        )
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failure = error
    raise failure or UrlUnreachable


async def _receive(answer: httpx.Response, target: Target, into: Sink, most_bytes: int) -> Fetched:
    if answer.status_code != HTTPStatus.OK:
        raise UrlUnreachable(_answered(answer.status_code))
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UrlBadType(_PACKED)
    if int(answer.headers.get("Content-Length", 0)) > most_bytes:
        raise UrlTooLarge
    size = 0
    async for piece in answer.aiter_raw():
        size += len(piece)
        if size > most_bytes:
            raise UrlTooLarge
        await into(piece)
    content_type = parse_options_header(answer.headers.get("Content-Type"))[0].strip().lower()
    return Fetched(content_type or None, _filename(answer, target), size)


def _onward(target: Target, location: str) -> str:
    try:
        return str(target.url.join(location))
    except httpx.InvalidURL:
        raise UrlRefused from None


def _filename(answer: httpx.Response, target: Target) -> str | None:
    """As the server or else the address calls it: somebody else's text, to be cleaned before it is shown."""
    told = parse_options_header(answer.headers.get("Content-Disposition"))[1].get("filename")
    return told or target.url.path.rpartition("/")[2] or None


def _answered(status: int) -> Sentence:
    return Sentence(f"Server di alamat itu menjawab {status}.", f"The server at that address answered {status}.")


_TOO_MANY_REDIRECTS = Sentence(
    "Alamat itu terlalu sering dialihkan.", "That address leads on to others too many times."
)
_PACKED = Sentence(
    "Server di alamat itu mengirim isi terkompresi.", "The server at that address sent its content compressed."
)
