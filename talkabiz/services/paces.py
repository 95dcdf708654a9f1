"""How fast each klien sends, and what holds up its queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from talkabiz.domain import pacing
from talkabiz.domain.errors import InvalidInput, NotFound
from talkabiz.domain.holds import Hold, by_pace, by_pause, by_session
from talkabiz.domain.klien import iso
from talkabiz.domain.pace_settings import changed
from talkabiz.domain.pacing import History, Pacing
from talkabiz.domain.states import Session
from talkabiz.domain.wish_contents import wrong
from talkabiz.services.ports import Clock
from talkabiz.store import kliens, messages, paces
from talkabiz.store.writing import Tell, Writer

FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(days=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    settings: Pacing
    paused_until: datetime | None
    reason: str | None


class Paces:
    """Remembers what it has read: nobody else changes it. `limit` is told of pauses, and of their end by hand."""

    def __init__(
        self,
        writer: Writer,
        session_of: Callable[[int], Session | None],
        clock: Clock,
        *,
        limit: Callable[[int, datetime | None], None],
    ) -> None:
        self._writer = writer
        self._session_of = session_of
        self._clock = clock
        self._limit = limit
        self._known: dict[int, Pace] = {}
        self._changes = 0
        self._pauses: dict[int, int] = {}
        """How often in a row WhatsApp has asked to wait."""
        self._until: dict[int, datetime] = {}
        """Of pauses that are being stored."""

    async def of(self, klien_id: int) -> Pace:
        if known := self._known.get(klien_id):
            return known
        changes = self._changes
        row = await paces.get(klien_id)
        pace = Pace(_settings(row.settings), row.paused_until, row.reason)
        if changes == self._changes:  # else it may have been read just before
            self._known[klien_id] = pace
        return pace

    async def hold(self, klien_id: int) -> Hold | None:
        """Why nothing of this klien goes out; None: messages go, each in its turn."""
        now, pace = self._clock.now(), await self.of(klien_id)
        if found := by_session(self._session_of(klien_id)) or by_pause(pace.paused_until, pace.reason, now):
            return found
        history = History(sent_today=await self.sent_today(klien_id, now, pace.settings))
        return by_pace(*pacing.when(now, pace.settings, history))

    async def sent_today(self, klien_id: int, now: datetime, settings: Pacing) -> int:
        """Not counted where there is no cap."""
        if settings.daily_cap is None:
            return 0
        return await messages.count_sent_since(klien_id, pacing.day_of(now, settings))

    async def show(self, klien_id: int) -> dict[str, Any]:
        """`Pacing.as_dict`, `paused_until` and `pause_reason`, and `held`, if something is. Raises NotFound."""
        if await kliens.find(klien_id) is None:
            raise NotFound
        pace, held = await self.of(klien_id), await self.hold(klien_id)
        is_paused = by_pause(pace.paused_until, pace.reason, self._clock.now()) is not None
        return {
            **pace.settings.as_dict(),
            "paused_until": iso(pace.paused_until) if pace.paused_until and is_paused else None,
            "pause_reason": pace.reason if is_paused else None,
            "held": held.as_dict() if held else None,
        }

    async def change(self, klien_id: int, changes: Mapping[str, Any]) -> None:
        """Those settings that are named; None: as they are where nobody chose. `"paused": False` ends a pause.

        Raises:
            NotFound, InvalidInput naming the field.
        """
        wanted = {name: value for name, value in changes.items() if name != "paused"}
        if changes.get("paused", False) is not False:
            raise wrong("paused", "hanya false, untuk melanjutkan", "only false, to go on")
        changed(Pacing(), wanted)

        async def job(tell: Tell) -> None:
            del tell
            now, before = self._clock.now(), (await paces.get(klien_id)).settings
            own = {name: value for name, value in {**before, **wanted}.items() if value is not None}
            await paces.set_settings(klien_id, own, now)
            if "paused" in changes:
                await paces.pause(klien_id, None, None, now)

        try:
            await self._writer.write(job)
        finally:  # whoever asked and left meanwhile has it stored all the same
            self._read_again(klien_id)
        if "paused" in changes:
            self._pauses.pop(klien_id, None)
            self._limit(klien_id, None)

    # --- pauses -------------------------------------------------------------------------------------------------------

    async def pause(self, klien_id: int, reason: str, now: datetime) -> Hold | None:
        """In a transaction: WhatsApp refuses what it would otherwise take; each time in a row for twice as long."""
        times = self._pauses.get(klien_id, 0)
        until = now + min(FIRST_PAUSE * 2 ** min(times, 10), LONGEST_PAUSE)
        await paces.pause(klien_id, until, reason, now)
        self._until[klien_id] = until
        return by_pause(until, reason, now)

    def note_pause(self, klien_id: int) -> None:
        """It is stored."""
        self._pauses[klien_id] = self._pauses.get(klien_id, 0) + 1
        self._read_again(klien_id)
        self._limit(klien_id, self._until.pop(klien_id, None))

    def note_welcome(self, klien_id: int) -> None:
        """WhatsApp took a message to somebody new."""
        self._pauses.pop(klien_id, None)

    def forget(self, klien_id: int) -> None:
        self._pauses.pop(klien_id, None)
        self._until.pop(klien_id, None)
        self._read_again(klien_id)

    def _read_again(self, klien_id: int) -> None:
        self._known.pop(klien_id, None)
        self._changes += 1


def _settings(stored: Mapping[str, Any]) -> Pacing:
    """Those that were set, over our own. A row may be of another version, or name a zone that this machine lacks."""
    try:
        return changed(Pacing(), stored)
    except InvalidInput as error:
        log.error("pace_not_understood", why=str(error))  # noqa: TRY400 - the sentence says it all
        return Pacing()
