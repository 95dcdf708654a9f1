"""What the centre may rely on, over the real library and a loopback WhatsApp."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from talkabiz.domain import inputs as i
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp.local import LocalWhatsApp
from tests.whatsapp.conftest import Open
from tests.whatsapp.ear import Ear, fresh_attempt

KLIEN = 1
NUMBER = "6281200000001"


async def link(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, klien_id: int = KLIEN, number: str = NUMBER) -> str:
    """Pairs and connects; the name of the device."""
    attempt = fresh_attempt()
    sandbox.phones.add(number, "Toko")
    edge.start_pairing(klien_id, attempt)
    code = await ear.wait(attempt, i.CodeIssued)
    await sandbox.phones.scan(number, code.text)
    await ear.wait(attempt, i.Connected)
    return attempt


def kinds(ear: Ear, attempt: str) -> list[type[i.Fact]]:
    return [type(fact) for fact in ear.of(attempt)]


def files(sessions: Path) -> list[str]:
    return sorted(path.name for path in sessions.rglob("*.db*"))


async def gone(edge: LocalWhatsApp) -> None:
    """Until no run is alive."""
    async with asyncio.timeout(30):
        while edge.running:
            await asyncio.sleep(0.02)


# --- linking ----------------------------------------------------------------------------------------------------------


async def test_a_scanned_code_pairs_and_connects(edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear) -> None:
    device = await link(edge, sandbox, ear)

    assert kinds(ear, device) == [i.StartEntered, i.CodeIssued, i.Paired, i.Connected]
    me = (await ear.wait(device, i.Paired)).me
    assert (me.phone, me.name, me.platform) == (NUMBER, "Toko", "android")
    assert me.lid.endswith("@lid")


async def test_a_stored_device_comes_back_without_a_code(
    edge: LocalWhatsApp, open_edge: Open, sandbox: Sandbox, ear: Ear, close_edge: Callable[[], Awaitable[None]]
) -> None:
    device = await link(edge, sandbox, ear)
    await close_edge()

    edge = open_edge()
    [stored] = edge.stored_devices()
    assert (stored.klien_id, stored.device, stored.me.phone) == (KLIEN, device, NUMBER)
    attempt = fresh_attempt()
    edge.start_session(KLIEN, attempt, device)

    connected = await ear.wait(attempt, i.Connected)
    assert connected.me == stored.me
    assert kinds(ear, attempt) == [i.StartEntered, i.Connected]


async def test_a_closed_session_goes_offline_and_keeps_its_device(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    device = await link(edge, sandbox, ear)
    heard = len(ear.heard)

    edge.close(device)
    await gone(edge)

    assert sandbox.online() == []
    assert files(sessions) == [f"{device}.db"]
    assert len(ear.heard) == heard


async def test_a_log_out_takes_the_device_off_the_phone_and_the_disk(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear, sessions: Path
) -> None:
    device = await link(edge, sandbox, ear)

    assert await edge.log_out(KLIEN, device, device)

    await gone(edge)
    assert sandbox.phones.get(NUMBER).devices == {}
    assert files(sessions) == []
