"""What a phone or a fault does to clients: through the unmodified library, with ours where the library is mute."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.nodes import Node
from talkabiz.sandbox.tokens import Tokens
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.authority import certificates
from tests.sandbox.conftest import NUMBER, Linked, NewClient, NewWire
from tests.sandbox.test_server import link_device
from tests.sandbox.waiting import until
from tests.sandbox.wire import Refused, WireClient, login_payload, pairing_payload

OTHER = "628987654321"


async def logged_in(sandbox: Sandbox, new_wire: NewWire) -> WireClient:
    client = new_wire()
    link_device(sandbox, client)
    await client.arrive(login_payload(NUMBER, 1))
    assert (await client.receive()).tag == "success"
    assert (await client.receive()).tag == "ib"
    return client


def devices(sandbox: Sandbox) -> list[int]:
    return list(sandbox.phones.get(NUMBER).devices)


# ── the phone's list of devices ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_device_that_the_phone_removes_is_told_and_gone(sandbox: Sandbox, linked: Linked) -> None:
    client = await linked()
    sandbox.remove_device(NUMBER, 1)
    assert sandbox.online() == []
    assert not (await client.event("LoggedOut")).get("OnConnect")
    assert devices(sandbox) == []


async def test_a_device_that_was_removed_while_it_was_away_learns_it_at_login(
    sandbox: Sandbox, linked: Linked, new_client: NewClient
) -> None:
    client = await linked("store.db")
    await client.ask("stop")
    sandbox.remove_device(NUMBER, 1)
    again = new_client("store.db")
    again.start()
    assert (await again.event("LoggedOut"))["OnConnect"]


async def test_only_that_device_is_removed(sandbox: Sandbox, linked: Linked) -> None:
    first, second = await linked(), await linked()
    sandbox.remove_device(NUMBER, 1)
    await first.event("LoggedOut")
    assert devices(sandbox) == [2]
    assert [jid.device for jid in sandbox.online()] == [2]
    assert await second.ask("logged_in")


async def test_a_device_that_is_not_there_cannot_be_removed(sandbox: Sandbox) -> None:
    sandbox.phones.add(NUMBER)
    with pytest.raises(SandboxError) as refused:
        sandbox.remove_device(NUMBER, 1)
    assert refused.value.code == "not_found"


async def test_the_library_logs_itself_out(sandbox: Sandbox, linked: Linked) -> None:
    client = await linked()
    assert await client.ask("logout") == ""
    assert devices(sandbox) == []
    assert sandbox.online() == []


# ── faults before there is a link ─────────────────────────────────────────────────────────────────────────────────────


async def test_no_qr_leaves_a_client_without_codes(sandbox: Sandbox, new_wire: NewWire) -> None:
    fault = sandbox.inject("no_qr", count=1)
    without, with_codes = new_wire(), new_wire()
    await without.arrive(pairing_payload(without))
    assert await without.ping()  # the first thing it hears is this answer
    assert fault.hit == 1
    assert (await with_codes.pair()).children[0].tag == "pair-device"


async def test_slow_qr_delays_the_codes(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.inject("slow_qr", seconds=0.3)
    client = new_wire()
    began = time.monotonic()
    await client.arrive(pairing_payload(client))
    assert await client.ping()
    assert (await client.receive()).children[0].tag == "pair-device"
    assert time.monotonic() - began >= 0.3


async def test_a_client_that_leaves_before_its_slow_code_gets_none(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.inject("slow_qr", seconds=3600)
    client = new_wire()
    await client.arrive(pairing_payload(client))
    assert await client.ping()
    client.close()
    await until(lambda: not sandbox._conversations.links)


async def test_one_qr_offers_one_code(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.inject("one_qr", count=1)
    assert len((await new_wire().pair()).children[0].children) == 1
    assert len((await new_wire().pair()).children[0].children) == 6


async def test_http_503_keeps_the_library_out_until_it_is_cleared(sandbox: Sandbox, new_client: NewClient) -> None:
    sandbox.inject("http_503")
    shut_out = new_client()
    shut_out.start()
    assert "503" in (await shut_out.wait_for(lambda fact: fact["event"] == "returned"))["error"]
    sandbox.faults.clear()
    client = new_client()
    client.start()
    assert await client.qr()


async def test_client_outdated_is_told_to_a_client_that_wants_to_pair(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.inject("client_outdated")
    client = new_wire()
    failure = await client.pair()
    assert (failure.tag, failure.text("reason")) == ("failure", "405")


async def test_a_drop_for_all_cuts_off_who_arrives(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.inject("drop", count=1)
    client = new_wire()
    await client.connect()
    with pytest.raises((EOFError, ConnectionError)):
        await client.tunnel()
    assert (await new_wire().pair()).tag == "iq"


# ── faults while pairing ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_bad_hmac_makes_the_library_refuse(sandbox: Sandbox, new_client: NewClient) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.inject("bad_hmac", NUMBER, count=1)
    client = new_client()
    client.start()
    with pytest.raises(SandboxError) as refused:
        await sandbox.phones.scan(NUMBER, await client.qr())
    assert refused.value.code == "pair_refused"
    assert "hmac-mismatch" in refused.value.en
    assert (await client.wait_for(lambda fact: fact["event"] == "status"))["status"] == "error"
    assert devices(sandbox) == []


async def test_lost_515_leaves_the_library_paired_and_not_connected_until_it_is_started_again(
    sandbox: Sandbox, new_client: NewClient
) -> None:
    sandbox.phones.add(NUMBER)
    fault = sandbox.inject("lost_515", count=1)
    client = new_client("store.db")
    client.start()
    await sandbox.phones.scan(NUMBER, await client.qr())
    await client.event("PairStatus")
    assert fault.hit == 1
    assert sandbox.online() == []
    assert not await client.ask("logged_in")
    await client.ask("stop")
    again = new_client("store.db")
    again.start()
    assert await again.event("Connected")


# ── faults of a link that is up ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_drop_costs_the_link_and_the_library_comes_back(sandbox: Sandbox, linked: Linked) -> None:
    client = await linked()
    seen = len(client.facts)
    assert sandbox.inject("drop", NUMBER).hit == 1
    await client.event("Disconnected", after=seen)
    await client.event("Connected", after=seen)
    assert sandbox.faults.all() == []


async def test_a_drop_with_seconds_keeps_the_library_out_as_long(sandbox: Sandbox, linked: Linked) -> None:
    client = await linked()
    seen = len(client.facts)
    began = time.monotonic()
    sandbox.inject("drop", NUMBER, seconds=1)
    await client.event("Disconnected", after=seen)
    assert sandbox.online() == []
    await client.event("Connected", after=seen)
    assert time.monotonic() - began >= 1


async def test_a_drop_of_one_number_leaves_the_others_alone(sandbox: Sandbox, linked: Linked) -> None:
    mine, other = await linked(), await linked(number=OTHER)
    seen = len(other.facts)
    sandbox.inject("drop", NUMBER)
    await mine.event("Disconnected")
    assert await other.ask("logged_in")
    assert [fact for fact in other.facts[seen:] if fact["event"] == "event"] == []


async def test_a_drop_for_all_also_takes_those_that_wait_to_be_scanned(sandbox: Sandbox, new_wire: NewWire) -> None:
    waiting, device = new_wire(), await logged_in(sandbox, new_wire)
    await waiting.pair()
    assert sandbox.inject("drop").hit == 2
    assert await waiting.ended()
    assert await device.ended()


async def test_replaced_is_told_to_the_library(sandbox: Sandbox, linked: Linked) -> None:
    client = await linked()
    assert sandbox.inject("replaced", NUMBER).hit == 1
    assert await client.event("StreamReplaced") == {}
    assert devices(sandbox) == [1]


async def test_replaced_with_a_count_strikes_the_next_login(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    sandbox.inject("replaced", NUMBER, count=1)
    client = await logged_in(sandbox, new_wire)
    assert (await client.receive()).children[0].text("type") == "replaced"


async def test_device_removed_is_told_to_the_library(sandbox: Sandbox, linked: Linked) -> None:
    client = await linked()
    sandbox.inject("device_removed", NUMBER)
    await client.event("LoggedOut")
    assert devices(sandbox) == []


async def test_device_removed_with_a_count_strikes_the_next_login(sandbox: Sandbox, new_wire: NewWire) -> None:
    client = new_wire()
    link_device(sandbox, client)
    sandbox.inject("device_removed", NUMBER, count=1)
    await client.arrive(login_payload(NUMBER, 1))
    assert (await client.receive()).text("reason") == "401"
    assert devices(sandbox) == []


@pytest.mark.parametrize(
    ("fault", "reason"), [("account_locked", "MAIN_DEVICE_GONE"), ("account_banned", "UNKNOWN_LOGOUT")]
)
async def test_an_account_that_is_shut_loses_its_device(
    sandbox: Sandbox, linked: Linked, fault: str, reason: str
) -> None:
    client = await linked()
    sandbox.inject(fault, NUMBER)
    assert await client.event("LoggedOut") == {"OnConnect": True, "Reason": reason}
    assert devices(sandbox) == []


async def test_client_outdated_is_told_to_the_library_and_costs_no_device(sandbox: Sandbox, linked: Linked) -> None:
    client = await linked()
    sandbox.inject("client_outdated", NUMBER)
    assert await client.event("ClientOutdated") == {}
    assert devices(sandbox) == [1]


async def test_a_ban_is_told_to_the_library_with_the_time_that_is_left(
    sandbox: Sandbox, linked: Linked, new_client: NewClient
) -> None:
    client = await linked("store.db")
    sandbox.inject("temporary_ban", NUMBER, seconds=7200)
    ban = await client.event("TemporaryBan")
    assert ban["Code"] == "SEND_TO_TOO_MANY_PEOPLE"
    assert 7100 < int(ban["Expire"]) <= 7200
    sandbox.faults.clear()
    await client.ask("stop")
    again = new_client("store.db")
    again.start()
    assert await again.event("Connected")


async def test_silence_swallows_answers_and_then_no_more(sandbox: Sandbox, new_wire: NewWire) -> None:
    client = await logged_in(sandbox, new_wire)
    sandbox.inject("silence", NUMBER, count=1)
    client.send(Node("iq", {"type": "get", "xmlns": "w:p", "id": "lost"}))
    assert await client.ping()  # its own answer comes first


@pytest.mark.soak
async def test_silence_makes_the_library_report_a_late_keepalive_and_its_end(sandbox: Sandbox, linked: Linked) -> None:
    client = await linked()
    sandbox.inject("silence", NUMBER, count=1)
    assert (await client.event("KeepAliveTimeout", within_seconds=60))["ErrorCount"] == "1"
    assert await client.event("KeepAliveRestored", within_seconds=60) == {}


async def test_silence_of_one_number_is_not_another_clients(sandbox: Sandbox, new_wire: NewWire) -> None:
    client = await logged_in(sandbox, new_wire)
    sandbox.phones.add(OTHER)
    sandbox.inject("silence", OTHER)
    assert await client.ping()


# ── what is refused, and what stays ───────────────────────────────────────────────────────────────────────────────────


async def test_a_fault_for_a_number_without_a_phone_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError) as refused:
        sandbox.inject("drop", NUMBER)
    assert refused.value.code == "not_found"
    assert sandbox.faults.all() == []


async def test_a_sandbox_that_comes_back_knows_its_devices(
    tokens: Tokens, tmp_path: Path, new_client: NewClient
) -> None:
    state = tmp_path / "state.json"
    before, after = (Sandbox(tokens, certificates(), state), None)
    await before.start()
    before.phones.add(NUMBER)
    client = new_client("store.db", before.proxy_url)
    client.start()
    await before.phones.scan(NUMBER, await client.qr())
    await client.event("Connected")
    seen, port = len(client.facts), int(before.proxy_url.rpartition(":")[2])
    await before.stop()
    after = Sandbox(tokens, certificates(), state)
    await after.start(port)
    await client.event("Connected", after=seen)
    assert [str(jid) for jid in after.online()] == [f"{NUMBER}:1@s.whatsapp.net"]
    await after.stop()


async def test_without_its_state_a_sandbox_knows_no_device(
    sandbox: Sandbox, tokens: Tokens, new_client: NewClient, linked: Linked
) -> None:
    client = await linked("store.db")
    await client.ask("stop")
    stranger = Sandbox(tokens, certificates())
    await stranger.start()
    again = new_client("store.db", stranger.proxy_url)
    again.start()
    assert (await again.event("LoggedOut"))["OnConnect"]
    await stranger.stop()


async def test_it_is_described_for_other_programs(sandbox: Sandbox) -> None:
    assert sandbox.describe("http://127.0.0.1:1") == {
        "proxy_url": sandbox.proxy_url,
        "ca_file": str(sandbox.ca_file),
        "root_key": sandbox.root_key,
        "control_url": "http://127.0.0.1:1",
    }
    assert len(bytes.fromhex(sandbox.root_key)) == 32


async def test_an_address_that_is_taken_is_an_error(sandbox: Sandbox, tokens: Tokens) -> None:
    port = int(sandbox.proxy_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await Sandbox(tokens, certificates()).start(port)


async def test_a_client_refused_by_status_learns_it(sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.inject("http_503")
    client = new_wire()
    await client.connect()
    await client.tunnel()
    with pytest.raises(Refused, match="503"):
        await client.upgrade()
