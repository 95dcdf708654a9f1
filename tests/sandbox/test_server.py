"""Clients that are broken, hostile or merely not the library: each costs its own connection and nothing more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest
from cryptography.exceptions import InvalidTag
from neonize.proto.waCert.WACert_pb2 import CertChain
from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import HandshakeMessage

from talkabiz.sandbox.nodes import SERVER, Node
from talkabiz.sandbox.world import Sandbox
from talkabiz.sandbox.xeddsa import verify
from tests.sandbox.conftest import NewWire
from tests.sandbox.wire import HEADER, Refused, WireClient, login_payload, pairing_payload

Step = Callable[[WireClient], Awaitable[None]]


async def test_a_client_that_is_not_the_library_gets_six_codes(new_wire: NewWire) -> None:
    client = new_wire()
    offer = await client.pair()
    assert offer.attrs["from"] == SERVER
    assert [part.tag for part in offer.children[0].children] == ["ref"] * 6


async def test_the_certificate_chain_leads_from_the_root_key_to_the_static_key(
    sandbox: Sandbox, new_wire: NewWire
) -> None:
    client = new_wire()
    await client.pair()
    chain = CertChain.FromString(client.chain)
    details = CertChain.NoiseCertificate.Details
    between, leaf = details.FromString(chain.intermediate.details), details.FromString(chain.leaf.details)
    assert verify(bytes.fromhex(sandbox.root_key), chain.intermediate.details, chain.intermediate.signature)
    assert verify(between.key, chain.leaf.details, chain.leaf.signature)
    assert (between.issuerSerial, leaf.issuerSerial, leaf.key) == (0, between.serial, client.server_key)


@pytest.mark.parametrize(
    ("target", "status"),
    [("example.com:443", "403"), ("web.whatsapp.com:80", "403"), ("evilwhatsapp.com:443", "403"), ("nonsense", "403")],
)
async def test_no_tunnel_leads_anywhere_else(new_wire: NewWire, target: str, status: str) -> None:
    client = new_wire()
    await client.connect()
    with pytest.raises(Refused, match=status):
        await client.tunnel(target)


async def test_a_plain_request_to_the_proxy_is_refused(new_wire: NewWire) -> None:
    client = new_wire()
    await client.connect()
    assert b" 405 " in await client.exchange(b"GET / HTTP/1.1\r\n\r\n")


async def test_another_path_than_the_chat_is_not_found(new_wire: NewWire) -> None:
    client = new_wire()
    await client.connect()
    await client.tunnel("mmg.whatsapp.net:443")
    with pytest.raises(Refused, match="404"):
        await client.upgrade("/mms/image")


async def say_no_header(client: WireClient) -> None:
    client.send_raw(b"GET / HTTP/1.1\r\n\r\n")


async def say_too_much(client: WireClient) -> None:
    client.send_raw(HEADER + b"\xff\xff\xff" + bytes(1000))


async def say_garbage(client: WireClient) -> None:
    client.send_frame(os.urandom(100))


async def say_no_key(client: WireClient) -> None:
    client.send_frame(HandshakeMessage(clientHello={"ephemeral": b"short"}).SerializeToString())


async def say_the_zero_key(client: WireClient) -> None:
    client.send_frame(HandshakeMessage(clientHello={"ephemeral": bytes(32)}).SerializeToString())


async def finish_with_garbage(client: WireClient) -> None:
    client.send_frame(HandshakeMessage(clientHello={"ephemeral": b"\x09" + bytes(31)}).SerializeToString())
    await client.frame()
    client.send_frame(HandshakeMessage(clientFinish={"static": bytes(48), "payload": bytes(48)}).SerializeToString())


async def send_an_unsealed_node(client: WireClient) -> None:
    await client.shake_hands(pairing_payload(client))
    client.send_frame(b"\x00\xf8\x01\x19")


async def send_a_node_that_is_none(client: WireClient) -> None:
    await client.shake_hands(pairing_payload(client))
    client.send_plain(b"\x00\xfa\xfa\xfa")


async def pair_without_identity(client: WireClient) -> None:
    payload = pairing_payload(client)
    payload.devicePairingData.eIdent = b"short"
    await client.shake_hands(payload)


async def upload_keys_that_are_none(client: WireClient) -> None:
    await client.shake_hands(login_payload(NUMBER, 1))
    key = Node("key", {}, (Node("id", {}, b"1"), Node("value", {}, b"2")))
    parts = (Node("registration", {}, bytes(4)), Node("list", {}, (key,)))
    client.send(Node("iq", {"type": "set", "xmlns": "encrypt", "id": "1"}, parts))


NUMBER = "628123456789"
MISBEHAVIOURS: list[Step] = [
    say_no_header,
    say_too_much,
    say_garbage,
    say_no_key,
    say_the_zero_key,
    finish_with_garbage,
    send_an_unsealed_node,
    send_a_node_that_is_none,
    pair_without_identity,
    upload_keys_that_are_none,
]


@pytest.mark.parametrize("misbehave", MISBEHAVIOURS, ids=lambda step: str(step.__name__))
async def test_a_misbehaving_client_loses_its_own_connection(
    sandbox: Sandbox, new_wire: NewWire, misbehave: Step
) -> None:
    bystander, culprit = new_wire(), new_wire()
    await bystander.pair()
    link_device(sandbox, culprit)
    await culprit.connect()
    await culprit.tunnel()
    await culprit.upgrade()

    await misbehave(culprit)

    assert await culprit.ended()
    assert await bystander.ping()


async def test_a_client_without_tls_or_words_costs_nothing(sandbox: Sandbox, new_wire: NewWire) -> None:
    silent, rude = new_wire(), new_wire()
    await silent.connect()
    await rude.connect()
    assert await rude.exchange(b"CONNECT web.whatsapp.com:443 HTTP/1.1\r\n\r\n")
    assert await rude.exchange(b"this is no TLS\r\n\r\n") is not None
    assert (await new_wire().pair()).tag == "iq"


async def test_a_client_that_never_reads_is_cut_off(sandbox: Sandbox, new_wire: NewWire) -> None:
    client = new_wire()
    link_device(sandbox, client)
    await client.arrive(login_payload(NUMBER, 1))
    assert (await client.receive()).tag == "success"
    (session,) = sandbox._conversations.sessions.values()
    sent = 0
    while sandbox.online():
        session.link.send(Node("ib", {}, bytes(1 << 20)))
        sent += 1
        assert sent < 100
        await asyncio.sleep(0)


async def test_a_stopped_server_can_be_started_again(sandbox: Sandbox, new_wire: NewWire) -> None:
    first = new_wire()
    await first.pair()
    await sandbox.stop()
    assert await first.ended()
    assert sandbox.proxy_url == ""
    await sandbox.start()
    assert (await new_wire().pair()).tag == "iq"


async def test_the_keys_of_one_direction_do_not_open_the_other(new_wire: NewWire) -> None:
    client = new_wire()
    await client.arrive(pairing_payload(client))
    with pytest.raises(InvalidTag):
        client.outward.decrypt(await client.frame())


def link_device(sandbox: Sandbox, client: WireClient) -> None:
    account, _ = sandbox.phones.add(NUMBER, "")
    keys = (client.noise_key.public_key().public_bytes_raw(), client.identity_key.public_key().public_bytes_raw())
    sandbox._accounts.link(account, account.new_device(*keys, "wire"))
