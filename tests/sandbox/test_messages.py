"""Messages between sessions of the real library: the server passes on what it can't read."""

from __future__ import annotations

from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NUMBER, Linked

OTHER = "628987654321"


def at(number: str) -> str:
    return f"{number}@s.whatsapp.net"


async def test_two_numbers_write_to_each_other(sandbox: Sandbox, linked: Linked) -> None:
    sandbox.phones.add(NUMBER, "Toko")
    shop, buyer = await linked(), await linked(number=OTHER)
    sent = await shop.send(at(OTHER), "halo ☕")
    event = await buyer.message("halo ☕")
    info = event["Info"]
    assert (info["ID"], info["Pushname"], info["Type"]) == (sent, "Toko", "text")
    source = info["MessageSource"]
    assert source["Sender"]["User"] == sandbox.phones.get(NUMBER).lid.user
    assert source["SenderAlt"]["User"] == NUMBER
    for number in range(3):
        await buyer.send(at(NUMBER), f"balas {number}")
    await shop.message("balas 2")
    assert shop.texts() == ["balas 0", "balas 1", "balas 2"]
