"""What the library reports, and where it reports nothing: through the real library and the real services.

Here are the rows that no fault of the sandbox makes by itself; the others are in test_faults.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from talkabiz.sandbox.nodes import Node
from talkabiz.sandbox.session import Session
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp.binding import Binding
from talkabiz.whatsapp.run import Run
from tests.faults.gateway import SHORT, WATCH_SECONDS, Gateway, gateway, number_of, opened_database
from tests.whatsapp.keepalive import hurried_keepalive

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

HASTY = replace(SHORT, link_loss_seconds=0.3, route_seconds=0.6, reconnect_seconds=1, scan_stall_seconds=1)


@pytest.fixture
async def at(binding: Binding, sandbox: Sandbox, sessions: Path, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with opened_database(tmp_path), gateway(binding, sandbox, sessions, HASTY) as opened:
        yield opened


def online(at: Gateway, klien_id: int) -> Session:
    """The klien's link, as WhatsApp sees it."""
    return next(s for s in at.sandbox._conversations.online() if s.account.number == number_of(klien_id))


def run_of(at: Gateway, klien_id: int) -> Run:
    name = at.session(klien_id).attempt
    attempt = at.edge._engine.find(name) if name else None
    assert attempt
    assert attempt.run
    return attempt.run


def refuse_logins(at: Gateway, monkeypatch: pytest.MonkeyPatch, reason: int) -> None:
    monkeypatch.setattr(at.sandbox._conversations, "_failure", lambda account, device: {"reason": str(reason)})


# --- the link ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [500, 503])
async def test_a_failure_that_the_library_takes_for_passing_is_waited_out(
    at: Gateway, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    """There is no event for it: the library tries again, slower each time."""
    klien = await at.linked()
    known = len(at.told[klien])
    with monkeypatch.context() as patch:
        refuse_logins(at, patch, reason)
        at.sandbox.inject("drop", number_of(klien))
        await at.until(klien, "reconnecting(unreachable)", known)

    await at.until(klien, "connected", known)
    assert at.told[klien][known:][0] == "reconnecting(link_lost)"
    assert set(at.told[klien][known:]) == {"reconnecting(link_lost)", "reconnecting(unreachable)", "connected"}


@pytest.mark.parametrize(("reason", "code"), [(400, "400"), (409, "409"), (415, None), (418, None)])
async def test_a_refusal_without_a_name_of_its_own_is_tried_a_few_times_and_then_by_hand(
    at: Gateway, monkeypatch: pytest.MonkeyPatch, reason: int, code: str | None
) -> None:
    """The library has no word for the last two, and its event loop ends over them."""
    klien = await at.linked()
    known = len(at.told[klien])
    with monkeypatch.context() as patch:
        refuse_logins(at, patch, reason)
        at.sandbox.inject("drop", number_of(klien))
        await at.until(klien, "error(connect_refused)", known)
        await at.wait(lambda: at.session(klien).tries > HASTY.refused_tries)

    session = at.session(klien)
    assert (session.retry_at, session.detail, session.device is None) == (None, code, False)
    await at.sessions.start(klien)
    await at.until(klien, "connected", known)


async def test_a_stream_error_is_told_and_passes(at: Gateway) -> None:
    klien = await at.linked()
    known = len(at.told[klien])

    online(at, klien).part(Node("stream:error", {"code": "516"}))

    await at.until(klien, "reconnecting(stream_error)", known)
    await at.until(klien, "connected", known)
    assert "code" not in (at.seen[klien]["detail"] or {})


async def test_a_stream_error_after_which_nothing_comes_is_ended_by_our_clock(at: Gateway) -> None:
    """The library waits for the server to end the connection, which it doesn't."""
    klien = await at.linked()
    known, run = len(at.told[klien]), at.session(klien).attempt

    session = online(at, klien)
    session.parted = True
    session.link.send(Node("stream:error", {"code": "516"}))

    await at.until(klien, "connected", known)
    assert at.told[klien][known:] == ["reconnecting(stream_error)", "reconnecting(unreachable)", "connected"]
    assert at.session(klien).attempt != run


async def test_a_library_that_gave_up_without_a_word_is_run_anew(at: Gateway) -> None:
    """As after a 515 whose connect failed: no link, no event, no try."""
    klien = await at.linked()
    known, run = len(at.told[klien]), run_of(at, klien)

    await at.edge._pool.call(lambda: run.call(run._library.Disconnect), seconds=5)

    await at.until(klien, "connected", known)
    assert at.told[klien][known:] == ["reconnecting(link_lost)", "reconnecting(unreachable)", "connected"]


async def test_a_reconnect_that_the_library_forces_is_noticed_though_it_tells_nothing(
    binding: Binding, sandbox: Sandbox, sessions: Path, tmp_path: Path
) -> None:
    without_our_clock = replace(HASTY, keepalive_seconds=600)
    async with opened_database(tmp_path), gateway(binding, sandbox, sessions, without_our_clock) as at:
        with hurried_keepalive(0.5, 0.3, 0.4, 1.0):
            klien = await at.linked()
            known = len(at.told[klien])
            sandbox.inject("silence")
            sandbox.faults.add("drop", seconds=60)  # for links to come
            await at.until(klien, "reconnecting(link_lost)", known)
        sandbox.faults.clear()
        await at.until(klien, "connected", known)
        assert at.told[klien][known] == "connected(degraded)"


async def test_a_login_that_is_not_answered_is_not_taken_for_the_one_before(at: Gateway) -> None:
    """The library says that it is logged in: it was, before it lost its link."""
    klien = await at.linked()
    known = len(at.told[klien])
    at.sandbox.inject("silence", number_of(klien))
    at.sandbox.inject("drop", number_of(klien))
    await at.until(klien, "reconnecting(unreachable)", known)

    await asyncio.sleep(WATCH_SECONDS * 6)  # many looks of the watch
    assert "connected" not in at.told[klien][known:]

    at.sandbox.faults.clear()
    await at.until(klien, "connected", known)


async def test_a_link_that_answers_again_just_after_it_was_given_up_is_up(
    binding: Binding, sandbox: Sandbox, sessions: Path, tmp_path: Path
) -> None:
    """Our clock and the library's differ; and it has nothing to tell, for it never lost the link."""
    patient = replace(HASTY, keepalive_seconds=1, reconnect_seconds=600)
    async with opened_database(tmp_path), gateway(binding, sandbox, sessions, patient) as at:
        with hurried_keepalive(0.5, 0.3, 0.4, 600):
            klien = await at.linked()
            known, run = len(at.told[klien]), at.session(klien).attempt
            sandbox.inject("silence")
            await at.until(klien, "reconnecting(keepalive_timeout)", known)
            sandbox.faults.clear()
            await at.until(klien, "connected", known)
        assert at.session(klien).attempt == run


# --- the library ------------------------------------------------------------------------------------------------------


async def test_a_library_that_returns_by_itself_is_run_again(at: Gateway) -> None:
    klien = await at.linked()
    known, run = len(at.told[klien]), run_of(at, klien)

    with at.edge._engine._binding.gate.exclusive():
        run._library.Stop(run._uuid)

    await at.until(klien, "connected", known)
    assert list(dict.fromkeys(at.told[klien][known:])) == ["reconnecting(engine)", "connected"]
    assert at.devices_on_phone(klien) == 1


async def test_bad_stores_are_set_aside_without_stopping_the_others(
    binding: Binding, sandbox: Sandbox, sessions: Path, tmp_path: Path
) -> None:
    async with opened_database(tmp_path):
        async with gateway(binding, sandbox, sessions, HASTY) as before:
            good, rubbish, cut = [await before.linked() for _ in range(3)]
            devices = {klien: before.session(klien).device for klien in (good, rubbish, cut)}
        stores = {klien: sessions / str(klien) / f"{device}.db" for klien, device in devices.items()}
        stores[rubbish].write_bytes(b"this is no database" * 1000)
        stores[cut].write_bytes(stores[cut].read_bytes()[:6000])

        async with gateway(binding, sandbox, sessions, HASTY) as at:
            at._kliens |= {good, rubbish, cut}
            await at.sessions.restore()

            await at.until(good, "connected")
            for klien in (rubbish, cut):
                await at.until(klien, "error(engine)")
                assert at.session(klien).device == devices[klien]
                assert stores[klien].exists()


async def test_restored_sessions_see_their_place_in_the_line_and_never_a_code(
    binding: Binding, sandbox: Sandbox, sessions: Path, tmp_path: Path
) -> None:
    async with opened_database(tmp_path):
        async with gateway(binding, sandbox, sessions, SHORT) as before:
            linked = [await before.linked() for _ in range(8)]
        await sandbox.stop()
        async with gateway(binding, sandbox, sessions, SHORT, proxy_url=before.edge._engine._proxy_url or "") as at:
            at._kliens |= set(linked)
            await at.sessions.restore()
            await at.wait(lambda: all("reconnecting(unreachable)" in at.told[klien] for klien in linked))
            port = int((at.edge._engine._proxy_url or "").rsplit(":", 1)[1])
            await sandbox.start(port)

            await at.wait(lambda: all(at.told[klien][-1:] == ["connected"] for klien in linked))
            assert not any("qr_" in word for klien in linked for word in at.told[klien])
            assert max(at.places[klien][0] for klien in linked if at.places[klien]) >= len(linked) - 2
            assert sum(map(len, at.places.values())) < 8 * len(linked)  # no storm, however often the line moves


# --- wishes -----------------------------------------------------------------------------------------------------------


async def test_a_log_out_of_ours_is_told_once_and_nothing_follows(at: Gateway) -> None:
    klien = await at.linked()
    known = len(at.told[klien])

    snapshot = await at.sessions.disconnect(klien)

    assert "warning" not in snapshot
    assert at.devices_on_phone(klien) == 0
    await asyncio.sleep(2)  # what the library might yet say, and the watch find
    assert at.told[klien][known:] == ["disconnected(by_user)"]


async def test_a_disconnect_without_a_way_to_whatsapp_says_that_the_phone_keeps_the_device(
    at: Gateway, sessions: Path
) -> None:
    klien = await at.linked()
    at.sandbox.inject("drop", seconds=60)
    await at.until(klien, "reconnecting(unreachable)")

    snapshot = await at.sessions.disconnect(klien)

    assert (snapshot["status"], snapshot["reason"], snapshot["warning"]) == (
        "disconnected",
        "by_user",
        "phone_keeps_device",
    )
    assert at.devices_on_phone(klien) == 1
    assert not list(sessions.rglob("*.db"))


async def test_a_number_that_belongs_to_another_klien_is_logged_out_of_the_second(at: Gateway) -> None:
    first, second = await at.linked(), await at.add()
    code = await at.show_code(second)

    await at.sandbox.phones.scan(number_of(first), code)

    await at.until(second, "error(already_linked)")
    async with asyncio.timeout(15):
        while at.devices_on_phone(first) != 1:
            await asyncio.sleep(0.05)
    assert at.told[first][-1] == "connected"
    assert at.session(second).device is None
