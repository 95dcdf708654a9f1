"""Bodies as JSON: no larger a heap of objects than any wish of ours needs, and few large ones in memory at once.

While it comes, a large body is on the disk, so that a slow sender keeps nobody waiting and takes no memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import Any, NoReturn, cast
from weakref import WeakValueDictionary

from quart import current_app, request
from werkzeug.exceptions import RequestTimeout

from talkabiz.domain.errors import InvalidInput, InvalidJson, Sentence
from talkabiz.domain.media_rules import MB
from talkabiz.web.forms import FORM
from talkabiz.web.uploads import HeldRequest

LARGE = MB
"""From here on a body waits for a place."""
PLACES = 3
MOST_PARTS = 200_000
"""Of lists and objects, counted by what begins and separates them; a text has them too, but not in base64."""
MOST_NAMES = 100
"""In one object."""

_TOO_MANY = Sentence("Isi permintaan terdiri dari terlalu banyak bagian.", "The body has too many parts.")


class JsonRequest(HeldRequest):
    """A request whose body is JSON, whatever its Content-Type says. No body is an empty object."""

    def __init__(self, method: str, *about: Any, **how: Any) -> None:
        super().__init__(method, *about, **how)
        self._come: SpooledTemporaryFile[bytes] | None = None

    async def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: FBT001, FBT002 - Quart's signature
        del force, silent
        raw = self._come.read() if self._come else cast("bytes", await self.get_data(cache=cache))
        return _read(raw) if raw.strip() else {}

    @asynccontextmanager
    async def in_its_place(self, klien_id: int) -> AsyncIterator[AsyncExitStack]:
        """All of it has come, and there is room for it, until what this gives is closed. A form needs none.

        Raises:
            RequestEntityTooLarge, RequestTimeout.
        """
        async with AsyncExitStack() as place:
            if self.mimetype != FORM:
                self._come = place.enter_context(SpooledTemporaryFile(LARGE))  # noqa: SIM115 - it is one's
                if await self._fill(self._come) > LARGE:
                    await place.enter_async_context(cast("Places", current_app.extensions["places"]).one(klien_id))
            yield place

    async def _fill(self, come: SpooledTemporaryFile[bytes]) -> int:
        try:
            async with asyncio.timeout(self.body_timeout):
                async for data in self.body:
                    come.write(data)
        except TimeoutError:
            raise RequestTimeout from None
        size = come.tell()
        come.seek(0)
        return size


class Places:
    """A klien has one, so that none takes all."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(PLACES)
        self._own: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, klien_id: int) -> AsyncIterator[None]:
        own = self._own.setdefault(klien_id, asyncio.Semaphore(1))
        async with own, self._all:
            yield


def in_its_place(klien_id: int) -> AbstractAsyncContextManager[AsyncExitStack]:
    """The request that is answered: see `JsonRequest`."""
    return cast("JsonRequest", request).in_its_place(klien_id)


def _read(raw: bytes) -> Any:
    if sum(map(raw.count, (b",", b"[", b"{"))) > MOST_PARTS:
        raise InvalidInput(_TOO_MANY, fields={"body": _TOO_MANY.en})
    try:
        return json.loads(raw, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise InvalidJson from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_NAMES:
        raise InvalidInput(_TOO_MANY, fields={"body": f"An object has {MOST_NAMES} names at most."})
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
