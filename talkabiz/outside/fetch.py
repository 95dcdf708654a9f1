"""Fetches a file from an address that somebody else chose: guarded, and limited in size and time."""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus

import httpx
from werkzeug.http import parse_options_header

from talkabiz import __version__
from talkabiz.domain.errors import Sentence
from talkabiz.domain.media_errors import UrlBadType, UrlRefused, UrlTimeout, UrlTooLarge, UrlUnreachable
from talkabiz.outside.exchange import Failed, Question, Reply
from talkabiz.outside.guard import Guard, Target
from talkabiz.outside.reaching import Reach, Resolve
from talkabiz.services.fetching import FETCH_SECONDS, Fetched, Sink

MOST_REDIRECTS = 3
MOST_AT_ONCE = 16
MOST_NAMES = 64
"""Are asked for at once, each on a thread: more than fetches, for the system asks on when a fetch has given up."""
_HEADERS = {"User-Agent": f"Talkabiz/{__version__}"}
_AROUND_PIECES = 128 * 1024
"""Bytes that a server may send around a body of none, beside as many again as the body has."""


class Fetcher:
    """`fetch` is a `talkabiz.services.fetching.Fetch`."""

    def __init__(self, guard: Guard, *, resolve: Resolve | None = None, trust: ssl.SSLContext | None = None) -> None:
        self._reach = Reach(guard, names=MOST_NAMES, resolve=resolve, trust=trust)
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    def close(self) -> None:
        self._reach.close()

    async def fetch(self, url: str, into: Sink, *, most_bytes: int, seconds: float = FETCH_SECONDS) -> Fetched:
        """As the port says. `seconds` count from here to the last byte, names and redirects included."""
        try:
            async with asyncio.timeout(seconds), self._places:
                return await self._follow(url, into, most_bytes)
        except TimeoutError:
            raise UrlTimeout from None
        except Failed as error:
            raise UrlUnreachable from error

    async def _follow(self, url: str, into: Sink, most_bytes: int) -> Fetched:
        question = Question("GET", _HEADERS, most_read=2 * most_bytes + _AROUND_PIECES)
        for _ in range(MOST_REDIRECTS + 1):
            target = self._reach.guard.read(url)
            async with self._reach.asked(target, question) as answer:
                if answer.location is None:
                    return await _receive(answer, target, into, most_bytes)
                url = _onward(target, answer.location)
        raise UrlRefused(_TOO_MANY_REDIRECTS)


async def _receive(answer: Reply, target: Target, into: Sink, most_bytes: int) -> Fetched:
    if answer.status != HTTPStatus.OK:
        raise UrlUnreachable(_answered(answer.status))
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UrlBadType(_PACKED)
    if int(answer.headers.get("Content-Length", 0)) > most_bytes:
        raise UrlTooLarge
    size = 0
    while (piece := await answer.next_piece()) is not None:
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


def _filename(answer: Reply, target: Target) -> str | None:
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
