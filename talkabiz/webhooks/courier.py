"""The courier: carries what is due, many at once, and none of them at the expense of another's.

What is on its way is known here alone. It stays `pending` in the database until what came of it is stored: after a kill
it is due again, and arrives once more, as the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import structlog

from talkabiz.domain.errors import TalkabizError
from talkabiz.domain.webhooks import Answer
from talkabiz.services.dispatch import Dispatch, Parcel
from talkabiz.services.ports import Clock
from talkabiz.services.posting import Post
from talkabiz.webhooks.restraint import Restraint
from talkabiz.webhooks.signing import headers_of

MOST_AT_ONCE = 64
NET_SECONDS = 1.0
RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.02
"""Before each look, so that one look does for all that ends and comes meanwhile."""
DRAIN_SECONDS = 2.0
"""At the end, for what is on its way."""

log = structlog.get_logger(__name__)


class Courier:
    def __init__(self, post: Post, dispatch: Dispatch, clock: Clock) -> None:
        self._post = post
        self._dispatch = dispatch
        self._clock = clock
        self._restraint = Restraint()
        self._on_way: dict[int, int] = {}  # by delivery, its endpoint
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self, drain_seconds: float = DRAIN_SECONDS) -> AsyncIterator[None]:
        """At the end, what is on its way gets so long; what isn't there by then is sent again after the next start."""
        running = asyncio.create_task(self._run(), name="courier of webhooks")
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await self._drain(drain_seconds)

    async def _drain(self, seconds: float) -> None:
        with suppress(Exception):  # what was told last, of the end itself
            await self._look()
        late = (await asyncio.wait(self._tasks, timeout=seconds))[1] if self._tasks else set()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _run(self) -> None:
        bell = self._dispatch.bell
        while True:
            try:
                while await self._look():
                    pass
                await bell.wait(self._wait_seconds())
                await asyncio.sleep(GATHER_SECONDS)
                for webhook_id in bell.take_wished():
                    self._restraint.forget(webhook_id)
            except Exception:  # what is due stays so
                log.exception("webhooks_not_carried")
                await asyncio.sleep(RETRY_SECONDS)

    def _wait_seconds(self) -> float:
        left = self._restraint.seconds_left(self._clock.seconds())
        return NET_SECONDS if left is None else max(0.0, min(left, NET_SECONDS))

    async def _look(self) -> bool:
        """Send off what is due and has a place. Whether to look again at once: some were put off, others may go."""
        now = self._clock.seconds()
        resting = self._restraint.resting(self._on_way, now)
        free = MOST_AT_ONCE - len(self._on_way)
        found = await self._dispatch.due(free, self._on_way, resting) if free else []
        put_off = False
        for parcel in found:
            if self._restraint.may_start(parcel.endpoint, self._on_way, now):
                self._send_off(parcel)
            else:
                put_off = True
        return put_off

    def _send_off(self, parcel: Parcel) -> None:
        self._on_way[parcel.delivery.id] = parcel.endpoint.id
        task = asyncio.get_running_loop().create_task(
            self._carry(parcel), name=f"webhook delivery {parcel.delivery.id}", context=contextvars.Context()
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, parcel: Parcel) -> None:
        try:
            at = self._clock.now()
            answer = await self._ask(parcel, at)
            result = None
            while True:
                try:
                    result = await self._dispatch.conclude(parcel, answer, at)
                    break
                except TalkabizError:  # the disk is full, say: it keeps its place, so as not to be sent again and again
                    log.exception("webhook_result_not_stored", delivery_id=parcel.delivery.id)
                    await asyncio.sleep(RETRY_SECONDS)
            if result:
                self._restraint.note(parcel.endpoint.id, answer, result.failures, self._clock.seconds())
        except Exception:
            log.exception("webhook_not_carried", delivery_id=parcel.delivery.id)
            await asyncio.sleep(RETRY_SECONDS)
        finally:
            del self._on_way[parcel.delivery.id]
            self._dispatch.bell.ring()

    async def _ask(self, parcel: Parcel, at: datetime) -> Answer:
        """A fault of ours counts as a try: it would else be made again each second, for ever."""
        begun = time.monotonic()
        try:
            return await self._post(parcel.endpoint.url, parcel.body, headers_of(parcel, at))
        except Exception:
            log.exception("webhook_not_carried", delivery_id=parcel.delivery.id)
            return Answer(None, "cut_off", round((time.monotonic() - begun) * 1000))
