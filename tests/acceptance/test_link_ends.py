"""How a link ends: on the phone, on request, or by itself; and that a blink rings no bell."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.acceptance.rows import Row, device_files, row
from tests.running import Phones, serving, until

NUMBER = "628111000005"
PATIENCE_SECONDS = 3
"""How long a link may be lost before anybody is told."""


async def test_a_device_removed_on_the_phone_is_logged_out_and_a_new_connect_gives_a_new_qr(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        phones, klien_id = Phones(server.http), await server.add_klien("Toko Sinar")
        first = (await server.connect(klien_id))["qr"]["code"]
        await phones.scan(NUMBER, first)
        await server.wait_for(klien_id, "connected")
        assert device_files(home, klien_id) != []
        async with server.watch(klien_id) as watch:
            [device] = await phones.devices(NUMBER)
            await phones.remove_device(NUMBER, device["device"])
            told = await watch.wait_for("disconnected")
            assert (told["reason"], told["wa_terhubung"], told["me"]) == ("logged_out", False, None)
            assert row(home, klien_id) == Row(False, None, "disconnected", "logged_out")
            assert watch.names() == ["disconnected"]
        await _has_no_device_file(home, klien_id)

        again = await server.connect(klien_id)
        assert again["status"] == "qr_ready"
        assert again["qr"]["code"] != first
        await phones.scan(NUMBER, again["qr"]["code"])
        await server.wait_for(klien_id, "connected")


async def test_disconnecting_by_rest_takes_the_device_off_the_phone_and_off_the_disk(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        phones, klien_id = Phones(server.http), await server.add_klien("Toko Sinar")
        await server.link(phones, klien_id, NUMBER)
        snapshot = await server.disconnect(klien_id)
        assert (snapshot["status"], snapshot["reason"], snapshot["wa_terhubung"]) == ("disconnected", "by_user", False)
        assert "warning" not in snapshot
        assert await phones.devices(NUMBER) == []
        await _has_no_device_file(home, klien_id)
        assert row(home, klien_id) == Row(False, None, "disconnected", "by_user")


async def _has_no_device_file(home: Path, klien_id: int) -> None:
    """Soon: the file goes once the library has let go of it, which nobody has to wait for."""

    async def is_gone() -> bool:
        return device_files(home, klien_id) == []

    await until(is_gone, 5)


async def test_a_link_that_drops_is_told_after_three_seconds_and_comes_back_by_itself(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        phones, klien_id = Phones(server.http), await server.add_klien("Toko Sinar")
        await server.link(phones, klien_id, NUMBER)
        arrived: list[tuple[str, float]] = []
        async with server.watch(klien_id) as watch:
            watch.look = lambda name, _: arrived.append((name, time.monotonic()))
            dropped = time.monotonic()
            assert (await phones.fault("drop", seconds=6))["hit"] == 1
            told = await watch.wait_for("reconnecting")
            assert (told["reason"], told["wa_terhubung"]) == ("link_lost", False)
            assert not row(home, klien_id).wa_terhubung
            assert PATIENCE_SECONDS - 0.1 < dict(reversed(arrived))["reconnecting"] - dropped < PATIENCE_SECONDS + 2
            assert (await watch.wait_for("connected", seconds=30))["qr"] is None
            assert row(home, klien_id).wa_terhubung
            assert {name for name, _ in watch.events} == {"reconnecting", "connected"}
        assert len(await phones.devices(NUMBER)) == 1


async def test_a_drop_that_is_over_before_that_is_told_to_nobody(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        phones, klien_id = Phones(server.http), await server.add_klien("Toko Sinar")
        before = await server.link(phones, klien_id, NUMBER)
        async with server.watch(klien_id) as watch:
            dropped = time.monotonic()
            assert (await phones.fault("drop", seconds=1))["hit"] == 1
            await _is_online(phones, [False])
            await _is_online(phones, [True])
            assert time.monotonic() - dropped < PATIENCE_SECONDS, "the drop took longer than this test is about"
            await asyncio.sleep(PATIENCE_SECONDS + 0.5)
            assert watch.names() == []
        snapshot = await server.snapshot(klien_id)
        assert (snapshot["status"], snapshot["seq"], snapshot["since"]) == ("connected", before["seq"], before["since"])


async def _is_online(phones: Phones, wanted: list[bool]) -> None:
    async def is_so() -> bool:
        return [device["online"] for device in await phones.devices(NUMBER)] == wanted

    await until(is_so)
