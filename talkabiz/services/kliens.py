"""Kliens: added, listed, renamed, erased."""

from __future__ import annotations

from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import Klien, parse_name
from talkabiz.services.sessions import Sessions
from talkabiz.store import kliens


class Kliens:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, nama: str) -> Klien:
        """Raises InvalidInput for a name that can't be shown."""
        return await kliens.add(parse_name(nama))

    async def get(self, klien_id: int) -> Klien:
        """Raises NotFound."""
        return _existing(await kliens.find(klien_id))

    async def page(self, after: int, limit: int) -> tuple[list[Klien], int | None]:
        """Up to `limit` kliens with ids above `after`, and the id to go on after; None: that was the end."""
        found = await kliens.page(after, limit + 1)
        shown = found[:limit]
        return shown, shown[-1].id if len(found) > limit else None

    async def rename(self, klien_id: int, nama: str) -> Klien:
        """Raises NotFound, InvalidInput."""
        return _existing(await kliens.rename(klien_id, parse_name(nama)))

    async def erase(self, klien_id: int) -> None:
        """Log out, and delete its rows and files. Raises NotFound."""
        await self.get(klien_id)
        await self._sessions.erase(klien_id)


def _existing(klien: Klien | None) -> Klien:
    if klien is None:
        raise NotFound
    return klien
