"""What is sent, and what comes of each way in which a receiver can answer."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta

import pytest
import trustme

from talkabiz.domain.webhooks import SCHEDULE_SECONDS, Delivery, DeliveryStatus, DisabledReason
from talkabiz.store import database, events, webhooks
from tests.outside.server import NAME, answer, certificate, redirect
from tests.running import until
from tests.webhooks.conftest import CALLER, Rig, make_rig
from tests.webhooks.receiver import Receiver, Request, hang


async def test_what_happens_arrives_signed_and_whole(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    webhook_id, secret = await rig.add(klien_id, receiver.url("/in?shop=1"))
    await rig.tell(klien_id, text="Halo, ada diskon 50 %? 😀")
    (request,) = await receiver.wait_for(1)
    delivery, attempts = await rig.tried(klien_id, webhook_id)

    request.verify(secret)
    (event,) = await events.after(0, 10)
    assert request.path == "/in?shop=1"
    assert request.json == {
        "id": request.id,
        "type": "message.received",
        "timestamp": f"{event.at:%Y-%m-%dT%H:%M:%S}.{event.at.microsecond // 1000:03d}Z",
        "klien_id": klien_id,
        "seq": event.seq,
        "data": {"direction": "in", "text": "Halo, ada diskon 50 %? 😀", "seq": event.seq},
    }
    told = {name: value for name, value in request.headers.items() if name not in {"host", "accept", "connection"}}
    assert told.pop("webhook-signature").startswith("v1,")
    assert told == {
        "accept-encoding": "identity",
        "content-length": str(len(request.body)),
        "content-type": "application/json",
        "user-agent": "Talkabiz-Webhooks/1",
        "webhook-id": delivery.event_id,
        "webhook-timestamp": str(int(rig.clock.now().timestamp())),
        "talkabiz-event": "message.received",
        "talkabiz-attempt": "1",
    }
    assert (delivery.status, delivery.tries, delivery.last_status, delivery.last_error) == ("delivered", 1, 204, None)
    assert [(each.number, each.status, each.error, each.response) for each in attempts] == [(1, 204, None, "")]
    assert rig.hooks.dispatch.outcomes == {"delivered": 1}


async def test_a_signature_of_another_secret_or_other_bytes_is_none(
    rig: Rig, klien_id: int, receiver: Receiver
) -> None:
    from standardwebhooks import WebhookVerificationError

    _, secret = await rig.add(klien_id, receiver.url())
    _, other = await rig.add(klien_id, receiver.url("/other"))
    await rig.tell(klien_id)
    request = next(each for each in await receiver.wait_for(2) if each.path == "/")

    for wrong, key in ((request, other), (Request("", request.headers, request.body + b" ", 0), secret)):
        with pytest.raises(WebhookVerificationError):
            wrong.verify(key)


# --- each way to fail -------------------------------------------------------------------------------------------------


async def _close_midway(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"half", headers={"Content-Length": "1000"}))


async def _say_nothing(request: Request, writer: asyncio.StreamWriter) -> None:
    pass


def _with(status: str, body: bytes = b"", **headers: str) -> Receiver:
    return Receiver(statuses=[answer(body, status, headers)] * 100)


FAILURES = [
    (_with("500 Oops", b"stack trace"), 500, "http_500", "stack trace"),
    (_with("404 Nothing"), 404, "http_404", ""),
    (_with("400 No"), 400, "http_400", ""),
    (Receiver(statuses=[redirect("http://127.0.0.1/b")]), 302, "redirected", ""),
    (Receiver(statuses=[answer(status="304 Same")]), 304, "redirected", ""),
    (Receiver(behave=hang), None, "timeout", ""),
    (Receiver(behave=_close_midway), 200, "cut_off", "half"),
    (Receiver(behave=_say_nothing), None, "cut_off", ""),
    (Receiver(statuses=[b"what?\r\n\r\n"]), None, "cut_off", ""),
]


@pytest.mark.parametrize("failure", FAILURES, ids=[f"{row[1]} {row[2]}" for row in FAILURES])
async def test_what_fails_is_tried_again(
    rig: Rig, klien_id: int, failure: tuple[Receiver, int | None, str, str]
) -> None:
    receiver, status, error, response = failure
    rig.post_seconds = 0.5
    async with receiver.running():
        webhook_id, _ = await rig.add(klien_id, receiver.url())
        await rig.tell(klien_id)
        delivery, attempts = await rig.tried(klien_id, webhook_id)

    assert [(each.status, each.error, each.response) for each in attempts] == [(status, error, response)]
    _is_to_be_tried_again(rig, delivery, status, error)
    endpoint = await rig.webhooks.get(klien_id, webhook_id)
    assert (endpoint.failures, endpoint.failing_since, endpoint.is_enabled) == (1, rig.clock.now(), True)
    assert rig.hooks.dispatch.outcomes == {"retry": 1}


def _is_to_be_tried_again(rig: Rig, delivery: Delivery, status: int | None, error: str) -> None:
    assert (delivery.status, delivery.tries, delivery.last_status, delivery.last_error) == ("pending", 1, status, error)
    assert delivery.next_at
    assert 4 <= (delivery.next_at - rig.clock.now()).total_seconds() <= 6


@pytest.mark.parametrize(("host", "error"), [("other.test", "tls"), (NAME, None)])
async def test_a_bad_certificate_is_not_believed(
    rig: Rig, klien_id: int, authority: trustme.CA, host: str, error: str | None
) -> None:
    rig.names = {NAME: ["127.0.0.1"], "other.test": ["127.0.0.1"]}
    async with Receiver().running(certificate(authority, NAME)) as receiver:
        webhook_id, _ = await rig.add(klien_id, receiver.url("/", host, "https"))
        await rig.tell(klien_id)
        delivery, _ = await rig.tried(klien_id, webhook_id)

    assert (delivery.last_error, len(receiver.kept)) == (error, 0 if error else 1)


async def test_nobody_at_home(rig: Rig, klien_id: int) -> None:
    webhook_id, _ = await rig.add(klien_id, "http://127.0.0.1:1/")
    await rig.tell(klien_id)
    delivery, _ = await rig.tried(klien_id, webhook_id)
    _is_to_be_tried_again(rig, delivery, None, "refused")


async def test_a_name_that_leads_inside_later_gets_nothing(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    rig.names["sly.test"] = ["1.1.1.1"]
    webhook_id, _ = await rig.add(klien_id, "https://sly.test/")
    rig.names["sly.test"] = ["1.1.1.1", "169.254.169.254"]
    await rig.tell(klien_id)
    delivery, _ = await rig.tried(klien_id, webhook_id)
    _is_to_be_tried_again(rig, delivery, None, "address_refused")


async def test_an_answer_without_end_is_an_answer(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(headers={"Content-Length": str(2**30)}))
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    receiver.behave = endless
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id)
    delivery, attempts = await rig.tried(klien_id, webhook_id)

    assert (delivery.status, delivery.last_status) == ("delivered", 200)
    assert attempts[0].response == "x" * 2048


async def test_a_fault_of_ours_is_a_try_that_failed(
    rig: Rig, klien_id: int, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(*args: object) -> None:
        raise OverflowError

    monkeypatch.setattr(rig.courier, "_post", faulty)
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id)
    delivery, _ = await rig.tried(klien_id, webhook_id)
    _is_to_be_tried_again(rig, delivery, None, "cut_off")


@pytest.mark.parametrize("status", ["429 Slow", "503 Later"])
async def test_who_asks_for_time_gets_it_for_all_that_is_due(
    rig: Rig, klien_id: int, receiver: Receiver, status: str
) -> None:
    receiver.statuses = [answer(status=status, headers={"Retry-After": "120"})]
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id)
    delivery, _ = await rig.tried(klien_id, webhook_id)
    assert delivery.next_at == rig.clock.now() + timedelta(seconds=120)

    await rig.tell(klien_id)
    await rig.pass_time(119)
    await asyncio.sleep(0.1)
    assert len(receiver.kept) == 1
    await rig.pass_time(1)
    await receiver.wait_for(3)


async def test_a_receiver_that_is_gone_is_told_nothing_more(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    receiver.statuses = [answer(status="410 Gone")]
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id, text="one")
    delivery, attempts = await rig.tried(klien_id, webhook_id)
    endpoint = await rig.webhooks.get(klien_id, webhook_id)
    assert (attempts[0].status, attempts[0].error) == (410, "http_410")
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, DisabledReason.GONE)

    await rig.tell(klien_id, text="two")
    await rig.pass_time(100)
    await asyncio.sleep(0.2)
    assert len(receiver.kept) == 1
    assert len(await rig.deliveries(klien_id, webhook_id)) == 1, "nothing new is queued"

    await rig.webhooks.change(klien_id, webhook_id, {"enabled": True}, caller=CALLER)
    await rig.tell(klien_id, text="three")
    assert {each.json["data"]["text"] for each in await receiver.wait_for(3)} == {"one", "three"}
    assert await rig.webhooks.replay_all(klien_id, webhook_id, since=1, caller=CALLER) >= 1
    assert "two" in {each.json["data"]["text"] for each in await receiver.wait_for(4)}
    assert receiver.kept[0].id == receiver.kept[1].id == delivery.event_id


@pytest.mark.parametrize("status", [410, 503])
async def test_what_an_old_address_answers_late_is_not_held_against_the_new_one(
    rig: Rig, klien_id: int, receiver: Receiver, status: int
) -> None:
    may_answer = asyncio.Event()

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/old":
            await may_answer.wait()
            writer.write(answer(b"", f"{status} No", headers={"Retry-After": "3600"}))
        else:
            writer.write(answer(b""))

    receiver.behave = behave
    webhook_id, _ = await rig.add(klien_id, receiver.url("/old"))
    await rig.tell(klien_id)
    await receiver.wait_for(1)
    await rig.webhooks.change(klien_id, webhook_id, {"url": receiver.url("/new"), "enabled": True}, caller=CALLER)
    may_answer.set()
    await rig.tried(klien_id, webhook_id)
    await rig.tell(klien_id)

    assert [each.path for each in await receiver.wait_for(2)][:2] == ["/old", "/new"]
    endpoint = await rig.webhooks.get(klien_id, webhook_id)
    assert (endpoint.is_enabled, endpoint.failures, endpoint.failing_since) == (True, 0, None)


async def test_a_secret_that_cant_be_opened_holds_up_no_other(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    locked, _ = await rig.add(klien_id, receiver.url("/locked"))
    async with database.transaction():
        await webhooks.set_secret(klien_id, locked, b"damaged", previous_until=None)
    await rig.add(klien_id, receiver.url("/open"))
    await rig.tell(klien_id)
    await receiver.wait_for(1)
    (delivery,) = await rig.deliveries(klien_id, locked)
    assert (delivery.status, delivery.tries) == (DeliveryStatus.PENDING, 0)

    secret = (await rig.webhooks.rotate_secret(klien_id, locked, caller=CALLER)).secret
    await rig.pass_time(60)
    late = (await receiver.wait_for(2))[1]
    assert late.path == "/locked"
    late.verify(secret)


# --- again and again --------------------------------------------------------------------------------------------------


async def test_every_try_sends_the_same_bytes_until_there_are_no_more(
    rig: Rig, klien_id: int, receiver: Receiver
) -> None:
    receiver.statuses = [answer(status="500 Oops")] * 10
    webhook_id, secret = await rig.add(klien_id, receiver.url())
    async with Receiver().running() as other:
        await rig.add(klien_id, other.url(), events=["webhook.exhausted"])
        await rig.tell(klien_id)
        for number, seconds in enumerate(SCHEDULE_SECONDS[1:], 1):
            await rig.tried(klien_id, webhook_id, number)
            await rig.pass_time(seconds * 1.2 + 60)
        delivery, attempts = await rig.tried(klien_id, webhook_id, len(SCHEDULE_SECONDS))
        (note,) = await other.wait_for(1)

    assert len({request.body for request in receiver.kept}) == len({request.id for request in receiver.kept}) == 1
    assert [request.headers["talkabiz-attempt"] for request in receiver.kept] == [str(n) for n in range(1, 11)]
    assert len({request.headers["webhook-signature"] for request in receiver.kept}) == 10
    receiver.kept[0].verify(secret)
    assert (delivery.status, delivery.next_at, delivery.ended_at) == (DeliveryStatus.DEAD, None, rig.clock.now())
    assert [each.number for each in attempts] == list(range(1, 11))
    assert note.json["type"] == "webhook.exhausted"
    assert note.json["data"] == {
        "webhook_id": webhook_id,
        "delivery_id": delivery.id,
        "event_id": delivery.event_id,
        "type": "message.received",
        "last_status": 500,
        "last_error": "http_500",
    }
    assert (rig.hooks.dispatch.outcomes["retry"], rig.hooks.dispatch.outcomes["dead"]) == (9, 1)
    assert len(await rig.deliveries(klien_id, webhook_id)) == 1, "it isn't told of itself"


async def test_a_replay_is_the_same_again_and_says_so(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    webhook_id, secret = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id)
    delivery, _ = await rig.tried(klien_id, webhook_id)
    await rig.webhooks.replay(klien_id, delivery.id, caller=CALLER)
    first, second = await receiver.wait_for(2)

    assert (first.id, first.body) == (second.id, second.body)
    assert "talkabiz-replay" not in first.headers
    assert second.headers["talkabiz-replay"] == "true"
    second.verify(secret)
    _, attempts = await rig.tried(klien_id, webhook_id, 2)
    assert [each.number for each in attempts] == [1, 2]


async def test_a_replay_during_the_last_try_has_the_whole_schedule_before_it(
    rig: Rig, klien_id: int, receiver: Receiver
) -> None:
    go_on = asyncio.Event()

    async def fail(request: Request, writer: asyncio.StreamWriter) -> None:
        if len(receiver.kept) == len(SCHEDULE_SECONDS):
            await go_on.wait()
        writer.write(answer(status="500 Oops"))

    receiver.behave = fail
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id)
    for number, seconds in enumerate(SCHEDULE_SECONDS[1:], 1):
        await rig.tried(klien_id, webhook_id, number)
        await rig.pass_time(seconds * 1.2 + 60)
    await receiver.wait_for(len(SCHEDULE_SECONDS))
    (delivery,) = await rig.deliveries(klien_id, webhook_id)
    await rig.webhooks.replay(klien_id, delivery.id, caller=CALLER)
    go_on.set()

    delivery, _ = await rig.tried(klien_id, webhook_id, len(SCHEDULE_SECONDS))
    _is_to_be_tried_again(rig, delivery, 500, "http_500")
    assert delivery.is_replay


async def test_for_a_day_after_a_rotation_both_secrets_count(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    webhook_id, old = await rig.add(klien_id, receiver.url())
    new = (await rig.webhooks.rotate_secret(klien_id, webhook_id, caller=CALLER)).secret
    await rig.tell(klien_id)
    (request,) = await receiver.wait_for(1)
    assert new != old
    request.verify(old)
    request.verify(new)

    await rig.pass_time(86_400)
    await rig.tell(klien_id)
    last = (await receiver.wait_for(2))[1]
    assert " " in request.headers["webhook-signature"]
    assert " " not in last.headers["webhook-signature"]


async def test_who_did_nothing_but_fail_for_five_days_is_disabled(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    receiver.statuses = [answer(status="500 Oops")] * 12
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    for _ in range(4):
        await rig.tell(klien_id)
    await receiver.wait_for(4)
    await until(lambda: _has_failed(rig, klien_id, webhook_id, 4))
    await rig.pass_time(5 * 86_400 - 1)
    await until(lambda: _has_failed(rig, klien_id, webhook_id, 8))
    assert (await rig.webhooks.get(klien_id, webhook_id)).is_enabled
    await rig.pass_time(1000)
    await until(lambda: _has_failed(rig, klien_id, webhook_id, 10))

    endpoint = await rig.webhooks.get(klien_id, webhook_id)
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, DisabledReason.FAILING)


async def _has_failed(rig: Rig, klien_id: int, webhook_id: int, times: int) -> bool:
    return (await rig.webhooks.get(klien_id, webhook_id)).failures >= times


async def test_who_fails_is_asked_one_at_a_time_and_ever_more_seldom(
    rig: Rig, klien_id: int, receiver: Receiver
) -> None:
    receiver.statuses = [answer(status="500 Oops")] * 100
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    for _ in range(40):
        await rig.tell(klien_id)
    await receiver.wait_for(10)
    await asyncio.sleep(0.3)
    asked = len(receiver.kept)
    assert asked <= 13, "those that were on their way when the tenth failed"

    receiver.most_under_way = 0
    for _ in range(4):
        await rig.pass_time(min(5 * 2 ** (asked - 10), 60) - 0.1)
        await asyncio.sleep(0.1)
        assert len(receiver.kept) == asked
        await rig.pass_time(0.1)
        asked += 1
        await receiver.wait_for(asked)
        await asyncio.sleep(0.1)
        assert len(receiver.kept) == asked
    assert receiver.most_under_way == 1

    receiver.statuses.clear()

    async def is_empty() -> bool:
        await rig.pass_time(60)
        return not await rig.deliveries(klien_id, webhook_id, "pending")

    await until(is_empty)
    assert (await rig.webhooks.get(klien_id, webhook_id)).failures == 0


async def test_whom_somebody_tests_is_asked_at_once(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    receiver.statuses = [answer(status="503 Later", headers={"Retry-After": "3600"})] * 100
    webhook_id, secret = await rig.add(klien_id, receiver.url(), events=["message.received"])
    rig.clock.advance(1)
    for _ in range(30):
        await rig.tell(klien_id)
    await rig.tried(klien_id, webhook_id)
    await asyncio.sleep(0.1)
    asked = len(receiver.kept)
    assert asked <= 4, "those that were on their way"
    receiver.statuses = [answer(status="500 Oops")] * 100

    ping = await rig.webhooks.test(klien_id, webhook_id, caller=CALLER)
    found = (await receiver.wait_for(asked + 4))[asked : asked + 4]
    request = next(each for each in found if each.id == ping.event_id)
    assert (request.json["type"], request.json["data"]) == ("ping", {"webhook_id": webhook_id})
    request.verify(secret)


# --- ends of the program ----------------------------------------------------------------------------------------------


async def test_what_was_on_its_way_at_the_end_goes_again_as_the_same(
    db: None, trust: ssl.SSLContext, klien_id: int, receiver: Receiver
) -> None:
    receiver.behave = hang
    rig = make_rig(trust)
    await rig.start()
    webhook_id, secret = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id)
    await receiver.wait_for(1)
    await rig.stop()
    (left,) = await rig.deliveries(klien_id, webhook_id)
    assert (left.status, left.tries) == ("pending", 0)

    receiver.behave = None
    again = make_rig(trust)
    await again.start()
    first, second = await receiver.wait_for(2)
    assert (first.id, first.body) == (second.id, second.body)
    second.verify(secret)
    assert (await again.tried(klien_id, webhook_id))[0].status is DeliveryStatus.DELIVERED
    await again.stop()


async def test_what_could_not_be_stored_isnt_sent_again_and_again(
    rig: Rig, klien_id: int, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkabiz.store.errors import StoreError
    from talkabiz.webhooks import courier

    monkeypatch.setattr(courier, "RETRY_SECONDS", 0.05)
    failed = 0
    real = rig.hooks.dispatch._store

    async def full(*args: object) -> object:
        nonlocal failed
        failed += 1
        if failed < 5:
            raise StoreError
        return await real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.hooks.dispatch, "_store", full)
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id)
    delivery, _ = await rig.tried(klien_id, webhook_id)
    assert (failed, len(receiver.kept), delivery.status) == (5, 1, DeliveryStatus.DELIVERED)


async def test_one_that_is_removed_on_its_way_is_over(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    go_on = asyncio.Event()

    async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(answer())

    receiver.behave = slow
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    for _ in range(10):
        await rig.tell(klien_id)
    await receiver.wait_for(4)
    await rig.webhooks.remove(klien_id, webhook_id, caller=CALLER)
    go_on.set()

    async def is_over() -> bool:
        return not rig.courier._on_way

    await until(is_over)
    assert len(receiver.kept) == 4
    assert rig.hooks.dispatch.outcomes == {}


async def test_no_endpoint_gets_more_than_four_at_once(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    for _ in range(50):
        await rig.tell(klien_id)

    async def is_done() -> bool:
        return len(await rig.deliveries(klien_id, webhook_id, "delivered")) == 50

    await until(is_done)
    assert len({request.id for request in receiver.kept}) == len(receiver.kept) == 50
    assert receiver.most_under_way <= 4
