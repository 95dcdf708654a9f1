"""What a logged-in device is answered, word by word; the library hears the same, but shows little of it."""

from __future__ import annotations

import pytest

from talkabiz.sandbox.nodes import SERVER, Jid, Node
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NewWire
from tests.sandbox.test_server import link_device
from tests.sandbox.wire import WireClient, login_payload

NUMBER = "628123456789"


@pytest.fixture
async def device(sandbox: Sandbox, new_wire: NewWire) -> WireClient:
    """The first device of NUMBER, logged in."""
    client = new_wire()
    link_device(sandbox, client)
    await client.arrive(login_payload(NUMBER, 1))
    assert (await client.receive()).tag == "success"
    assert (await client.receive()).tag == "ib"
    return client


async def ask(client: WireClient, type_: str, xmlns: str, *content: Node) -> Node:
    client.send(Node("iq", {"to": SERVER, "type": type_, "xmlns": xmlns, "id": "q1"}, content))
    answer = await client.receive()
    assert (answer.tag, answer.text("id"), answer.text("type"), answer.attrs["from"]) == ("iq", "q1", "result", SERVER)
    return answer


def prekeys(first: int, last: int) -> tuple[Node, ...]:
    once = tuple(
        Node("key", {}, (Node("id", {}, number.to_bytes(3, "big")), Node("value", {}, bytes([number]) * 32)))
        for number in range(first, last + 1)
    )
    signed = (Node("id", {}, b"\0\0\1"), Node("value", {}, bytes(32)), Node("signature", {}, bytes(64)))
    return (
        Node("registration", {}, b"\0\0\1\2"),
        Node("type", {}, b"\5"),
        Node("identity", {}, b"i" * 32),
        Node("list", {}, once),
        Node("skey", {}, signed),
    )


async def bundle(client: WireClient, jid: Jid) -> Node:
    answer = await ask(client, "get", "encrypt", Node("key", {}, (Node("user", {"jid": jid, "reason": "identity"}),)))
    (user,) = answer.children[0].children
    assert user.attrs["jid"] == jid
    return user


async def count(client: WireClient) -> str:
    return (await ask(client, "get", "encrypt", Node("count"))).children[0].text("value")


async def test_a_device_without_keys_has_no_bundle(device: WireClient) -> None:
    assert await count(device) == "0"
    error = (await bundle(device, Jid(NUMBER, device=1))).child("error")
    assert error
    assert error.text("code") == "404"


@pytest.mark.parametrize("server", ["s.whatsapp.net", "lid"])
async def test_each_bundle_uses_up_one_key_and_the_last_has_none(
    sandbox: Sandbox, device: WireClient, server: str
) -> None:
    user = NUMBER if server == "s.whatsapp.net" else sandbox.phones.get(NUMBER).lid.user
    await ask(device, "set", "encrypt", *prekeys(1, 2))
    assert await count(device) == "2"
    for expected in (b"\0\0\1", b"\0\0\2", None):
        user_node = await bundle(device, Jid(user, server, 1))
        assert [part.tag for part in user_node.children][:4] == ["registration", "type", "identity", "skey"]
        key = user_node.child("key")
        assert (key.children[0].data if key else None) == expected
    assert await count(device) == "0"


async def test_keys_uploaded_twice_are_there_once(device: WireClient) -> None:
    await ask(device, "set", "encrypt", *prekeys(1, 10))
    await ask(device, "set", "encrypt", *prekeys(5, 15))
    assert await count(device) == "15"


async def test_a_lookup_tells_who_is_there_with_devices_and_lid(sandbox: Sandbox, device: WireClient) -> None:
    asked = Node("query", {}, tuple(map(Node, ("contact", "devices", "lid"))))
    users = (Node("user", {"jid": Jid(NUMBER)}), Node("user", {}, (Node("contact", {}, b"+628999999999"),)))
    answer = await ask(device, "get", "usync", Node("usync", {"sid": "s"}, (asked, Node("list", {}, users))))
    here, nobody = answer.children[0].children[0].children
    assert here.attrs["jid"] == Jid(NUMBER)
    assert [part.text("type") for part in here.children if part.tag == "contact"] == ["in"]
    assert 'id="1"' in str(here)
    assert [part.attrs["val"] for part in here.children if part.tag == "lid"] == [sandbox.phones.get(NUMBER).lid]
    assert nobody.attrs["jid"] == Jid("628999999999")
    assert [(part.tag, part.text("type")) for part in nobody.children] == [("contact", "out")]


@pytest.mark.parametrize(
    ("type_", "xmlns", "content"),
    [
        ("get", "w:p", ()),
        ("set", "passive", (Node("active"),)),
        ("get", "status", (Node("status"),)),
        ("set", "x", ()),
    ],
)
async def test_whatever_else_is_asked_gets_an_empty_result(
    device: WireClient, type_: str, xmlns: str, content: tuple[Node, ...]
) -> None:
    assert (await ask(device, type_, xmlns, *content)).content is None


async def test_messages_and_receipts_are_acknowledged(sandbox: Sandbox, device: WireClient) -> None:
    to = Jid("628999999999")
    sandbox.phones.add(to.user)
    device.send(Node("message", {"to": to, "id": "M1", "type": "text"}))
    ack = await device.receive()
    assert (ack.tag, ack.text("class"), ack.text("id"), ack.attrs["from"]) == ("ack", "message", "M1", to)
    assert "error" not in ack.attrs
    device.send(Node("receipt", {"to": to, "id": "M2", "type": "read"}))
    ack = await device.receive()
    assert (ack.text("class"), ack.text("id"), ack.text("type")) == ("receipt", "M2", "read")


async def test_a_message_to_nobody_is_an_error(device: WireClient) -> None:
    device.send(Node("message", {"to": Jid("628999999999"), "id": "M1", "type": "text"}))
    assert (await device.receive()).text("error") == "404"


async def test_a_call_is_acknowledged_and_goes_nowhere(device: WireClient) -> None:
    device.send(Node("call", {"to": Jid("628999999999"), "id": "C1"}, (Node("reject"),)))
    assert (await device.receive()).text("class") == "call"


async def test_what_needs_no_answer_gets_none(device: WireClient) -> None:
    device.send(Node("presence", {"type": "available"}))
    device.send(Node("iq", {"type": "result", "id": "x"}))
    device.send(Node("ib", {}, (Node("unified_session", {"id": "1"}),)))
    assert await device.ping()


async def test_a_device_logs_in_only_with_its_own_key(sandbox: Sandbox, device: WireClient, new_wire: NewWire) -> None:
    stranger = new_wire()
    await stranger.arrive(login_payload(NUMBER, 1))
    failure = await stranger.receive()
    assert (failure.tag, failure.text("reason")) == ("failure", "401")
    assert await stranger.ended()
    assert sandbox.online() == [Jid(NUMBER, device=1)]


@pytest.mark.parametrize(("number", "device_id"), [(NUMBER, 2), ("628999999999", 1), ("0", 0)])
async def test_an_unknown_device_does_not_log_in(
    device: WireClient, new_wire: NewWire, number: str, device_id: int
) -> None:
    stranger = new_wire()
    stranger.noise_key = device.noise_key
    await stranger.arrive(login_payload(number, device_id))
    assert (await stranger.receive()).text("reason") == "401"


async def test_a_second_login_of_a_device_takes_the_place_of_the_first(
    sandbox: Sandbox, device: WireClient, new_wire: NewWire
) -> None:
    second = new_wire()
    second.noise_key = device.noise_key
    await second.arrive(login_payload(NUMBER, 1))
    assert (await second.receive()).tag == "success"
    told = await device.receive()
    assert told == Node("stream:error", {}, (Node("conflict", {"type": "replaced"}),))
    assert await device.ended()
    assert sandbox.online() == [Jid(NUMBER, device=1)]


async def test_a_device_that_removes_itself_is_gone(sandbox: Sandbox, device: WireClient) -> None:
    await ask(device, "set", "md", Node("remove-companion-device", {"jid": Jid(NUMBER, device=1)}))
    assert not sandbox.phones.get(NUMBER).devices
    assert await device.ended()
    assert sandbox.online() == []


async def test_what_a_client_says_just_before_it_closes_is_heard(sandbox: Sandbox, device: WireClient) -> None:
    """As clients log out that don't wait for the answer. A query before it has an answer that nobody takes."""
    ping = Node("iq", {"to": SERVER, "type": "get", "xmlns": "w:p", "id": "q1"})
    logout = Node("remove-companion-device", {"jid": Jid(NUMBER, device=1)})
    device.send_and_close(ping, Node("iq", {"to": SERVER, "type": "set", "xmlns": "md", "id": "q2"}, (logout,)))
    assert await device.ended()
    assert not sandbox.phones.get(NUMBER).devices
