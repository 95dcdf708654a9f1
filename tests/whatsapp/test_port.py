"""What the centre may rely on, over the real library and a loopback WhatsApp."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from talkabiz.domain import inputs as i
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.link import Link
from talkabiz.sandbox.nodes import Node
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp import run
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.run import Run
from tests.whatsapp.conftest import Open
from tests.whatsapp.ear import Ear, fresh_attempt, link, until
from tests.whatsapp.proxies import hanging_proxy, refusing_proxy

KLIEN = 1
NUMBER = "6281200000001"
CloseEdge = Callable[[], Awaitable[None]]


async def show_code(edge: LocalWhatsApp, ear: Ear, klien_id: int = KLIEN) -> tuple[str, str]:
    """The attempt, and its first code."""
    attempt = fresh_attempt()
    edge.start_pairing(klien_id, attempt)
    return attempt, (await ear.wait(attempt, i.CodeIssued)).text


async def restart(open_edge: Open, close_edge: CloseEdge) -> LocalWhatsApp:
    await close_edge()
    return open_edge()


async def gone(edge: LocalWhatsApp) -> None:
    await until(lambda: not edge.running)


def files(sessions: Path) -> list[str]:
    return sorted(path.name for path in sessions.rglob("*.db*"))


def devices_on_phone(sandbox: Sandbox) -> int:
    return len(sandbox.phones.get(NUMBER).devices)


# --- linking ----------------------------------------------------------------------------------------------------------


async def test_a_scanned_code_pairs_and_connects(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    assert ear.kinds(device) == [i.StartEntered, i.CodeIssued, i.Paired, i.Connected]
    me = (await ear.wait(device, i.Paired)).me
    assert (me.phone, me.name, me.platform) == (NUMBER, "Toko", "android")
    assert me.lid.endswith("@lid")


async def test_two_kliens_are_told_apart(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    first = await link(edge, sandbox, ear, 1, "6281200000001")
    second = await link(edge, sandbox, ear, 2, "6281200000002")

    assert {klien for klien, fact in ear.heard if fact.attempt == first} == {1}
    assert {klien for klien, fact in ear.heard if fact.attempt == second} == {2}
    assert len(sandbox.online()) == 2


async def test_a_code_of_an_earlier_round_can_still_be_scanned(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    sandbox.phones.add(NUMBER, "Toko")
    early, code = await show_code(edge, ear)
    late, _ = await show_code(edge, ear)

    await sandbox.phones.scan(NUMBER, code)

    await ear.wait(early, i.Connected)
    assert ear.kinds(late) == [i.StartEntered, i.CodeIssued]


async def test_starts_stand_in_a_line_and_say_so(edge: LocalWhatsApp, ear: Ear) -> None:
    attempts = [fresh_attempt() for _ in range(3)]
    for attempt in attempts:
        edge.start_pairing(KLIEN, attempt)
    assert edge.queued == 2

    for attempt in attempts:
        await ear.wait(attempt, i.CodeIssued)

    assert ear.kinds(attempts[0]) == [i.StartEntered, i.CodeIssued]
    assert ear.kinds(attempts[1]) == [i.StartQueued, i.StartEntered, i.CodeIssued]
    assert ear.kinds(attempts[2]) == [i.StartQueued, i.StartQueued, i.StartEntered, i.CodeIssued]
    assert [fact.ahead for fact in ear.of(attempts[2]) if isinstance(fact, i.StartQueued)] == [2, 1]
    entered = [fact.attempt for _, fact in ear.heard if isinstance(fact, i.StartEntered)]
    assert entered == attempts


async def test_a_scan_with_a_broken_seal_is_refused(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    sandbox.inject("bad_hmac")
    sandbox.phones.add(NUMBER, "Toko")
    attempt, code = await show_code(edge, ear)

    with pytest.raises(SandboxError, match="hmac-mismatch"):
        await sandbox.phones.scan(NUMBER, code)

    refused = await ear.wait(attempt, i.PairingRefused)
    assert refused.cause is i.PairFailure.PAIR_FAILED
    await gone(edge)
    await until(lambda: edge.abandoned == 0)
    assert files(sessions) == []


async def test_when_the_codes_run_out_it_is_told_and_its_thread_comes_back(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    def its_threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if attempt in thread.name]

    sandbox.inject("one_qr")
    attempt, _ = await show_code(edge, ear)
    assert its_threads()

    await ear.wait(attempt, i.CodesRanOut, seconds=40)

    await gone(edge)
    await until(lambda: not its_threads())
    assert (edge.abandoned, files(sessions)) == (0, [])
    assert ear.kinds(attempt) == [i.StartEntered, i.CodeIssued, i.CodesRanOut]


async def test_no_code_is_silence_and_can_be_closed(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CODELESS_SECONDS", 1)
    sandbox.inject("no_qr")
    attempt = fresh_attempt()
    edge.start_pairing(KLIEN, attempt)
    await ear.wait(attempt, i.StartEntered)

    edge.close(attempt)

    await gone(edge)
    assert ear.kinds(attempt) == [i.StartEntered]
    assert files(sessions) == []


# --- coming back ------------------------------------------------------------------------------------------------------


async def test_a_stored_device_comes_back_without_a_code(
    edge: LocalWhatsApp, open_edge: Open, close_edge: CloseEdge, sandbox: Sandbox, ear: Ear
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge = await restart(open_edge, close_edge)

    [stored] = edge.stored_devices()
    assert (stored.klien_id, stored.device, stored.me.phone) == (KLIEN, device, NUMBER)
    attempt = fresh_attempt()
    edge.start_session(KLIEN, attempt, device)

    connected = await ear.wait(attempt, i.Connected)
    assert connected.me == stored.me
    assert ear.kinds(attempt) == [i.StartEntered, i.Connected]


async def test_a_log_in_waits_for_the_end_of_the_run_before_it(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    """Two runs of one device at a time would throw each other out."""
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge.close(device)
    attempt = fresh_attempt()
    edge.start_session(KLIEN, attempt, device)

    await ear.wait(attempt, i.Connected)

    assert ear.kinds(attempt) == [i.StartQueued, i.StartEntered, i.Connected]
    assert edge.running == 1


async def test_a_device_whose_file_is_gone_counts_as_logged_out(edge: LocalWhatsApp, ear: Ear) -> None:
    """As a fault of ours it would be tried for ever, and the klien could never link anew."""
    attempt = fresh_attempt()
    edge.start_session(KLIEN, attempt, fresh_attempt())

    await ear.wait(attempt, i.LoggedOut)


async def test_a_store_that_cannot_be_read_is_kept(edge: LocalWhatsApp, ear: Ear, sessions: Path) -> None:
    """Whatever is wrong with it may pass, or be mended; a deleted device never comes back."""
    device = fresh_attempt()
    store = sessions / str(KLIEN) / f"{device}.db"
    store.parent.mkdir()
    store.write_bytes(b"not a database" * 1000)
    attempt = fresh_attempt()

    edge.start_session(KLIEN, attempt, device)

    assert (await ear.wait(attempt, i.EngineFailed)).lasting
    await gone(edge)
    assert files(sessions) == [f"{device}.db"]


async def test_a_log_in_for_which_the_library_finds_no_device_is_logged_out(
    edge: LocalWhatsApp, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Devices, "has_device", lambda devices, path: None)  # it couldn't be read before
    attempt, device = fresh_attempt(), fresh_attempt()
    edge._devices.make_empty(edge._devices.path(KLIEN, device), edge._network)

    edge.start_session(KLIEN, attempt, device)

    await ear.wait(attempt, i.LoggedOut)
    assert i.CodeIssued not in ear.kinds(attempt)


async def test_what_never_paired_leaves_nothing(
    edge: LocalWhatsApp, open_edge: Open, close_edge: CloseEdge, ear: Ear, sessions: Path
) -> None:
    await show_code(edge, ear)
    assert len(files(sessions)) == 1

    edge = await restart(open_edge, close_edge)

    assert edge.stored_devices() == []
    assert files(sessions) == []


# --- closing ----------------------------------------------------------------------------------------------------------


async def test_a_closed_session_goes_offline_and_keeps_its_device(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    heard = len(ear.heard)

    edge.close(device)
    await gone(edge)

    assert sandbox.online() == []
    assert files(sessions) == [f"{device}.db"]
    assert len(ear.heard) == heard
    await until(lambda: edge.abandoned == 0)


async def test_an_attempt_closed_while_it_shows_codes_is_forgotten(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    attempt, code = await show_code(edge, ear)
    heard = len(ear.heard)

    edge.close(attempt)
    await gone(edge)

    sandbox.phones.add(NUMBER, "Toko")
    with pytest.raises(SandboxError):
        await sandbox.phones.scan(NUMBER, code)
    assert (edge.abandoned, files(sessions), len(ear.heard)) == (1, [], heard)


async def test_an_attempt_closed_in_the_line_never_starts(edge: LocalWhatsApp, ear: Ear, sessions: Path) -> None:
    first, second = fresh_attempt(), fresh_attempt()
    edge.start_pairing(KLIEN, first)
    edge.start_pairing(KLIEN, second)

    edge.close(second)

    await ear.wait(first, i.CodeIssued)
    assert ear.kinds(second) == []
    assert files(sessions) == [f"{first}.db"]


async def test_a_device_that_pairs_while_its_attempt_is_closed_does_not_stay_on_the_phone(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    """Nobody here would know of it."""
    sandbox.phones.add(NUMBER, "Toko")
    attempt, code = await show_code(edge, ear)
    found = edge._engine.find(attempt)
    assert found is not None
    found.muted = True  # as from the moment of closing

    await sandbox.phones.scan(NUMBER, code)
    edge.close(attempt)

    await until(lambda: devices_on_phone(sandbox) == 0)
    await gone(edge)
    assert files(sessions) == []


async def test_closing_what_is_unknown_is_nothing(edge: LocalWhatsApp) -> None:
    edge.close(fresh_attempt())


async def test_forgetting_a_klien_ends_its_runs_and_removes_its_files(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    await link(edge, sandbox, ear, KLIEN, NUMBER)
    other = await link(edge, sandbox, ear, 2, "6281200000002")
    await show_code(edge, ear)

    edge.forget_klien(KLIEN)

    await until(lambda: edge.running == 1)
    assert files(sessions) == [f"{other}.db"]
    assert not (sessions / str(KLIEN)).exists()


# --- logging out ------------------------------------------------------------------------------------------------------


async def test_a_log_out_takes_the_device_off_the_phone_and_the_disk(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    heard = len(ear.heard)

    assert await edge.log_out(KLIEN, device, device)

    await gone(edge)
    assert (devices_on_phone(sandbox), files(sessions), len(ear.heard)) == (0, [], heard)


async def test_a_log_out_right_after_the_scan_waits_for_the_link(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear
) -> None:
    sandbox.phones.add(NUMBER, "Toko")
    attempt, code = await show_code(edge, ear)
    await sandbox.phones.scan(NUMBER, code)
    await ear.wait(attempt, i.Paired)

    assert await edge.log_out(KLIEN, attempt, attempt)

    assert devices_on_phone(sandbox) == 0


async def test_a_log_out_of_a_stopped_device_starts_it_for_that(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge.close(device)
    heard = len(ear.heard)

    assert await edge.log_out(KLIEN, None, device)

    await gone(edge)
    assert (devices_on_phone(sandbox), files(sessions), len(ear.heard)) == (0, [], heard)


async def test_a_log_out_without_a_way_to_whatsapp_says_so_and_forgets_the_device(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge.close(device)
    edge._engine._proxy_url = refusing_proxy()

    assert not await edge.log_out(KLIEN, None, device)

    assert devices_on_phone(sandbox) == 1
    assert files(sessions) == []


async def test_a_log_out_that_gets_no_answer_ends_within_twelve_seconds(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    sandbox.inject("silence")
    start = time.monotonic()

    assert not await edge.log_out(KLIEN, device, device)

    assert time.monotonic() - start < 12
    assert files(sessions) == []


async def test_forgetting_a_device_removes_its_file_for_good(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    edge.forget_device(KLIEN, device, device)
    assert files(sessions) == []

    late = sessions / str(KLIEN) / f"{device}.db-journal"
    late.parent.mkdir()
    late.touch()  # as by a last write of the run
    await gone(edge)
    assert files(sessions) == []


# --- what WhatsApp does -----------------------------------------------------------------------------------------------


async def test_a_device_removed_on_the_phone_is_logged_out(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    sandbox.remove_device(NUMBER, next(iter(sandbox.phones.get(NUMBER).devices)))

    assert (await ear.wait(device, i.LoggedOut)).cause is i.LogoutCause.LOGGED_OUT


async def test_a_device_removed_while_it_was_away_is_logged_out_when_it_comes(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge.close(device)
    await gone(edge)
    sandbox.remove_device(NUMBER, next(iter(sandbox.phones.get(NUMBER).devices)))
    attempt = fresh_attempt()

    edge.start_session(KLIEN, attempt, device)

    assert (await ear.wait(attempt, i.LoggedOut)).cause is i.LogoutCause.LOGGED_OUT


async def test_a_lost_link_is_told_and_comes_back(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    known = len(ear.of(device))

    sandbox.inject("drop", NUMBER)

    await ear.wait(device, i.LinkLost)
    await ear.wait(device, i.Connected, after=known)
    assert ear.kinds(device)[known:] == [i.LinkLost, i.Connected]


async def test_a_session_in_use_elsewhere_is_told(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    sandbox.inject("replaced", NUMBER)

    await ear.wait(device, i.Replaced)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [("account_locked", i.LogoutCause.ACCOUNT_LOCKED), ("account_banned", i.LogoutCause.ACCOUNT_BANNED)],
)
async def test_an_account_that_is_shut_out_is_logged_out_with_the_cause(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, fault: str, cause: i.LogoutCause
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    sandbox.inject(fault, NUMBER)

    assert (await ear.wait(device, i.LoggedOut)).cause is cause


async def test_a_ban_says_until_when(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    sandbox.inject("temporary_ban", NUMBER, seconds=3600)

    until_ = (await ear.wait(device, i.Banned)).until
    assert until_ is not None
    assert abs(until_ - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "refusal",
    [("temporary_ban", {"code": "199"}, i.Banned), ("client_outdated", {"reason": "418"}, i.ConnectRefused)],
)
async def test_a_refusal_with_a_number_that_the_library_has_no_word_for_is_still_told(
    edge: LocalWhatsApp,
    sandbox: Sandbox,
    ear: Ear,
    monkeypatch: pytest.MonkeyPatch,
    refusal: tuple[str, dict[str, str], type[i.Fact]],
) -> None:
    """It can't encode the event, and its event loop ends."""
    fault, unknown, fact = refusal
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    send = Link.send

    def send_unknown(to: Link, node: Node) -> None:
        send(to, replace(node, attrs={**node.attrs, **unknown}) if node.tag == "failure" else node)

    monkeypatch.setattr(Link, "send", send_unknown)
    sandbox.inject(fault, NUMBER)

    await ear.wait(device, fact)


async def test_an_outdated_library_is_told(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    sandbox.inject("client_outdated", NUMBER)

    await ear.wait(device, i.Outdated)


# --- no way to WhatsApp -----------------------------------------------------------------------------------------------


async def test_a_proxy_that_refuses_is_no_route_at_once(open_edge: Open, ear: Ear, sessions: Path) -> None:
    edge = open_edge(refusing_proxy())
    attempt = fresh_attempt()
    start = time.monotonic()
    edge.start_pairing(KLIEN, attempt)

    await ear.wait(attempt, i.NoRoute)

    assert time.monotonic() - start < 3
    assert ear.kinds(attempt) == [i.StartEntered, i.NoRoute]
    await gone(edge)
    assert (edge.abandoned, files(sessions)) == (0, [])


async def test_a_server_that_answers_503_is_no_route(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    sandbox.inject("http_503")
    attempt = fresh_attempt()
    edge.start_pairing(KLIEN, attempt)

    await ear.wait(attempt, i.NoRoute)


async def test_starts_that_hang_hold_up_nobody_else(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    """25 starts before a proxy that never answers; meanwhile another session's call is answered."""
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    async with hanging_proxy() as proxy:
        edge._engine._proxy_url = proxy.url
        attempts = [fresh_attempt() for _ in range(25)]
        for attempt in attempts:
            edge.start_pairing(2, attempt)
        await ear.wait(attempts[2], i.StartEntered)

        start = time.monotonic()
        assert await edge.log_out(KLIEN, device, device)
        assert time.monotonic() - start < 5

        for attempt in attempts:
            edge.close(attempt)
        proxy.let_go()
        await gone(edge)
    assert (edge.queued, edge.abandoned, files(sessions)) == (0, 0, [])


async def test_a_shutdown_does_not_wait_for_a_dial(open_edge: Open, ear: Ear) -> None:
    async with hanging_proxy() as proxy:
        edge = open_edge(proxy.url)
        attempt = fresh_attempt()
        edge.start_pairing(KLIEN, attempt)
        await until(lambda: proxy.waiting)

        start = time.monotonic()
        await edge.shutdown(5)

        assert time.monotonic() - start < 1
        assert ear.kinds(attempt) == [i.StartEntered]


# --- threads ----------------------------------------------------------------------------------------------------------


async def test_nothing_uses_the_default_executor_of_the_loop(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    await edge.log_out(KLIEN, device, device)

    assert asyncio.get_running_loop()._default_executor is None  # type: ignore[attr-defined]
    assert edge.threads >= 8


async def test_a_centre_that_fails_over_a_fact_gets_the_next_one(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear
) -> None:
    def deliver(klien_id: int, fact: i.Fact) -> None:
        ear(klien_id, fact)
        raise RuntimeError("a fault of the centre")

    edge.connect_facts(deliver)

    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    assert ear.kinds(device) == [i.StartEntered, i.CodeIssued, i.Paired, i.Connected]


async def test_events_that_wait_for_a_busy_loop_are_seen_as_lag(edge: LocalWhatsApp, ear: Ear) -> None:
    assert edge.lag_seconds == 0
    attempt = fresh_attempt()
    edge.start_pairing(KLIEN, attempt)

    time.sleep(0.3)  # noqa: ASYNC251 - the loop is busy

    assert edge.lag_seconds > 0.1
    await ear.wait(attempt, i.CodeIssued)
    assert edge.lag_seconds == 0


async def test_a_start_for_which_there_is_no_thread_fails_and_the_next_goes_on(
    edge: LocalWhatsApp, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: Run, *how: object) -> None:
        raise RuntimeError("can't start new thread")

    unlucky, lucky = fresh_attempt(), fresh_attempt()
    with monkeypatch.context() as patch:
        patch.setattr(Run, "begin", fail)
        edge.start_pairing(KLIEN, unlucky)
    edge.start_pairing(KLIEN, lucky)

    assert (await ear.wait(unlucky, i.EngineFailed)).detail == "can't start new thread"
    await ear.wait(lucky, i.CodeIssued)


async def test_a_start_for_which_there_is_no_room_on_disk_fails(edge: LocalWhatsApp, ear: Ear, sessions: Path) -> None:
    (sessions / str(KLIEN)).touch()
    attempt = fresh_attempt()

    edge.start_pairing(KLIEN, attempt)

    assert (await ear.wait(attempt, i.EngineFailed)).lasting


async def test_after_the_shutdown_nothing_starts(edge: LocalWhatsApp, ear: Ear, sessions: Path) -> None:
    await edge.shutdown(1)

    edge.start_pairing(KLIEN, fresh_attempt())
    edge.start_session(KLIEN, fresh_attempt(), fresh_attempt())

    assert not await edge.log_out(KLIEN, None, fresh_attempt())
    assert (edge.running, edge.queued, ear.heard, files(sessions)) == (0, 0, [], [])
