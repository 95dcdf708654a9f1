"""A session's runner and the writer of messages tell of the same klien, each after its own commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from talkabiz.domain.events import Event
from talkabiz.store import events
from talkabiz.store.writing import Tell, Writer
from tests.fakes import NOW
from tests.services.conftest import Bench


async def test_a_message_that_overtakes_a_code_being_painted_is_told_after_it(bench: Bench, klien_id: int) -> None:
    writer, may_paint = Writer(bench.journal.publish), threading.Event()
    painting = bench.sessions._around.painter._thread.submit(may_paint.wait, 5)
    await bench.sessions.start(klien_id)
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await committed(klien_id, "qr_ready")
    assert not painting.done()
    await writer.write(telling(klien_id))  # its event is published before the code's
    may_paint.set()
    await bench.wait_for(lambda event: event.type == "message")

    told = [(event.seq, event.type) for event in bench.events]
    assert told == [(1, "qr_requested"), (2, "qr_ready"), (3, "message")]
    assert bench.events[1].data["qr"]["n"] == 1  # not the bare row


async def committed(klien_id: int, type_: str) -> None:
    async with asyncio.timeout(5):
        while type_ not in [event.type for event in (await events.since(klien_id, 0, 100))[0]]:
            await asyncio.sleep(0.001)


def telling(klien_id: int) -> Callable[[Tell], Awaitable[None]]:
    async def job(tell: Tell) -> None:
        await tell(klien_id, "message", NOW, {"status": "queued"})

    return job


async def test_a_new_code_is_not_older_than_a_message(bench: Bench, klien_id: int) -> None:
    writer = Writer(bench.journal.publish)
    await bench.sessions.start(klien_id)
    bench.whatsapp.enter(klien_id)
    bench.whatsapp.show_code(klien_id)
    await bench.reach(klien_id, "qr_ready")
    await writer.write(telling(klien_id))
    message = await bench.wait_for(lambda event: event.type == "message")
    assert bench.journal.last_seq(klien_id) == message.seq
    assert (await bench.sessions.live(klien_id))["seq"] == message.seq

    bench.whatsapp.show_code(klien_id, "https://wa.me/settings/linked_devices#2@other")

    def is_new_code(event: Event) -> bool:
        return event.type == "qr_ready" and event.data["qr"]["code"].endswith("other")

    passing = await bench.wait_for(is_new_code)
    assert not passing.is_durable
    assert passing.seq == passing.data["seq"] == message.seq
