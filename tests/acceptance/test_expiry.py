"""The QR runs out: a new round by itself for whoever watches, three at most; the last code is still honoured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.rows import told
from tests.running import Phones, Snapshot, serving

NUMBER = "628111000003"
SHORT = {"pairing_seconds": "2", "auto_refresh_rounds": "3"}
NO_MORE_SECONDS = 1.5
"""A new round would begin in the same breath as the old one ends; this is how long nothing is waited for."""


async def test_who_watches_gets_three_rounds_and_then_by_the_button_the_first_again(home: Path) -> None:
    async with serving(home, "--sandbox", **SHORT) as server:
        klien_id = await server.add_klien("Toko Sinar")
        async with server.watch(klien_id) as watch:
            await watch.ask("start", klien_id=klien_id)
            shown = [await watch.wait_for("qr_ready", _is_round(number)) for number in (1, 2, 3)]
            assert len({snapshot["qr"]["code"] for snapshot in shown}) == 3
            await watch.wait_until(lambda names: names.count("expired") == 3)
            assert watch.names() == ["qr_requested", "qr_ready", "expired"] * 3
            assert all(data["qr"] is None for name, data in watch.events if name == "expired")

            watch.forget()
            await asyncio.sleep(NO_MORE_SECONDS)
            assert watch.names() == []
            assert (await server.snapshot(klien_id))["status"] == "expired"

            await watch.ask("refresh", klien_id=klien_id)
            again = await watch.wait_for("qr_ready")
            assert again["pairing"]["round"] == 1
            assert again["qr"]["code"] not in {snapshot["qr"]["code"] for snapshot in shown}


async def test_nobody_watching_gets_no_new_round_and_a_look_at_the_list_is_no_watching(home: Path) -> None:
    async with serving(home, "--sandbox", **SHORT) as server:
        klien_id, other = await server.add_klien("Toko Sinar"), await server.add_klien("Toko Bulan")
        async with server.watch() as everybody, server.watch(other):
            await everybody.ask("subscribe", klien_id="*")
            await server.connect(klien_id)
            await everybody.wait_for("expired")
            await asyncio.sleep(NO_MORE_SECONDS)
            assert everybody.names() == ["qr_requested", "qr_ready", "expired"]
            assert all(data["qr"] is None for _, data in everybody.events)
        snapshot = await server.snapshot(klien_id)
        assert (snapshot["status"], snapshot["reason"], snapshot["qr"]) == ("expired", "qr_timeout", None)
        assert "linked_devices" not in str(snapshot)

        async with server.watch(klien_id) as late:  # who comes now may press the button; a look alone begins nothing
            assert late.first["snapshot"]["status"] == "expired"
            await asyncio.sleep(NO_MORE_SECONDS)
            assert late.names() == []


async def test_the_last_code_still_links_in_the_moment_after_it_expired(home: Path) -> None:
    async with serving(home, "--sandbox", **SHORT) as server:
        klien_id = await server.add_klien("Toko Sinar")
        code = (await server.connect(klien_id))["qr"]["code"]
        await server.wait_for(klien_id, "expired")
        await Phones(server.http).scan(NUMBER, code)
        assert (await server.wait_for(klien_id, "connected"))["me"]["phone"] == NUMBER
        assert told(home, klien_id) == [
            *("qr_requested()", "qr_ready()", "expired(qr_timeout)"),
            *("scanning()", "connected()"),
        ]


async def test_a_code_of_the_round_before_links_too_and_takes_the_new_one_off_the_page(home: Path) -> None:
    async with serving(home, "--sandbox", **SHORT) as server:
        klien_id = await server.add_klien("Toko Sinar")
        async with server.watch(klien_id) as watch:
            code = (await server.connect(klien_id))["qr"]["code"]
            await watch.wait_for("qr_ready", _is_round(2))
            await Phones(server.http).scan(NUMBER, code)
            linked = await watch.wait_for("connected")
            assert (linked["qr"], linked["pairing"], linked["me"]["phone"]) == (None, None, NUMBER)
        assert len(await Phones(server.http).devices(NUMBER)) == 1


def _is_round(number: int) -> Callable[[Snapshot], bool]:
    def is_it(snapshot: Snapshot) -> bool:
        return bool(snapshot["pairing"] and snapshot["pairing"]["round"] == number)

    return is_it
