"""WhatsApp can't be reached: said within seconds, in words; nothing that looks like a QR; a later try works."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.acceptance.browser import Tab, tab
from tests.acceptance.relay import Relay, relay
from tests.running import Loopback, Phones, Server, loopback, serving

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

NUMBER = "628111000004"
ANSWERED_WITHIN_SECONDS = 12
QR_LIKE = ("data:image", "linked_devices#", "<svg", "2@")


async def test_a_proxy_that_refuses_is_unreachable(home: Path) -> None:
    async with relay() as way, loopback(home) as world:
        await way.refuse()
        async with serving(home, **world.settings | {"wa_proxy_url": way.url}) as server:
            await _connecting_fails(server, 503, "unreachable", "unreachable")


async def test_a_proxy_that_hangs_is_a_qr_request_that_timed_out(home: Path) -> None:
    async with (
        relay() as way,
        loopback(home) as world,
        serving(home, **world.settings | {"wa_proxy_url": way.url}) as server,
    ):
        await _connecting_fails(server, 504, "qr_request_timeout", "qr_request_timeout")
        assert way.reached, "nobody came by the proxy: this test saw another fault"


async def _connecting_fails(server: Server, status: int, code: str, reason: str) -> None:
    klien_id = await server.add_klien("Toko Sinar")
    async with server.watch(klien_id) as watch:
        began = time.monotonic()
        answer = await server.http.post("/whatsapp/connect", json={"klien_id": klien_id})
        assert time.monotonic() - began < ANSWERED_WITHIN_SECONDS
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["code"] == code
        _is_a_sentence(problem["message"])

        told = await watch.wait_for("session_error")
        assert (told["status"], told["reason"], told["wa_terhubung"]) == ("error", reason, False)
        _is_a_sentence(told["message"])
        answers = [answer.text, str(watch.events), *await _everything_that_rest_says(server, klien_id)]
    assert not [(sign, text) for text in answers for sign in QR_LIKE if sign in text]


def _is_a_sentence(message: dict[str, Any]) -> None:
    assert set(message) == {"id", "en"}
    assert all(len(text.split()) > 3 and text.endswith(".") for text in message.values())


async def _everything_that_rest_says(server: Server, klien_id: int) -> list[str]:
    session = f"/api/v1/kliens/{klien_id}"
    paths = [
        *(f"{session}/session", f"{session}/events", session, "/api/v1/kliens", f"/api/session/status/{klien_id}"),
        *(f"/whatsapp/{name}?klien_id={klien_id}" for name in ("status", "session-status")),
    ]
    answers = [await server.http.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    qr = await server.http.get(f"{session}/session/qr", headers={"Accept": "image/png"})
    assert (qr.status_code, qr.json()["code"]) == (404, "no_qr")
    return [answer.text for answer in answers]


async def test_the_page_says_it_shows_no_qr_and_works_once_the_way_is_free(home: Path, tmp_path: Path) -> None:
    async with _by_a_relay(home) as (world, way, server), tab(tmp_path) as page:
        klien_id = await server.add_klien("Toko Sinar")
        await page.log_in(server.login_link)
        await page.open_klien(server.base_url, klien_id)

        await way.refuse()
        await page.press("connect")
        await _page_shows_an_error(page, server, klien_id, "unreachable")

        await way.hang()
        await page.press("connect")
        await page.shows("qr_requested")
        await _page_shows_an_error(page, server, klien_id, "qr_request_timeout")

        await way.let_through()
        await page.press("connect")
        await page.shows("qr_ready")
        seen = await page.qr_texts("8-way-free")
        assert seen == [(await server.snapshot(klien_id))["qr"]["code"]]
        await Phones(world.http).scan(NUMBER, seen[0])
        await page.shows("connected")
        assert page.complaints == []


async def _page_shows_an_error(page: Tab, server: Server, klien_id: int, reason: str) -> None:
    await page.shows("error", ANSWERED_WITHIN_SECONDS)
    snapshot = await server.snapshot(klien_id)
    assert snapshot["reason"] == reason
    await expect(page.page.get_by_text(snapshot["message"]["id"]).first).to_be_visible()
    assert await page.qr.count() == 0
    assert await page.qr_texts(f"6-{reason}") == []
    html = await page.page.content()
    assert not [sign for sign in ("data:image", "linked_devices#") if sign in html]


async def test_a_linked_klien_whose_way_is_cut_off_is_told_so_and_comes_back(home: Path) -> None:
    async with _by_a_relay(home) as (world, way, server):
        await way.let_through()
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(world.http), klien_id, NUMBER)
        async with server.watch(klien_id) as watch:
            await way.refuse()
            await watch.wait_for("reconnecting", lambda told: told["reason"] == "unreachable")
            assert not (await server.snapshot(klien_id))["wa_terhubung"]
            await way.let_through()
            await watch.wait_for("connected", seconds=40)
            assert {name for name, _ in watch.events} == {"reconnecting", "connected"}


@asynccontextmanager
async def _by_a_relay(home: Path) -> AsyncIterator[tuple[Loopback, Relay, Server]]:
    """A server whose way to the loopback WhatsApp can be cut."""
    async with (
        loopback(home) as world,
        relay(world.settings["wa_proxy_url"]) as way,
        serving(home, qr_request_seconds="3", **world.settings | {"wa_proxy_url": way.url}) as server,
    ):
        yield world, way, server
