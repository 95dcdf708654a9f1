"""What may be asked of webhooks, as far as it isn't seen over REST."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from talkabiz.domain.errors import IllegalState, NotFound, Unauthorized
from talkabiz.domain.webhook_errors import TooManyWebhooks
from talkabiz.domain.webhooks import MOST_ENDPOINTS, DeliveryStatus, DisabledReason
from talkabiz.services.audit import Action
from talkabiz.services.hooks import Hooks
from talkabiz.services.sealing import Seal, SecretKeyWrong
from talkabiz.store import audit, deliveries, kliens, webhook_retention, webhooks
from talkabiz.store.database import transaction
from tests.running import until
from tests.webhooks.conftest import CALLER, Rig
from tests.webhooks.receiver import Receiver

URL = "http://127.0.0.1:1/"


async def test_a_klien_has_so_many_at_most_also_when_they_are_asked_for_at_once(rig: Rig, klien_id: int) -> None:
    wishes = [rig.add(klien_id, URL) for _ in range(MOST_ENDPOINTS + 5)]
    made = await asyncio.gather(*wishes, return_exceptions=True)

    assert sum(isinstance(each, TooManyWebhooks) for each in made) == 5
    await rig.add((await kliens.add("Toko Bulan")).id, URL)
    await rig.webhooks.set_older(klien_id, URL, caller=CALLER)


async def test_secrets_are_sealed_for_their_klien_and_another_key_is_found_out(rig: Rig, klien_id: int) -> None:
    _, secret = await rig.add(klien_id, URL)
    incoming = await rig.webhooks.make_incoming_secret(klien_id, caller=CALLER)
    stored = await webhooks.secrets()
    assert len(stored) == 2
    for each in stored:
        assert secret.encode() not in each.sealed
        assert incoming.encode() not in each.sealed
    await rig.webhooks.check_key()

    seal = Seal(secrets.token_bytes(32))
    other = Hooks(seal, rig.writer, rig.journal, clock=rig.clock, judge=rig.webhooks._judge)
    with pytest.raises(SecretKeyWrong):
        await other.webhooks.check_key()


async def test_what_is_replayed_and_removed_goes_in_lots(
    rig: Rig, klien_id: int, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_retention.forget_removed, "__defaults__", (7,))
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    for _ in range(250):
        await rig.tell(klien_id)
    await receiver.wait_for(250)
    await until(lambda: _has(rig, klien_id, webhook_id, "delivered", 250))
    before = rig.writer.jobs
    assert await rig.webhooks.replay_all(klien_id, webhook_id, since=10, caller=CALLER) == 240
    assert rig.writer.jobs > before + 1, "nobody waits for all of them"
    replayed = (await receiver.wait_for(490))[250:]
    assert {each.json["seq"] for each in replayed} == set(range(11, 251))
    assert {each.headers.get("talkabiz-replay") for each in replayed} == {"true"}

    await until(lambda: _has(rig, klien_id, webhook_id, "delivered", 250))
    await rig.webhooks.change(klien_id, webhook_id, {"url": URL}, caller=CALLER)
    for _ in range(30):
        await rig.tell(klien_id)
    await rig.hooks._fan_out.finish()
    before = rig.writer.jobs
    await rig.webhooks.remove(klien_id, webhook_id, caller=CALLER)
    assert rig.writer.jobs > before + 30
    assert await deliveries.count_pending() == 0
    assert await webhooks.of_klien(klien_id) == []
    with pytest.raises(NotFound):
        await rig.webhooks.deliveries(klien_id, webhook_id)


async def _is_through(rig: Rig) -> bool:
    return not rig.webhooks._replaying


async def _has(rig: Rig, klien_id: int, webhook_id: int, status: str, count: int) -> bool:
    return len(await rig.deliveries(klien_id, webhook_id, status)) == count


async def test_only_dead_ones_are_replayed_where_that_is_asked(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    await rig.tell(klien_id)
    await rig.tried(klien_id, webhook_id)
    assert await rig.webhooks.replay_all(klien_id, webhook_id, only_dead=True, caller=CALLER) == 0


# --- the older kind, and gateways outside -----------------------------------------------------------------------------


async def test_there_is_one_of_the_older_kind_and_the_next_takes_its_place(rig: Rig, klien_id: int) -> None:
    first = await rig.webhooks.set_older(klien_id, URL, caller=CALLER)
    secret = await webhooks.incoming_secret(klien_id)
    assert (await rig.webhooks.set_older(klien_id, URL, caller=CALLER)).id == first.id
    second = await rig.webhooks.set_older(klien_id, URL + "b", caller=CALLER)

    assert [each.id for each in await rig.webhooks.list(klien_id)] == [second.id]
    assert second.id != first.id
    assert await webhooks.incoming_secret(klien_id) == secret, "who signs with it needn't learn another"


async def test_named_again_it_is_enabled_unless_somebody_did_not_want_it(rig: Rig, klien_id: int) -> None:
    older = await rig.webhooks.set_older(klien_id, URL, caller=CALLER)
    await rig.webhooks.change(klien_id, older.id, {"enabled": False}, caller=CALLER)
    assert not (await rig.webhooks.set_older(klien_id, URL, caller=CALLER)).is_enabled

    await rig.webhooks.change(klien_id, older.id, {"enabled": True}, caller=CALLER)
    for reason in (DisabledReason.GONE, DisabledReason.FAILING):
        async with transaction():
            await webhooks.disable(klien_id, older.id, reason, rig.clock.now())
        assert (await rig.webhooks.set_older(klien_id, URL, caller=CALLER)).is_enabled
    assert (await rig.webhooks.set_older(klien_id, URL + "b", caller=CALLER)).is_enabled

    assert [(each.action, each.detail.get("enabled")) for each in (await audit.page(None, 7))[::-1]] == [
        (Action.WEBHOOK_ADDED, None),
        (Action.WEBHOOK_CHANGED, False),
        (Action.WEBHOOK_CHANGED, True),
        *[(Action.WEBHOOK_CHANGED, True)] * 2,
        (Action.WEBHOOK_DELETED, None),
        (Action.WEBHOOK_ADDED, None),
    ]


async def test_a_replay_goes_on_to_its_end_where_who_asked_for_it_leaves(
    rig: Rig, klien_id: int, receiver: Receiver
) -> None:
    webhook_id, _ = await rig.add(klien_id, receiver.url())
    await rig.webhooks.change(klien_id, webhook_id, {"events": ["session.status"]}, caller=CALLER)
    for _ in range(450):
        await rig.tell(klien_id)
    await rig.webhooks.change(klien_id, webhook_id, {"events": None}, caller=CALLER)
    await rig.hooks._fan_out.finish()

    asking = asyncio.create_task(rig.webhooks.replay_all(klien_id, webhook_id, caller=CALLER))
    await asyncio.sleep(0)
    with pytest.raises(IllegalState, match="under way"):
        await rig.webhooks.replay_all(klien_id, webhook_id, caller=CALLER)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.cancelled()

    assert {each.json["seq"] for each in await receiver.wait_for(450)} == set(range(1, 451))
    assert [each.action for each in await audit.page(None, 1)] == [Action.WEBHOOK_REPLAYED]
    await until(lambda: _is_through(rig))
    assert await rig.webhooks.replay_all(klien_id, webhook_id, since=449, caller=CALLER) == 1


def _signed(secret: str, body: bytes, public_id: str = "msg_1", shift: float = 0) -> dict[str, str]:
    at = datetime.fromtimestamp(datetime.now(UTC).timestamp() + shift, UTC)
    return {
        "Webhook-Id": public_id,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(public_id, at, body.decode()),
    }


async def test_a_gateway_outside_is_believed_by_its_signature(rig: Rig, klien_id: int) -> None:
    assert not await rig.webhooks.has_incoming_secret(klien_id)
    secret = await rig.webhooks.make_incoming_secret(klien_id, caller=CALLER)
    body = json.dumps({"event": "connection.update"}).encode()
    assert await rig.webhooks.has_incoming_secret(klien_id)
    await rig.webhooks.verify_incoming(klien_id, _signed(secret, body), body)
    await rig.webhooks.verify_incoming(klien_id, _signed(secret, body, "evt_1"), body)

    other = (await kliens.add("Toko Bulan")).id
    for who in (other, 999):
        with pytest.raises(Unauthorized):
            await rig.webhooks.verify_incoming(who, _signed(secret, body), body)
    again = await rig.webhooks.make_incoming_secret(klien_id, caller=CALLER)
    with pytest.raises(Unauthorized):
        await rig.webhooks.verify_incoming(klien_id, _signed(secret, body), body)
    await rig.webhooks.verify_incoming(klien_id, _signed(again, body), body)


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1"},
        {"Webhook-Signature": "v1,§§§"},
        {"Webhook-Signature": "v1,AAAA=A"},
        {"Webhook-Signature": "v1a,AAAA v2,AAAA"},
        {"Webhook-Timestamp": "soon"},
        {"Webhook-Timestamp": "nan"},
        {"Webhook-Timestamp": "1e400"},
        {"Webhook-Id": "msg_2"},
    ],
    ids=str,
)
async def test_what_is_no_signature_is_not_believed(rig: Rig, klien_id: int, change: dict[str, str]) -> None:
    secret = await rig.webhooks.make_incoming_secret(klien_id, caller=CALLER)
    with pytest.raises(Unauthorized):
        await rig.webhooks.verify_incoming(klien_id, _signed(secret, b"{}") | change, b"{}")


async def test_what_is_too_old_or_no_text_or_unsigned_is_not_believed(rig: Rig, klien_id: int) -> None:
    secret = await rig.webhooks.make_incoming_secret(klien_id, caller=CALLER)
    for shift in (-301, 302):
        with pytest.raises(Unauthorized):
            await rig.webhooks.verify_incoming(klien_id, _signed(secret, b"{}", shift=shift), b"{}")
    for headers, body in (({}, b"{}"), (_signed(secret, b"{}"), b"\xff")):
        with pytest.raises(Unauthorized):
            await rig.webhooks.verify_incoming(klien_id, headers, body)


async def test_what_we_sent_ourselves_cant_be_sent_back_to_us(rig: Rig, klien_id: int, receiver: Receiver) -> None:
    """Who receives the older kind gets what `/api/whatsapp/webhook` takes, signed as it has to be there."""
    await rig.webhooks.set_older(klien_id, receiver.url(), caller=CALLER)
    secret = await rig.webhooks.make_incoming_secret(klien_id, caller=CALLER)
    await rig.tell(klien_id, "connected", status="connected", wa_terhubung=True, me={"phone": "628999"})
    (sent,) = await receiver.wait_for(1)
    sent.verify(secret)

    with pytest.raises(Unauthorized):
        await rig.webhooks.verify_incoming(klien_id, sent.headers, sent.body)
    assert (await rig.tried(klien_id, (await rig.webhooks.list(klien_id))[0].id))[0].status is DeliveryStatus.DELIVERED
