"""Starting, refreshing, stopping and disconnecting, from the wish to the row and the event."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from talkabiz.domain import inputs as i
from talkabiz.domain.errors import NotFound, QrRequestTimeout, Unreachable
from talkabiz.domain.events import Event
from talkabiz.domain.limits import Limits
from talkabiz.domain.states import Status
from talkabiz.services.ports import StoredDevice
from talkabiz.store import database, events, kliens, sessions
from talkabiz.store.errors import StoreError
from tests.fakes import QR_TEXT
from tests.services.conftest import Bench, open_bench


async def test_a_klien_that_never_linked_is_disconnected_without_a_reason(bench: Bench, klien_id: int) -> None:
    snapshot = await bench.sessions.live(klien_id)

    assert (snapshot["status"], snapshot["reason"], snapshot["seq"]) == ("disconnected", None, 0)
    assert snapshot["qr"] is snapshot["pairing"] is snapshot["me"] is snapshot["retry_at"] is None
    assert snapshot == {**await bench.sessions.stored(klien_id), "server_now": snapshot["server_now"]}


async def test_a_klien_that_does_not_exist_is_not_found(bench: Bench) -> None:
    for ask in (bench.sessions.start, bench.sessions.live, bench.sessions.stored, bench.sessions.disconnect):
        with pytest.raises(NotFound):
            await ask(99)


async def test_linking_goes_through_every_status_in_order(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)

    told = [(event.type, event.seq) for event in bench.events if event.is_durable]
    assert told == [("qr_requested", 1), ("qr_ready", 2), ("scanning", 3), ("connected", 4)]
    snapshot = await bench.sessions.live(klien_id)
    assert snapshot["wa_terhubung"] is True
    assert snapshot["me"] == {
        "phone": "628123456789",
        "lid": "9628123456789@lid",
        "name": "Ibu Sari",
        "platform": "android",
    }


async def test_when_connected_is_told_the_database_says_so_already(bench: Bench, klien_id: int) -> None:
    seen: list[tuple[bool, str]] = []

    async def look_at_each_event() -> None:
        async for event in bench.journal.reader():
            klien = await kliens.find(klien_id)
            row = await sessions.load(klien_id)
            assert klien
            assert row
            seen.append((klien.wa_terhubung, row.session.status))
            if event.data["status"] == "connected":
                return

    looking = asyncio.create_task(look_at_each_event())
    await bench.be_read_by(2)
    await bench.link(klien_id)
    await asyncio.wait_for(looking, 5)

    assert seen[-1] == (True, Status.CONNECTED)


async def test_the_qr_is_pushed_but_never_stored(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)

    pushed = await bench.reach(klien_id, "qr_ready")
    assert pushed.data["qr"]["code"] == QR_TEXT
    assert pushed.data["qr"]["svg"].startswith("<svg")
    assert (pushed.data["qr"]["n"], pushed.data["qr"]["of"]) == (1, 4)
    rows, gap = await events.since(klien_id, 0, 100)
    assert [(row.type, row.data["seq"]) for row in rows] == [("qr_requested", 1), ("qr_ready", 2)]
    assert not gap
    assert all(row.data["qr"] is None for row in rows)
    assert (await bench.sessions.stored(klien_id))["qr"] is None


async def test_a_further_code_is_passing_and_repeats_the_seq(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    first = await bench.reach(klien_id, "qr_ready")
    bench.clock.advance(60)
    bench.whatsapp.show_code(klien_id, QR_TEXT.replace("ref", "next"))

    second = await bench.wait_for(lambda event: (event.data["qr"] or {}).get("n") == 2)
    assert (second.id, second.type, second.seq, second.data["seq"]) == (None, "qr_ready", first.seq, first.seq)
    assert len((await events.since(klien_id, 0, 100))[0]) == 2


async def test_the_png_and_the_svg_show_the_code_itself(bench: Bench, klien_id: int, tmp_path: Path) -> None:
    await bench.sessions.start(klien_id)
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await bench.reach(klien_id, "qr_ready")

    png = await bench.sessions.qr_png(klien_id)
    assert png
    (tmp_path / "qr.png").write_bytes(png)
    with Image.open(tmp_path / "qr.png") as image:
        (read,) = zxingcpp.read_barcodes(image)
    assert read.text == QR_TEXT


async def test_a_call_that_waits_gets_the_first_qr(bench: Bench, klien_id: int) -> None:
    call = asyncio.create_task(bench.sessions.start_and_wait(klien_id))
    await bench.reach(klien_id, "qr_requested")
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)

    assert (await call)["qr"]["code"] == QR_TEXT


async def test_a_call_that_waits_in_vain_says_that_whatsapp_gave_no_qr(bench: Bench, klien_id: int) -> None:
    call = asyncio.create_task(bench.sessions.start_and_wait(klien_id, seconds=0.2))
    await bench.reach(klien_id, "qr_requested")
    bench.whatsapp.enter(klien_id)

    with pytest.raises(QrRequestTimeout):
        await call


async def test_a_call_whose_turn_has_not_come_is_told_that_it_queues(bench: Bench, klien_id: int) -> None:
    call = asyncio.create_task(bench.sessions.start_and_wait(klien_id, seconds=0.2))
    await bench.reach(klien_id, "qr_requested")
    bench.whatsapp.say(klien_id, i.StartQueued(bench.whatsapp.attempts[klien_id]))

    snapshot = await call
    assert (snapshot["status"], snapshot["reason"]) == ("qr_requested", "queued")


async def test_without_a_route_the_call_and_the_state_say_so(bench: Bench, klien_id: int) -> None:
    call = asyncio.create_task(bench.sessions.start_and_wait(klien_id))
    await bench.reach(klien_id, "qr_requested")
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.say(klien_id, i.NoRoute(bench.whatsapp.attempts[klien_id]))

    with pytest.raises(Unreachable):
        await call
    snapshot = await bench.sessions.live(klien_id)
    assert (snapshot["status"], snapshot["reason"], snapshot["qr"]) == ("error", "unreachable", None)


async def test_no_code_in_time_is_an_error_and_the_attempt_is_closed(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    bench.whatsapp.enter(klien_id)
    await bench.catch_up(klien_id)
    bench.clock.advance(10.1)
    bench.whatsapp.say(klien_id, i.LinkLost(bench.whatsapp.attempts[klien_id]))  # only wakes the runner

    event = await bench.reach(klien_id, "error")
    assert event.type == "session_error"
    assert event.data["reason"] == "qr_request_timeout"
    assert ("close", bench.whatsapp.attempts[klien_id]) in bench.whatsapp.asked


async def test_connecting_twice_starts_once(bench: Bench, klien_id: int) -> None:
    first = await bench.sessions.start(klien_id, "test_123")
    second = await bench.sessions.start(klien_id, "another")

    assert first["session_id"] == second["session_id"] == "test_123"
    assert [asked[0] for asked in bench.whatsapp.asked] == ["start_pairing"]


async def _expire(bench: Bench, klien_id: int, past: list[Event]) -> Event:
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await bench.wait_for(lambda event: event.type == "qr_ready" and event not in past)
    bench.clock.advance(120.1)
    bench.whatsapp.say(klien_id, i.LinkLost(bench.whatsapp.attempts[klien_id]))  # only wakes the runner
    return await bench.wait_for(lambda event: event.type == "expired" and event not in past)


async def test_an_expired_code_renews_itself_while_somebody_watches_three_rounds_in_all(
    bench: Bench, klien_id: int
) -> None:
    bench.watchers.watching[klien_id] = 1
    await bench.sessions.start(klien_id)
    for round_ in (1, 2, 3):
        past = list(bench.events)
        await _expire(bench, klien_id, past)
        if round_ < 3:
            again = await bench.wait_for(
                lambda event: event.type == "qr_requested" and event not in past  # noqa: B023 - awaited in the loop
            )
            assert again.data["pairing"] == {
                "round": round_ + 1,
                "rounds": 3,
                "closes_at": None,
                "code": None,
                "code_expires_at": None,
            }

    await bench.sessions.live(klien_id)
    starts = [asked for asked in bench.whatsapp.asked if asked[0] == "start_pairing"]
    assert len(starts) == 3
    by_hand = await bench.sessions.refresh(klien_id)
    assert (by_hand["status"], by_hand["pairing"]["round"]) == ("qr_requested", 1)


async def test_nobody_watching_means_no_new_round(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    await _expire(bench, klien_id, [])

    assert (await bench.sessions.stop(klien_id))["status"] == "disconnected"  # the runner is past the expiry by now
    assert [asked[0] for asked in bench.whatsapp.asked].count("start_pairing") == 1


async def test_a_late_scan_of_an_expired_round_still_links(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    old = bench.whatsapp.attempts[klien_id]
    await _expire(bench, klien_id, [])
    bench.whatsapp.pair(klien_id, attempt=old)

    await bench.reach(klien_id, "scanning")
    bench.whatsapp.say(klien_id, i.Connected(old))
    await bench.reach(klien_id, "connected")
    row = await sessions.load(klien_id)
    assert row
    assert row.session.device == old


async def test_a_number_belongs_to_one_klien(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id, "628111222333")
    other = (await kliens.add("Toko Bulan")).id
    await bench.sessions.start(other)
    bench.whatsapp.enter(other)
    bench.whatsapp.show_code(other)
    await bench.reach(other, "qr_ready")
    bench.whatsapp.pair(other, "628111222333")

    event = await bench.reach(other, "error")
    assert event.data["reason"] == "already_linked"
    newcomer = bench.whatsapp.attempts[other]
    assert ("log_out", other, newcomer, newcomer) in bench.whatsapp.asked
    assert (await bench.sessions.live(klien_id))["status"] == "connected"


async def test_disconnect_logs_out_and_forgets(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)
    device = bench.whatsapp.attempts[klien_id]

    snapshot = await bench.sessions.disconnect(klien_id)

    assert (snapshot["status"], snapshot["reason"], snapshot["me"]) == ("disconnected", "by_user", None)
    assert "warning" not in snapshot
    assert ("log_out", klien_id, device, device) in bench.whatsapp.asked
    klien = await kliens.find(klien_id)
    assert klien
    assert (klien.wa_terhubung, klien.wa_nomor) == (False, None)


async def test_disconnect_says_if_the_phone_still_shows_the_device(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)
    bench.whatsapp.is_reachable = False

    assert (await bench.sessions.disconnect(klien_id))["warning"] == "phone_keeps_device"


async def test_a_stopped_session_keeps_its_device_and_needs_no_qr(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)
    device = bench.whatsapp.attempts[klien_id]
    stopped = await bench.sessions.stop(klien_id)
    started = await bench.sessions.start(klien_id)

    assert (stopped["status"], stopped["reason"]) == ("disconnected", "stopped")
    assert (started["status"], started["reason"]) == ("reconnecting", "restoring")
    assert bench.whatsapp.asked[-1] == ("start_session", klien_id, bench.whatsapp.attempts[klien_id], device)


async def test_at_the_end_no_row_claims_a_link(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)

    await bench.sessions.release()

    row, klien = await sessions.load(klien_id), await kliens.find(klien_id)
    assert row
    assert klien
    assert (row.session.status, row.session.reason, klien.wa_terhubung) == ("reconnecting", "restoring", False)


async def test_after_a_crash_sessions_come_back_last_active_first(bench: Bench, klien_id: int, db_url: str) -> None:
    second = (await kliens.add("Toko Bulan")).id
    await bench.link(klien_id, "628111")
    bench.clock.advance(5)
    await bench.link(second, "628222")
    devices = dict(bench.whatsapp.attempts)
    # No release: the process died with both rows saying `connected`.
    async for after in open_bench(Limits()):
        after.whatsapp.on_disk = [StoredDevice(k, d, i.Me(f"62{k}")) for k, d in devices.items()]
        await after.sessions.restore()
        await after.wait_for(lambda event: event.klien_id == klien_id)
        for klien in (klien_id, second):
            assert (await after.sessions.live(klien))["status"] == "reconnecting"
        await asyncio.wait_for(after.whatsapp.be_asked(2), 5)

        assert [(a[0], a[1], a[3]) for a in after.whatsapp.asked] == [
            ("start_session", second, devices[second]),
            ("start_session", klien_id, devices[klien_id]),
        ]


async def test_a_device_on_disk_that_no_row_knows_is_taken_in(bench: Bench, klien_id: int) -> None:
    """The process died between the scan and the commit: the phone shows a device, so the klien has to have it."""
    await bench.sessions.start(klien_id)
    attempt = bench.whatsapp.attempts[klien_id]
    async for after in open_bench(Limits()):
        after.whatsapp.on_disk = [StoredDevice(klien_id, attempt, i.Me("628123", "9@lid", "Sari"))]
        await after.sessions.restore()
        await asyncio.wait_for(after.whatsapp.be_asked(1), 5)

        assert (after.whatsapp.asked[0][0], after.whatsapp.asked[0][3]) == ("start_session", attempt)
        assert (await after.sessions.live(klien_id))["me"]["phone"] == "628123"


async def test_a_device_on_disk_of_a_number_that_belongs_to_another_klien_is_logged_out(
    bench: Bench, klien_id: int
) -> None:
    await bench.link(klien_id)
    second = (await kliens.add("Toko Lain")).id
    await bench.sessions.start(second)
    stranger = bench.whatsapp.attempts[second]
    async for after in open_bench(Limits()):
        after.whatsapp.on_disk = [StoredDevice(second, stranger, i.Me("628123456789", "9@lid", "Sari"))]
        await after.sessions.restore()
        await asyncio.wait_for(after.whatsapp.be_asked(2), 5)

        assert ("log_out", second, stranger, stranger) in after.whatsapp.asked
        snapshot = await after.sessions.live(second)
        assert (snapshot["status"], snapshot["reason"], snapshot["me"]) == ("error", "already_linked", None)
        assert (await after.sessions.live(klien_id))["status"] == "reconnecting"


@pytest.mark.parametrize("in_order", [True, False])
async def test_a_code_that_a_restart_took_away_comes_back_for_who_looks_again(
    bench: Bench, klien_id: int, *, in_order: bool
) -> None:
    await bench.sessions.start(klien_id)
    if in_order:
        await bench.sessions.release()
    async for after in open_bench(Limits()):
        await after.sessions.restore()
        assert (await after.sessions.live(klien_id))["status"] == "expired"
        assert after.whatsapp.asked == [], "nobody looks"

        assert (await after.sessions.watch(klien_id))["status"] == "expired"
        renewed = await after.reach(klien_id, "qr_requested")
        assert renewed.data["pairing"]["round"] == 2
        await after.sessions.watch(klien_id)
        await after.catch_up(klien_id)
        assert [asked[0] for asked in after.whatsapp.asked] == ["start_pairing"]


async def test_who_looks_long_after_a_restart_or_at_a_round_that_ended_in_its_time_gets_the_button(
    bench: Bench, klien_id: int
) -> None:
    await bench.sessions.start(klien_id)
    await _expire(bench, klien_id, [])
    second = (await kliens.add("Toko Bulan")).id
    await bench.sessions.start(second)
    async for after in open_bench(Limits()):
        after.clock.time = bench.clock.now()
        await after.sessions.restore()
        after.clock.advance(120)
        for each in (klien_id, second):
            assert (await after.sessions.watch(each))["status"] == "expired"
            await after.sessions.disconnect(each)
        assert after.whatsapp.asked == []


async def test_the_place_in_the_line_is_pushed_but_not_stored(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)
    await bench.sessions.stop(klien_id)
    seq = (await bench.sessions.start(klien_id))["seq"]
    attempt = bench.whatsapp.attempts[klien_id]

    for ahead in (40, 20):
        bench.whatsapp.say(klien_id, i.StartQueued(attempt, ahead))
        told = await bench.wait_for(lambda event, ahead=ahead: event.data["detail"] == {"ahead": ahead})  # type: ignore[misc]
        assert (told.id, told.type, told.seq, told.data["reason"]) == (None, "reconnecting", seq, "restoring")
    assert (await bench.sessions.live(klien_id))["detail"] == {"ahead": 20}
    assert (await bench.sessions.stored(klien_id))["detail"] is None

    bench.whatsapp.enter(klien_id)
    await bench.catch_up(klien_id)
    assert (await bench.sessions.live(klien_id))["detail"] is None
    assert len((await events.since(klien_id, seq, 100))[0]) == 0


async def test_who_queues_for_a_code_sees_the_place_in_the_line(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    bench.whatsapp.say(klien_id, i.StartQueued(bench.whatsapp.attempts[klien_id], 7))

    told = await bench.wait_for(lambda event: event.data["reason"] == "queued")
    assert told.data["detail"] == {"ahead": 7}


async def test_a_fact_waits_for_the_database_and_is_not_lost(
    bench: Bench, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.sessions.start(klien_id)
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await bench.reach(klien_id, "qr_ready")
    monkeypatch.setattr("talkabiz.services.runner.STORE_RETRY_SECONDS", 0.01)
    real, failures = database.transaction, iter(range(3))

    def failing_at_first() -> object:
        if next(failures, None) is not None:
            raise StoreError
        return real()

    monkeypatch.setattr("talkabiz.services.runner.database.transaction", failing_at_first)
    bench.whatsapp.pair(klien_id)

    assert (await bench.reach(klien_id, "scanning")).data["me"]["phone"] == "628123456789"
    assert next(failures, None) is None


async def test_a_wish_that_cannot_be_stored_fails_and_changes_nothing(
    bench: Bench, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing() -> object:
        raise StoreError

    monkeypatch.setattr("talkabiz.services.runner.database.transaction", failing)
    with pytest.raises(StoreError):
        await bench.sessions.start(klien_id)

    assert (await bench.sessions.live(klien_id))["status"] == "disconnected"
    assert bench.whatsapp.asked == []


async def test_erasing_logs_out_and_leaves_nothing(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)

    await bench.sessions.erase(klien_id)

    assert [asked[0] for asked in bench.whatsapp.asked[-2:]] == ["log_out", "forget_klien"]
    assert await kliens.find(klien_id) is None
    with pytest.raises(NotFound):
        await bench.sessions.live(klien_id)
