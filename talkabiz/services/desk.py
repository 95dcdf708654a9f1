"""The desk: all that an edge is handed. Web and realtime ask here, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from talkabiz.services.access import Access
from talkabiz.services.allowances import Allowances, Quotas
from talkabiz.services.audit import Audit
from talkabiz.services.chats import Chats
from talkabiz.services.chatting import Chatting
from talkabiz.services.contacts import Contacts
from talkabiz.services.health import Health, Load
from talkabiz.services.journal import Journal
from talkabiz.services.kliens import Kliens
from talkabiz.services.media import MediaStore
from talkabiz.services.messages import Messages
from talkabiz.services.operators import Operators
from talkabiz.services.ports import Clock
from talkabiz.services.runner import Surroundings
from talkabiz.services.sessions import Sessions
from talkabiz.services.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Office:
    """Who may, and who did: what there is without a gateway, for the command line too."""

    access: Access
    operators: Operators
    allowances: Allowances
    audit: Audit


@dataclass(frozen=True, slots=True)
class Desk(Office):
    sessions: Sessions
    kliens: Kliens
    messages: Messages
    media: MediaStore
    contacts: Contacts
    chats: Chats
    webhooks: Webhooks
    journal: Journal
    health: Health


@asynccontextmanager
async def open_office(clock: Clock, api_key: str | None = None, quotas: Quotas | None = None) -> AsyncIterator[Office]:
    """The database has to be open, and to stay so."""
    audit, allowances = Audit(clock), Allowances(clock, quotas or Quotas())
    operators = Operators(clock, allowances, audit)
    try:
        yield Office(Access(clock, audit, api_key), operators, allowances, audit)
    finally:
        operators.close()


@asynccontextmanager
async def open_desk(
    around: Surroundings,
    chatting: Chatting,
    webhooks: Webhooks,
    load: Callable[[], Load],
    *,
    api_key: str | None = None,
    quotas: Quotas | None = None,
    restarts: Mapping[str, int] | None = None,
) -> AsyncIterator[Desk]:
    """As above; `chatting` hears already. At the end, what is being sent is waited for, and then every session is told
    that nobody holds its link any more.
    """
    async with AsyncExitStack() as stack:
        office = await stack.enter_async_context(open_office(around.clock, api_key, quotas))
        await office.audit.forget_old()
        await stack.enter_async_context(office.allowances.serving())
        sessions = Sessions(around, office.allowances, office.audit)
        stack.push_async_callback(sessions.release)
        rooms = await stack.enter_async_context(chatting.open(sessions.links, office.allowances))
        yield Desk(
            access=office.access,
            operators=office.operators,
            allowances=office.allowances,
            audit=office.audit,
            sessions=sessions,
            kliens=Kliens(sessions, office.audit, outbox=rooms.outbox, media=chatting.media),
            messages=rooms.messages,
            media=chatting.media,
            contacts=rooms.contacts,
            chats=rooms.chats,
            webhooks=webhooks,
            journal=around.journal,
            health=Health(sessions, load, restarts),
        )
