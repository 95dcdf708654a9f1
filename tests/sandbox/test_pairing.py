"""Pairing, through the unmodified library; and through a client that does what the library wouldn't."""

from __future__ import annotations

import asyncio
import base64

import pytest
from neonize.proto.waAdv.WAAdv_pb2 import ADVSignedDeviceIdentity, ADVSignedDeviceIdentityHMAC

from talkabiz.sandbox.accounts import MAX_COMPANIONS
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.nodes import SERVER, Node
from talkabiz.sandbox.world import Sandbox
from talkabiz.sandbox.xeddsa import sign
from tests.sandbox.conftest import NewClient, NewWire
from tests.sandbox.waiting import until
from tests.sandbox.wire import WireClient

NUMBER, OTHER = "628123456789", "628987654321"


async def refused(sandbox: Sandbox, qr: str, number: str = NUMBER, within_seconds: float = 10) -> str:
    with pytest.raises(SandboxError) as error:
        await sandbox.phones.scan(number, qr, within_seconds)
    assert not sandbox.phones.get(NUMBER).devices
    return error.value.code


async def code_of(client: WireClient) -> str:
    """The QR code that such a client would show."""
    offer = await client.pair()
    client.send(Node("iq", {"to": SERVER, "type": "result", "id": offer.text("id")}))
    keys = (client.noise_key.public_key(), client.identity_key.public_key())
    parts = [*(key.public_bytes_raw() for key in keys), bytes(32)]
    texts = [base64.b64encode(part).decode() for part in parts]
    return ",".join([offer.children[0].children[0].data.decode(), *texts])


async def test_the_unmodified_library_pairs_by_qr_and_logs_in(sandbox: Sandbox, new_client: NewClient) -> None:
    sandbox.phones.add(NUMBER, "Toko Maju ☕")
    client = new_client()
    client.start()

    device = await sandbox.phones.scan(NUMBER, await client.qr())

    paired = await client.event("PairStatus")
    assert (paired["ID"]["User"], paired["ID"]["Device"], paired["BusinessName"]) == (NUMBER, 1, "Toko Maju ☕")
    assert await client.event("Connected")
    assert await client.ask("logged_in")
    assert sandbox.online() == [device.jid]
    assert device.bundle.count == 812


async def test_a_stored_device_logs_in_again_without_a_code(sandbox: Sandbox, new_client: NewClient) -> None:
    sandbox.phones.add(NUMBER)
    first = new_client("store.db")
    first.start()
    await sandbox.phones.scan(NUMBER, await first.qr())
    await first.event("Connected")
    await first.ask("stop")

    again = new_client("store.db")
    again.start()

    assert await again.event("Connected")
    assert not [fact for fact in again.facts if fact["event"] == "qr"]


async def test_two_clients_are_linked_to_the_phone_that_scanned_each(sandbox: Sandbox, new_client: NewClient) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.phones.add(OTHER)
    mine, theirs = new_client(), new_client()
    mine.start()
    theirs.start()
    codes = await asyncio.gather(mine.qr(), theirs.qr())
    await asyncio.gather(sandbox.phones.scan(OTHER, codes[1]), sandbox.phones.scan(NUMBER, codes[0]))
    assert (await mine.event("PairStatus"))["ID"]["User"] == NUMBER
    assert (await theirs.event("PairStatus"))["ID"]["User"] == OTHER
    await asyncio.gather(mine.event("Connected"), theirs.event("Connected"))
    assert {jid.user for jid in sandbox.online()} == {NUMBER, OTHER}


async def test_a_full_phone_refuses_and_the_code_stays_good(
    sandbox: Sandbox, new_client: NewClient, new_wire: NewWire
) -> None:
    account, _ = sandbox.phones.add(NUMBER)
    for _ in range(MAX_COMPANIONS):
        sandbox._accounts.link(account, account.new_device(b"n" * 32, b"i" * 32, "old"))
    client = new_client()
    client.start()
    qr = await client.qr()
    with pytest.raises(SandboxError) as error:
        await sandbox.phones.scan(NUMBER, qr)
    assert error.value.code == "device_limit"
    sandbox.remove_device(NUMBER, 3)
    assert (await sandbox.phones.scan(NUMBER, qr)).id == 5
    assert await client.event("Connected")


async def test_a_code_that_was_scanned_is_used_up(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    qr = await code_of(new_wire())
    assert await refused(sandbox, qr, within_seconds=0.05) == "pair_timeout"
    assert await refused(sandbox, qr) == "qr_expired"


async def test_of_two_phones_at_once_one_gets_the_client(sandbox: Sandbox, new_client: NewClient) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.phones.add(OTHER)
    client = new_client()
    client.start()
    qr = await client.qr()
    results = await asyncio.gather(
        sandbox.phones.scan(NUMBER, qr), sandbox.phones.scan(OTHER, qr), return_exceptions=True
    )
    assert [result.code for result in results if isinstance(result, SandboxError)] == ["qr_expired"]
    assert await client.event("Connected")


async def test_a_code_expires_with_its_client(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = new_wire()
    qr = await code_of(client)
    client.close()
    await until(lambda: not sandbox._conversations.links)
    assert await refused(sandbox, qr) == "qr_expired"


async def test_a_code_nobody_issued_is_unknown(sandbox: Sandbox) -> None:
    sandbox.phones.add(NUMBER)
    key = base64.b64encode(bytes(32)).decode()
    assert await refused(sandbox, f"2@made-up,{key},{key},{key},1") == "unknown_ref"


async def test_the_reference_of_one_client_with_the_keys_of_another_is_no_code(
    sandbox: Sandbox, new_wire: NewWire
) -> None:
    sandbox.phones.add(NUMBER)
    one, other = await code_of(new_wire()), await code_of(new_wire())
    mixed = ",".join([one.split(",")[0], *other.split(",")[1:]])
    assert await refused(sandbox, mixed) == "invalid_qr"


async def test_a_phone_that_does_not_exist_scans_nothing(sandbox: Sandbox, new_wire: NewWire) -> None:
    qr = await code_of(new_wire())
    with pytest.raises(SandboxError) as error:
        await sandbox.phones.scan(NUMBER, qr)
    assert error.value.code == "not_found"


async def test_a_client_that_never_answers_is_let_go(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = new_wire()
    assert await refused(sandbox, await code_of(client), within_seconds=0.05) == "pair_timeout"
    assert await client.ended()


async def test_a_client_that_leaves_instead_of_answering_is_not_linked(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = new_wire()
    scan = asyncio.create_task(refused(sandbox, await code_of(client)))
    await client.receive()
    client.close()
    assert await scan == "pair_refused"


async def test_a_scan_that_is_given_up_links_nothing(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = new_wire()
    scan = asyncio.create_task(sandbox.phones.scan(NUMBER, await code_of(client)))
    await client.receive()
    scan.cancel()
    assert await client.ended()
    assert not sandbox.phones.get(NUMBER).devices


@pytest.mark.parametrize("forged", [False, True])
async def test_only_the_signature_of_the_clients_own_key_links_it(
    sandbox: Sandbox, new_wire: NewWire, *, forged: bool
) -> None:
    sandbox.phones.add(NUMBER)
    client = new_wire()
    scan = asyncio.create_task(sandbox.phones.scan(NUMBER, await code_of(client)))
    success = await client.receive()
    sealed = success.children[0].child("device-identity")
    assert sealed
    identity = ADVSignedDeviceIdentity.FromString(ADVSignedDeviceIdentityHMAC.FromString(sealed.data).details)
    own = client.identity_key.public_key().public_bytes_raw()
    message = b"\x06\x01" + identity.details + own + identity.accountSignatureKey
    key = bytes(32) if forged else client.identity_key.private_bytes_raw()
    identity.deviceSignature = sign(key, message)
    signed = Node("device-identity", {"key-index": "1"}, identity.SerializeToString())
    answer = Node("pair-device-sign", {}, (signed,))
    client.send(Node("iq", {"to": SERVER, "type": "result", "id": success.text("id")}, (answer,)))
    if forged:
        with pytest.raises(SandboxError) as error:
            await scan
        assert error.value.code == "pair_refused"
        assert not sandbox.phones.get(NUMBER).devices
    else:
        assert (await scan).id == 1
        assert (await client.receive()) == Node("stream:error", {"code": "515"})
