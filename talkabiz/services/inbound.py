"""What comes in: kept as it was heard, at once, and then taken in.

The library has told WhatsApp that it has a message about when it hands it over, so nobody sends it again: what is in
memory alone when the process dies is lost. So what was heard is in the spool before the library goes on, and is stored
unread before anything else; a second task takes it in, a klien's in the order in which it was heard, each together with
the removal of what was kept. A crash at any moment leaves it either kept or taken in, and what is kept the next start
takes in first. What can't be taken in is kept aside and holds nothing up.

Who is online and who types isn't kept: it would be untrue by the time it was read again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from talkabiz.domain.heard import BacklogHeard, Heard, PresenceHeard, TypingHeard
from talkabiz.services.conversations import Conversations
from talkabiz.services.durations import Durations
from talkabiz.services.groups import GroupNames
from talkabiz.services.journal import Journal
from talkabiz.services.ports import Clock
from talkabiz.services.presences import Passing, Presences
from talkabiz.services.receipts import Settle
from talkabiz.services.spool import Spool
from talkabiz.services.takers import Taker, is_of_database
from talkabiz.store import heard as kept
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell, Writer

STORE_RETRY_SECONDS = 1.0
PAGE = 30
"""How many at most are taken in between two looks at what is kept: what is heard meanwhile waits for as long."""
FINISH_SECONDS = 5.0
"""At the end, for what was heard last to be stored."""
MOST_PASSING = 1000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    klien_id: int
    number: int
    data: bytes
    at: datetime
    since: float
    """`time.monotonic()` when it was heard."""


@dataclass(frozen=True, slots=True)
class HeardFigures:
    """`stored`: from the moment when something was heard until it was on disk."""

    stored: Durations
    waiting: int
    """How much has been heard and isn't on disk yet."""
    failed: int
    """What couldn't be taken in since the start."""


class Inbound:
    def __init__(
        self,
        conversations: Conversations,
        writer: Writer,
        journal: Journal,
        clock: Clock,
        *,
        settle: Settle,
        media_due: Callable[[], None],
        spool: Spool | None = None,
    ) -> None:
        """`media_due` is called when there is something to fetch. `spool` has what was heard and isn't stored yet."""
        self._conversations = conversations
        self._writer = writer
        self._clock = clock
        self._presences = Presences(journal, clock)
        self._groups = GroupNames(conversations, writer)
        self._taker = Taker(conversations, writer, clock, settle)
        self._media_due = media_due
        self._spool = spool
        self._heard: list[_Heard] = []
        self._passing: deque[tuple[int, Passing]] = deque(maxlen=MOST_PASSING)
        self._attempts: dict[int, str] = {}
        self._news, self._kept, self._passed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._stored = Durations()
        self._under_way = 0
        self._is_ending = False
        conversations.connect_chats(self.overhear)

    def overhear(self, klien_id: int, attempt: str, number: int, data: bytes) -> None:
        """What a session heard. Returns at once."""
        self._attempts[klien_id] = attempt
        self._heard.append(_Heard(klien_id, number, data, self._clock.now(), time.monotonic()))
        self._news.set()

    @property
    def figures(self) -> HeardFigures:
        return HeardFigures(self._stored, len(self._heard) + self._under_way, self._taker.failed)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """At the end, what was heard until then is stored; the next start takes it in. So first the sessions end."""
        storing = asyncio.create_task(self._keep_at(self._store), name="inbound: store")
        others = [
            asyncio.create_task(self._keep_at(work), name=f"inbound: {name}")
            for name, work in (("take in", self._take_in), ("presence", self._pass_on))
        ]
        try:
            yield
        finally:
            self._is_ending = True
            self._news.set()
            await asyncio.wait([storing], timeout=FINISH_SECONDS)
            for task in (storing, *others):
                task.cancel()
            await asyncio.gather(storing, *others, return_exceptions=True)
            await self._groups.close()
            if left := self.figures.waiting:
                log.error("heard_not_stored", count=left)

    async def _keep_at(self, work: Callable[[], Awaitable[None]]) -> None:
        """A fault of ours costs a pause: without this task nothing would come in any more, and nobody would notice."""
        while True:
            try:
                return await work()
            except Exception as error:
                if isinstance(error, StoreError):
                    log.warning("inbound_waits_for_store", why=str(error.__cause__))
                else:
                    log.exception("inbound_fault")
                await asyncio.sleep(STORE_RETRY_SECONDS)

    # --- storing ------------------------------------------------------------------------------------------------------

    async def _store(self) -> None:
        """Until the end, and then what is left."""
        await self._store_left()
        while self._heard or not self._is_ending:
            await self._news.wait()
            self._news.clear()
            mark = self._spool.mark() if self._spool else 0
            batch, self._heard = self._heard, []
            self._under_way = len(batch)
            lasting = [each for each in batch if self._lasts(each)]
            if lasting:
                await self._store_stubbornly(lasting)
                self._kept.set()
            self._under_way = 0
            if self._spool:
                self._spool.stored(mark)

    async def _store_left(self) -> None:
        """What an earlier process had heard when it was killed. Before anything new."""
        if self._spool is None:
            return
        try:
            left = self._spool.left()
        except OSError as error:  # what comes now must be stored all the same
            log.error("heard_before_is_unreadable", why=str(error))  # noqa: TRY400 - all there is
            return
        for start in range(0, len(left), PAGE):
            page = left[start : start + PAGE]
            await self._store_stubbornly([_Heard(*heard, time.monotonic()) for heard in page])
        with suppress(OSError):  # then it is heard again at the next start, and taken in once
            self._spool.forget_left()
        if left:
            log.info("heard_before_a_kill", count=len(left))
            self._kept.set()

    def _lasts(self, each: _Heard) -> bool:
        """Whether it has to be kept. What passes is put aside; what can't be read is kept, to be looked into."""
        try:
            heard = self._conversations.read(each.number, each.data)
        except Exception:  # noqa: BLE001 - whatever is wrong with it is told when it is taken in
            return True
        if isinstance(heard, PresenceHeard | TypingHeard):
            self._passing.append((each.klien_id, heard))
            self._passed.set()
        elif isinstance(heard, BacklogHeard):
            log.debug("backlog", klien_id=each.klien_id, total=heard.total, is_over=heard.is_over)
        return isinstance(heard, Heard) and not isinstance(heard, PresenceHeard | TypingHeard | BacklogHeard)

    async def _store_stubbornly(self, batch: list[_Heard]) -> None:
        """It can't be heard again, so it waits until the database takes it."""
        rows = [(each.klien_id, each.number, each.data, each.at) for each in batch]

        async def job(_tell: Tell) -> None:
            await kept.add(rows)

        is_told = False
        while True:
            try:
                await self._writer.write(job)
            except Exception as error:  # noqa: BLE001 - whatever it is: all that were heard are tried one by one
                if not is_of_database(error):
                    await self._store_one_by_one(batch)
                    return
                if not is_told:
                    log.error("heard_waits_for_store", count=len(rows), why=str(error.__cause__))  # noqa: TRY400 - all there is
                is_told = True
                await asyncio.sleep(STORE_RETRY_SECONDS)
            else:
                break
        now = time.monotonic()
        for each in batch:
            self._stored.note(now - each.since)

    async def _store_one_by_one(self, batch: list[_Heard]) -> None:
        """One of them is refused, and must not take the others with it."""
        if len(batch) == 1:
            log.error("heard_lost", klien_id=batch[0].klien_id, number=batch[0].number)
            return
        for each in batch:
            await self._store_stubbornly([each])

    # --- taking in ----------------------------------------------------------------------------------------------------

    async def _take_in(self) -> None:
        while True:
            self._kept.clear()
            while rows := await kept.next(PAGE):
                await self._take_page(rows)
            await self._kept.wait()

    async def _take_page(self, rows: list[kept.HeardRow]) -> None:
        for taking in await self._taker.take_page(rows):
            if taking.has_media:
                self._media_due()
            if taking.groups and (attempt := self._attempts.get(taking.klien_id)):
                self._groups.look_up(taking.klien_id, attempt, taking.groups)
            for message in taking.counted.values():
                self._presences.publish(taking.klien_id, "message_status", message.as_dict())

    async def _pass_on(self) -> None:
        while True:
            await self._passed.wait()
            self._passed.clear()
            while self._passing:
                klien_id, heard = self._passing.popleft()
                try:
                    await self._presences.tell(klien_id, heard)
                except Exception:  # it passes, and the next one comes
                    log.exception("presence_not_told", klien_id=klien_id)
