"""What the tests of rights have in common: a klien with a secret, and what can be heard of it."""

from __future__ import annotations

from talkabiz.domain.access import Caller
from talkabiz.domain.events import CHAT_TYPES, PRESENCE, Event
from talkabiz.store import events
from talkabiz.store.database import transaction
from tests.edges import API_KEY, House, Json
from tests.fakes import QR_TEXT
from tests.realtime.wire import EVENT, REFUSED, wire

NAME, PHONE = "Warung Rahasia", "628155555555"
SAID = "Transfer ke rekening rahasia."
SECRETS = (NAME, PHONE, PHONE[2:], QR_TEXT, "<svg", "2@", SAID)
CALLER = Caller("test")
EVERY_KLIEN = "*"
UNAUTHORIZED = f'{REFUSED}{{"message":"unauthorized"}}'


async def say(house: House, klien_id: int, text: str = SAID) -> None:
    """Whatever is told of what is said, each kind once."""
    seq = 0
    for type_ in sorted(CHAT_TYPES):
        async with transaction():
            event = await events.append(klien_id, type_, house.clock.now(), {"klien_id": klien_id, "text": text})
        house.desk.journal.publish(event)
        seq = event.seq
    passing = {"klien_id": klien_id, "who": {"name": text}, "online": True, "last_seen": None}
    house.desk.journal.publish(Event(None, klien_id, seq, PRESENCE, house.clock.now(), passing))


async def let_everything_happen(house: House, address: str, klien_id: int) -> None:
    """Off, codes on show, linked anew, talk, and off again; over when somebody who may has seen it all."""
    async with wire(address) as control:
        await control.connect({"token": API_KEY})
        await control.ask("subscribe", {"klien_id": klien_id})
        await house.desk.sessions.disconnect(klien_id)
        await house.link(klien_id, PHONE, NAME)
        await say(house, klien_id)
        await house.desk.sessions.disconnect(klien_id)
        assert await control.wait_for(f'{EVENT}["disconnected"', nth=2) != "closed"
        assert [secret for secret in SECRETS if secret in str(control.frames)] == list(SECRETS), (
            "there was much to hear"
        )


def code_of(answer: Json) -> str | None:
    error = answer.get("error")
    return error["code"] if error else None


async def id_of_link(house: House, token: str) -> int:
    found = await house.desk.access.by_link(token)
    assert found
    return found.credential_id
