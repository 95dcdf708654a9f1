"""Whether a number is on WhatsApp. WhatsApp bans who asks for many, so answers are kept, and new ones are rationed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from talkabiz.domain.answers import CallFailed, Found
from talkabiz.domain.errors import IllegalState, Unreachable
from talkabiz.domain.ids import LID_SERVER, USER_SERVER, parse_jid
from talkabiz.domain.klien import iso
from talkabiz.domain.message import Party
from talkabiz.domain.message_errors import NOT_CONNECTED
from talkabiz.domain.phones import parse_phone
from talkabiz.services.allowances import Allowances
from talkabiz.services.conversations import Conversations
from talkabiz.services.links import Links
from talkabiz.services.paces import Paces
from talkabiz.services.ports import Clock
from talkabiz.store import parties
from talkabiz.store.writing import Tell, Writer

REMEMBERED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Contact:
    """`phone` is digits, `jid` where messages go, or None if it isn't on WhatsApp."""

    phone: str
    on_whatsapp: bool
    jid: str | None
    checked_at: datetime

    def as_dict(self) -> dict[str, Any]:
        return {
            "phone": self.phone,
            "on_whatsapp": self.on_whatsapp,
            "jid": self.jid,
            "checked_at": iso(self.checked_at),
        }


class Contacts:
    def __init__(
        self,
        conversations: Conversations,
        links: Links,
        paces: Paces,
        *,
        writer: Writer,
        clock: Clock,
        allowances: Allowances,
    ) -> None:
        self._conversations = conversations
        self._links = links
        self._paces = paces
        self._writer = writer
        self._clock = clock
        self._allowances = allowances

    async def check(self, klien_id: int, phone: str) -> Contact:
        """Whether this number, spelled in any way, is on WhatsApp: as it said within the last day, or says now.

        Raises:
            InvalidInput: it isn't a number. NotFound: no such klien.
            IllegalState: WhatsApp would have to be asked, and the klien isn't connected.
            RateLimited: that klien has asked for enough new ones, with `retry_after`.
            Unreachable: WhatsApp gave no answer.
        """
        number = parse_phone(phone, region=(await self._paces.of(klien_id)).settings.region)
        return await self._remembered(klien_id, number) or await self._asked(klien_id, number)

    async def _remembered(self, klien_id: int, number: str) -> Contact | None:
        said = await parties.last_check(klien_id, number)
        if said is None or not timedelta() <= self._clock.now() - said[1] < REMEMBERED:
            return None
        party = await parties.find(klien_id, number)
        return Contact(number, said[0], party.jid if party and said[0] else None, said[1])

    async def _asked(self, klien_id: int, number: str) -> Contact:
        attempt = self._links.attempt_of(klien_id)
        if attempt is None:
            raise IllegalState(NOT_CONNECTED)
        await self._allowances.take_check(klien_id)
        try:
            (found,) = await self._conversations.is_on_whatsapp(attempt, [number])
        except (CallFailed, ValueError):  # also an answer that isn't about one number
            raise Unreachable from None
        now = self._clock.now()

        async def store(_tell: Tell) -> Party:
            return await _note(klien_id, number, found, now)

        party = await self._writer.write(store)
        return Contact(number, found.is_in, party.jid if found.is_in else None, now)


async def _note(klien_id: int, number: str, found: Found, now: datetime) -> Party:
    """Of the number as it was asked for, whose LID it may be that came back; or another number, by which WhatsApp knows
    it, and then of that one, too.
    """
    server = parse_jid(found.jid).server if found.is_in and found.jid else ""
    party = await parties.known(klien_id, jid=f"{number}@{USER_SERVER}", alt=found.jid if server == LID_SERVER else "")
    await parties.set_on_whatsapp(klien_id, party.id, found.is_in, now)
    if server == USER_SERVER:
        other = await parties.known(klien_id, jid=found.jid)
        await parties.set_on_whatsapp(klien_id, other.id, found.is_in, now)
    return party
