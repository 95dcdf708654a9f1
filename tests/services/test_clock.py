"""The machine's clock is set while sessions run: alarms keep their length, whatever the clock says."""

from __future__ import annotations

import asyncio

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.limits import Limits
from tests.services.conftest import Bench, open_bench

HOUR = 3600.0


async def _wake(bench: Bench, klien_id: int) -> None:
    """Something arrives that changes nothing, so that the next alarm is looked at again."""
    bench.whatsapp.say(klien_id, i.LinkLost(bench.whatsapp.attempts[klien_id]))
    await bench.catch_up(klien_id)


async def _show_code(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await bench.reach(klien_id, "qr_ready")


async def test_a_clock_set_forward_ends_no_pairing(bench: Bench, klien_id: int) -> None:
    await _show_code(bench, klien_id)
    bench.clock.jump(HOUR)
    await _wake(bench, klien_id)
    bench.clock.advance(119)
    await _wake(bench, klien_id)
    assert (await bench.sessions.live(klien_id))["status"] == "qr_ready"

    bench.clock.advance(1)
    bench.whatsapp.say(klien_id, i.LinkLost(bench.whatsapp.attempts[klien_id]))
    assert (await bench.reach(klien_id, "expired")).data["reason"] == "qr_timeout"


async def test_a_clock_set_back_holds_no_alarm_up(bench: Bench, klien_id: int) -> None:
    await _show_code(bench, klien_id)
    bench.clock.jump(-HOUR)
    await _wake(bench, klien_id)
    bench.clock.advance(120)
    bench.whatsapp.say(klien_id, i.LinkLost(bench.whatsapp.attempts[klien_id]))
    assert (await bench.reach(klien_id, "expired")).data["reason"] == "qr_timeout"


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_try_again_comes_after_its_wait_and_not_all_at_once(bench: Bench, klien_id: int, jump: float) -> None:
    await bench.link(klien_id)
    bench.whatsapp.say(klien_id, i.Replaced(bench.whatsapp.attempts[klien_id]))
    await bench.reach(klien_id, "error")
    asked = len(bench.whatsapp.asked)
    bench.clock.jump(jump)
    bench.clock.advance(29)
    bench.whatsapp.say(klien_id, i.LinkLost(bench.whatsapp.attempts[klien_id]))  # only wakes the runner
    await bench.sessions.live(klien_id)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(bench.whatsapp.asked) == asked

    bench.clock.advance(1)
    bench.whatsapp.say(klien_id, i.LinkLost(bench.whatsapp.attempts[klien_id]))
    await bench.reach(klien_id, "reconnecting")


async def test_an_alarm_rings_by_itself_while_the_clock_is_an_hour_late(db_url: str, klien_id: int) -> None:
    """In real time, so that nothing wakes the runner."""
    async for bench in open_bench(Limits(pairing_seconds=0.3)):
        await _show_code(bench, klien_id)
        bench.clock.jump(-HOUR)
        await bench.reach(klien_id, "expired")
