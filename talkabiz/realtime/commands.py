"""What a socket may ask for. Each command answers a snapshot, or `{"error": {"code", "message"}}`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import socketio
import structlog

from talkabiz.domain.access import Scope
from talkabiz.domain.errors import InvalidInput, MissingScope, NotFound, Sentence, TalkabizError, Unauthorized
from talkabiz.domain.ids import LARGEST_ID, parse_klien_id
from talkabiz.realtime.rooms import Rooms, Visitor
from talkabiz.services.desk import Desk

EVERY_KLIEN = "*"
LIST_PAGE = 100

Answer = dict[str, Any]
Payload = Mapping[str, Any]

log = structlog.get_logger(__name__)


class Commands:
    """The wishes of sockets, each checked against who the socket is, then handed to one service."""

    def __init__(self, sio: socketio.AsyncServer, rooms: Rooms, desk: Desk) -> None:
        self._sio = sio
        self._rooms = rooms
        self._desk = desk
        self._known: Mapping[str, Callable[[str, Visitor, Payload], Awaitable[Answer]]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "start": self._start,
            "refresh": self._refresh,
            "pairing_code": self._pairing_code,
            "disconnect_wa": self._disconnect,
        }

    async def answer(self, name: str, sid: str, args: tuple[Any, ...]) -> Answer:
        """Never raises: a fault in one command must not cost the socket."""
        try:
            return await self._carry_out(name, sid, args)
        except TalkabizError as error:
            return refusal(error)
        except Exception:
            log.exception("command_failed", command=name)
            return refusal(TalkabizError())

    async def _carry_out(self, name: str, sid: str, args: tuple[Any, ...]) -> Answer:
        command = self._known.get(name)
        if command is None:
            raise NotFound(Sentence("Perintah tidak dikenal.", "There is no such command."))
        visitor = self._rooms.visitor(sid)
        if visitor is None:
            raise Unauthorized
        self._desk.allowances.take_request(visitor.principal.actor)
        return await command(sid, visitor, _payload(args))

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _subscribe(self, sid: str, visitor: Visitor, payload: Payload) -> Answer:
        if payload.get("klien_id") == EVERY_KLIEN:
            _only(payload, "klien_id", "after")
            return await self._subscribe_list(sid, _count(payload, "after") or 0)
        _only(payload, "klien_id", "since")
        hears = visitor.principal.may_read_chats
        klien_id, since = parse_klien_id(payload.get("klien_id")), _count(payload, "since")
        return await self._subscribe_klien(sid, klien_id, since, with_chats=hears)

    async def _subscribe_klien(self, sid: str, klien_id: int, since: int | None, *, with_chats: bool) -> Answer:
        """Join first, then read: whatever happens in between comes by the room, and the snapshot has it too."""
        was_there = self._rooms.watches(sid, klien_id)
        for room in self._rooms.watch(sid, klien_id):
            await self._sio.enter_room(sid, room)
        journal = self._desk.journal
        try:
            events, gap = (
                await journal.since(klien_id, since, with_chats=with_chats) if since is not None else ([], False)
            )
            snapshot = await self._desk.sessions.watch(klien_id)
        except NotFound:
            if not was_there:
                await self._look_away(sid, klien_id)
            raise
        return {"snapshot": snapshot, "events": [event.as_dict() for event in events], "gap": gap}

    async def _subscribe_list(self, sid: str, after: int) -> Answer:
        await self._sio.enter_room(sid, self._rooms.watch_list(sid))
        found = await self._desk.sessions.page(after, LIST_PAGE + 1)
        shown = found[:LIST_PAGE]
        return {"snapshots": shown, "next": shown[-1]["klien_id"] if len(found) > LIST_PAGE else None}

    async def _unsubscribe(self, sid: str, visitor: Visitor, payload: Payload) -> Answer:
        _only(payload, "klien_id")
        if payload.get("klien_id") == EVERY_KLIEN:
            await self._sio.leave_room(sid, self._rooms.watch_list(sid))
            return {}
        klien_id = _visible(visitor, payload)
        await self._look_away(sid, klien_id)
        return await self._desk.sessions.live(klien_id)

    async def _look_away(self, sid: str, klien_id: int) -> None:
        for room in self._rooms.look_away(sid, klien_id):
            await self._sio.leave_room(sid, room)

    # --- acting -------------------------------------------------------------------------------------------------------

    async def _start(self, sid: str, visitor: Visitor, payload: Payload) -> Answer:
        del sid
        return await self._desk.sessions.start(await _actable(visitor, payload), caller=visitor.caller)

    async def _refresh(self, sid: str, visitor: Visitor, payload: Payload) -> Answer:
        del sid
        return await self._desk.sessions.refresh(await _actable(visitor, payload), caller=visitor.caller)

    async def _pairing_code(self, sid: str, visitor: Visitor, payload: Payload) -> Answer:
        """Answers once the code is there: why there is none, nothing else would tell."""
        del sid
        klien_id = await _actable(visitor, payload, "phone")
        phone = payload.get("phone")
        if not isinstance(phone, str):
            raise InvalidInput(fields={"phone": "phone must be a text."})
        return await self._desk.sessions.pairing_code(klien_id, phone, caller=visitor.caller)

    async def _disconnect(self, sid: str, visitor: Visitor, payload: Payload) -> Answer:
        del sid
        return await self._desk.sessions.disconnect(await _actable(visitor, payload), caller=visitor.caller)


def refusal(error: TalkabizError) -> Answer:
    """`{"error": {"code", "message": {"id", "en"}}}`, with `fields` and `retry_after` where the error has them."""
    told: Answer = {"code": error.code, "message": error.message.as_dict()}
    if error.fields:
        told["fields"] = error.fields
    if error.retry_after is not None:
        told["retry_after"] = error.retry_after
    return {"error": told}


def _payload(args: tuple[Any, ...]) -> Payload:
    if len(args) == 1 and isinstance(args[0], dict):
        return args[0]
    raise InvalidInput(Sentence("Perintah membutuhkan satu objek.", "A command takes one object."))


def _only(payload: Payload, *names: str) -> None:
    """A misspelt name would otherwise be a wish that silently isn't granted."""
    if unknown := [str(name) for name in payload if name not in names]:
        raise InvalidInput(fields=dict.fromkeys(unknown, "unknown"))


def _count(payload: Payload, name: str) -> int | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_ID:
        raise InvalidInput(fields={name: f"{name} must be a whole number, 0 or more."})
    return value


def _visible(visitor: Visitor, payload: Payload) -> int:
    klien_id = parse_klien_id(payload.get("klien_id"))
    if not visitor.principal.may_see(klien_id):
        raise NotFound
    return klien_id


async def _actable(visitor: Visitor, payload: Payload, *more: str) -> int:
    """Asks anew whether the credential is good: once it has ended, nothing is done with it, not even for 2 s."""
    _only(payload, "klien_id", *more)
    klien_id = _visible(visitor, payload)
    if not visitor.principal.may(Scope.SESSION):
        raise MissingScope
    if await visitor.check_again() is None:
        raise Unauthorized
    return klien_id
