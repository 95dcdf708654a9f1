"""Kliens: added, listed, renamed, erased. `caller` is who asks, for the audit log; None: the program itself."""

from __future__ import annotations

from talkabiz.domain.access import Caller
from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import Klien, parse_name
from talkabiz.services.audit import Action, Audit
from talkabiz.services.media import MediaStore
from talkabiz.services.outbox import Outbox
from talkabiz.services.sessions import Sessions
from talkabiz.store import kliens, webhook_retention
from talkabiz.store.database import transaction


async def add_klien(nama: str, audit: Audit, caller: Caller | None = None) -> Klien:
    """Also for programs that don't run the gateway. Raises InvalidInput for a name that can't be shown."""
    name = parse_name(nama)
    async with transaction():
        klien = await kliens.add(name)
        if caller:
            await audit.note(Action.KLIEN_ADDED, caller, klien.id)
    return klien


class Kliens:
    def __init__(self, sessions: Sessions, audit: Audit, *, outbox: Outbox, media: MediaStore) -> None:
        self._sessions = sessions
        self._audit = audit
        self._outbox = outbox
        self._media = media

    async def add(self, nama: str, *, caller: Caller | None = None) -> Klien:
        """Raises InvalidInput for a name that can't be shown."""
        return await add_klien(nama, self._audit, caller)

    async def get(self, klien_id: int) -> Klien:
        """Raises NotFound."""
        return _existing(await kliens.find(klien_id))

    async def page(self, after: int, limit: int) -> tuple[list[Klien], int | None]:
        """Up to `limit` kliens with ids above `after`, and the id to go on after; None: that was the end."""
        found = await kliens.page(after, limit + 1)
        shown = found[:limit]
        return shown, shown[-1].id if len(found) > limit else None

    async def rename(self, klien_id: int, nama: str, *, caller: Caller | None = None) -> Klien:
        """Raises NotFound, InvalidInput."""
        name = parse_name(nama)
        async with transaction():
            klien = _existing(await kliens.rename(klien_id, name))
            if caller:
                await self._audit.note(Action.KLIEN_RENAMED, caller, klien_id)
        return klien

    async def erase(self, klien_id: int, *, caller: Caller | None = None) -> None:
        """Log out, and delete its rows and files. Raises NotFound."""
        await self.get(klien_id)
        if caller:  # first: whatever comes of it, this was asked for
            await self._audit.note(Action.KLIEN_DELETED, caller, klien_id)
        await self._outbox.forget(klien_id)
        await _forget_webhooks(klien_id)
        await self._sessions.erase(klien_id)
        await self._media.forget_klien(klien_id)


async def _forget_webhooks(klien_id: int) -> None:
    """Lot by lot: there may be so many that others would wait long if they went with the klien."""
    is_more = True
    while is_more:
        async with transaction():
            is_more = await webhook_retention.forget_events_of(klien_id)


def _existing(klien: Klien | None) -> Klien:
    if klien is None:
        raise NotFound
    return klien
