"""Posts to an address that somebody else chose: guarded, and limited in time and in what is read of the answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from talkabiz.domain.media_errors import UrlRefused, UrlUnreachable
from talkabiz.domain.webhook_errors import ADDRESS_REFUSED
from talkabiz.domain.webhooks import Answer
from talkabiz.outside.exchange import Failed, Question, Reply
from talkabiz.outside.guard import Guard
from talkabiz.outside.reaching import CONNECT_SECONDS, Reach, Resolve

POST_SECONDS = 15.0
JUDGE_SECONDS = 5.0
MOST_READ = 64 * 1024
"""Of an answer's body, in bytes; then it is over, whatever else would come."""
MOST_KEPT = 2048
_PIECE_BYTES = 64
"""What each piece of a body counts beside its bytes: one of a single byte is as much work as a long one."""
MOST_AT_ONCE = 64
MOST_NAMES = 128
"""Are asked for at once: more than posts, for the system asks on when a post has given up."""
MOST_JUDGED = 4
"""Names that are looked up at once for `judge`, on threads that no post waits for."""


@dataclass(slots=True)
class _Heard:
    """What has been heard of an answer so far."""

    status: int | None = None
    retry_after: float | None = None
    body: bytearray = field(default_factory=bytearray)

    def begin(self, answer: Reply) -> None:
        self.status = answer.status
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
        self._reach = Reach(guard, names=MOST_NAMES, resolve=resolve, trust=trust, connect_seconds=connect_seconds)
        self._judging = Reach(guard, names=MOST_JUDGED, resolve=resolve, trust=trust)

    def close(self) -> None:
        self._reach.close()
        self._judging.close()

    async def judge(self, url: str) -> None:
        """Whether one may post there, as far as can be told now: where its name leads is judged again at each post.

        Raises:
            UrlRefused: of its form, or of where it leads. A name that leads nowhere may lead somewhere later.
        """
        try:
            target = self._judging.guard.read(url)
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
        except TimeoutError:
            return "timeout"
        except Failed as failed:
            return failed.why

    async def _ask(self, url: str, question: Question, heard: _Heard) -> str | None:
        async with self._reach.asked(self._reach.guard.read(url), question) as answer:
            heard.begin(answer)
            size = 0
            while size < MOST_READ and (piece := await answer.next_piece()) is not None:
                size += len(piece) + _PIECE_BYTES
                heard.body += piece[: MOST_KEPT - len(heard.body)]
        return "redirected" if answer.is_elsewhere else None


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
