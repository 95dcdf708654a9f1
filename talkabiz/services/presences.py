"""Who is online, and who types: passing facts, told to whoever looks now and kept nowhere."""

from __future__ import annotations

from typing import Any

from talkabiz.domain.events import Event
from talkabiz.domain.heard import PresenceHeard, TypingHeard
from talkabiz.domain.ids import LID_SERVER, USER_SERVER, parse_jid
from talkabiz.domain.klien import iso
from talkabiz.domain.message import Party
from talkabiz.services.journal import Journal
from talkabiz.services.ports import Clock
from talkabiz.store import parties

Passing = PresenceHeard | TypingHeard


class Presences:
    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    async def tell(self, klien_id: int, heard: Passing) -> None:
        """`presence`: `{"klien_id", "who": party, "chat": party, "online", "last_seen", "typing"}`; of the last three
        null is what it says nothing about. `typing`: composing, recording or paused.
        """
        if isinstance(heard, PresenceHeard):
            who = chat = await self._party(klien_id, heard.who)
            last_seen = iso(heard.last_seen) if heard.last_seen else None
            says = {"online": heard.online, "last_seen": last_seen, "typing": None}
        else:
            who = await self._party(klien_id, heard.sender, heard.sender_alt)
            chat = await self._party(klien_id, heard.chat) if heard.chat != heard.sender else who
            says = {"online": None, "last_seen": None, "typing": heard.state}
        self.publish(klien_id, "presence", {"klien_id": klien_id, "who": who, "chat": chat, **says})

    def publish(self, klien_id: int, type_: str, data: dict[str, Any]) -> None:
        """Any passing event."""
        seq = self._journal.last_seq(klien_id)
        self._journal.publish(Event(None, klien_id, seq, type_, self._clock.now(), {**data, "seq": seq}))

    async def _party(self, klien_id: int, jid: str, alt: str = "") -> dict[str, Any]:
        """As the klien knows it; nobody becomes known by being online."""
        for address in filter(None, (jid, alt)):
            if found := await parties.find(klien_id, address):
                return found.as_dict()
        where = parse_jid(jid)
        phone = where.user if where.server == USER_SERVER else None
        return Party(0, jid, phone, jid if where.server == LID_SERVER else None).as_dict()
