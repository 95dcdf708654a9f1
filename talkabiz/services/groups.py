"""What groups are called and how many are in them: told when it changes, and otherwise asked for once."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Iterable

import structlog

from talkabiz.domain.answers import CallFailed, Group
from talkabiz.domain.heard import GroupHeard
from talkabiz.services.conversations import Conversations
from talkabiz.services.taking import Taking
from talkabiz.store import parties
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell, Writer

PATIENCE_SECONDS = 600.0
"""How long a group that was asked for isn't asked for again, whatever came of it."""

log = structlog.get_logger(__name__)


async def take_group(taking: Taking, heard: GroupHeard) -> None:
    """Inside a transaction. Who is in it now is asked for: what is told is only who came and went."""
    group = await parties.known(taking.klien_id, jid=heard.group)
    if heard.name:
        await parties.note_group(taking.klien_id, group.id, name=heard.name)
    if heard.joined or heard.left:
        taking.groups.add(group.jid)


class GroupNames:
    """Asks for groups, one after the other of each klien. A group that isn't told (any more) stays without a name."""

    def __init__(self, conversations: Conversations, writer: Writer) -> None:
        self._conversations = conversations
        self._writer = writer
        self._asked: dict[tuple[int, str], float] = {}
        self._waiting: dict[int, deque[tuple[str, str]]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def look_up(self, klien_id: int, attempt: str, groups: Iterable[str]) -> None:
        """`attempt`: the run that heard of them."""
        now = asyncio.get_running_loop().time()
        self._asked = {key: at for key, at in self._asked.items() if now - at < PATIENCE_SECONDS}
        fresh = [group for group in groups if (klien_id, group) not in self._asked]
        if not fresh:
            return
        self._asked |= dict.fromkeys([(klien_id, group) for group in fresh], now)
        self._waiting.setdefault(klien_id, deque()).extend((attempt, group) for group in fresh)
        if klien_id not in self._tasks:
            asking = asyncio.get_running_loop().create_task(
                self._ask(klien_id), name=f"groups of klien {klien_id}", context=contextvars.Context()
            )
            self._tasks[klien_id] = asking
            asking.add_done_callback(lambda _: self._tasks.pop(klien_id, None))

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, klien_id: int) -> None:
        waiting = self._waiting[klien_id]
        while waiting:
            attempt, jid = waiting.popleft()
            try:
                group = await self._conversations.group_info(attempt, jid)
                await self._keep(klien_id, group)
            except CallFailed as error:
                log.info("group_not_told", klien_id=klien_id, why=error.code)
            except StoreError as error:
                log.warning("group_not_stored", klien_id=klien_id, why=str(error.__cause__))
            except Exception:  # one group must not keep the others from their names
                log.exception("group_not_read", klien_id=klien_id)

    async def _keep(self, klien_id: int, group: Group) -> None:
        async def job(_tell: Tell) -> None:
            party = await parties.known(klien_id, jid=group.jid)
            await parties.note_group(klien_id, party.id, name=group.name, members=max(0, len(group.members) - 1))

        await self._writer.write(job)
