"""One question and its answer over HTTP/1.1, on a connection of its own that reads no more than it may.

What is read is bounded before anybody looks at it: an answer can begin again without end (`100 Continue`), or come in
pieces of one byte, and each takes as long to understand as a long one. Others get their turn between two reads.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import h11
import httpx

from talkabiz.h11_patterns import make_linear
from talkabiz.outside.guard import Address, Target

make_linear()

MOST_BEFORE_BODY = 32 * 1024
"""Bytes, of all that comes before the body of an answer."""
READ_BYTES = 8192
"""At once; takes some hundredths of a second to understand, whatever it is."""
MOST_SMALL_PIECES = 2000
LEAST_MEAN_BYTES = 512
"""A body may come in so many pieces however small they are; after that they have to be so large on the whole: each
takes as long to understand.
"""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # what is packed can be endless when it is unpacked
    "Connection": "close",
}


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Failed(Exception):
    """`why`: refused, unreachable or tls, where there is no connection; cut_off: the answer broke off, makes no sense,
    or is too much.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


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


class Reply:
    """An answer that has begun. Header names are found however they are written."""

    def __init__(self, status: int, headers: httpx.Headers, line: _Line) -> None:
        self.status = status
        self.headers = headers
        self._line = line
        self._pieces = self._size = 0

    @property
    def location(self) -> str | None:
        """Where it says that one should ask instead."""
        return self.headers.get("Location") if self.status in _REDIRECTS else None

    @property
    def is_elsewhere(self) -> bool:
        return HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST

    async def next_piece(self) -> bytes | None:
        """Of the body as it comes, not unpacked; None: that was all. Raises Failed, TimeoutError."""
        event = await self._line.next_event()
        if not isinstance(event, h11.Data):
            return None
        self._pieces += 1
        self._size += len(event.data)
        if self._pieces > MOST_SMALL_PIECES and self._size < LEAST_MEAN_BYTES * self._pieces:
            raise Failed("cut_off")
        return bytes(event.data)


@asynccontextmanager
async def connected(
    machine: Address, target: Target, trust: ssl.SSLContext, seconds: float
) -> AsyncIterator[Connection]:
    """To the machine by its number; the certificate is compared with the name. Raises Failed, TimeoutError."""
    reader, writer = await _connect(machine, target, trust, seconds)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # nothing more is wanted, least of all a slow farewell


async def _connect(machine: Address, target: Target, trust: ssl.SSLContext, seconds: float) -> Connection:
    tls = {"ssl": trust, "server_hostname": target.host} if target.url.scheme == "https" else {}
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.open_connection(str(machine), target.port, limit=READ_BYTES, **tls)  # type: ignore[arg-type] # typeshed can't see which is which
    except TimeoutError:
        raise
    except ssl.SSLError as error:
        raise Failed("tls") from error
    except ConnectionRefusedError as error:
        raise Failed("refused") from error
    except OSError as error:
        raise Failed("unreachable") from error


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target, question: Question) -> Reply:
    """The beginning of the answer. Raises Failed, TimeoutError."""
    line = _Line(reader, question.read_seconds)
    writer.write(line.say(target, question))  # without waiting: who doesn't want all of it may have answered already
    while isinstance(event := await line.next_event(), h11.InformationalResponse):
        pass
    if not isinstance(event, h11.Response):
        raise Failed("cut_off")
    line.left = question.most_read
    return Reply(event.status_code, httpx.Headers(list(event.headers)), line)


class _Line:
    """What is said and heard. `left`: how many bytes may still be read."""

    def __init__(self, reader: asyncio.StreamReader, read_seconds: float) -> None:
        self.left = MOST_BEFORE_BODY
        self._reader = reader
        self._read_seconds = read_seconds
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_BEFORE_BODY)
        self._has_read = False

    def say(self, target: Target, question: Question) -> bytes:
        headers = {"Host": target.url.netloc.decode("ascii")} | _HEADERS | dict(question.headers)
        if question.body:
            headers["Content-Length"] = str(len(question.body))
        request = h11.Request(method=question.method, target=target.url.raw_path, headers=[*headers.items()])
        said = (self._http.send(event) for event in (request, h11.Data(question.body), h11.EndOfMessage()))
        return b"".join(part or b"" for part in said)

    async def next_event(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._read())
        except h11.RemoteProtocolError as error:
            raise Failed("cut_off") from error
        return event

    async def _read(self) -> bytes:
        if self._has_read:
            await asyncio.sleep(0)  # what has come already is handed over at once
        self._has_read = True
        try:
            async with asyncio.timeout(self._read_seconds):
                data = await self._reader.read(READ_BYTES)
        except TimeoutError:
            raise
        except OSError as error:
            raise Failed("cut_off") from error
        self.left -= len(data)
        if self.left < 0:
            raise Failed("cut_off")
        return data
