"""What may be asked for, how often, and that a restart forgives nothing."""

from __future__ import annotations

import asyncio

import pytest

from talkabiz.domain.errors import RateLimited, TooManyStarts
from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Allowances, Quotas
from talkabiz.store import database
from tests.fakes import ManualClock

HOUR = 3600
QUOTAS = Quotas(starts=Quota(3, HOUR), requests=Quota(100, 60))


@pytest.fixture(name="clock")
def _clock(db_url: str) -> ManualClock:
    return ManualClock()


async def test_starts_slide_through_a_window_that_a_restart_does_not_empty(clock: ManualClock) -> None:
    for _ in range(3):
        await Allowances(clock, QUOTAS).take_start("10.0.0.1")
        clock.advance(600)
    with pytest.raises(TooManyStarts) as refusal:
        await Allowances(clock, QUOTAS).take_start("10.0.0.1")
    assert refusal.value.retry_after == HOUR - 1800
    await Allowances(clock, QUOTAS).take_start("10.0.0.2")
    clock.advance(HOUR - 1800)
    await Allowances(clock, QUOTAS).take_start("10.0.0.1")
    with pytest.raises(TooManyStarts) as refusal:
        await Allowances(clock, QUOTAS).take_start("10.0.0.1")
    assert refusal.value.retry_after == 600


async def test_of_many_at_once_only_so_many_pass(clock: ManualClock) -> None:
    allowances = Allowances(clock, QUOTAS)
    taken = await asyncio.gather(*(allowances.take_start("10.0.0.1") for _ in range(20)), return_exceptions=True)
    assert [each for each in taken if each is None] == [None] * 3


async def take_and_fail(allowances: Allowances) -> None:
    async with database.transaction():
        await allowances.take_start("10.0.0.1")
        raise ZeroDivisionError


async def test_what_is_undone_does_not_count(clock: ManualClock) -> None:
    allowances = Allowances(clock, QUOTAS)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await take_and_fail(allowances)
    await allowances.take_start("10.0.0.1")


async def test_a_refused_start_does_not_count_either(clock: ManualClock) -> None:
    allowances = Allowances(clock, QUOTAS)
    for _ in range(3):
        await allowances.take_start("10.0.0.1")
    for _ in range(10):
        clock.advance(60)
        with pytest.raises(TooManyStarts):
            await allowances.take_start("10.0.0.1")
    clock.advance(HOUR - 600)
    await allowances.take_start("10.0.0.1")


async def test_one_customers_ipv6_addresses_are_one(clock: ManualClock) -> None:
    allowances = Allowances(clock, QUOTAS)
    for tail in ("1", "2", "ffff:1"):
        await allowances.take_start(f"2001:db8:1:2::{tail}")
    with pytest.raises(TooManyStarts):
        await allowances.take_start("2001:db8:1:2::99")
    await allowances.take_start("2001:db8:1:3::1")


async def test_a_clock_that_is_set_back_keeps_nobody_out(clock: ManualClock) -> None:
    allowances = Allowances(clock, QUOTAS)
    for _ in range(3):
        await allowances.take_start("10.0.0.1")
    clock.advance(-10 * HOUR)
    await allowances.take_start("10.0.0.1")


async def test_without_a_quota_there_is_no_limit(clock: ManualClock) -> None:
    allowances = Allowances(clock, Quotas())
    for _ in range(200):
        await allowances.take_start("10.0.0.1")
        await allowances.take_login("10.0.0.1", "budi")
        allowances.take_request("key:1")


async def test_requests_are_counted_by_credential_and_fade_with_the_window_before(clock: ManualClock) -> None:
    allowances = Allowances(clock, QUOTAS)
    clock.advance(60 - clock.now().timestamp() % 60)  # a window begins
    for _ in range(100):
        allowances.take_request("key:1")
    with pytest.raises(RateLimited) as refusal:
        allowances.take_request("key:1")
    assert refusal.value.retry_after
    assert 60 < refusal.value.retry_after < 62
    allowances.take_request("key:2")
    clock.advance(90)  # the middle of the next one: half of a hundred still counts
    for _ in range(50):
        allowances.take_request("key:1")
    with pytest.raises(RateLimited):
        allowances.take_request("key:1")


async def test_who_waits_as_long_as_told_is_let_in(clock: ManualClock) -> None:
    allowances = Allowances(clock, QUOTAS)
    refusals = 0
    for _ in range(400):
        try:
            allowances.take_request("key:1")
        except RateLimited as refusal:
            refusals += 1
            clock.advance(refusal.retry_after or 0)
            allowances.take_request("key:1")
        clock.advance(0.1)
    assert refusals


async def test_counted_requests_outlive_a_restart(clock: ManualClock) -> None:
    async with Allowances(clock, QUOTAS).serving() as _:
        pass
    first = Allowances(clock, QUOTAS)
    async with first.serving():
        for _ in range(100):
            first.take_request("key:1")
    second = Allowances(clock, QUOTAS)
    async with second.serving():
        with pytest.raises(RateLimited):
            second.take_request("key:1")
        clock.advance(180)
        second.take_request("key:1")


async def test_counts_are_kept_while_it_runs(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkabiz.services.allowances.KEEP_SECONDS", 0.01)
    running = Allowances(clock, QUOTAS)
    async with running.serving():
        for _ in range(100):
            running.take_request("key:1")
        async with asyncio.timeout(5):
            while running._unkept:
                await asyncio.sleep(0.01)
        killed = Allowances(clock, QUOTAS)  # as after kill -9: nothing was closed
        async with killed.serving():
            with pytest.raises(RateLimited):
                killed.take_request("key:1")
