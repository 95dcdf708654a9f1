"""Kliens beside each other: the right phone on the right klien, and nothing of one in the other's room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import socketio

from tests.acceptance.rows import rows
from tests.running import API_KEY, Phones, Server, Watch, klien_key, serving, until

KLIENS = {"Toko Sinar": "628111000061", "Toko Bulan": "628111000062"}


async def test_two_kliens_link_at_the_same_time_each_with_its_own_phone_and_its_own_events(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        ids = {nama: await server.add_klien(nama) for nama in KLIENS}
        keys = {nama: await klien_key(home, ids[nama]) for nama in KLIENS}
        async with (
            server.watch(key=keys["Toko Sinar"]) as first,
            server.watch(key=keys["Toko Bulan"]) as second,
        ):
            await asyncio.gather(
                _link_by_socket(server, first, ids["Toko Sinar"], "Toko Sinar"),
                _link_by_socket(server, second, ids["Toko Bulan"], "Toko Bulan"),
            )
            for watch, nama in ((first, "Toko Sinar"), (second, "Toko Bulan")):
                assert {data["klien_id"] for _, data in watch.events} == {ids[nama]}
                transitions = ["snapshot", "qr_requested", "qr_ready", "scanning", "connected"]
                assert list(dict.fromkeys(watch.names())) == transitions

        assert {ids[nama]: number for nama, number in KLIENS.items()} == {
            klien_id: row.wa_nomor for klien_id, row in rows(home).items()
        }
        for nama, number in KLIENS.items():
            assert [d["klien_id"] for d in await Phones(server.http).devices(number)] == [ids[nama]]


async def _link_by_socket(server: Server, watch: Watch, klien_id: int, nama: str) -> None:
    """With nothing but what this klien's own socket says."""
    await watch.ask("start", klien_id=klien_id)
    shown = await watch.wait_for("qr_ready")
    await Phones(server.http).scan(KLIENS[nama], shown["qr"]["code"], f"Pemilik {nama}")
    linked = await watch.wait_for("connected")
    assert (linked["me"]["phone"], linked["me"]["name"]) == (KLIENS[nama], f"Pemilik {nama}")


async def test_a_klien_may_neither_see_nor_touch_another_one(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        mine, other = await server.add_klien("Toko Sinar"), await server.add_klien("Toko Bulan")
        key = await klien_key(home, mine)
        async with server.watch(key=key) as watch:
            for command in ("subscribe", "unsubscribe", "start", "refresh", "disconnect_wa"):
                assert (await watch.ask(command, klien_id=other))["error"]["code"] == "not_found"
            assert (await watch.ask("subscribe", klien_id="*"))["error"]["code"] == "not_found"
            await server.connect(other)
            await watch.ask("subscribe", klien_id=mine)
            assert {data["klien_id"] for _, data in watch.events} == {mine}

        server.http.headers["Authorization"] = f"Bearer {key}"
        session = f"/api/v1/kliens/{other}/session"
        for method, path in (("GET", session), ("POST", session), ("DELETE", session), ("GET", f"{session}/qr")):
            answer = await server.call(method, path, {} if method == "POST" else None, expect=404)
            assert answer["code"] == "not_found"
        await server.call("POST", "/whatsapp/connect", {"klien_id": other}, expect=404)
        assert (await server.snapshot(mine))["status"] == "disconnected"


async def test_a_socket_without_a_right_is_refused(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        watch = Watch()
        for key in ("tkb_nobody", "", API_KEY[:-1]):
            with pytest.raises(socketio.exceptions.ConnectionError):
                await watch.open(server.base_url, key)
        assert watch.refusals == [{"message": "unauthorized"}] * 3


async def test_one_number_can_not_be_linked_to_two_kliens(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        phones, number = Phones(server.http), KLIENS["Toko Sinar"]
        first, second = await server.add_klien("Toko Sinar"), await server.add_klien("Toko Bulan")
        await server.link(phones, first, number)
        await phones.scan(number, (await server.connect(second))["qr"]["code"])
        refused = await server.wait_for(second, "error")
        assert refused["reason"] == "already_linked"
        assert (await server.snapshot(first))["status"] == "connected"

        async def is_alone() -> bool:
            return [device["klien_id"] for device in await phones.devices(number)] == [first]

        await until(is_alone)
