"""Messages between sessions of the real library: the server passes on what it can't read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from talkabiz.sandbox.codec import Codec
from talkabiz.sandbox.nodes import Node
from talkabiz.sandbox.tokens import Tokens
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.authority import certificates
from tests.sandbox.conftest import NUMBER, Linked, NewClient
from tests.sandbox.waiting import until

OTHER = "628987654321"
DELIVERED, READ, PLAYED = "DELIVERED", "READ", "PLAYED"


def at(number: str) -> str:
    return f"{number}@s.whatsapp.net"


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[Node]:
    """Every node that the server has read or written."""
    nodes: list[Node] = []
    decode, encode = Codec.decode, Codec.encode

    def read(codec: Codec, payload: bytes) -> Node:
        nodes.append(decode(codec, payload))
        return nodes[-1]

    def write(codec: Codec, node: Node) -> bytes:
        nodes.append(node)
        return encode(codec, node)

    monkeypatch.setattr(Codec, "decode", read)
    monkeypatch.setattr(Codec, "encode", write)
    return nodes


async def test_two_numbers_write_to_each_other_and_the_server_sees_no_word_of_it(
    sandbox: Sandbox, linked: Linked, passed: list[Node]
) -> None:
    sandbox.phones.add(NUMBER, "Toko")
    shop, buyer = await asyncio.gather(linked(), linked(number=OTHER))
    sent = await shop.send(at(OTHER), "rahasia ☕")
    info = (await buyer.message("rahasia ☕"))["Info"]
    assert (info["ID"], info["Pushname"], info["Type"]) == (sent, "Toko", "text")
    source = info["MessageSource"]
    assert source["Sender"]["User"] == sandbox.phones.get(NUMBER).lid.user
    assert source["SenderAlt"]["User"] == NUMBER
    for number in range(3):
        await buyer.send(at(NUMBER), f"rahasia {number}")
    await shop.message("rahasia 2")
    assert shop.texts() == ["rahasia 0", "rahasia 1", "rahasia 2"]

    assert sum(node.tag == "message" for node in passed) == 8  # each in and out again
    assert not [node for node in passed if b"rahasia" in spelled(node)]


def spelled(node: Node) -> bytes:
    """Everything in it, in one piece."""
    own = repr((node.tag, dict(node.attrs))).encode() + node.data
    return own + b"".join(map(spelled, node.children))


async def test_all_devices_of_both_accounts_get_each_message(linked: Linked) -> None:
    first, second, buyer = await asyncio.gather(linked(), linked(), linked(number=OTHER))
    await buyer.send(at(NUMBER), "untuk toko")
    await asyncio.gather(first.message("untuk toko"), second.message("untuk toko"))
    await first.send(at(OTHER), "dari satu")
    await buyer.message("dari satu")
    copy = (await second.message("dari satu"))["Info"]["MessageSource"]
    assert copy["IsFromMe"]
    assert copy["RecipientAlt"]["User"] == OTHER


async def test_a_device_that_is_linked_later_gets_what_is_sent_from_then_on(linked: Linked) -> None:
    """Those that remember the account's devices are told."""
    first, buyer = await asyncio.gather(linked(), linked(number=OTHER))
    await buyer.send(at(NUMBER), "satu")
    await first.send(at(OTHER), "dua")
    await asyncio.gather(first.message("satu"), buyer.message("dua"))
    second = await linked()
    await buyer.send(at(NUMBER), "tiga")
    await first.send(at(OTHER), "empat")
    await asyncio.gather(first.message("tiga"), second.message("tiga"), second.message("empat"))
    assert second.texts() == ["tiga", "empat"]


async def test_what_is_sent_to_a_device_that_is_away_waits_in_order(
    sandbox: Sandbox, linked: Linked, new_client: NewClient
) -> None:
    shop, buyer = await linked(), await linked("buyer.db", OTHER)
    await shop.send(at(OTHER), "di sini")
    await buyer.message("di sini")
    await buyer.ask("stop")
    await until(lambda: len(sandbox.online()) == 1)
    expected = [f"pesan {number}" for number in range(20)]
    for text in expected:
        await shop.send(at(OTHER), text)
    again = new_client("buyer.db")
    again.start()
    preview = await again.event("OfflineSyncPreview")
    assert preview["Message"] == 20
    assert (await again.event("OfflineSyncCompleted"))["Count"] == preview["Total"]
    await again.message(expected[-1])
    assert again.texts() == expected
    await until(lambda: not len(sandbox.phones.get(OTHER).devices[1].mailbox))


async def test_mail_outlives_the_server(tokens: Tokens, tmp_path: Path, new_client: NewClient) -> None:
    state = tmp_path / "state.json"
    before = Sandbox(tokens, certificates(), state)
    await before.start()
    clients = {}
    for number in (NUMBER, OTHER):
        before.phones.add(number)
        clients[number] = new_client(f"{number}.db", before.proxy_url)
        clients[number].start()
        await before.phones.scan(number, await clients[number].qr())
        await clients[number].event("Connected")
    await clients[OTHER].ask("stop")
    await until(lambda: len(before.online()) == 1)
    await clients[NUMBER].send(at(OTHER), "masih ada?")
    await before.stop()

    after = Sandbox(tokens, certificates(), state)
    await after.start()
    again = new_client(f"{OTHER}.db", after.proxy_url)
    again.start()
    await again.message("masih ada?")
    await after.stop()


async def test_an_edit_a_reaction_and_a_revocation_are_messages_like_others(linked: Linked) -> None:
    shop, buyer = await asyncio.gather(linked(), linked(number=OTHER))
    sent = await shop.send(at(OTHER), "salah")
    source = (await buyer.message("salah"))["Info"]["MessageSource"]
    key = {"remoteJID": at(OTHER), "fromMe": True, "ID": sent}
    edited = {"key": key, "type": "MESSAGE_EDIT", "editedMessage": {"conversation": "benar"}}
    await shop.send_message(at(OTHER), {"protocolMessage": edited})
    await shop.send_message(at(OTHER), {"protocolMessage": {"key": key, "type": "REVOKE"}})
    theirs = {"remoteJID": f"{source['Chat']['User']}@lid", "fromMe": False, "ID": sent}
    await buyer.send_message(at(NUMBER), {"reactionMessage": {"key": theirs, "text": "👍"}})
    found = await shop.wait_for(lambda fact: "reactionMessage" in fact.get("data", {}).get("Message", {}))
    assert found["data"]["Info"]["Type"] == "reaction"
    edits = [fact["data"]["Info"].get("Edit") for fact in buyer.facts if fact.get("name") == "Message"]
    assert edits == ["", "1", "7"]


async def test_a_number_without_whatsapp_is_found_out_and_gets_nothing(linked: Linked) -> None:
    shop = await linked()
    answer = await shop.ask("on_whatsapp", numbers=[f"+{OTHER}", f"+{NUMBER}"])
    found = {person["Query"]: person.get("IsIn", False) for person in answer["IsOnWhatsAppResponse"]}
    assert found == {f"+{OTHER}": False, f"+{NUMBER}": True}
    refused = await shop.ask("send", to=at(OTHER), message={"conversation": "halo?"})
    assert "no LID found" in refused["Error"]


# ── receipts and typing ───────────────────────────────────────────────────────────────────────────────────────────────


def receipt(kind: str, *ids: str) -> Any:
    return lambda fact: (
        fact.get("name") == "Receipt" and fact["data"]["Type"] == kind and fact["data"]["MessageIDs"] == list(ids)
    )


async def test_the_sender_learns_that_its_messages_arrived_were_read_and_played(linked: Linked) -> None:
    shop, buyer, reader = await asyncio.gather(linked(), linked(number=OTHER), linked(number=OTHER))
    await buyer.ask("active")
    ids = [await shop.send(at(OTHER), f"pesan {number}") for number in range(3)]
    for id_ in ids:
        await shop.wait_for(receipt(DELIVERED, id_))
    chat = (await buyer.message("pesan 2"))["Info"]["MessageSource"]["Chat"]
    sender = f"{chat['User']}@{chat['Server']}"
    assert await buyer.ask("mark", ids=ids, chat=sender, sender=sender, type="read") == ""
    assert await buyer.ask("mark", ids=ids[:1], chat=sender, sender=sender, type="played") == ""
    read = await shop.wait_for(receipt(READ, *ids))
    assert not read["data"]["MessageSource"].get("IsFromMe")
    await shop.wait_for(receipt(PLAYED, ids[0]))
    own = (await reader.wait_for(receipt(READ, *ids)))["data"]["MessageSource"]
    assert (own["IsFromMe"], own["Chat"]["User"]) == (True, chat["User"])


async def test_a_receipt_waits_for_a_sender_that_is_away(
    sandbox: Sandbox, linked: Linked, new_client: NewClient
) -> None:
    shop, buyer = await linked("shop.db"), await linked(number=OTHER)
    sent = await shop.send(at(OTHER), "dibaca?")
    chat = (await buyer.message("dibaca?"))["Info"]["MessageSource"]["Chat"]
    await shop.ask("stop")
    await until(lambda: len(sandbox.online()) == 1)
    sender = f"{chat['User']}@{chat['Server']}"
    assert await buyer.ask("mark", ids=[sent], chat=sender, sender=sender, type="read") == ""
    again = new_client("shop.db")
    again.start()
    await again.wait_for(receipt(READ, sent))


async def test_typing_and_recording_are_seen_by_the_other_side(linked: Linked) -> None:
    shop, buyer = await asyncio.gather(linked(), linked(number=OTHER))
    for state, media in ((0, 0), (0, 1), (1, 0)):
        assert await shop.ask("typing", chat=at(OTHER), state=state, media=media) == ""
    await buyer.wait_for(lambda fact: fact.get("name") == "ChatPresence" and fact["data"]["State"] == "PAUSED")
    seen = [fact["data"] for fact in buyer.facts if fact.get("name") == "ChatPresence"]
    assert [(fact["State"], fact["Media"]) for fact in seen] == [
        ("COMPOSING", "TEXT"),
        ("COMPOSING", "AUDIO"),
        ("PAUSED", "TEXT"),
    ]
    assert seen[0]["MessageSource"]["SenderAlt"]["User"] == NUMBER
