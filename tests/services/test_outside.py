"""A klien that is linked by a gateway outside, from the report to the row and the event."""

from __future__ import annotations

import asyncio

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.access import Caller
from talkabiz.domain.errors import IllegalState, NotFound
from talkabiz.domain.limits import Limits
from talkabiz.domain.sentences import LINKED_HERE, NUMBER_TAKEN
from talkabiz.store import audit, events, kliens, sessions
from tests.services.conftest import Bench, open_bench

ME = i.Me("628777777777")
CALLER = Caller("key:3", "203.0.113.7")


async def wa_columns(klien_id: int) -> tuple[bool, str | None]:
    klien = await kliens.find(klien_id)
    assert klien
    return klien.wa_terhubung, klien.wa_nomor


async def test_a_report_is_a_row_an_event_and_a_push_as_every_transition(bench: Bench, klien_id: int) -> None:
    told = await bench.sessions.tell_outside(klien_id, ME, "shop-7", caller=CALLER)

    assert (told["status"], told["reason"], told["wa_terhubung"]) == ("connected", "external", True)
    assert (told["session_id"], told["seq"]) == ("shop-7", 1)
    assert told["me"] == {"phone": ME.phone, "lid": None, "name": "", "platform": None}
    assert await wa_columns(klien_id) == (True, ME.phone)
    pushed = await bench.reach(klien_id, "connected")
    (row,), _ = await events.since(klien_id, 0, 100)
    assert (pushed.type, pushed.seq, row.data["reason"]) == ("connected", 1, "external")
    assert bench.whatsapp.asked == []

    ended = await bench.sessions.tell_outside(klien_id, None, caller=CALLER)
    assert (ended["status"], ended["reason"], ended["me"], ended["seq"]) == ("disconnected", "stopped", None, 2)
    assert ended["session_id"] == "shop-7"
    assert await wa_columns(klien_id) == (False, None)
    assert bench.whatsapp.asked == []


async def test_reports_are_in_the_audit_log_and_repeated_ones_nowhere(bench: Bench, klien_id: int) -> None:
    for me in (ME, ME, None, None):
        await bench.sessions.tell_outside(klien_id, me, caller=CALLER)

    assert (await bench.sessions.live(klien_id))["seq"] == 2
    assert [(entry.actor, entry.action, entry.detail) for entry in await audit.page(None, 10)] == [
        ("key:3", "session_told", {"status": "disconnected"}),
        ("key:3", "session_told", {"status": "connected"}),
    ]


async def test_who_is_not_named_gets_a_name_of_ours_and_keeps_it(bench: Bench, klien_id: int) -> None:
    unnamed = await bench.sessions.tell_outside(klien_id, ME)
    again = await bench.sessions.tell_outside(klien_id, ME, "late")

    assert unnamed["session_id"]
    assert again["session_id"] == unnamed["session_id"]
    assert (await bench.sessions.stored(klien_id))["session_id"] == unnamed["session_id"]


@pytest.mark.parametrize("me", [ME, None])
async def test_a_report_about_a_klien_with_a_run_or_a_device_is_refused_and_changes_nothing(
    bench: Bench, klien_id: int, me: i.Me | None
) -> None:
    async def refused() -> None:
        before, seen = await bench.sessions.stored(klien_id), list(bench.whatsapp.asked)
        with pytest.raises(IllegalState) as error:
            await bench.sessions.tell_outside(klien_id, me, "theirs", caller=CALLER)
        assert error.value.message == LINKED_HERE
        assert await bench.sessions.stored(klien_id) == before
        assert bench.whatsapp.asked == seen
        assert await audit.page(None, 10) == []

    await bench.sessions.start(klien_id)
    await refused()
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await bench.reach(klien_id, "qr_ready")
    await refused()
    bench.whatsapp.pair(klien_id)
    await bench.reach(klien_id, "scanning")
    await refused()
    bench.whatsapp.link_up(klien_id)
    await bench.reach(klien_id, "connected")
    await refused()
    await bench.sessions.stop(klien_id)
    await refused()
    await bench.sessions.disconnect(klien_id)
    assert (await bench.sessions.tell_outside(klien_id, ME))["reason"] == "external"


async def test_a_klien_that_does_not_exist_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.sessions.tell_outside(99, ME)


async def test_wishes_beside_a_link_outside(bench: Bench, klien_id: int) -> None:
    linked = await bench.sessions.tell_outside(klien_id, ME)
    for ask in (bench.sessions.start, bench.sessions.start_and_wait, bench.sessions.refresh):
        assert await ask(klien_id) == linked

    stopped = await bench.sessions.stop(klien_id)
    assert (stopped["status"], stopped["reason"]) == ("disconnected", "stopped")
    await bench.sessions.tell_outside(klien_id, ME)
    gone = await bench.sessions.disconnect(klien_id)
    assert (gone["status"], gone["reason"], "warning" in gone) == ("disconnected", "by_user", False)
    assert bench.whatsapp.asked == []

    assert (await bench.sessions.start(klien_id))["status"] == "qr_requested"
    assert [asked[0] for asked in bench.whatsapp.asked] == ["start_pairing"]


@pytest.mark.parametrize("in_order", [True, False])
async def test_a_link_outside_outlives_our_process(bench: Bench, klien_id: int, *, in_order: bool) -> None:
    before = await bench.sessions.tell_outside(klien_id, ME, "shop-7")
    if in_order:
        await bench.sessions.release()
    assert await wa_columns(klien_id) == (True, ME.phone)
    async for after in open_bench(Limits()):
        await after.sessions.restore()
        assert await wa_columns(klien_id) == (True, ME.phone)
        assert await after.sessions.live(klien_id) == before
        assert after.whatsapp.asked == []
        assert (await after.sessions.tell_outside(klien_id, ME))["seq"] == before["seq"]
        assert (await after.sessions.tell_outside(klien_id, None))["status"] == "disconnected"


# --- one number, one klien --------------------------------------------------------------------------------------------


async def test_a_report_with_another_kliens_number_is_refused_wherever_that_is_linked(
    bench: Bench, klien_id: int
) -> None:
    other, outside = (await kliens.add("Toko Bulan")).id, (await kliens.add("Toko Surya")).id
    await bench.link(klien_id, "628111222333")
    await bench.sessions.tell_outside(outside, ME)
    for taken in ("628111222333", ME.phone):
        with pytest.raises(IllegalState) as error:
            await bench.sessions.tell_outside(other, i.Me(taken), "theirs", caller=CALLER)
        assert error.value.message == NUMBER_TAKEN
        snapshot = await bench.sessions.live(other)
        assert (snapshot["status"], snapshot["session_id"], snapshot["seq"]) == ("disconnected", None, 0)
        assert await audit.page(None, 10) == []


async def test_a_phone_whose_number_is_linked_outside_for_another_klien_is_logged_out(
    bench: Bench, klien_id: int
) -> None:
    other = (await kliens.add("Toko Bulan")).id
    await bench.sessions.tell_outside(other, ME)
    await bench.sessions.start(klien_id)
    bench.whatsapp.pair(klien_id, ME.phone)

    assert (await bench.reach(klien_id, "error")).data["reason"] == "already_linked"
    newcomer = bench.whatsapp.attempts[klien_id]
    assert bench.whatsapp.asked[-1] == ("log_out", klien_id, newcomer, newcomer)


async def test_one_phone_that_scans_for_two_kliens_in_one_instant_is_linked_to_one(bench: Bench, klien_id: int) -> None:
    both = [klien_id, (await kliens.add("Toko Bulan")).id]
    for each in both:
        await bench.sessions.start(each)
    for each in both:
        bench.whatsapp.pair(each, ME.phone)

    scanned = [(await bench.wait_for(lambda event: event.seq == 2 and event.klien_id == each)) for each in both]  # noqa: B023 - awaited in the loop
    assert sorted(str(event.data["reason"] or event.type) for event in scanned) == ["already_linked", "scanning"]
    (loser,) = (event.klien_id for event in scanned if event.data["reason"])
    newcomer = bench.whatsapp.attempts[loser]
    await asyncio.wait_for(bench.whatsapp.be_asked(3), 5)
    assert bench.whatsapp.asked[2:] == [("log_out", loser, newcomer, newcomer)]
    assert await sessions.owner_of(ME.phone) == next(each for each in both if each != loser)


async def test_one_number_that_is_reported_for_two_kliens_in_one_instant_is_linked_to_one(
    bench: Bench, klien_id: int
) -> None:
    both = [klien_id, (await kliens.add("Toko Bulan")).id]

    told = await asyncio.gather(*(bench.sessions.tell_outside(each, ME) for each in both), return_exceptions=True)

    assert [isinstance(answer, IllegalState) for answer in told].count(True) == 1
    assert sum([(await wa_columns(each))[0] for each in both]) == 1
