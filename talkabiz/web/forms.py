"""Forms, as they come: the file goes to the disk, and what is in memory of all else is little."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from quart.formparser import FormDataParser
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestEntityTooLarge

from talkabiz.domain.media_rules import MB
from talkabiz.domain.wishes import MOST_MENTIONS

FORM = "multipart/form-data"
MOST_PARTS = MOST_MENTIONS + 16
"""The file and each field once, but for mentions."""
MOST_IN_MEMORY = MB
"""Of a form that may be large: all its fields together, and files that nobody asked for. A caption has 256 kB."""
_SPOOLED = MB // 2


class FormParser(FormDataParser):
    """Raises RequestEntityTooLarge, while it comes."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.stream_factory = self._begin_file
        self._taken = 0
        self._file: _File | None = None

    async def parse(self, body: Body, mimetype: str, *about: Any) -> Any:
        body = cast("Body", self._watched(body)) if mimetype == FORM else body
        is_whole = False
        try:
            form, files = await super().parse(body, mimetype, *about)
            is_whole = any(file.stream is self._file for file in files.values())
            return form, files
        finally:
            if self._file and not is_whole:
                self._file.close()

    async def _watched(self, body: Body) -> AsyncIterator[bytes]:
        async for data in body:
            yield data
            self._taken += len(data)
            if self._taken - (self._file.written if self._file else 0) > MOST_IN_MEMORY:
                raise RequestEntityTooLarge

    def _begin_file(self, *_: Any) -> IO[bytes]:
        if self._file:
            return BytesIO()
        self._file = _File(_SPOOLED)
        return cast("IO[bytes]", self._file)


class _File(SpooledTemporaryFile[bytes]):
    written = 0

    def write(self, data: Any) -> int:
        self.written += len(data)
        return super().write(data)
