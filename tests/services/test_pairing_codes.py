"""Codes to type, from the wish to what everybody sees."""

from __future__ import annotations

import asyncio

import pytest

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.domain.access import Caller
from talkabiz.domain.code_inputs import CodeRefusal
from talkabiz.domain.errors import (
    IllegalState,
    InvalidInput,
    PairingCodeRefused,
    PairingCodeTimeout,
    QrRequestTimeout,
    RateLimited,
    TalkabizError,
    TooManyStarts,
    Unreachable,
)
from talkabiz.domain.limits import Limits
from talkabiz.domain.quota import Quota
from talkabiz.services import waiting
from talkabiz.services.allowances import Quotas
from talkabiz.services.snapshot import Snapshot
from talkabiz.store import audit, events
from tests.services.conftest import Bench, open_bench

SPELLED, NUMBER, OTHER = "0812-3456-7890", "6281234567890", "6281234567891"
CODE = "ABCD-EFGH"
CALLER = Caller("key:1", "192.0.2.1", is_rationed=True)


def asking(bench: Bench, klien_id: int, phone: str = SPELLED, seconds: float = 5) -> asyncio.Task[Snapshot]:
    return asyncio.create_task(bench.sessions.pairing_code(klien_id, phone, seconds, caller=CALLER))


async def show_qr(bench: Bench, klien_id: int) -> None:
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await bench.reach(klien_id, "qr_ready")


async def show_both(bench: Bench, klien_id: int) -> Snapshot:
    call = asking(bench, klien_id)
    await bench.whatsapp.be_asked(1)
    await show_qr(bench, klien_id)
    await bench.whatsapp.be_asked(2)
    bench.whatsapp.show_pairing_code(klien_id, NUMBER)
    return await call


async def test_asking_for_a_code_starts_linking_and_waits_for_both(bench: Bench, klien_id: int) -> None:
    snapshot = await show_both(bench, klien_id)

    attempt = bench.whatsapp.attempts[klien_id]
    assert bench.whatsapp.asked == [
        ("start_pairing", klien_id, attempt),
        ("ask_pairing_code", klien_id, attempt, NUMBER),
    ]
    assert (snapshot["status"], snapshot["qr"]["n"]) == ("qr_ready", 1)
    assert snapshot["pairing"]["code"] == CODE
    assert snapshot["pairing"]["code_expires_at"] == snapshot["pairing"]["closes_at"]
    assert snapshot["session_id"]


async def test_a_code_is_pushed_and_never_stored(bench: Bench, klien_id: int) -> None:
    snapshot = await show_both(bench, klien_id)

    pushed = await bench.wait_for(lambda event: bool((event.data["pairing"] or {}).get("code")))
    assert (pushed.id, pushed.type, pushed.seq) == (None, "qr_ready", snapshot["seq"])
    rows, _ = await events.since(klien_id, 0, 100)
    assert [row.type for row in rows] == ["qr_requested", "qr_ready"]
    assert CODE not in str([row.data for row in rows])
    assert (await bench.sessions.stored(klien_id))["pairing"] is None
    (listed,) = await bench.sessions.page()
    assert listed["qr"] is None


async def test_where_a_qr_is_on_show_only_the_code_is_asked_for(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    await show_qr(bench, klien_id)

    call = asking(bench, klien_id)
    await bench.whatsapp.be_asked(2)
    bench.whatsapp.show_pairing_code(klien_id, NUMBER)

    assert (await call)["pairing"]["code"] == CODE


async def test_asked_again_for_the_same_number_it_is_the_same_code(bench: Bench, klien_id: int) -> None:
    first = await show_both(bench, klien_id)
    again = await asking(bench, klien_id, "+62 812 3456 7890")

    assert again["pairing"] == first["pairing"]
    assert len(bench.whatsapp.asked) == 2


async def test_of_two_who_ask_for_two_numbers_the_first_is_told_that_it_was_overtaken(
    bench: Bench, klien_id: int
) -> None:
    await bench.sessions.start(klien_id)
    await show_qr(bench, klien_id)
    first = asking(bench, klien_id)
    await bench.whatsapp.be_asked(2)
    second = asking(bench, klien_id, OTHER)
    with pytest.raises(IllegalState, match="another number"):
        await first
    bench.whatsapp.show_pairing_code(klien_id, NUMBER, "AAAA-AAAA")
    bench.whatsapp.show_pairing_code(klien_id, OTHER, "BBBB-BBBB")

    assert (await second)["pairing"]["code"] == "BBBB-BBBB"


async def test_who_still_waits_for_a_turn_gets_the_code_by_itself_later(bench: Bench, klien_id: int) -> None:
    call = asking(bench, klien_id, seconds=0.05)
    await bench.whatsapp.be_asked(1)
    bench.whatsapp.say(klien_id, i.StartQueued(bench.whatsapp.attempts[klien_id]))

    snapshot = await call
    assert (snapshot["status"], snapshot["reason"], snapshot["pairing"]["code"]) == ("qr_requested", "queued", None)
    await show_qr(bench, klien_id)
    await bench.whatsapp.be_asked(2)
    bench.whatsapp.show_pairing_code(klien_id, NUMBER)
    await bench.wait_for(lambda event: (event.data["pairing"] or {}).get("code") == CODE)


async def test_no_qr_in_time_is_told_as_when_one_connects(bench: Bench, klien_id: int) -> None:
    with pytest.raises(QrRequestTimeout):
        await asking(bench, klien_id, seconds=0.05)


async def test_no_route_is_told_as_when_one_connects(bench: Bench, klien_id: int) -> None:
    call = asking(bench, klien_id)
    await bench.whatsapp.be_asked(1)
    bench.whatsapp.say(klien_id, i.NoRoute(bench.whatsapp.attempts[klien_id]))

    with pytest.raises(Unreachable):
        await call


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (CodeRefusal.INVALID_PHONE, InvalidInput),
        (CodeRefusal.TOO_OFTEN, RateLimited),
        (CodeRefusal.UNANSWERED, PairingCodeTimeout),
        (CodeRefusal.FAILED, PairingCodeRefused),
    ],
)
async def test_a_refusal_of_whatsapp_is_told_and_the_qr_stays(
    bench: Bench, klien_id: int, cause: CodeRefusal, error: type[TalkabizError]
) -> None:
    await bench.sessions.start(klien_id)
    await show_qr(bench, klien_id)
    call = asking(bench, klien_id)
    await bench.whatsapp.be_asked(2)
    bench.whatsapp.say(klien_id, c.PairingCodeRefused(bench.whatsapp.attempts[klien_id], NUMBER, cause))

    with pytest.raises(error) as told:
        await call
    assert type(told.value) is error
    assert (told.value.retry_after is not None) is (error is RateLimited)
    snapshot = await bench.sessions.live(klien_id)
    assert (snapshot["status"], snapshot["pairing"]["code"]) == ("qr_ready", None)


async def test_a_whatsapp_that_never_answers_is_waited_for_only_so_long(
    bench: Bench, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting.wait_for_code, "__defaults__", (0.05,))
    await bench.sessions.start(klien_id)
    await show_qr(bench, klien_id)

    with pytest.raises(PairingCodeTimeout):
        await asking(bench, klien_id)


async def test_a_scan_meanwhile_ends_the_wait(bench: Bench, klien_id: int) -> None:
    await bench.sessions.start(klien_id)
    await show_qr(bench, klien_id)
    call = asking(bench, klien_id)
    await bench.whatsapp.be_asked(2)
    bench.whatsapp.pair(klien_id)

    with pytest.raises(IllegalState):
        await call
    assert (await bench.sessions.live(klien_id))["pairing"] is None


async def test_what_is_linked_gets_no_code(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)
    before = await bench.sessions.live(klien_id)

    with pytest.raises(IllegalState, match="linked already"):
        await asking(bench, klien_id)
    assert (await bench.sessions.live(klien_id))["seq"] == before["seq"]


async def test_what_is_no_number_changes_nothing(bench: Bench, klien_id: int) -> None:
    with pytest.raises(InvalidInput) as told:
        await asking(bench, klien_id, "0812")
    assert set(told.value.fields) == {"phone"}
    assert bench.whatsapp.asked == []


async def test_a_round_gives_only_so_many(bench: Bench, klien_id: int) -> None:
    await show_both(bench, klien_id)
    for n in (1, 2):
        phone = f"628123456780{n}"
        call = asking(bench, klien_id, phone)
        await bench.whatsapp.be_asked(2 + n)
        bench.whatsapp.show_pairing_code(klien_id, phone)
        await call
    bench.clock.advance(20)

    with pytest.raises(RateLimited) as told:
        await asking(bench, klien_id, "0812-3456-7809")
    assert told.value.retry_after == 100


async def test_the_audit_log_says_that_a_code_was_asked_for_and_no_more(bench: Bench, klien_id: int) -> None:
    await show_both(bench, klien_id)
    await asking(bench, klien_id)  # nothing happens, so nothing is noted
    call = asking(bench, klien_id, OTHER)
    await bench.whatsapp.be_asked(3)
    bench.whatsapp.show_pairing_code(klien_id, OTHER)
    await call

    entries = await audit.page(None, 10)
    assert [(entry.action, entry.actor, entry.detail) for entry in entries] == [("pairing_code_asked", "key:1", {})] * 2


async def test_only_an_attempt_that_begins_counts_as_a_start(klien_id: int) -> None:
    async for bench in open_bench(Limits(), Quotas(starts=Quota(1, 3600))):
        await show_both(bench, klien_id)
        call = asking(bench, klien_id, OTHER)
        await bench.whatsapp.be_asked(3)
        bench.whatsapp.show_pairing_code(klien_id, OTHER)
        await call
        await bench.sessions.stop(klien_id)
        with pytest.raises(TooManyStarts):
            await asking(bench, klien_id)


async def test_a_mistyped_code_is_followed_by_another_while_somebody_watches(bench: Bench, klien_id: int) -> None:
    bench.watchers.watching[klien_id] = 1
    await show_both(bench, klien_id)
    first = bench.whatsapp.attempts[klien_id]
    bench.whatsapp.say(klien_id, c.PairingCodeMistyped(first))
    await bench.whatsapp.be_asked(3)
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await bench.whatsapp.be_asked(4)
    bench.whatsapp.show_pairing_code(klien_id, NUMBER, "NEXT-CQDE")

    pushed = await bench.wait_for(lambda event: (event.data["pairing"] or {}).get("code") == "NEXT-CQDE")
    assert pushed.data["pairing"]["round"] == 2
    assert bench.whatsapp.attempts[klien_id] != first
    assert "close" not in {what[0] for what in bench.whatsapp.asked}
