"""The line itself: what the tests of services take for granted of it."""

from __future__ import annotations

import asyncio

import pytest

from talkabiz.domain.answers import CallFailed
from talkabiz.domain.content import Text
from talkabiz.whatsapp.conversations import STUCK
from tests.services.line import ANI, OTHER_SHOP, SHOP, Line, jid
from tests.whatsapp.ear import until


async def test_two_kliens_write_to_a_phone_and_hear_of_it(line: Line) -> None:
    kliens = {await line.link(number): number for number in (SHOP, OTHER_SHOP)}
    for klien_id, number in kliens.items():
        await line.conversations.send(await line.attempt(klien_id), jid(ANI), Text(f"dari {number}"))
    for number in kliens.values():
        assert (await line.shown_text(ANI, f"dari {number}")).sender == jid(number)
    await until(lambda: {klien_id for klien_id, *_ in line.heard} == set(kliens))


async def test_a_klien_whose_send_never_ends_comes_back_and_sends(line: Line) -> None:
    """An acknowledgement that is withheld over a renewed link holds the library for ever."""
    klien_id = await line.link(SHOP)
    held = await line.attempt(klien_id)
    await line.conversations.send(held, jid(ANI), Text("kenalan"))
    line.conversations._send_seconds = line.conversations._stuck_seconds = 1
    line.fault("no_ack", SHOP, count=2)
    sending = asyncio.create_task(line.conversations.send(held, jid(ANI), Text("di jalan")))
    await line.shown_text(ANI, "di jalan")
    seen = len(line.events)
    line.fault("drop", SHOP)
    with pytest.raises(CallFailed, match="unanswered"):
        await sending
    reconnecting = await line.reach(klien_id, "reconnecting", seen)
    assert (reconnecting.data["reason"], reconnecting.data["detail"]["code"]) == ("engine", STUCK)
    await line.reach(klien_id, "connected", line.events.index(reconnecting))
    anew = await line.attempt(klien_id)
    assert anew != held
    await line.conversations.send(anew, jid(ANI), Text("lagi"))
    await line.shown_text(ANI, "lagi")
