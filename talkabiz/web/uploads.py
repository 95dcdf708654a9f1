"""How much a request may bring along, and how it is taken in: only as fast as somebody reads it.

Quart takes all of a body into memory as it arrives, also of a request that is refused. Here it waits on the way once a
little has come, until it is wanted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator
from typing import Any

from quart import Request
from quart.asgi import ASGIHTTPConnection
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestEntityTooLarge

from talkabiz.domain.media_rules import LARGEST, MB
from talkabiz.web.forms import FORM, FormParser

LARGEST_BODY = 64 * 1024
"""What most paths take is ids and names."""
LARGEST_TEXT = MB // 2
"""A text of the longest kind, however it is written."""
LARGEST_MESSAGE = 24 * MB
"""As JSON, with its file as base64: it is all in memory, more than once."""
LARGEST_UPLOAD = LARGEST + MB
"""As a form, which is on disk."""
UPLOAD_SECONDS = 600
HELD = 256 * 1024

_TAKES_FILES = re.compile(r"/api/v1/kliens/[^/]+/(messages|media)")
_TAKES_JSON = "/messages"
"""Of these."""
_TAKES_TEXTS = "/api/message/send"


class HeldBody(Body):
    """A body of which a little is in memory until somebody reads it."""

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self._most = max_content_length
        self._total = 0
        self._is_wanted_whole = self._is_unwanted = False
        self._has_room, self._ended = asyncio.Event(), asyncio.Event()

    def append(self, data: bytes) -> None:
        if self._is_unwanted:
            return
        self._total += len(data)
        super().append(data)
        if self._most is not None and self._total > self._most and self._must_raise is None:
            self._must_raise = RequestEntityTooLarge()
            self.set_complete()

    def end(self) -> None:
        """All has come."""
        self._ended.set()
        self.set_complete()

    async def drop(self) -> None:
        """Let the rest come, and keep nothing of it."""
        self._is_unwanted = True
        self.clear()
        self._has_room.set()
        await self._ended.wait()

    async def room(self) -> None:
        """Return as soon as more may come."""
        while len(self._data) > HELD and not self._is_wanted_whole and not self._complete.is_set():
            self._has_room.clear()
            await self._has_room.wait()

    async def __anext__(self) -> bytes:
        data = await super().__anext__()
        self._has_room.set()
        return data

    def __await__(self) -> Generator[Any, None, Any]:
        self._is_wanted_whole = True
        self._has_room.set()
        return (yield from super().__await__())


class HeldRequest(Request):
    """Its body may be as large, and take as long, as its path's may."""

    body_class = HeldBody
    form_data_parser_class = FormParser

    def __init__(self, method: str, *about: Any, **how: Any) -> None:
        path, headers = about[1], about[3]
        if method == "POST" and path == _TAKES_TEXTS:
            how["max_content_length"] = LARGEST_TEXT
        elif method == "POST" and _TAKES_FILES.fullmatch(path):
            if headers.get("Content-Type", "").partition(";")[0].strip().lower() == FORM:
                how["max_content_length"] = LARGEST_UPLOAD
            elif path.endswith(_TAKES_JSON):
                how["max_content_length"] = LARGEST_MESSAGE
            how["body_timeout"] = UPLOAD_SECONDS
        super().__init__(method, *about, **how)
        self.max_content_length = how.get("max_content_length")


class HeldConnection(ASGIHTTPConnection):
    async def handle_messages(self, request: Any, receive: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            request.body.append(message.get("body", b""))
            if not message.get("more_body", False):
                request.body.end()
            await request.body.room()
