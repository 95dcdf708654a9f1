"""Takes in what was kept: a klien's in order and in one transaction; where that fails, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

import structlog

from talkabiz.domain.heard import GroupHeard, MessageHeard, ReceiptHeard, UndecryptableHeard
from talkabiz.services.arrivals import take_message, take_undecryptable
from talkabiz.services.conversations import Conversations
from talkabiz.services.groups import take_group
from talkabiz.services.ports import Clock
from talkabiz.services.receipts import Settle, take_receipt
from talkabiz.services.taking import Taking
from talkabiz.store import heard as kept
from talkabiz.store.errors import StoreError
from talkabiz.store.heard import HeardRow
from talkabiz.store.writing import Tell, Writer

LOT = 10
"""How many of a klien go into one transaction: others wait for it."""
LONGEST_ERROR = 300

log = structlog.get_logger(__name__)


class Taker:
    def __init__(self, conversations: Conversations, writer: Writer, clock: Clock, settle: Settle) -> None:
        self._conversations = conversations
        self._writer = writer
        self._clock = clock
        self._settle = settle
        self.failed = 0
        """What couldn't be taken in, since the start."""

    async def take_page(self, rows: Sequence[HeardRow]) -> list[Taking]:
        """All of these, in their order; of several kliens at once. Returns what was stored.

        Raises:
            StoreError: the database can't be written; what isn't taken in yet is still there.
        """
        of_kliens: dict[int, list[HeardRow]] = {}
        for row in rows:
            of_kliens.setdefault(row.klien_id, []).append(row)
        done = await asyncio.gather(*map(self._take_in_order, of_kliens.values()), return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome
        return [taking for takings in done if isinstance(takings, list) for taking in takings]

    async def _take_in_order(self, rows: list[HeardRow]) -> list[Taking]:
        takings: list[Taking] = []
        for start in range(0, len(rows), LOT):
            lot = rows[start : start + LOT]
            try:
                takings.append(await self._writer.write(partial(self._take, lot)))
            except Exception as error:
                if is_of_database(error):
                    raise
                takings += [taking for row in lot if (taking := await self._take_alone(row))]
        return takings

    async def _take_alone(self, row: HeardRow) -> Taking | None:
        try:
            return await self._writer.write(partial(self._take, [row]))
        except Exception as error:
            if is_of_database(error):
                raise
            self.failed += 1
            log.exception(
                "heard_failed", klien_id=row.klien_id, heard_id=row.id, number=row.number, tries=row.tries + 1
            )
            await self._put_aside(row, f"{type(error).__name__}: {error}"[:LONGEST_ERROR])
            return None

    async def _put_aside(self, row: HeardRow, why: str) -> None:
        async def job(_tell: Tell) -> None:
            await kept.failed(row.id, why)

        await self._writer.write(job)

    async def _take(self, rows: Iterable[HeardRow], tell: Tell) -> Taking:
        """In the transaction, the removal of what was kept with it."""
        lot = list(rows)
        taking = Taking(lot[0].klien_id, self._clock.now(), tell)
        for row in lot:
            await self._take_one(taking, row)
        await kept.done(row.id for row in lot)
        return taking

    async def _take_one(self, taking: Taking, row: HeardRow) -> None:
        match self._conversations.read(row.number, row.data):
            case MessageHeard() as heard:
                await take_message(taking, heard)
            case UndecryptableHeard() as heard:
                await take_undecryptable(taking, heard)
            case ReceiptHeard() as heard:
                await take_receipt(taking, heard, self._settle)
            case GroupHeard() as heard:
                await take_group(taking, heard)


def is_of_database(error: Exception) -> bool:
    """Not the fault of what was to be taken in."""
    return isinstance(error, StoreError) and not error.is_refusal
