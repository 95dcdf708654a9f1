"""No way to WhatsApp: the library isn't asked again and again, for each start leaves something behind in it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from talkabiz.domain import inputs as i
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp import route as route_module
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.route import Route
from tests.whatsapp.ear import Ear, fresh_attempt, link, until
from tests.whatsapp.proxies import refusing_proxy

KLIEN = 1
NUMBER = "6281200000001"


def doubted() -> Route:
    route = Route()
    route.learn(i.NoRoute("a"))
    return route


def test_a_way_that_nobody_doubts_is_not_tried() -> None:
    assert Route().is_open(refusing_proxy())


def test_a_doubted_way_is_open_if_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert doubted().is_open(f"http://127.0.0.1:{listener.getsockname()[1]}")


def test_one_failure_answers_for_everybody_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    route, blocked = doubted(), refusing_proxy()
    assert not route.is_open(blocked)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert not route.is_open(there)
        monkeypatch.setattr(route_module, "SHARED_SECONDS", 0)
        assert route.is_open(there)


@pytest.mark.parametrize("fact", [i.Connected("a"), i.CodeIssued("a", "a code")])
def test_what_came_through_ends_the_doubt(fact: i.Fact) -> None:
    route = doubted()
    route.learn(i.LinkLost("a"))
    assert not route.is_open(refusing_proxy())

    route.learn(fact)
    assert route.is_open(refusing_proxy())


@pytest.mark.parametrize(
    ("proxy_url", "address"),
    [
        (None, ("web.whatsapp.com", 443)),
        ("http://127.0.0.1:8888", ("127.0.0.1", 8888)),
        ("http://user:word@proxy.example", ("proxy.example", 80)),
        ("socks5://[::1]", ("::1", 1080)),
        ("https://proxy.example", ("proxy.example", 443)),
    ],
)
def test_the_way_begins_at_the_proxy_if_there_is_one(proxy_url: str | None, address: tuple[str, int]) -> None:
    assert route_module._address(proxy_url) == address


async def test_an_outage_leaves_nothing_behind_however_long_it_is(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge.close(device)
    await until(lambda: not edge.running)
    way, edge._engine._proxy_url = edge._engine._proxy_url, refusing_proxy()

    async def fail() -> None:
        attempt = fresh_attempt()
        edge.start_session(KLIEN, attempt, device)
        await ear.wait(attempt, i.NoRoute)
        await until(lambda: edge._engine.find(attempt) is None)

    await fail()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        await fail()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before

    edge._engine._proxy_url = way
    edge._engine._route._failed_at = None  # as after some seconds
    attempt = fresh_attempt()
    edge.start_session(KLIEN, attempt, device)
    await ear.wait(attempt, i.Connected)


async def test_a_start_closed_while_its_way_is_looked_for_never_begins(
    edge: LocalWhatsApp, sandbox: Sandbox, ear: Ear
) -> None:
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge.close(device)
    await until(lambda: not edge.running)
    edge._engine._route.learn(i.NoRoute(device))
    edge._engine._proxy_url = refusing_proxy()
    attempt = fresh_attempt()
    edge.start_session(KLIEN, attempt, device)

    edge.close(attempt)

    await until(lambda: not edge.running)
    assert ear.of(attempt) == []
