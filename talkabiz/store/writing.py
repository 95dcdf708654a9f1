"""Many small changes, stored together: a commit waits for the disk, and one wait does for all who came meanwhile.

Messages come in hundreds a second, each with a row and a journal entry. A job is what one of them stores. Those that
come while a transaction is under way are stored together in the next one, each in a savepoint of its own, so that one
that fails takes nothing of the others with it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from talkabiz.domain.events import Event
from talkabiz.store import events
from talkabiz.store.database import connected, is_in_transaction, transaction
from talkabiz.store.errors import StoreError

MOST_JOBS = 100
"""In one transaction: it holds up everybody else's, and has to end within their patience."""

T = TypeVar("T")


class Tell(Protocol):
    async def __call__(self, klien_id: int, type: str, at: datetime, data: dict[str, Any]) -> None:  # noqa: A002 - as the journal's column
        """Append to the journal, in the transaction; it is published after the commit.

        Raises:
            NotFound: there is no such klien (any more).
        """


@dataclass(slots=True)
class _Job:
    """`outcome`, `error`: what came of it, told to its caller once that is stored."""

    do: Callable[[Tell], Awaitable[Any]]
    answer: asyncio.Future[Any]
    outcome: Any = None
    error: BaseException | None = None
    told: list[Event] = field(default_factory=list)

    async def tell(self, klien_id: int, type: str, at: datetime, data: dict[str, Any]) -> None:  # noqa: A002 - as the journal's column
        self.told.append(await events.append(klien_id, type, at, data))


class Writer:
    """`publish` takes what was told, after it is committed, in the order of the journal. It never raises."""

    def __init__(self, publish: Callable[[Event], None]) -> None:
        self._publish = publish
        self._waiting: deque[_Job] = deque()
        self._running: asyncio.Task[None] | None = None
        self.jobs = 0
        """How many were stored since the start, in how many `transactions`."""
        self.transactions = 0

    async def write(self, job: Callable[[Tell], Awaitable[T]]) -> T:
        """Run `job` in a transaction, in its turn; returns what it returned once that is committed and published.

        A job asks the database and nothing else, for others wait for it. It isn't run twice. It runs in a task and a
        context of its own, not its caller's. Who is cancelled while waiting has a job that was never begun, or that is
        stored all the same.

        Raises:
            StoreError: it couldn't be stored, nor could any other of that transaction.
            Exception: what the job raised; nothing of it is stored.
            RuntimeError: this was called inside a transaction, which would wait for itself.
        """
        if is_in_transaction():
            raise RuntimeError("A transaction can't wait for another one.")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(job, answer))
        if self._running is None or self._running.done():
            # It ends by itself with the last job. Its context is nobody's: what one caller's log lines carry must not
            # stand beside what another's job did.
            self._running = asyncio.get_running_loop().create_task(
                self._run(), name="writer", context=contextvars.Context()
            )
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            batch: list[_Job] = []
            try:
                await self._store(batch)
            except StoreError as error:
                self._fail(batch or list(self._waiting), error)
            except BaseException:  # the program ends
                for job in (*batch, *self._waiting):
                    job.answer.cancel()
                self._waiting.clear()
                raise
            else:
                self._tell(batch)

    async def _store(self, batch: list[_Job]) -> None:
        """What waits once it is this transaction's turn, as far as it fits in."""
        async with transaction(in_place=True):
            while self._waiting and len(batch) < MOST_JOBS:
                job = self._waiting.popleft()
                if not job.answer.done():
                    batch.append(job)
                    await _run_alone(job)

    def _tell(self, batch: list[_Job]) -> None:
        self.transactions += 1
        self.jobs += len(batch)
        for event in (event for job in batch for event in job.told):
            self._publish(event)
        for job in batch:
            if job.answer.done():
                continue
            if job.error:
                job.answer.set_exception(job.error)
            else:
                job.answer.set_result(job.outcome)

    def _fail(self, jobs: list[_Job], error: StoreError) -> None:
        """All of a transaction; where it couldn't even begin, all that wait, or each lot would wait as long again."""
        for job in jobs:
            if not job.answer.done():
                job.answer.set_exception(error)
        self._waiting = deque(job for job in self._waiting if not job.answer.done())


async def _run_alone(job: _Job) -> None:
    """In a savepoint. Raises StoreError where SQLite has given up the whole transaction: then there is none."""
    await connected().execute_query("SAVEPOINT job")
    try:
        job.outcome = await job.do(job.tell)
    except (Exception, asyncio.CancelledError) as error:
        if _is_cancelled():
            raise
        job.error = error
        job.told.clear()
        await connected().execute_query("ROLLBACK TO job")
    await connected().execute_query("RELEASE job")


def _is_cancelled() -> bool:
    """Whether this task is, and not just something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
