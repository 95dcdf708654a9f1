"""Posts to an address that somebody else chose: guarded, and limited in time and in what is read of the answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import cast

import httpx

from talkabiz.domain.media_errors import UrlRefused, UrlUnreachable
from talkabiz.domain.webhook_errors import ADDRESS_REFUSED
from talkabiz.domain.webhooks import Answer
from talkabiz.outside.guard import Guard
from talkabiz.outside.reaching import CONNECT_SECONDS, Question, Reach, Resolve

POST_SECONDS = 15.0
JUDGE_SECONDS = 5.0
MOST_READ = 64 * 1024
"""Of an answer's body, in bytes; then it is over, whatever else would come."""
MOST_KEPT = 2048
_PIECE_BYTES = 64
"""What each piece of a body counts beside its bytes: one of a single byte is as much work as a long one."""
MOST_AT_ONCE = 64
MOST_JUDGED = 4
"""Names that are looked up at once for `judge`, on threads that no post waits for."""


@dataclass(slots=True)
class _Heard:
    """What has been heard of an answer so far."""

    status: int | None = None
    retry_after: float | None = None
    body: bytearray = field(default_factory=bytearray)

    def begin(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.retry_after = _seconds(answer.headers.get("Retry-After", ""))


class Poster:
    """Redirects aren't followed. Proxies of the environment aren't used."""

    def __init__(
        self,
        guard: Guard,
        *,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._reach = Reach(guard, names=MOST_AT_ONCE, resolve=resolve, trust=trust, connect_seconds=connect_seconds)
        self._judging = Reach(guard, names=MOST_JUDGED, resolve=resolve, trust=trust)

    def close(self) -> None:
        self._reach.close()
        self._judging.close()

    async def judge(self, url: str) -> None:
        """Whether one may post there, as far as can be told now: where its name leads is judged again at each post.

        Raises:
            UrlRefused: of its form, or of where it leads. A name that leads nowhere may lead somewhere later.
        """
        target = self._judging.guard.read(url)
        try:
            async with asyncio.timeout(JUDGE_SECONDS):
                await self._judging.find(target)
        except (TimeoutError, UrlUnreachable):
            pass
        except UrlRefused as refused:
            raise UrlRefused(ADDRESS_REFUSED if refused.message == UrlRefused.sentence else refused.message) from None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float = POST_SECONDS) -> Answer:
        """Never raises but for faults of ours. `seconds` count from here to the last byte, the name included.

        `error` is None where an answer came whole, whatever its status, or more of it than is read; else: refused,
        unreachable, tls, timeout, cut_off (the answer broke off, or made no sense), redirected, address_refused.
        """
        begun, heard = time.monotonic(), _Heard()
        question = Question("POST", headers, 2 * MOST_READ, body, read_seconds=seconds)
        error = await self._try(url, question, heard, seconds)
        latency_ms = round((time.monotonic() - begun) * 1000)
        return Answer(heard.status, error, latency_ms, bytes(heard.body), heard.retry_after)

    async def _try(self, url: str, question: Question, heard: _Heard, seconds: float) -> str | None:
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(url, question, heard)
        except UrlRefused:
            return "address_refused"
        except UrlUnreachable:
            return "unreachable"
        except (TimeoutError, httpx.TimeoutException):
            return "timeout"
        except (httpx.HTTPError, OSError) as error:
            return _why(error)

    async def _ask(self, url: str, question: Question, heard: _Heard) -> str | None:
        async with self._reach.asked(self._reach.guard.read(url), question) as answer:
            heard.begin(answer)
            size, raw = 0, cast("AsyncGenerator[bytes, None]", answer.aiter_raw())
            async with aclosing(raw) as pieces:
                async for piece in pieces:
                    size += len(piece) + _PIECE_BYTES
                    heard.body += piece[: MOST_KEPT - len(heard.body)]
                    if size >= MOST_READ:
                        break
        return "redirected" if HTTPStatus.MULTIPLE_CHOICES <= answer.status_code < HTTPStatus.BAD_REQUEST else None


def _why(error: Exception) -> str:
    """Of a connection that failed, by the first cause that says it."""
    if not isinstance(error, httpx.ConnectError):
        return "tls" if isinstance(error, ssl.SSLError) else "cut_off"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return "tls"
        if isinstance(cause, ConnectionRefusedError):
            return "refused"
    return "unreachable"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _seconds(retry_after: str) -> float | None:
    """Of a Retry-After, which is a number of seconds or a date; None: it is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
