"""Codes to type into a phone: through a client of our own. The unmodified library types them in tests/whatsapp."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading

import pytest
from neonize.proto.waAdv.WAAdv_pb2 import ADVSignedDeviceIdentity, ADVSignedDeviceIdentityHMAC

from talkabiz.sandbox.accounts import MAX_COMPANIONS, Device
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.link_codes import read_typed
from talkabiz.sandbox.nodes import SERVER, Node
from talkabiz.sandbox.world import Sandbox
from talkabiz.sandbox.xeddsa import sign
from tests.sandbox.codes import TAG, CodeClient
from tests.sandbox.conftest import NewWire
from tests.sandbox.test_pairing import code_of
from tests.sandbox.waiting import until

NUMBER, OTHER = "628123456789", "628987654321"
CODE = "ABCD-EFGH"


async def asking(new_wire: NewWire, number: str = NUMBER, code: str = "ABCDEFGH") -> CodeClient:
    """A client that shows a code for the number, and QR codes as well."""
    wire = new_wire()
    await wire.pair()
    client = CodeClient(wire, code)
    assert (await client.hello(number)).text("type") == "result"
    return client


async def refusal(sandbox: Sandbox, code: str = CODE, number: str = NUMBER, within_seconds: float = 10) -> str:
    with pytest.raises(SandboxError) as error:
        await sandbox.phones.enter_code(number, code, within_seconds)
    return error.value.code


def typing(sandbox: Sandbox, code: str = CODE, number: str = NUMBER) -> asyncio.Task[Device]:
    sandbox.phones.add(number)
    return asyncio.create_task(sandbox.phones.enter_code(number, code))


async def sign_back(client: CodeClient) -> ADVSignedDeviceIdentityHMAC:
    """Answers the pairing as a client does that trusts it."""
    success = await client.wire.receive()
    found = success.children[0].child("device-identity")
    assert found
    sealed = ADVSignedDeviceIdentityHMAC.FromString(found.data)
    identity = ADVSignedDeviceIdentity.FromString(sealed.details)
    own = client.wire.identity_key
    message = b"\x06\x01" + identity.details + own.public_key().public_bytes_raw() + identity.accountSignatureKey
    identity.deviceSignature = sign(own.private_bytes_raw(), message)
    signed = Node("device-identity", {"key-index": "1"}, identity.SerializeToString())
    answer = Node("pair-device-sign", {}, (signed,))
    client.wire.send(Node("iq", {"to": SERVER, "type": "result", "id": success.text("id")}, (answer,)))
    return sealed


# ── what goes well ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_both_sides_of_a_code_get_the_same_secret(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)
    typed = typing(sandbox)

    hello = await client.wire.receive()
    assert (hello.tag, hello.text("type"), hello.attrs["from"]) == ("notification", TAG, SERVER)
    answer, secret = await client.finish(hello)
    sealed = await sign_back(client)

    assert answer.text("type") == "result"
    assert hmac.new(secret, sealed.details, hashlib.sha256).digest() == sealed.HMAC
    assert (await typed).jid.user == NUMBER
    assert await client.wire.receive() == Node("stream:error", {"code": "515"})
    assert list(sandbox.phones.get(NUMBER).devices) == [1]


async def test_a_code_typed_twice_is_used_up(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)
    typed = typing(sandbox)
    await client.finish(await client.wire.receive())
    await sign_back(client)
    await typed

    assert await refusal(sandbox) == "code_expired"


async def test_the_right_code_still_links_after_a_wrong_one(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)

    wrong = asyncio.create_task(refusal(sandbox, "2222-2222"))
    answer, _ = await client.finish(await client.wire.receive())
    assert (answer.text("type"), answer.children[0].text("code")) == ("error", "400")
    assert await wrong == "wrong_code"

    typed = typing(sandbox)
    await client.finish(await client.wire.receive())
    await sign_back(client)
    assert (await typed).jid.user == NUMBER


async def test_a_client_that_shows_a_code_can_still_be_scanned_and_then_the_code_is_dead(
    sandbox: Sandbox, new_wire: NewWire
) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.phones.add(OTHER)
    client = CodeClient(new_wire())
    qr = await code_of(client.wire)
    await client.hello(NUMBER)

    scan = asyncio.create_task(sandbox.phones.scan(OTHER, qr))
    await sign_back(client)

    assert (await scan).jid.user == OTHER
    assert await refusal(sandbox) == "code_expired"


async def test_a_client_that_was_linked_by_a_code_cannot_be_scanned_any_more(
    sandbox: Sandbox, new_wire: NewWire
) -> None:
    sandbox.phones.add(OTHER)
    client = CodeClient(new_wire())
    qr = await code_of(client.wire)
    await client.hello(NUMBER)
    typed = typing(sandbox)
    await client.finish(await client.wire.receive())
    await sign_back(client)
    await typed

    with pytest.raises(SandboxError) as error:
        await sandbox.phones.scan(OTHER, qr)
    assert error.value.code == "qr_expired"


async def test_a_scan_while_a_code_is_being_typed_goes_first(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.phones.add(OTHER)
    client = CodeClient(new_wire())
    qr = await code_of(client.wire)
    await client.hello(NUMBER)
    late = asyncio.create_task(refusal(sandbox))
    hello = await client.wire.receive()

    scan = asyncio.create_task(sandbox.phones.scan(OTHER, qr))
    await sign_back(client)
    assert (await scan).jid.user == OTHER
    assert await late == "code_expired"
    client.say_finish(hello)
    assert not sandbox.phones.get(NUMBER).devices


async def test_the_newest_request_for_a_number_counts(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    await asking(new_wire, code="22222222")
    newest = await asking(new_wire)

    typed = typing(sandbox)
    await newest.finish(await newest.wire.receive())
    await sign_back(newest)

    assert (await typed).jid.user == NUMBER


async def test_a_client_that_asks_again_has_one_code(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire, NUMBER)
    await client.hello(OTHER)

    assert await refusal(sandbox) == "code_expired"
    typed = typing(sandbox, number=OTHER)
    await client.finish(await client.wire.receive())
    await sign_back(client)
    assert (await typed).jid.user == OTHER


# ── what doesn't ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_for_another_number_is_unknown_here(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    await asking(new_wire, OTHER)

    assert await refusal(sandbox) == "unknown_code"


async def test_a_phone_that_does_not_exist_types_nothing(sandbox: Sandbox, new_wire: NewWire) -> None:
    await asking(new_wire)

    assert await refusal(sandbox) == "not_found"


async def test_a_code_expires_with_its_client(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)
    client.wire.close()
    await until(lambda: not sandbox._conversations.links)

    assert await refusal(sandbox) == "code_expired"


async def test_a_client_that_leaves_while_a_code_is_typed_is_told_to_the_phone(
    sandbox: Sandbox, new_wire: NewWire
) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)
    late = asyncio.create_task(refusal(sandbox))
    await client.wire.receive()
    client.wire.close()

    assert await late == "code_expired"


async def test_a_client_that_never_answers_is_waited_for_only_so_long(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)
    late = asyncio.create_task(refusal(sandbox, within_seconds=0.5))
    await client.wire.receive()

    assert await late == "pair_timeout"
    assert not sandbox.phones.get(NUMBER).devices


async def test_a_full_phone_refuses_before_the_client_is_asked(sandbox: Sandbox, new_wire: NewWire) -> None:
    account, _ = sandbox.phones.add(NUMBER)
    client = await asking(new_wire)
    for _ in range(MAX_COMPANIONS):
        sandbox._accounts.link(account, account.new_device(b"n" * 32, b"i" * 32, "old"))

    assert await refusal(sandbox) == "device_limit"
    assert await client.wire.ping()


async def test_a_seal_that_a_fault_breaks_is_seen_by_the_client(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.inject("bad_hmac", NUMBER)
    client = await asking(new_wire)
    typed = typing(sandbox)
    _, secret = await client.finish(await client.wire.receive())
    sealed = await sign_back(client)
    await typed

    assert hmac.new(bytes(32), sealed.details, hashlib.sha256).digest() == sealed.HMAC
    assert secret != bytes(32)


@pytest.mark.parametrize(
    "changed",
    [
        {"link_code_pairing_wrapped_companion_ephemeral_pub": b"short"},
        {"companion_server_auth_key_pub": bytes(32)},
        {"companion_platform_display": "Talkabiz"},
    ],
    ids=["a key that is too short", "another client's key", "a name that isn't a browser's"],
)
async def test_a_request_that_cannot_be_one_is_refused(
    sandbox: Sandbox, new_wire: NewWire, changed: dict[str, bytes | str]
) -> None:
    sandbox.phones.add(NUMBER)
    wire = new_wire()
    await wire.pair()

    answer = await CodeClient(wire).hello(NUMBER, **changed)

    assert (answer.text("type"), answer.children[0].text("code")) == ("error", "400")
    assert await refusal(sandbox) == "unknown_code"


async def test_a_number_that_is_none_is_refused(new_wire: NewWire) -> None:
    wire = new_wire()
    await wire.pair()

    assert (await CodeClient(wire).hello("0812")).text("type") == "error"


async def test_a_last_word_that_nobody_waits_for_is_refused_and_changes_nothing(
    sandbox: Sandbox, new_wire: NewWire
) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)
    typed = typing(sandbox)
    hello = await client.wire.receive()

    answer, _ = await client.finish(hello, link_code_pairing_ref=b"another")
    assert answer.text("type") == "error"
    answer, _ = await client.finish(hello, link_code_pairing_wrapped_key_bundle=b"short")
    assert answer.text("type") == "error"
    await client.finish(hello)
    await sign_back(client)
    assert (await typed).jid.user == NUMBER


async def test_the_loop_goes_on_while_a_code_is_worked_on(
    sandbox: Sandbox, new_wire: NewWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)
    threads = []
    derive = hashlib.pbkdf2_hmac

    def noting(*args: object) -> bytes:
        threads.append(threading.current_thread().name)
        return derive(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", noting)
    typed = typing(sandbox)
    hello = await client.wire.receive()

    assert len(threads) == 2
    assert all(name.startswith("sandbox-code") for name in threads)
    monkeypatch.undo()
    await client.finish(hello)
    await sign_back(client)
    await typed


@pytest.mark.parametrize("typed", ["ABCD-EFGH", "abcdefgh", " abcd efgh ", "ABCD–EFGH", "a-b-c-d-e-f-g-h"])
def test_a_code_may_be_typed_as_people_do(typed: str) -> None:
    assert read_typed(typed) == "ABCDEFGH"


@pytest.mark.parametrize(
    "typed", ["", "ABCD-EFG", "ABCD-EFGHJ", "ABCD-EFG0", "IOUI-OUIO", "ABCD_EFGH", "２２２２２２２２", "-" * 9999]
)
def test_what_cannot_be_a_code_is_refused(typed: str) -> None:
    with pytest.raises(SandboxError) as error:
        read_typed(typed)
    assert (error.value.code, error.value.status) == ("invalid_code", 422)
