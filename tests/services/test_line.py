"""The line itself: what the tests of services take for granted of it."""

from __future__ import annotations

from talkabiz.domain.content import Text
from tests.services.line import ANI, OTHER_SHOP, SHOP, Line, jid
from tests.whatsapp.ear import until


async def test_two_kliens_write_to_a_phone_and_hear_of_it(line: Line) -> None:
    kliens = {await line.link(number): number for number in (SHOP, OTHER_SHOP)}
    for klien_id, number in kliens.items():
        await line.conversations.send(await line.attempt(klien_id), jid(ANI), Text(f"dari {number}"))
    for number in kliens.values():
        assert (await line.shown_text(ANI, f"dari {number}")).sender == jid(number)
    await until(lambda: {klien_id for klien_id, *_ in line.heard} == set(kliens))
