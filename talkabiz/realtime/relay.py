"""The relay: from the journal to the rooms. The only place that emits."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import socketio
import structlog

from talkabiz.domain.events import CHAT_TYPES, PRESENCE, Event
from talkabiz.realtime.rooms import LIST_ROOM, chats_room, klien_room
from talkabiz.services.journal import Journal

RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Relay:
    def __init__(self, sio: socketio.AsyncServer) -> None:
        self._sio = sio

    async def run(self, journal: Journal) -> None:
        """Pass everything on, one after the other, until cancelled."""
        while True:
            try:
                async with aclosing(journal.reader()) as events:
                    async for event in events:
                        await self.pass_on(event)
            except Exception:
                # Whatever was missed meanwhile heals by `since` and by the next snapshot; a dead relay never would.
                log.exception("relay_failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def pass_on(self, event: Event) -> None:
        """To those who watch this klien, then to the list; what was said, to those alone who may know it. One room's
        fault keeps nothing from the other.
        """
        for room, data in _rooms_of(event):
            try:
                await self._emit(event.type, data, room)
            except Exception:
                log.exception("emit_failed", klien=event.klien_id, seq=event.seq, type=event.type)

    async def greet(self, sid: str, snapshot: dict[str, Any]) -> None:
        """The state of things, to one socket."""
        await self._emit("snapshot", snapshot, sid)

    async def _emit(self, name: str, data: dict[str, Any], room: str) -> None:
        if not room:
            raise ValueError("an emit without a room would reach everybody")
        await self._sio.emit(name, data, room=room)


def _rooms_of(event: Event) -> tuple[tuple[str, dict[str, Any]], ...]:
    if event.type in {*CHAT_TYPES, PRESENCE}:
        return ((chats_room(event.klien_id), event.data),)
    return (klien_room(event.klien_id), event.data), (LIST_ROOM, without_qr(event.data))


def without_qr(data: dict[str, Any]) -> dict[str, Any]:
    """The payload for those who look at many kliens: a QR is for who stands before one."""
    return {**data, "qr": None} if data.get("qr") else data
