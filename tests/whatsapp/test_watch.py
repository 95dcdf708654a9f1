"""The net under the events, over the real library. Its rounds are short here."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from talkabiz.domain import inputs as i
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp import watch
from talkabiz.whatsapp.attempt import Attempt
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.run import Run
from tests.whatsapp.conftest import Open
from tests.whatsapp.ear import Ear, fresh_attempt, link, until
from tests.whatsapp.proxies import hanging_proxy

KLIEN = 1
NUMBER = "6281200000001"
ROUND_SECONDS = 0.1


def attempt_of(edge: LocalWhatsApp, name: str) -> Attempt:
    attempt = edge._engine.find(name)
    assert attempt is not None
    return attempt


def run_of(edge: LocalWhatsApp, name: str) -> Run:
    run = attempt_of(edge, name).run
    assert run is not None
    return run


async def test_a_link_that_ends_without_a_word_is_told(open_edge: Open, sandbox: Sandbox, ear: Ear) -> None:
    """A log-out of the library's own makes no event."""
    edge = open_edge(watch_seconds=ROUND_SECONDS)
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)

    await edge._pool.call(run_of(edge, device).log_out, seconds=5)

    await ear.wait(device, i.LinkLost)
    assert ear.kinds(device)[-2:] == [i.Connected, i.LinkLost]


async def test_a_link_that_is_back_without_a_word_is_told(open_edge: Open, sandbox: Sandbox, ear: Ear) -> None:
    edge = open_edge(watch_seconds=ROUND_SECONDS)
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    known = len(ear.of(device))

    edge._engine.tell(attempt_of(edge, device), i.LinkLost(device))  # as if the event of its return had been lost

    await ear.wait(device, i.Connected, after=known)


async def test_one_round_alone_proves_nothing(open_edge: Open, sandbox: Sandbox, ear: Ear) -> None:
    """The event may be on its way."""
    edge = open_edge(watch_seconds=0.5)
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge._engine.tell(attempt_of(edge, device), i.LinkLost(device))

    await until(lambda: attempt_of(edge, device).doubts == 1)

    assert ear.kinds(device)[-1] is i.LinkLost


async def test_a_quiet_session_is_left_in_peace(open_edge: Open, sandbox: Sandbox, ear: Ear) -> None:
    edge = open_edge(watch_seconds=0.01)
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    known = len(ear.heard)

    await asyncio.sleep(0.5)

    assert len(ear.heard) == known
    assert attempt_of(edge, device).doubts == 0


async def test_a_log_in_refused_before_its_events_began_is_known_by_its_emptied_store(
    open_edge: Open, sandbox: Sandbox, ear: Ear
) -> None:
    edge = open_edge(watch_seconds=ROUND_SECONDS)
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    edge.close(device)
    await until(lambda: not edge.running)
    async with hanging_proxy() as proxy:
        edge._engine._proxy_url = proxy.url
        attempt = fresh_attempt()
        edge.start_session(KLIEN, attempt, device)
        await until(lambda: proxy.waiting)
        with closing(sqlite3.connect(attempt_of(edge, attempt).store)) as store:
            store.execute("DELETE FROM whatsmeow_device")
            store.commit()

        assert (await ear.wait(attempt, i.LoggedOut)).cause is i.LogoutCause.LOGGED_OUT
        proxy.let_go()
        await until(lambda: not edge.running)


async def test_questions_that_hang_leave_threads_for_others(
    open_edge: Open, sandbox: Sandbox, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that dials again answers only when it is through, a minute later perhaps."""
    monkeypatch.setattr(watch, "ANSWER_SECONDS", 0.1)
    async with hanging_proxy(sandbox.proxy_url, hangs=False) as proxy:
        edge = open_edge(proxy.url, watch_seconds=ROUND_SECONDS)
        devices = [await link(edge, sandbox, ear, klien, f"628120000000{klien}") for klien in range(1, 5)]
        proxy.hangs = True
        sandbox.inject("drop")
        for device in devices:
            await ear.wait(device, i.LinkLost)
        await until(lambda: len(proxy.waiting) == len(devices))

        await until(lambda: edge.overdue == watch.MOST_UNANSWERED)
        await asyncio.sleep(ROUND_SECONDS * 10)

        assert edge.overdue == watch.MOST_UNANSWERED
        known = len(ear.of(devices[0]))
        proxy.let_go()
        await ear.wait(devices[0], i.Connected, after=known)
        await until(lambda: edge.overdue == 0)


async def test_a_run_that_has_given_up_its_lost_link_is_told_as_a_failure(
    open_edge: Open, sandbox: Sandbox, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a loss in the instant in which the handshake ends: not connected, not dialling, and silent."""
    monkeypatch.setattr(watch, "QUIET_SECONDS", 0.5)
    edge = open_edge(watch_seconds=ROUND_SECONDS)
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    run = run_of(edge, device)

    await edge._pool.call(lambda: run.call(edge._engine._binding.neonize.gocode.Disconnect), seconds=5)

    failure = await ear.wait(device, i.EngineFailed)
    assert failure == i.EngineFailed(device, watch.GIVEN_UP)
    assert ear.kinds(device)[-2:] == [i.LinkLost, i.EngineFailed]


async def test_a_run_that_goes_on_trying_is_left_to_it(
    open_edge: Open, sandbox: Sandbox, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "QUIET_SECONDS", 1.5)
    edge = open_edge(watch_seconds=ROUND_SECONDS)
    device = await link(edge, sandbox, ear, KLIEN, NUMBER)
    known = len(ear.of(device))

    sandbox.inject("drop", NUMBER, seconds=6)  # three tries, the last pause of 4 s

    await ear.wait(device, i.Connected, after=known)
    assert i.EngineFailed not in ear.kinds(device)
