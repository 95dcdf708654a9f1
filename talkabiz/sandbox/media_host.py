"""The host of the media: plain HTTPS, behind the same tunnel as the chat (whatsmeow, upload.go and download.go)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

import h11

from talkabiz.sandbox.errors import WireError
from talkabiz.sandbox.media import MediaError, Shelf, Upload, described

READ_SIZE = 1 << 16
IDLE_SECONDS = 60
"""A connection that brings or takes nothing for so long is closed."""
LARGEST_REST = 1 << 20
"""So much of a request that is refused is still read, for clients that listen only when all is said."""

_HOSTS = ("mmg", "media", "static", "pps")


def is_media_host(name: str) -> bool:
    return name.lower().endswith(".whatsapp.net") and name.lower().startswith(_HOSTS)


class MediaHost:
    """One connection, for as many requests as the client likes. `refusal`: the status that all of them get."""

    def __init__(
        self, shelf: Shelf, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refusal: int | None = None
    ) -> None:
        self._shelf = shelf
        self._reader = reader
        self._writer = writer
        self._refusal = refusal
        self._http = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        """Returns when the client has left. WireError for what isn't HTTP."""
        try:
            while True:
                event = await self._next()
                if not isinstance(event, h11.Request):
                    return
                await self._answer(event)
                if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                    return
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            raise WireError(f"no HTTP: {error}") from None

    async def _answer(self, request: h11.Request) -> None:
        try:
            await self._do(request)
        except MediaError as error:
            await self._skip()
            self._say(error.status, {"error": {"code": error.status}})
        await self._writer.drain()

    async def _do(self, request: h11.Request) -> None:
        url = urlsplit(request.target.decode("ascii", "replace"))
        if self._refusal:
            raise MediaError(self._refusal)
        if request.method == b"POST":
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            await self._take(unquote(url.path), query)
            return
        await self._skip()
        if request.method == b"GET":
            await self._give(unquote(url.path).partition("&")[0])
        elif request.method == b"DELETE":
            self._say(HTTPStatus.OK, {})
        else:
            raise MediaError(HTTPStatus.METHOD_NOT_ALLOWED)

    async def _take(self, path: str, query: dict[str, str]) -> None:
        """`/mms/image/TOKEN`"""
        place, _, token = path.rpartition("/")
        if not place.startswith("/mms/"):
            raise MediaError(HTTPStatus.NOT_FOUND)
        upload = self._shelf.begin(token, query.get("auth", ""))
        try:
            await self._read_into(upload)
            name = upload.finish()
        finally:
            upload.discard()
        self._say(HTTPStatus.OK, described(name))

    async def _read_into(self, upload: Upload) -> None:
        while isinstance(event := await self._next(), h11.Data):
            upload.write(bytes(event.data))
        if not isinstance(event, h11.EndOfMessage):
            raise ConnectionResetError("the client left during an upload")

    async def _give(self, path: str) -> None:
        file, size = self._shelf.find(path)
        headers = [("content-type", "application/octet-stream"), ("content-length", str(size))]
        with file.open("rb") as source:
            self._put(h11.Response(status_code=HTTPStatus.OK, headers=headers))
            while piece := source.read(READ_SIZE):
                self._put(h11.Data(data=piece))
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._writer.drain()
        self._put(h11.EndOfMessage())

    async def _skip(self) -> None:
        """The rest of the request."""
        skipped = 0
        while self._http.their_state is h11.SEND_BODY and skipped < LARGEST_REST:
            event = await self._next()
            skipped += len(event.data) if isinstance(event, h11.Data) else 0

    def _say(self, status: int, content: Mapping[str, object]) -> None:
        body = json.dumps(content).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        self._put(h11.Response(status_code=status, headers=headers))
        self._put(h11.Data(data=body))
        self._put(h11.EndOfMessage())

    async def _next(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                raise WireError("a request before the last one was answered")
            if self._http.they_are_waiting_for_100_continue:
                self._put(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[]))
            async with asyncio.timeout(IDLE_SECONDS):
                self._http.receive_data(await self._reader.read(READ_SIZE))

    def _put(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            self._writer.write(data)
