"""What of the journal becomes a delivery, and for whom."""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest

from talkabiz.domain import webhook_bodies
from talkabiz.domain.inputs import Me
from talkabiz.domain.states import Session, Status
from talkabiz.services import fan_out
from talkabiz.store import database, deliveries, events, kliens, sessions
from talkabiz.store.writing import Tell
from tests.running import until
from tests.webhooks.conftest import CALLER, Rig, make_rig
from tests.webhooks.receiver import Receiver

SNAPSHOT: dict[str, Any] = {
    "session_id": "test_123",
    "status": "connected",
    "wa_terhubung": True,
    "qr": None,
    "pairing": None,
    "me": {"phone": "628123456789", "lid": None, "name": "Ibu Sari", "platform": "android"},
}
GONE = SNAPSHOT | {"status": "disconnected", "wa_terhubung": False, "me": None}
URL = "http://127.0.0.1:1/"


async def types(rig: Rig, klien_id: int, webhook_id: int) -> list[str]:
    return [each.type.value for each in await rig.deliveries(klien_id, webhook_id)]


@pytest.fixture(name="rig")
async def _rig(db: None, trust: ssl.SSLContext) -> Any:
    """Nothing is carried."""
    rig = make_rig(trust)
    await rig.start(carrying=False)
    yield rig
    await rig.stop()


async def test_each_gets_what_it_asked_for_and_nobody_another_s(rig: Rig, klien_id: int) -> None:
    other = (await kliens.add("Toko Bulan")).id
    everything, _ = await rig.add(klien_id, URL)
    messages, _ = await rig.add(klien_id, URL, events=["message.received"])
    foreign, _ = await rig.add(other, URL)
    await rig.tell(klien_id)
    await rig.tell(klien_id, direction="out")
    await rig.tell(klien_id, "message_status", direction="in")
    await rig.tell(klien_id, "connected", **SNAPSHOT)
    await rig.tell(klien_id, "session_error", **GONE)
    await rig.tell(klien_id, "presence")
    await rig.tell(klien_id)

    async def is_done() -> bool:
        return len(await rig.deliveries(klien_id, everything)) == 6

    await until(is_done)
    assert await types(rig, klien_id, everything) == [
        *("message.received", "message.status", "message.status", "session.status", "session.status"),
        "message.received",
    ]
    assert await types(rig, klien_id, messages) == ["message.received", "message.received"]
    assert await types(rig, other, foreign) == []
    first, second = await rig.deliveries(klien_id, messages)
    assert first.event_id == (await rig.deliveries(klien_id, everything))[0].event_id
    assert second.seq == 7


async def test_what_happened_before_it_was_there_or_while_it_was_disabled_isnt_queued(rig: Rig, klien_id: int) -> None:
    first, _ = await rig.add(klien_id, URL)
    await rig.tell(klien_id, text="one")
    second, _ = await rig.add(klien_id, URL)
    await rig.webhooks.change(klien_id, first, {"enabled": False}, caller=CALLER)
    await rig.tell(klien_id, text="two")
    await rig.webhooks.change(klien_id, first, {"enabled": True}, caller=CALLER)
    await rig.tell(klien_id, text="three")

    async def is_done() -> bool:
        return [each.seq for each in await rig.deliveries(klien_id, second)] == [2, 3]

    await until(is_done)
    assert 2 not in [each.seq for each in await rig.deliveries(klien_id, first)]
    assert 3 in [each.seq for each in await rig.deliveries(klien_id, first)]


async def test_a_crash_between_two_pages_queues_nothing_twice_and_loses_nothing(
    db: None, trust: ssl.SSLContext, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "PAGE", 7)
    rig = make_rig(trust)
    await rig.start(carrying=False, following=False)
    webhook_id, _ = await rig.add(klien_id, URL)
    for _ in range(40):
        await rig.tell(klien_id)
    first = fan_out.FanOut(rig.journal, rig.writer, rig.clock, rig.hooks.dispatch.bell)
    for _ in range(3):
        assert await first._page()
    assert len(await rig.deliveries(klien_id, webhook_id)) == 21
    assert await deliveries.cursor() == (await events.after(0, 100))[20].id

    second = fan_out.FanOut(rig.journal, rig.writer, rig.clock, rig.hooks.dispatch.bell)
    second._cursor = 0  # as if what was queued hadn't been noted
    await second.finish()
    assert [each.seq for each in await rig.deliveries(klien_id, webhook_id)] == list(range(1, 41))
    await rig.stop()


async def test_where_nobody_listens_nothing_is_read_and_the_cursor_comes_along(
    db: None, trust: ssl.SSLContext, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "MOST_UNSTORED", 10)
    rig = make_rig(trust)
    await rig.start(carrying=False, following=False)
    following = fan_out.FanOut(rig.journal, rig.writer, rig.clock, rig.hooks.dispatch.bell)
    await following.finish()
    webhook_id, _ = await rig.add(klien_id, URL, events=["session.status"])
    for _ in range(9):
        await rig.tell(klien_id)
    await following.finish()
    low = await deliveries.cursor()
    await rig.tell(klien_id)
    await following.finish()
    assert await deliveries.cursor() == await events.last_id() > low

    await rig.webhooks.remove(klien_id, webhook_id, caller=CALLER)
    monkeypatch.delattr(events, "after")
    for _ in range(10):
        await rig.tell(klien_id)
    await following.finish()
    assert await deliveries.cursor() == await events.last_id()
    await rig.stop()


async def test_one_that_cant_be_told_holds_up_no_other(
    rig: Rig, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = webhook_bodies.told

    def faulty(event: Any) -> Any:
        if event.data["text"] == "bad":
            raise RuntimeError("oh")
        return real(event)

    monkeypatch.setattr(fan_out, "told", faulty)
    webhook_id, _ = await rig.add(klien_id, URL)
    for text in ("one", "bad", "two"):
        await rig.tell(klien_id, text=text)

    async def is_done() -> bool:
        return [each.seq for each in await rig.deliveries(klien_id, webhook_id)] == [1, 3]

    await until(is_done)


async def test_a_database_that_fails_for_a_while_loses_nothing(
    rig: Rig, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "RETRY_SECONDS", 0.05)
    real, tries = deliveries.fan_out, 0

    async def faulty(*args: Any) -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("no space")
        return await real(*args)

    monkeypatch.setattr(deliveries, "fan_out", faulty)
    webhook_id, _ = await rig.add(klien_id, URL)
    await rig.tell(klien_id)

    async def is_done() -> bool:
        return len(await rig.deliveries(klien_id, webhook_id)) == 1

    await until(is_done)
    assert tries == 3


async def test_what_another_process_tells_is_found(rig: Rig, klien_id: int) -> None:
    """It publishes to its own readers, not to ours."""
    from talkabiz.store.writing import Writer

    async def job(tell: Tell) -> None:
        await tell(klien_id, "message", rig.clock.now(), {"direction": "in", "text": "Halo"})

    webhook_id, _ = await rig.add(klien_id, URL)
    await Writer(lambda _: None).write(job)

    async def is_done() -> bool:
        return len(await rig.deliveries(klien_id, webhook_id)) == 1

    await until(is_done)


# --- the older kind ---------------------------------------------------------------------------------------------------


async def test_one_that_is_enabled_again_is_told_how_things_stand_if_it_doesnt_know(rig: Rig, klien_id: int) -> None:
    webhook_id = (await rig.webhooks.set_older(klien_id, URL, caller=CALLER)).id

    async def off_and_on(*, is_connected: bool) -> list[tuple[str, Any]]:
        await rig.webhooks.change(klien_id, webhook_id, {"enabled": False}, caller=CALLER)
        async with database.transaction():
            now = Session(
                since=rig.clock.now(),
                status=Status.CONNECTED if is_connected else Status.RECONNECTING,
                me=Me("628111222"),
                device="1",
            )
            await sessions.save(klien_id, now, "test_123", rig.clock.now())
        await rig.tell(klien_id, now.status.value, **(SNAPSHOT if is_connected else GONE))
        await rig.webhooks.change(klien_id, webhook_id, {"enabled": True}, caller=CALLER)
        await rig.webhooks.change(klien_id, webhook_id, {"enabled": True}, caller=CALLER)
        await rig.hooks._fan_out.finish()
        question = "SELECT body FROM webhook_events ORDER BY id"
        bodies = [json.loads(row["body"]) for row in (await database.connected().execute_query(question, []))[1]]
        return [(each["session_id"], each["status"]) for each in bodies]

    told = [("test_123", "connected"), ("test_123", "disconnected")]
    assert await off_and_on(is_connected=True) == told[:1]
    assert await off_and_on(is_connected=True) == told[:1]
    assert await off_and_on(is_connected=False) == told
    assert len(await rig.deliveries(klien_id, webhook_id)) == 2


async def test_what_came_before_it_was_enabled_isnt_taken_for_told(
    db: None, trust: ssl.SSLContext, klien_id: int
) -> None:
    rig = make_rig(trust)
    await rig.start(carrying=False, following=False)
    await rig.add(klien_id, URL)
    await rig.tell(klien_id, "connected", **SNAPSHOT)
    webhook_id = (await rig.webhooks.set_older(klien_id, URL, caller=CALLER)).id
    await rig.tell(klien_id, "connected", **SNAPSHOT)
    await rig.hooks._fan_out.finish()
    assert [each.seq for each in await rig.deliveries(klien_id, webhook_id)] == [2]
    await rig.stop()


async def test_the_older_kind_is_told_when_the_connection_changes_and_of_nothing_else(
    db: None, trust: ssl.SSLContext, klien_id: int, receiver: Receiver
) -> None:
    rig = make_rig(trust)
    await rig.start()
    await rig.webhooks.set_older(klien_id, receiver.url(), caller=CALLER)
    secret = await rig.webhooks.make_incoming_secret(klien_id, caller=CALLER)
    moves = [
        ("qr_ready", GONE),
        ("message", {}),
        ("connected", SNAPSHOT),
        ("reconnecting", GONE),
        ("reconnecting", GONE),
        ("connected", SNAPSHOT),
        ("connected", SNAPSHOT),
        ("connected", SNAPSHOT | {"me": {"phone": "628999"}}),
        ("disconnected", GONE),
    ]
    for count, (type_, data) in enumerate(moves):
        await rig.tell(klien_id, type_, **data)
        expected = [0, 0, 1, 2, 2, 3, 3, 4, 5][count]
        await receiver.wait_for(expected)
    await rig.tell(klien_id, "disconnected", **GONE)
    await rig.hooks._fan_out.finish()

    assert [(each.json["status"], each.json["phone_number"]) for each in receiver.kept] == [
        ("connected", "628123456789"),
        ("disconnected", None),
        ("connected", "628123456789"),
        ("connected", "628999"),
        ("disconnected", None),
    ]
    for request in receiver.kept:
        request.verify(secret)
    assert receiver.kept[0].json == {
        "event": "connection.update",
        "klien_id": klien_id,
        "session_id": "test_123",
        "status": "connected",
        "phone_number": "628123456789",
    }
    assert receiver.kept[0].headers["talkabiz-event"] == "connection.update"
    await rig.stop()
