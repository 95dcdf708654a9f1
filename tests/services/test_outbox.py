"""The outbox over the real database; what WhatsApp answers is played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.content import Edit, Kind, Media, Ref
from talkabiz.domain.heard import ReceiptType
from talkabiz.domain.message import Status
from talkabiz.services import delivery
from talkabiz.services.audit import Audit
from talkabiz.services.kliens import Kliens
from talkabiz.services.turns import MOST_TRIES, Done, Plan, Turns
from talkabiz.store import kliens, messages, parties, receipts
from talkabiz.store.database import transaction
from tests.fakes import NOW
from tests.running import until
from tests.services.conftest import FACT_SECONDS, Bench
from tests.services.sending import ANI, BUDI, GROUP, OFF, Post, Sending, jid, make_post, serving


@pytest.fixture
async def post(bench: Bench, tmp_path: Path) -> AsyncIterator[Post]:
    async with serving(make_post(bench, tmp_path)) as post:
        yield post


@pytest.fixture
async def shop(post: Post, klien_id: int) -> int:
    """A klien that is linked, and sends as fast as it goes."""
    await post.bench.link(klien_id)
    await post.messages.set_pace(klien_id, OFF)
    return klien_id


# --- the straight way ---


async def test_a_message_goes_from_queued_to_sent_and_each_step_is_told(post: Post, shop: int) -> None:
    accepted = await post.accept(shop)
    assert (accepted.message.status, accepted.position, accepted.held) == (Status.QUEUED, 0, None)
    told = await post.reach(accepted.message.id, "sent")
    assert told["wa_id"] == "3EB00001"
    assert told["at"] == "2026-11-24T03:00:00.000Z"
    assert post.told(accepted.message.id) == ["queued", "sending", "sent"]
    (sending,) = post.conversations.sent
    assert (sending.to, sending.text) == (jid(ANI), "halo")
    assert sending.attempt == post.bench.sessions.links.attempt_of(shop)


async def test_what_is_told_is_what_the_journal_holds(post: Post, shop: int) -> None:
    message_id = await post.send(shop)
    await post.reach(message_id, "sent")
    stored, _gap = await post.bench.journal.since(shop, 0)
    mine = [event for event in stored if event.type.startswith("message")]
    assert [(event.type, event.data["status"]) for event in mine] == [
        ("message", "queued"),
        ("message_status", "sending"),
        ("message_status", "sent"),
    ]
    heard = [event.data for event in post.bench.events if event.type.startswith("message")]
    assert heard == [event.data for event in mine]


async def test_it_is_claimed_in_the_database_before_the_library_is_asked(post: Post, shop: int) -> None:
    seen = []

    async def look(_sending: Sending) -> None:
        (row,) = await messages.page(shop, chat=None, direction=None, status=None, since=0, limit=9)
        seen.append(row.status)

    post.conversations.before_answer = look
    await post.reach(await post.send(shop), "sent")
    assert seen == [Status.SENDING]


async def test_they_go_one_after_the_other_in_the_order_of_acceptance(post: Post, shop: int) -> None:
    under_way: list[str] = []

    async def be_alone(sending: Sending) -> None:
        under_way.append(sending.text)
        await asyncio.sleep(0.001)
        assert under_way.pop() == sending.text

    post.conversations.before_answer = be_alone
    texts = [str(n) for n in range(20)]
    ids = [await post.send(shop, text) for text in texts]
    await post.reach(ids[-1], "sent")
    assert post.conversations.texts() == texts


async def test_in_the_steady_state_each_message_costs_one_commit(post: Post, shop: int) -> None:
    held = asyncio.Event()
    post.conversations.before_answer = lambda _sending: held.wait()
    ids = [await post.send(shop, to=BUDI) for _ in range(30)]
    await post.conversations.be_sent(1)
    before = post.writer.transactions
    held.set()
    await post.reach(ids[-1], "sent")
    assert post.writer.transactions - before <= 32


# --- what WhatsApp says ---


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("unanswered", "uncertain", "unanswered"),
        ("not_in_group", "failed", "not_in_group"),
        ("group_not_found", "failed", "group_not_found"),
        ("no_lid", "failed", "not_on_whatsapp"),
        ("error_479", "failed", "error_479"),
        ("library_failed", "failed", "internal"),
    ],
)
async def test_what_comes_of_a_send_is_told_with_its_reason(
    post: Post, shop: int, code: str, status: str, error: str
) -> None:
    post.conversations.fail("send", code)
    first, second = await post.send(shop, "satu"), await post.send(shop, "dua")
    told = await post.reach(first, status)
    assert told["error"]["code"] == error
    assert told["error"]["message"]["id"]
    await post.reach(second, "sent")
    assert post.conversations.texts() == ["satu", "dua"]


async def test_a_fault_of_ours_in_a_send_leaves_it_uncertain(post: Post, shop: int) -> None:
    post.conversations.fail("send", RuntimeError("a bug"))
    message_id = await post.send(shop)
    assert (await post.reach(message_id, "uncertain"))["error"]["code"] == "unanswered"
    assert len(post.conversations.sent) == 1


async def test_what_cannot_be_sent_fails_alone(post: Post, shop: int) -> None:
    post.conversations.fail("send", ValueError("no such content"))
    first, second = await post.send(shop), await post.send(shop)
    assert (await post.reach(first, "failed"))["error"]["code"] == "internal"
    await post.reach(second, "sent")


async def test_a_send_that_has_not_left_for_sure_waits_for_the_link_and_keeps_its_place(post: Post, shop: int) -> None:
    post.conversations.fail("send", "not_connected")
    first, second = await post.send(shop, "satu"), await post.send(shop, "dua")
    back = await post.bench.wait_for(
        lambda event: (event.type, event.data["status"], event.data.get("id")) == ("message_status", "queued", first)
    )
    assert back.data["position"] == 0
    assert post.conversations.texts() == ["satu"]
    post.pass_time(shop, 60)
    await post.reach(second, "sent")
    assert post.conversations.texts() == ["satu", "satu", "dua"]
    assert post.told(first) == ["queued", "sending", "queued", "sending", "sent"]


async def test_what_is_not_answered_before_the_sending_is_given_up_in_the_end(post: Post, shop: int) -> None:
    post.conversations.fail("send", *["timed_out"] * 5)
    message_id = await post.send(shop)
    for times in range(1, 5):
        await post.conversations.be_sent(times)
        await post.becomes(shop, message_id, Status.QUEUED)
        post.pass_time(shop, 120)
    assert (await post.reach(message_id, "failed"))["error"]["code"] == "internal"
    assert len(post.conversations.sent) == 5


# --- the session ---


async def test_a_queue_waits_for_its_session_and_says_why(post: Post, shop: int) -> None:
    await post.bench.sessions.stop(shop)
    accepted = await post.accept(shop)
    assert accepted.as_dict()["held"]["reason"] == "stopped"
    await post.rest()
    assert post.conversations.sent == []
    await post.bench.sessions.start(shop)
    post.bench.whatsapp.enter(shop)
    post.bench.whatsapp.link_up(shop)
    await post.reach(accepted.message.id, "sent")


async def test_a_link_that_is_lost_pauses_the_queue_before_anybody_is_told(post: Post, shop: int) -> None:
    whatsapp, attempt = post.bench.whatsapp, post.bench.whatsapp.attempts[shop]
    whatsapp.say(shop, i.LinkLost(attempt))
    await post.bench.catch_up(shop)
    message_id = await post.send(shop)
    await post.rest()
    assert post.conversations.sent == []
    standing = await post.messages.get(shop, message_id)
    assert standing.held
    assert standing.held.reason == "link_lost"
    whatsapp.link_up(shop)  # a blink: nobody is told
    await post.reach(message_id, "sent")


async def test_what_waits_fails_when_the_device_is_removed(post: Post, shop: int) -> None:
    await post.bench.sessions.stop(shop)
    ids = [await post.send(shop) for _ in range(3)]
    await post.bench.sessions.disconnect(shop)
    for message_id in ids:
        assert (await post.reach(message_id, "failed"))["error"]["code"] == "logged_out"
    assert post.conversations.sent == []


async def test_a_message_that_is_cut_off_by_the_log_out_fails_with_the_others(post: Post, shop: int) -> None:
    async def be_removed(_sending: Sending) -> None:
        whatsapp = post.bench.whatsapp
        whatsapp.say(shop, i.LoggedOut(whatsapp.attempts[shop], i.LogoutCause.LOGGED_OUT))
        await post.bench.reach(shop, "disconnected")

    post.conversations.before_answer = be_removed
    post.conversations.fail("send", "not_connected")
    first, second = await post.send(shop), await post.send(shop)
    for message_id in (first, second):
        assert (await post.reach(message_id, "failed"))["error"]["code"] == "logged_out"
    assert len(post.conversations.sent) == 1


# --- WhatsApp limits strangers ---


async def test_a_refusal_of_a_stranger_pauses_the_whole_queue_and_is_told(post: Post, shop: int) -> None:
    post.conversations.fail("send", "error_463")
    first, second, third = [await post.send(shop, text) for text in ("satu", "dua", "tiga")]
    assert (await post.reach(first, "failed"))["error"]["code"] == "new_contact_limited"
    told = await post.hear(lambda data: data["id"] == second and bool(data.get("held")))
    until = (NOW + timedelta(minutes=15)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert told.data["held"]["reason"] == "new_contact_limited"
    assert told.data["held"]["until"] == until
    assert (await post.messages.pace(shop))["paused_until"] == until
    post.pass_time(shop, 14 * 60)
    await post.rest()
    assert len(post.conversations.sent) == 1
    post.pass_time(shop, 61)
    await post.reach(third, "sent")


async def test_a_pause_holds_also_what_is_for_no_stranger(post: Post, shop: int) -> None:
    post.conversations.fail("send", "error_463")
    first, second = await post.send(shop), await post.send(shop, to=GROUP)
    await post.reach(first, "failed")
    await post.rest()
    assert await post.status(shop, second) is Status.QUEUED
    assert len(post.conversations.sent) == 1


async def test_each_refusal_in_a_row_pauses_for_twice_as_long_up_to_a_day(post: Post, shop: int) -> None:
    for minutes in (15, 30, 60, 120, 240, 480, 960, 1440, 1440):
        post.conversations.fail("send", "error_463")
        await post.reach(await post.send(shop), "failed")
        await _be_paused(post, shop, minutes)
        post.pass_time(shop, minutes * 60 + 1)


async def test_a_stranger_who_could_be_written_to_ends_the_row(post: Post, shop: int) -> None:
    for _ in range(2):
        post.conversations.fail("send", "error_463")
        await post.reach(await post.send(shop), "failed")
        await _be_paused(post, shop)
        post.pass_time(shop, 3600)
    await post.reach(await post.send(shop), "sent")
    post.conversations.fail("send", "error_463")
    await post.reach(await post.send(shop, to=BUDI), "failed")
    await _be_paused(post, shop, 15)


async def test_somebody_may_let_a_paused_queue_go_on(post: Post, shop: int) -> None:
    post.conversations.fail("send", "error_463")
    await post.reach(await post.send(shop), "failed")
    await _be_paused(post, shop)
    waiting = await post.send(shop)
    pace = await post.messages.set_pace(shop, {"paused": False})
    assert (pace["paused_until"], pace["held"]) == (None, None)
    await post.reach(waiting, "sent")


async def _be_paused(post: Post, klien_id: int, minutes: float | None = None) -> None:
    """Until it is, for so long if that is named."""

    async def is_so() -> bool:
        wait = ((await post.paces.of(klien_id)).paused_until or post.bench.clock.now()) - post.bench.clock.now()
        return wait > timedelta() and minutes in {None, wait.total_seconds() / 60}

    await until(is_so, FACT_SECONDS)


# --- strangers ---


async def test_a_strangers_number_is_asked_for_once(post: Post, shop: int) -> None:
    await post.reach(await post.send(shop, "satu"), "sent")
    await post.reach(await post.send(shop, "dua"), "sent")
    assert [call[2] for call in post.conversations.calls] == [(ANI,)]


async def test_what_whatsapp_calls_a_stranger_is_known_before_he_is_written_to(post: Post, shop: int) -> None:
    post.conversations.lids[ANI] = "91234567890123@lid"
    seen = []

    async def look(_sending: Sending) -> None:
        seen.append(await parties.find(shop, "91234567890123@lid"))

    post.conversations.before_answer = look
    told = await post.reach(await post.send(shop), "sent")
    assert [party and party.phone for party in seen] == [ANI]
    assert told["chat"]["lid"] == "91234567890123@lid"


async def test_nothing_is_sent_to_who_is_not_on_whatsapp_and_that_is_remembered_for_a_day(
    post: Post, shop: int
) -> None:
    post.conversations.nobody.add(ANI)
    for _ in range(2):
        told = await post.reach(await post.send(shop), "failed")
        assert told["error"]["code"] == "not_on_whatsapp"
    assert post.conversations.sent == []
    assert len(post.conversations.calls) == 1
    post.conversations.nobody.clear()
    post.bench.clock.advance(24 * 3600 + 1)
    await post.reach(await post.send(shop), "sent")


async def test_groups_and_lids_are_not_asked_for(post: Post, shop: int) -> None:
    for to in ("120363012345678901@g.us", "91234567890123@lid"):
        await post.reach(await post.send(shop, to=to), "sent")
    assert post.conversations.calls == []


async def test_a_check_without_an_answer_sends_nothing_and_is_repeated(post: Post, shop: int) -> None:
    post.conversations.fail("is_on_whatsapp", "unanswered", "not_connected")
    message_id = await post.send(shop)
    for times in (1, 2):
        await post.conversations.be_called("is_on_whatsapp", times)
        assert post.conversations.sent == []
        post.pass_time(shop, 120)
    await post.reach(message_id, "sent")
    assert post.told(message_id) == ["queued", "sending", "sent"]


# --- media ---


async def test_a_file_is_uploaded_before_the_message_is_claimed(post: Post, shop: int) -> None:
    file = await post.media.add(shop, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT, filename="nota.pdf")
    message_id = (await post.accept(shop, "nota", kind=Kind.DOCUMENT, media_id=file.id)).message.id
    await post.reach(message_id, "sent")
    assert [call[0] for call in post.conversations.calls] == ["is_on_whatsapp", "upload"]
    content = post.conversations.sent[0].content
    assert isinstance(content, Media)
    assert (content.caption, content.filename, content.stored.size) == ("nota", "nota.pdf", 15)


async def test_a_file_that_is_gone_by_then_fails_its_message(post: Post, shop: int) -> None:
    await post.bench.sessions.stop(shop)
    file = await post.media.add(shop, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT)
    message_id = (await post.accept(shop, None, kind=Kind.DOCUMENT, media_id=file.id)).message.id
    await post.media.forget_klien(shop)
    await post.bench.sessions.start(shop)
    post.bench.whatsapp.enter(shop)
    post.bench.whatsapp.link_up(shop)
    assert (await post.reach(message_id, "failed"))["error"]["code"] == "media_gone"


async def test_what_is_done_is_stored_before_a_file_is_uploaded(post: Post, shop: int) -> None:
    await post.reach(await post.send(shop, "kenalan"), "sent")
    held, post.conversations.before_upload = asyncio.Event(), asyncio.Event()
    post.conversations.before_answer = lambda _sending: held.wait()
    file = await post.media.add(shop, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT)
    first = await post.send(shop)
    await post.conversations.be_sent(2)
    second = (await post.accept(shop, None, kind=Kind.DOCUMENT, media_id=file.id)).message.id
    held.set()
    await post.reach(first, "sent")  # while the upload hangs
    assert await post.status(shop, second) is Status.QUEUED
    post.conversations.before_upload.set()
    await post.reach(second, "sent")


async def test_of_large_files_one_at_a_time_is_read_and_uploaded(
    post: Post, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "LARGE", 15)
    reads, read = [], post.media.read

    async def noted(klien_id: int, media_id: int) -> bytes:
        reads.append(media_id)
        return await read(klien_id, media_id)

    monkeypatch.setattr(post.media, "read", noted)
    other = (await kliens.add("Toko Bulan")).id
    await post.bench.link(other, "628999999999")
    post.conversations.before_upload = asyncio.Event()
    sent = []
    for klien_id, data in ((shop, b"%PDF-1.4 large\n"), (other, b"%PDF-1.4 large\n")):
        file = await post.media.add(klien_id, data + b"%%EOF\n", kind=Kind.DOCUMENT)
        sent.append((await post.accept(klien_id, None, kind=Kind.DOCUMENT, media_id=file.id)).message.id)
    await post.conversations.be_called("upload", 1)
    await post.rest()
    assert len(reads) == 1
    post.conversations.before_upload.set()
    for message_id in sent:
        await post.reach(message_id, "sent")
    assert len(reads) == 2


async def test_small_files_wait_for_no_large_one(post: Post, shop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LARGE", 15)
    other = (await kliens.add("Toko Bulan")).id
    await post.bench.link(other, "628999999999")
    post.conversations.before_upload = asyncio.Event()
    for klien_id, data in ((shop, b"%PDF-1.4 large\n%%EOF\n"), (other, b"%PDF-1.4\n%%EOF\n")):
        file = await post.media.add(klien_id, data, kind=Kind.DOCUMENT)
        await post.accept(klien_id, None, kind=Kind.DOCUMENT, media_id=file.id)
    await post.conversations.be_called("upload", 2)
    post.conversations.before_upload.set()


async def test_an_upload_that_fails_for_now_is_repeated(post: Post, shop: int) -> None:
    file = await post.media.add(shop, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT)
    post.conversations.fail("upload", *["media_unreachable"] * 2)
    message_id = (await post.accept(shop, None, kind=Kind.DOCUMENT, media_id=file.id)).message.id
    for times in (1, 2):
        await post.conversations.be_called("upload", times)
        assert await post.status(shop, message_id) is Status.QUEUED
        post.pass_time(shop, 120)
    await post.reach(message_id, "sent")
    assert [call[0] for call in post.conversations.calls].count("upload") == 3


async def test_a_fault_with_one_file_holds_up_nothing_for_ever(post: Post, shop: int) -> None:
    file = await post.media.add(shop, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT)
    post.conversations.fail("upload", *[OSError("a bad block")] * MOST_TRIES)
    broken = (await post.accept(shop, None, kind=Kind.DOCUMENT, media_id=file.id)).message.id
    behind = await post.send(shop, "dua")
    for times in range(1, MOST_TRIES + 1):
        await post.conversations.be_called("upload", times)
        post.pass_time(shop, 120)
    assert (await post.reach(broken, "failed"))["error"]["code"] == "internal"
    await post.reach(behind, "sent")


async def test_what_was_prepared_until_the_end_waits_for_the_next_start(
    bench: Bench, tmp_path: Path, klien_id: int
) -> None:
    first = make_post(bench, tmp_path)
    first.conversations.before_upload = asyncio.Event()
    async with serving(first, drain_seconds=5):
        await bench.link(klien_id)
        file = await first.media.add(klien_id, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT)
        message_id = (await first.accept(klien_id, None, kind=Kind.DOCUMENT, media_id=file.id)).message.id
        await first.conversations.be_called("upload", 1)
        asyncio.get_running_loop().call_later(0.2, first.conversations.before_upload.set)
    assert await first.status(klien_id, message_id) is Status.QUEUED
    assert first.conversations.sent == []


async def test_what_is_cancelled_during_its_upload_is_not_sent_and_the_next_one_is(post: Post, shop: int) -> None:
    post.conversations.before_upload = asyncio.Event()
    file = await post.media.add(shop, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT)
    first = (await post.accept(shop, None, kind=Kind.DOCUMENT, media_id=file.id)).message.id
    second = await post.send(shop, "dua")
    await post.rest()
    await post.messages.cancel(shop, first)
    post.conversations.before_upload.set()
    await post.reach(second, "sent")
    assert post.conversations.texts() == ["dua"]


# --- what may have left ---


async def test_a_receipt_settles_what_may_have_left(post: Post, shop: int) -> None:
    post.conversations.fail("send", "unanswered")
    message_id = await post.send(shop)
    await post.reach(message_id, "uncertain")
    assert await post.settle(shop, message_id, "3EB0LATE")
    told = await post.reach(message_id, "sent")
    assert told["wa_id"] == "3EB0LATE"
    assert told["error"] is None


async def test_of_two_that_may_have_left_a_receipt_settles_none(post: Post, shop: int) -> None:
    post.conversations.fail("send", "unanswered", "unanswered")
    first, second = await post.send(shop), await post.send(shop)
    await post.reach(second, "uncertain")
    assert await post.settle(shop, first, "3EB0LATE") is None
    assert {await post.status(shop, each) for each in (first, second)} == {Status.UNCERTAIN}


async def test_a_receipt_ten_minutes_later_or_from_before_settles_nothing(post: Post, shop: int) -> None:
    post.conversations.fail("send", "unanswered")
    message_id = await post.send(shop)
    await post.reach(message_id, "uncertain")
    now = post.bench.clock.now()
    assert await post.settle(shop, message_id, "3EB0OLD", now - timedelta(minutes=5)) is None
    assert await post.settle(shop, message_id, "3EB0LATE", now + timedelta(minutes=11)) is None


async def test_a_receipt_while_another_is_on_its_way_there_settles_nothing_yet(post: Post, shop: int) -> None:
    post.conversations.fail("send", "unanswered")
    first = await post.send(shop, "satu")
    await post.reach(first, "uncertain")
    settled = []

    async def hear_of_the_first(_sending: Sending) -> None:
        await _note(shop, first, "3EB0FIRST", ReceiptType.DELIVERED)
        settled.append(await post.settle(shop, first, "3EB0FIRST"))

    post.conversations.before_answer = hear_of_the_first
    second = await post.send(shop, "dua")
    await post.reach(second, "sent")
    assert settled == [None]
    assert (await post.reach(first, "delivered"))["wa_id"] == "3EB0FIRST"
    assert (await post.row(shop, second)).wa_id == "3EB00001"


async def test_receipts_that_are_faster_than_the_answer_count(post: Post, shop: int) -> None:
    message_id = await post.send(shop, "kenalan")
    await post.reach(message_id, "sent")

    async def be_read(_sending: Sending) -> None:
        await _note(shop, message_id, "3EB00002", ReceiptType.READ)

    post.conversations.before_answer = be_read
    second = await post.send(shop)
    assert (await post.reach(second, "read"))["wa_id"] == "3EB00002"


async def test_a_receipt_that_came_before_all_hope_was_lost_settles_it(post: Post, shop: int) -> None:
    await post.reach(message_id := await post.send(shop), "sent")
    post.conversations.before_answer = lambda _sending: _note(shop, message_id, "3EB0X", ReceiptType.DELIVERED)
    post.conversations.fail("send", "unanswered")
    second = await post.send(shop)
    assert (await post.reach(second, "delivered"))["wa_id"] == "3EB0X"
    assert post.told(second) == ["queued", "sending", "uncertain", "delivered"]


async def _note(klien_id: int, message_id: int, wa_id: str, type_: ReceiptType) -> None:
    """A receipt, in the chat of that message."""
    found = await messages.get(klien_id, message_id)
    assert found
    async with transaction():
        await receipts.note(klien_id, found.chat.id, wa_id, found.chat.id, type_, NOW)


# --- crashes, ends, and the database ---


async def test_what_was_on_its_way_when_the_process_died_is_uncertain_and_what_waited_goes_on(
    bench: Bench, tmp_path: Path, klien_id: int
) -> None:
    never = asyncio.Event()
    first = make_post(bench, tmp_path)
    async with serving(first):
        await bench.link(klien_id)
        await first.messages.set_pace(klien_id, OFF)
        first.conversations.before_answer = lambda _sending: never.wait()
        sending, waiting = await first.send(klien_id, "satu"), await first.send(klien_id, "dua")
        await first.conversations.be_sent(1)
    assert await first.status(klien_id, sending) is Status.SENDING
    second = make_post(bench, tmp_path)
    async with serving(second):
        assert (await second.reach(sending, "uncertain"))["error"]["code"] == "interrupted"
        await second.reach(waiting, "sent")
        assert second.conversations.texts() == ["dua"]
        assert await second.settle(klien_id, sending, "3EB0LATE")


async def test_a_receipt_that_came_before_the_crash_settles_what_was_on_its_way(
    bench: Bench, tmp_path: Path, klien_id: int
) -> None:
    never = asyncio.Event()
    first = make_post(bench, tmp_path)
    async with serving(first):
        await bench.link(klien_id)
        first.conversations.before_answer = lambda _sending: never.wait()
        sending = await first.send(klien_id)
        await first.conversations.be_sent(1)
        await _note(klien_id, sending, "3EB0X", ReceiptType.DELIVERED)
    bench.clock.advance(300)
    second = make_post(bench, tmp_path)
    async with serving(second):
        assert (await second.reach(sending, "delivered"))["wa_id"] == "3EB0X"


async def test_what_a_crash_left_is_settled_by_a_receipt_that_comes_during_another_send(
    bench: Bench, tmp_path: Path, klien_id: int
) -> None:
    never = asyncio.Event()
    first = make_post(bench, tmp_path)
    async with serving(first):
        await bench.link(klien_id)
        await first.messages.set_pace(klien_id, OFF)
        first.conversations.before_answer = lambda _sending: never.wait()
        cut_off = await first.send(klien_id)
        await first.conversations.be_sent(1)
    second = make_post(bench, tmp_path)
    async with serving(second):
        await second.reach(cut_off, "uncertain")
        second.conversations.before_answer = lambda _sending: _note(klien_id, cut_off, "3EB0X", ReceiptType.DELIVERED)
        await second.reach(await second.send(klien_id), "sent")
        assert (await second.reach(cut_off, "delivered"))["wa_id"] == "3EB0X"


async def test_at_the_end_what_is_under_way_is_waited_for_and_nothing_else_is_begun(
    bench: Bench, tmp_path: Path, klien_id: int
) -> None:
    post = make_post(bench, tmp_path)
    async with serving(post, drain_seconds=5):
        await bench.link(klien_id)
        await post.messages.set_pace(klien_id, OFF)
        post.conversations.before_answer = lambda _sending: asyncio.sleep(0.1)
        first, second = await post.send(klien_id), await post.send(klien_id)
        await post.conversations.be_sent(1)
    assert await post.status(klien_id, first) is Status.SENT
    assert await post.status(klien_id, second) is Status.QUEUED
    assert post.outbox.running == 0


async def test_an_answer_that_cannot_be_stored_at_once_is_stored_later_and_nothing_is_sent_twice(
    post: Post, shop: int
) -> None:
    async def let_the_disk_fail(_sending: Sending) -> None:
        post.writer.failures = 1

    post.conversations.before_answer = let_the_disk_fail
    message_id = await post.send(shop)
    await post.reach(message_id, "sent")
    assert post.conversations.texts() == ["halo"]
    assert post.told(message_id) == ["queued", "sending", "sent"]


async def test_a_claim_that_cannot_be_stored_sends_nothing(post: Post, shop: int) -> None:
    await post.bench.sessions.stop(shop)
    message_id = await post.send(shop)
    post.writer.failures = 1000
    await post.bench.sessions.start(shop)
    post.bench.whatsapp.enter(shop)
    post.bench.whatsapp.link_up(shop)
    await post.bench.reach(shop, "connected")
    await post.rest()
    assert post.conversations.sent == []
    post.writer.failures = 0
    post.outbox.wake(shop)
    await post.reach(message_id, "sent")
    assert len(post.conversations.sent) == 1


# --- several kliens ---


async def test_a_klien_whose_worker_fails_holds_up_no_other(
    post: Post, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = (await kliens.add("Toko Bulan")).id
    await post.bench.link(other, "628999999999")
    await post.messages.set_pace(other, OFF)
    of = post.paces.of

    async def break_for_the_shop(klien_id: int) -> object:
        if klien_id == shop and asyncio.current_task() in post.outbox._tasks.values():
            raise RuntimeError("a bug")
        return await of(klien_id)

    monkeypatch.setattr(post.paces, "of", break_for_the_shop)
    broken, ids = await post.send(shop), [await post.send(other) for _ in range(5)]
    for message_id in ids:
        await post.reach(message_id, "sent")
    assert await post.status(shop, broken) is Status.QUEUED
    monkeypatch.undo()
    await post.reach(broken, "sent")


async def test_a_klien_whose_send_hangs_holds_up_no_other(post: Post, shop: int) -> None:
    other = (await kliens.add("Toko Bulan")).id
    await post.bench.link(other, "628999999999")
    await post.messages.set_pace(other, OFF)
    never = asyncio.Event()
    hanging = post.bench.sessions.links.attempt_of(shop)

    async def hang(sending: Sending) -> None:
        if sending.attempt == hanging:
            await never.wait()

    post.conversations.before_answer = hang
    await post.send(shop)
    await post.conversations.be_sent(1)
    for _ in range(3):
        await post.reach(await post.send(other), "sent")


async def test_a_klien_is_erased_in_the_middle_of_a_send(post: Post, shop: int) -> None:
    never = asyncio.Event()
    post.conversations.before_answer = lambda _sending: never.wait()
    for _ in range(3):
        await post.send(shop)
    await post.conversations.be_sent(1)
    clerk = Kliens(post.bench.sessions, Audit(post.bench.clock), outbox=post.outbox, media=post.media)
    await clerk.erase(shop)
    await post.rest()
    assert post.outbox.running == 0
    assert len(post.conversations.sent) == 1
    assert await messages.kliens_waiting() == []


# --- time ---


async def test_a_message_waits_for_its_time(post: Post, shop: int) -> None:
    later = await post.send(shop, "nanti", send_at=NOW + timedelta(hours=1))
    await post.reach(await post.send(shop, "sekarang"), "sent")
    post.pass_time(shop, 3599)
    await post.rest()
    assert post.conversations.texts() == ["sekarang"]
    post.pass_time(shop, 1)
    await post.reach(later, "sent")


async def test_the_clock_itself_wakes_the_outbox(post: Post, shop: int) -> None:
    message_id = await post.send(shop, send_at=NOW + timedelta(seconds=0.3))
    await post.rest()
    post.bench.clock.advance(0.3)
    await post.reach(message_id, "sent")


async def test_what_waits_too_long_expires(post: Post, shop: int) -> None:
    await post.bench.sessions.stop(shop)
    short, long = await post.send(shop, expires_in=60), await post.send(shop, expires_in=600)
    post.pass_time(shop, 61)
    assert (await post.reach(short, "expired"))["error"]["code"] == "expired"
    assert await post.status(shop, long) is Status.QUEUED


async def test_what_has_run_out_is_not_sent_when_the_link_is_back(post: Post, shop: int) -> None:
    await post.bench.sessions.stop(shop)
    short, long = await post.send(shop, "satu", expires_in=60), await post.send(shop, "dua")
    await post.bench.sessions.start(shop)
    post.bench.whatsapp.enter(shop)
    post.bench.clock.advance(61)
    post.bench.whatsapp.link_up(shop)
    await post.reach(long, "sent")
    assert post.conversations.texts() == ["dua"]
    assert await post.status(shop, short) is Status.EXPIRED


async def test_what_runs_out_behind_a_slow_send_is_not_sent(post: Post, shop: int) -> None:
    held = asyncio.Event()
    post.conversations.before_answer = lambda _sending: held.wait()
    await post.send(shop, "satu", to=GROUP)
    short, long = await post.send(shop, "dua", to=GROUP, expires_in=60), await post.send(shop, "tiga", to=GROUP)
    await post.conversations.be_sent(1)
    post.bench.clock.advance(61)
    held.set()
    await post.reach(long, "sent")
    assert await post.status(shop, short) is Status.EXPIRED
    assert post.conversations.texts() == ["satu", "tiga"]


async def test_the_pace_is_kept(post: Post, shop: int) -> None:
    await post.messages.set_pace(shop, {"per_minute": 20, "burst": 2, "jitter": 0, "new_contact_seconds": 0})
    ids = [await post.send(shop) for _ in range(4)]
    await post.reach(ids[1], "sent")
    await post.rest()
    assert len(post.conversations.sent) == 2
    for count in (3, 4):
        post.pass_time(shop, 3)
        await post.conversations.be_sent(count)
        await post.rest()
        assert len(post.conversations.sent) == count


async def test_what_comes_behind_one_that_rests_for_its_pace_costs_nothing_unless_it_may_be_earlier(
    post: Post, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post.messages.set_pace(shop, {"per_minute": 20, "burst": 1, "jitter": 0, "new_contact_seconds": 0})
    await post.reach(await post.send(shop), "sent")
    await post.send(shop)
    await post.rest()
    plan, planned = Turns.plan, []

    async def count(turns: Turns, done: Done | None) -> Plan:
        planned.append(turns)
        return await plan(turns, done)

    monkeypatch.setattr(Turns, "plan", count)
    for _ in range(3):
        await post.send(shop)
    await post.rest()
    assert planned == []
    for earlier in ({"expires_in": 1}, {"send_at": NOW + timedelta(seconds=1)}):
        planned.clear()
        await post.send(shop, **earlier)
        await post.rest()
        assert planned


async def test_a_scheduled_message_that_waits_for_its_pace_stores_nothing(post: Post, shop: int) -> None:
    await post.messages.set_pace(shop, {"per_minute": 20, "burst": 1, "jitter": 0, "new_contact_seconds": 0})
    due = NOW + timedelta(seconds=2)
    first, _second = [await post.send(shop, send_at=due) for _ in range(2)]
    post.pass_time(shop, 2)
    await post.reach(first, "sent")
    await post.rest()
    before = post.writer.transactions
    post.outbox.wake(shop)
    await post.rest()
    assert post.writer.transactions == before


async def test_what_was_accepted_goes_out_though_whoever_asked_had_left(
    bench: Bench, tmp_path: Path, klien_id: int
) -> None:
    async with serving(make_post(bench, tmp_path, net_seconds=0.2)) as post:
        await bench.link(klien_id)
        await post.messages.set_pace(klien_id, OFF)
        await post.reach(await post.send(klien_id, "kenalan"), "sent")
        await post.rest()  # nothing waits, and nobody is at work
        await leave_while_stored(post, asyncio.create_task(post.send(klien_id, "dua")))
        await post.conversations.be_sent(2)
        assert post.conversations.texts() == ["kenalan", "dua"]


async def leave_while_stored(post: Post, asking: asyncio.Task[Any]) -> None:
    while not post.writer._waiting:
        await asyncio.sleep(0)
    while post.writer._waiting:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_pace_that_was_stored_counts_though_whoever_asked_had_left(post: Post, shop: int) -> None:
    assert (await post.paces.of(shop)).settings.per_minute == 0
    await leave_while_stored(post, asyncio.create_task(post.messages.set_pace(shop, {"per_minute": 7})))
    await post.rest()
    assert (await post.paces.of(shop)).settings.per_minute == 7


async def test_the_pace_outlives_an_empty_queue_and_the_process(bench: Bench, tmp_path: Path, klien_id: int) -> None:
    async with serving(make_post(bench, tmp_path)) as first:
        await bench.link(klien_id)
        await first.messages.set_pace(klien_id, {"burst": 1, "jitter": 0, "new_contact_seconds": 0})
        await first.reach(await first.send(klien_id), "sent")
        await first.rest()
        waiting = await first.send(klien_id)
        await first.rest()
        assert len(first.conversations.sent) == 1
    async with serving(make_post(bench, tmp_path)) as second:
        while not ((line := second.outbox._lines.get(klien_id)) and line._turns.tempo._history):
            await asyncio.sleep(0.001)
        await second.rest()
        assert second.conversations.sent == []
        second.pass_time(klien_id, 3)
        await second.reach(waiting, "sent")


async def test_quiet_hours_and_the_days_cap_hold_and_say_so(post: Post, shop: int) -> None:
    await post.messages.set_pace(shop, {"quiet": {"from": "09:00", "to": "11:00"}, "daily_cap": 1})  # it is 10:00 WIB
    accepted = await post.accept(shop)
    assert accepted.as_dict()["held"]["reason"] == "quiet_hours"
    assert accepted.as_dict()["held"]["until"] == "2026-11-24T04:00:00.000Z"
    post.pass_time(shop, 3600)
    await post.reach(accepted.message.id, "sent")
    assert (await post.accept(shop)).as_dict()["held"]["reason"] == "daily_cap"


async def test_the_days_cap_is_kept_to_the_message(post: Post, shop: int) -> None:
    await post.messages.set_pace(shop, {"daily_cap": 3})
    ids = [await post.send(shop, to=GROUP) for _ in range(6)]
    await post.reach(ids[2], "sent")
    await post.rest()
    assert len(post.conversations.sent) == 3
    post.pass_time(shop, 14 * 3600)  # midnight in Jakarta
    await post.reach(ids[5], "sent")


# --- other messages ---


async def test_an_edit_that_was_sent_changes_the_message_that_it_is_about(post: Post, shop: int) -> None:
    message_id = await post.send(shop, "halo")
    await post.reach(message_id, "sent")
    edit = await post.send(shop, "halo, Bu", kind=Kind.EDIT, content={"message_id": message_id})
    await post.reach(edit, "sent")
    assert post.conversations.sent[1].content == Edit(Ref("3EB00001"), "halo, Bu")
    told = await post.hear(lambda data: data["id"] == message_id and data["edited_at"] is not None)
    assert told.data["text"] == "halo, Bu"


async def test_a_revocation_that_was_sent_is_seen_in_the_message_itself(post: Post, shop: int) -> None:
    message_id = await post.send(shop)
    await post.reach(message_id, "sent")
    await post.reach(await post.send(shop, None, kind=Kind.REVOKE, content={"message_id": "3EB00001"}), "sent")
    assert (await post.row(shop, message_id)).revoked_at
