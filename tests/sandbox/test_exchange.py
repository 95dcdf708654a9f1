"""What passes between devices, word by word: what the library doesn't show, or never says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from talkabiz.sandbox.directory import FEW_PREKEYS
from talkabiz.sandbox.nodes import LID_SERVER, SERVER, Jid, Node
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NUMBER, NewWire
from tests.sandbox.test_session import prekeys
from tests.sandbox.waiting import until
from tests.sandbox.wire import WireClient, login_payload

OTHER = "628987654321"
Arrives: TypeAlias = Callable[..., Awaitable[WireClient]]


@pytest.fixture
def arrives(sandbox: Sandbox, new_wire: NewWire) -> Arrives:
    """A device of a number that has logged in; the same client again is the same device again."""

    async def arrive(number: str = NUMBER, before: WireClient | None = None, *, device: int = 1) -> WireClient:
        client = new_wire()
        if before is None:
            account, _ = sandbox.phones.add(number, f"Toko {number[-1]}")
            keys = (
                client.noise_key.public_key().public_bytes_raw(),
                client.identity_key.public_key().public_bytes_raw(),
            )
            sandbox._accounts.link(account, account.new_device(*keys, "wire"))
        else:
            client.noise_key = before.noise_key
        await client.arrive(login_payload(number, device))
        assert (await client.receive()).tag == "success"
        return client

    return arrive


async def begun(client: WireClient) -> WireClient:
    """Its backlog is over."""
    while (await client.receive()).tag != "ib":
        pass
    return client


async def ask(client: WireClient, type_: str, xmlns: str, *content: Node, to: Jid = SERVER) -> Node:
    client.send(Node("iq", {"to": to, "type": type_, "xmlns": xmlns, "id": "q1"}, content))
    answer = await client.receive()
    assert (answer.tag, answer.text("id")) == ("iq", "q1")
    return answer


def sealed(to: Jid, *devices: Jid, **attrs: str) -> Node:
    parts = tuple(Node("to", {"jid": jid}, (Node("enc", {"v": "2", "type": "pkmsg"}, b"sealed"),)) for jid in devices)
    content = (Node("participants", {}, parts), Node("device-identity", {}, b"signed"), Node("tctoken", {}, b"token"))
    return Node("message", {"to": to, "type": "text", "id": "M1", **attrs}, content)


async def test_a_message_is_passed_on_with_its_marks_and_without_what_is_for_the_server(
    sandbox: Sandbox, arrives: Arrives
) -> None:
    sender, receiver = await begun(await arrives()), await begun(await arrives(OTHER))
    shop, buyer = sandbox.phones.get(NUMBER), sandbox.phones.get(OTHER)
    sender.send(sealed(buyer.lid, buyer.devices[1].lid, edit="1", phash="2:x"))
    ack = await sender.receive()
    assert "phash" not in ack.attrs  # every device was reached
    message = await receiver.receive()
    assert {name: value for name, value in message.attrs.items() if name != "t"} == {
        "id": "M1",
        "type": "text",
        "edit": "1",
        "notify": "Toko 9",
        "from": shop.devices[1].lid,
        "sender_pn": shop.jid,
        "addressing_mode": "lid",
    }
    assert [part.tag for part in message.children] == ["enc", "device-identity"]


async def test_a_sender_that_misses_a_device_is_told_the_hash_of_all(sandbox: Sandbox, arrives: Arrives) -> None:
    sender = await begun(await arrives())
    await begun(await arrives(OTHER))
    await begun(await arrives(OTHER, device=2))
    buyer = sandbox.phones.get(OTHER)
    sender.send(sealed(buyer.lid, buyer.devices[1].lid))
    assert (await sender.receive()).text("phash").startswith("2:")


async def test_a_message_without_an_answer_comes_again_at_the_next_login(sandbox: Sandbox, arrives: Arrives) -> None:
    sender, receiver = await begun(await arrives()), await begun(await arrives(OTHER))
    buyer = sandbox.phones.get(OTHER)
    sender.send(sealed(buyer.lid, buyer.devices[1].lid))
    assert (await receiver.receive()).text("id") == "M1"
    receiver.close()
    await until(lambda: len(sandbox.online()) == 1)
    again = await arrives(OTHER, receiver)
    assert (await again.receive()).children[0].tag == "offline_preview"
    message = await again.receive()
    assert (message.text("id"), message.text("offline")) == ("M1", "0")
    assert (await again.receive()).children[0].attrs == {"count": "1"}
    again.send(Node("ack", {"class": "message", "id": "M1", "to": message.attrs["from"]}))
    assert await again.ping()
    assert len(buyer.devices[1].mailbox) == 0


async def test_a_duplicate_comes_twice_and_is_acknowledged_twice(sandbox: Sandbox, arrives: Arrives) -> None:
    sender, receiver = await begun(await arrives()), await begun(await arrives(OTHER))
    buyer = sandbox.phones.get(OTHER)
    fault = sandbox.inject("duplicate", OTHER)
    sender.send(sealed(buyer.lid, buyer.devices[1].lid))
    first, second = await receiver.receive(), await receiver.receive()
    assert first == second
    assert fault.hit == 1
    for left in (1, 0):
        receiver.send(Node("ack", {"class": "message", "id": "M1", "to": first.attrs["from"]}))
        assert await receiver.ping()
        assert len(buyer.devices[1].mailbox) == left


async def test_a_message_that_is_held_and_has_no_successor_comes_at_the_next_login(
    sandbox: Sandbox, arrives: Arrives
) -> None:
    sender, receiver = await begun(await arrives()), await begun(await arrives(OTHER))
    buyer = sandbox.phones.get(OTHER)
    sandbox.inject("reorder", OTHER)
    sender.send(sealed(buyer.lid, buyer.devices[1].lid))
    assert (await sender.receive()).text("class") == "message"
    assert await receiver.ping()  # nothing came
    again = await arrives(OTHER, receiver)
    assert (await again.receive()).children[0].tag == "offline_preview"
    assert (await again.receive()).text("id") == "M1"


async def test_a_receipt_by_number_is_one_of_the_message_that_came_by_lid(sandbox: Sandbox, arrives: Arrives) -> None:
    sender, receiver = await begun(await arrives()), await begun(await arrives(OTHER))
    buyer = sandbox.phones.get(OTHER)
    sender.send(sealed(buyer.lid, buyer.devices[1].lid))
    await receiver.receive()
    receiver.send(Node("receipt", {"to": Jid(NUMBER), "id": "M1", "type": "inactive"}))
    assert (await receiver.receive()).text("class") == "receipt"
    assert len(buyer.devices[1].mailbox) == 0
    assert (await sender.receive()).tag == "ack"
    receipt = await sender.receive()
    assert (receipt.tag, receipt.text("type"), receipt.attrs["from"]) == ("receipt", "inactive", buyer.devices[1].lid)


async def test_a_request_to_send_again_goes_to_the_device_that_sent_with_its_keys(
    sandbox: Sandbox, arrives: Arrives
) -> None:
    sender, other = await begun(await arrives()), await begun(await arrives(device=2))
    receiver = await begun(await arrives(OTHER))
    shop, buyer = sandbox.phones.get(NUMBER), sandbox.phones.get(OTHER)
    keys = (Node("retry", {"count": "1", "id": "M1"}), Node("keys", {}, (Node("type", {}, b"\5"),)))
    receiver.send(Node("receipt", {"to": shop.devices[1].lid, "id": "M1", "type": "retry"}, keys))
    receipt = await sender.receive()
    assert (receipt.attrs["from"], receipt.children) == (buyer.devices[1].lid, keys)
    assert await other.ping()  # it was told nothing

    again = Node("enc", {"v": "2", "type": "msg", "count": "1"}, b"again")
    sender.send(Node("message", {"to": buyer.devices[1].lid, "id": "M1", "type": "text"}, (again,)))
    assert (await receiver.receive()).tag == "ack"
    message = await receiver.receive()
    assert (message.text("id"), message.children) == ("M1", (again,))


async def test_read_self_is_told_to_nobody_else(sandbox: Sandbox, arrives: Arrives) -> None:
    reader, own = await begun(await arrives()), await begun(await arrives(device=2))
    sender = await begun(await arrives(OTHER))
    reader.send(Node("receipt", {"to": sandbox.phones.get(OTHER).lid, "id": "M1", "type": "read-self"}))
    told = await own.receive()
    assert (told.text("type"), told.attrs["recipient"]) == ("read-self", sandbox.phones.get(OTHER).lid)
    assert await sender.ping()


async def test_presence_is_told_to_who_asked_for_it_by_the_address_that_was_asked(
    sandbox: Sandbox, arrives: Arrives
) -> None:
    watcher, watched = await begun(await arrives()), await begun(await arrives(OTHER))
    lid = sandbox.phones.get(OTHER).lid
    watcher.send(Node("presence", {"type": "subscribe", "to": lid}))
    assert (await watcher.receive()).attrs == {"from": lid, "type": "unavailable", "last": "deny"}
    watched.send(Node("presence", {"type": "available", "name": "Budi"}))
    assert (await watcher.receive()).attrs == {"from": lid}
    watched.close()
    left = await watcher.receive()
    assert (left.text("type"), left.text("last").isdecimal()) == ("unavailable", True)
    watcher.send(Node("presence", {"type": "unsubscribe", "to": lid}))
    assert await watcher.ping()
    again = await begun(await arrives(OTHER, watched))
    again.send(Node("presence", {"type": "available"}))
    assert await again.ping()
    assert await watcher.ping()  # nothing else came


async def test_a_device_that_runs_out_of_keys_is_asked_for_more(sandbox: Sandbox, arrives: Arrives) -> None:
    asker, owner = await begun(await arrives()), await begun(await arrives(OTHER))
    await ask(owner, "set", "encrypt", *prekeys(1, FEW_PREKEYS + 1))
    user = Node("user", {"jid": Jid(OTHER, device=1)})
    await ask(asker, "get", "encrypt", Node("key", {}, (user,)))
    notice = await owner.receive()
    assert (notice.text("type"), notice.attrs["from"]) == ("encrypt", SERVER)
    assert notice.children[0].attrs == {"value": str(FEW_PREKEYS)}
    assert (await ask(owner, "get", "encrypt", Node("digest"))).children[0].tag == "digest"


@pytest.mark.parametrize("server", ["s.whatsapp.net", "lid"])
async def test_a_change_of_devices_is_told_to_who_asked_for_them_by_the_same_kind_of_address(
    sandbox: Sandbox, arrives: Arrives, server: str
) -> None:
    asker = await begun(await arrives())
    await begun(await arrives(OTHER))
    buyer = sandbox.phones.get(OTHER)
    jid = buyer.lid if server == LID_SERVER else buyer.jid
    wanted = (Node("query", {}, (Node("devices", {"version": "2"}),)), Node("list", {}, (Node("user", {"jid": jid}),)))
    await ask(asker, "get", "usync", Node("usync", {"sid": "s"}, wanted))
    sandbox.remove_device(OTHER, 1)
    notice = await asker.receive()
    assert (notice.text("type"), notice.attrs["from"]) == ("devices", jid)
    assert notice.children[0].tag == "remove"
    assert notice.children[0].children[0].attrs["jid"] == Jid(jid.user, server, 1)


async def test_a_token_reaches_the_contact_it_is_for(sandbox: Sandbox, arrives: Arrives) -> None:
    sender, contact = await begun(await arrives()), await begun(await arrives(OTHER))
    wish = Node("token", {"jid": Jid(OTHER), "t": "1700000000", "type": "trusted_contact"})
    await ask(sender, "set", "privacy", Node("tokens", {}, (wish,)))
    notice = await contact.receive()
    assert (notice.text("type"), notice.attrs["sender_lid"]) == ("privacy_token", sandbox.phones.get(NUMBER).lid)
    (token,) = notice.children[0].children
    assert (token.text("t"), len(token.data)) == ("1700000000", 16)


@pytest.mark.parametrize(
    ("xmlns", "content", "to", "code"),
    [
        ("w:g2", Node("query"), Jid("120363000000000000", "g.us"), "404"),
        ("w:profile:picture", Node("picture"), SERVER, "404"),
    ],
)
async def test_what_is_not_there_is_an_error_with_its_code(
    arrives: Arrives, xmlns: str, content: Node, to: Jid, code: str
) -> None:
    client = await begun(await arrives())
    answer = await ask(client, "get", xmlns, content, to=to)
    assert (answer.text("type"), answer.attrs["from"], answer.children[0].text("code")) == ("error", to, code)


async def test_settings_and_block_list_say_that_nothing_is_set(arrives: Arrives) -> None:
    client = await begun(await arrives())
    settings = (await ask(client, "get", "privacy", Node("privacy"))).children[0]
    assert {part.text("name"): part.text("value") for part in settings.children}["readreceipts"] == "all"
    assert (await ask(client, "get", "blocklist")).children[0].tag == "list"


async def test_who_is_not_in_a_group_cannot_write_in_it(sandbox: Sandbox, arrives: Arrives) -> None:
    member, stranger = await begun(await arrives()), await begun(await arrives(OTHER))
    await ask(member, "set", "w:g2", Node("subject", {}, b"x"), to=Jid("1", "g.us"))
    member.send(Node("iq", {"type": "set", "xmlns": "w:g2", "id": "q2"}, (Node("create", {"subject": "Arisan"}),)))
    assert (await member.receive()).text("type") == "w:gp2"
    group = sandbox._exchange.groups.all()[0]
    stranger.send(
        Node("message", {"to": group.jid, "id": "M1", "type": "text"}, (Node("enc", {"type": "skmsg"}, b"x"),))
    )
    assert (await stranger.receive()).text("error") == "403"
