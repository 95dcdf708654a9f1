"""The whole list of rooms, who may join which, and who is in them.

    klien:<id>   one klien's session, its QR included: that klien's own credentials, operators, admins
    chats:<id>   one klien's messages: its keys that may read them, operators, admins; no links
    kliens       every klien's transitions, without QR: operators and admins

Each socket also has a room of its own, named by its id: Socket.IO makes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from talkabiz.domain.access import Caller, Principal, Scope
from talkabiz.domain.errors import MissingScope, NotFound

LIST_ROOM = "kliens"


def klien_room(klien_id: int) -> str:
    return f"klien:{klien_id}"


def chats_room(klien_id: int) -> str:
    return f"chats:{klien_id}"


def may_look(principal: Principal) -> bool:
    """Whether this credential may see states at all: a key for messages alone may not."""
    return principal.may(Scope.READ) or principal.may(Scope.SESSION)


@dataclass(frozen=True, slots=True)
class Visitor:
    """One socket. `check_again` asks whether its credential is still good."""

    principal: Principal
    check_again: Callable[[], Awaitable[Principal | None]] = field(repr=False)
    credential: str = field(repr=False)
    """Equal for sockets of the same credential."""
    address: str | None = None

    @property
    def caller(self) -> Caller:
        return Caller(self.principal.actor, self.address, is_rationed=True)


class Rooms:
    """Who is here, and who watches whom (the Watchers port). Socket.IO keeps the memberships themselves."""

    def __init__(self) -> None:
        self._visitors: dict[str, Visitor] = {}
        self._watchers: dict[int, set[str]] = {}

    # --- coming and going ---------------------------------------------------------------------------------------------

    def arrive(self, sid: str, visitor: Visitor) -> None:
        self._visitors[sid] = visitor

    def leave(self, sid: str) -> None:
        """The socket is gone: it watches nobody any more."""
        self._visitors.pop(sid, None)
        for klien_id in [klien_id for klien_id, sids in self._watchers.items() if sid in sids]:
            self.look_away(sid, klien_id)

    def visitor(self, sid: str) -> Visitor | None:
        return self._visitors.get(sid)

    def visitors(self) -> dict[str, Visitor]:
        return dict(self._visitors)

    # --- watching -----------------------------------------------------------------------------------------------------

    def watch(self, sid: str, klien_id: int) -> tuple[str, ...]:
        """The rooms of this klien that the socket may be in; it now watches.

        Raises:
            NotFound: another klien's, or the socket is gone by now.
            MissingScope: a key that may not look.
        """
        visitor = self._visitors.get(sid)
        if visitor is None or not visitor.principal.may_see(klien_id):
            raise NotFound
        if not may_look(visitor.principal):
            raise MissingScope
        self._watchers.setdefault(klien_id, set()).add(sid)
        hears = visitor.principal.may_read_chats
        return (klien_room(klien_id), chats_room(klien_id)) if hears else (klien_room(klien_id),)

    def watch_list(self, sid: str) -> str:
        """The room of all kliens; being in it watches nobody. Raises NotFound for one klien's credentials."""
        visitor = self._visitors.get(sid)
        if visitor is None or not visitor.principal.sees_all:
            raise NotFound
        return LIST_ROOM

    def watches(self, sid: str, klien_id: int) -> bool:
        return sid in self._watchers.get(klien_id, ())

    def look_away(self, sid: str, klien_id: int) -> tuple[str, ...]:
        """The rooms of this klien, which the socket doesn't watch any more."""
        sids = self._watchers.get(klien_id, set())
        sids.discard(sid)
        if not sids:
            self._watchers.pop(klien_id, None)
        return klien_room(klien_id), chats_room(klien_id)

    def count(self, klien_id: int) -> int:
        """How many sockets watch this klien right now."""
        return len(self._watchers.get(klien_id, ()))
