"""Virtual phones chat with each other, through the real library, as the control API shows it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from quart.datastructures import FileStorage

from talkabiz.sandbox.tokens import Tokens
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp.binding import Binding, load
from talkabiz.whatsapp.companion import LocalCompanions
from tests.sandbox.chatting import ANI, BUDI, CICI, WAIT_SECONDS, PhoneApi, fast_directory, let_chat
from tests.sandbox.conftest import CERTIFICATES


@pytest.fixture
def binding(sandbox: Sandbox) -> Binding:
    return load(ca_file=sandbox.ca_file, root_key=bytes.fromhex(sandbox.root_key))


@pytest.fixture
async def world(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Sandbox]:
    with fast_directory(tmp_path) as directory:
        let_chat(sandbox, directory)
        for number, name in ((ANI, "Ani"), (BUDI, "Budi"), (CICI, "Cici")):
            sandbox.phones.add(number, name)
        yield sandbox
        await sandbox.stop()


@pytest.fixture
def api(world: Sandbox) -> PhoneApi:
    return PhoneApi(world)


async def until(world: Sandbox, number: str, look: Callable[[], bool]) -> None:
    log = world.chats.handset(number).log
    async with asyncio.timeout(WAIT_SECONDS):
        while not look():
            await log.changed()


async def status_of(world: Sandbox, number: str, id_: str, wanted: str) -> None:
    await until(world, number, lambda: world.chats.entry(number, id_).status == wanted)


async def test_what_is_sent_as_forwarded_is_shown_as_that(api: PhoneApi) -> None:
    sent = await api.send(ANI, to=BUDI, text="kabar", forwarded=True)
    await api.send(ANI, to=BUDI, text="halo")
    first = await api.next(BUDI)
    second = await api.next(BUDI, first["id"])
    assert [message["forwarded"] for message in (sent, first, second)] == [True, True, False]
    body = {"message_id": first["id"], "reaction": "👍", "forwarded": True}
    status, code = await api.call("POST", f"/phones/{BUDI}/messages", body)
    assert (status, code) == (422, "invalid_input")


async def test_a_text_arrives_with_names_and_both_addresses_and_is_delivered_then_read(
    api: PhoneApi, world: Sandbox
) -> None:
    sent = await api.send(ANI, to=BUDI, text="Halo Budi 😀")
    assert (sent["direction"], sent["type"], sent["text"]) == ("out", "text", "Halo Budi 😀")
    heard = await api.next(BUDI)
    assert (heard["id"], heard["direction"], heard["text"]) == (sent["id"], "in", "Halo Budi 😀")
    lid = str(world.phones.get(ANI).lid)
    assert heard["from"] == {"phone": ANI, "lid": lid, "jid": f"{ANI}@s.whatsapp.net", "name": "Ani"}
    assert heard["chat"] == heard["from"]
    assert heard["to"]["phone"] == BUDI
    assert heard["push_name"] == "Ani"
    await status_of(world, ANI, sent["id"], "delivered")
    assert (await api.ok("POST", f"/phones/{BUDI}/messages/{sent['id']}/read"))["status"] == "read"
    await status_of(world, ANI, sent["id"], "read")
    assert (await api.ok("POST", f"/phones/{BUDI}/messages/{sent['id']}/played"))["status"] == "played"
    await status_of(world, ANI, sent["id"], "played")
    receipts = (await api.message(ANI, sent["id"]))["receipts"]
    assert [(receipt["from"]["phone"], receipt["status"]) for receipt in receipts] == [(BUDI, "played")]


async def test_a_message_can_be_answered_reacted_to_edited_and_taken_back(api: PhoneApi) -> None:
    sent = await api.send(ANI, to=BUDI, text="satu")
    await api.next(BUDI)
    answer = await api.send(BUDI, to=ANI, text="dua", reply_to=sent["id"])
    heard = await api.next(ANI, after=sent["id"])
    assert (heard["id"], heard["reply_to"], heard["text"]) == (answer["id"], sent["id"], "dua")

    reaction = await api.send(BUDI, reaction="👍", message_id=sent["id"])
    heard = await api.next(ANI, after=answer["id"])
    assert (heard["type"], heard["reaction"], heard["message_id"]) == ("reaction", "👍", sent["id"])
    reactions = (await api.message(ANI, sent["id"]))["reactions"]
    assert [(one["from"]["phone"], one["emoji"]) for one in reactions] == [(BUDI, "👍")]
    await api.send(BUDI, type="reaction", message_id=sent["id"])
    await api.next(ANI, after=reaction["id"])
    assert (await api.message(ANI, sent["id"]))["reactions"] == []

    last = (await api.messages(BUDI))[-1]["id"]
    edit = await api.send(ANI, type="edit", message_id=sent["id"], text="satu, diperbaiki")
    heard = await api.next(BUDI, after=last)
    assert (heard["type"], heard["message_id"], heard["text"]) == ("edit", sent["id"], "satu, diperbaiki")
    assert (await api.message(BUDI, sent["id"]))["edited_text"] == "satu, diperbaiki"
    await api.send(ANI, type="revoke", message_id=sent["id"])
    heard = await api.next(BUDI, after=edit["id"])
    assert (heard["type"], heard["message_id"]) == ("revoke", sent["id"])
    assert (await api.message(BUDI, sent["id"]))["revoked"] is True
    assert await api.call("POST", f"/phones/{BUDI}/messages", {"type": "revoke", "message_id": sent["id"]}) == (
        409,
        "not_own_message",
    )


async def test_places_people_and_polls_arrive_as_they_were_sent(api: PhoneApi) -> None:
    place = {"latitude": -6.2088, "longitude": 106.8456, "name": "Monas", "address": None}
    sent = await api.send(ANI, to=BUDI, location=place)
    assert (await api.next(BUDI))["location"] == place
    card = await api.send(ANI, to=BUDI, contact={"name": "Cici", "phone": CICI})
    heard = (await api.next(BUDI, after=sent["id"]))["contact"]
    assert heard["name"] == "Cici"
    assert f"waid={CICI}" in heard["vcard"]
    poll = {"question": "Kapan?", "options": ["Senin", "Selasa"], "choices": 1}
    await api.send(ANI, to=BUDI, poll=poll)
    assert (await api.next(BUDI, after=card["id"]))["poll"] == poll


async def test_media_arrives_with_the_same_bytes_in_both_directions(api: PhoneApi) -> None:
    image = os.urandom(300_000)
    sent = await api.send(
        ANI,
        to=BUDI,
        type="image",
        caption="lihat",
        media={"base64": base64.b64encode(image).decode(), "mimetype": "image/png"},
    )
    heard = await api.next(BUDI)
    assert (heard["type"], heard["text"], heard["media"]["mimetype"]) == ("image", "lihat", "image/png")
    assert heard["media"]["sha256"] == sent["media"]["sha256"] == hashlib.sha256(image).hexdigest()
    assert await api.ok("GET", f"/phones/{BUDI}/messages/{sent['id']}/media") == image
    assert await api.ok("GET", f"/phones/{ANI}/messages/{sent['id']}/media") == image

    paper = os.urandom(70_000)
    answer = await api.ok(
        "POST",
        f"/phones/{BUDI}/messages",
        form={"to": ANI, "type": "document", "reply_to": sent["id"]},
        files={"file": FileStorage(io.BytesIO(paper), filename="faktur.pdf", content_type="application/pdf")},
    )
    heard = await api.next(ANI, after=sent["id"])
    assert (heard["id"], heard["type"], heard["reply_to"]) == (answer["id"], "document", sent["id"])
    assert (heard["media"]["filename"], heard["media"]["mimetype"]) == ("faktur.pdf", "application/pdf")
    assert await api.ok("GET", f"/phones/{ANI}/messages/{answer['id']}/media") == paper


async def test_typing_is_seen_until_it_pauses_or_the_message_is_there(api: PhoneApi, world: Sandbox) -> None:
    await api.send(ANI, to=BUDI, text="halo")
    await api.next(BUDI)
    for state in ("composing", "recording"):
        await api.ok("POST", f"/phones/{BUDI}/typing", {"to": ANI, "state": state})
        await until(world, ANI, lambda state=state: state in world.chats.handset(ANI).log.typing.values())  # type: ignore[misc]
        (shown,) = (await api.ok("GET", f"/phones/{ANI}/messages"))["typing"]
        assert (shown["from"]["phone"], shown["chat"]["phone"], shown["state"]) == (BUDI, BUDI, state)
    await api.ok("POST", f"/phones/{BUDI}/typing", {"to": ANI, "state": "paused"})
    await until(world, ANI, lambda: not world.chats.handset(ANI).log.typing)


async def test_a_group_of_three_chats_until_one_is_removed(api: PhoneApi) -> None:
    group = await api.ok("POST", f"/phones/{ANI}/groups", {"name": "Keluarga", "participants": [BUDI, CICI]})
    assert group["name"] == "Keluarga"
    assert {member["phone"] for member in group["participants"]} == {ANI, BUDI, CICI}
    sent = await api.send(ANI, to=group["jid"], text="semua")
    for number in (BUDI, CICI):
        heard = await api.next(number)
        assert (heard["text"], heard["from"]["phone"], heard["chat"]["jid"]) == ("semua", ANI, group["jid"])
        assert heard["chat"]["name"] == "Keluarga"
    answer = await api.send(BUDI, to=group["jid"], text="ya", reply_to=sent["id"])
    for number in (ANI, CICI):
        heard = await api.next(number, after=sent["id"])
        assert (heard["text"], heard["from"]["phone"], heard["reply_to"]) == ("ya", BUDI, sent["id"])
    path = f"/phones/{ANI}/groups/{group['jid']}"
    (removed,) = (await api.ok("POST", f"{path}/participants", {"action": "remove", "participants": [CICI]}))[
        "participants"
    ]
    assert (removed["phone"], removed["error"]) == (CICI, None)
    assert {member["phone"] for member in (await api.ok("GET", path))["participants"]} == {ANI, BUDI}
    assert await api.call("POST", f"/phones/{CICI}/messages", {"to": group["jid"], "text": "aku?"}) == (
        409,
        "not_in_group",
    )
    last = await api.send(ANI, to=group["jid"], text="berdua")
    assert (await api.next(BUDI, after=answer["id"]))["id"] == last["id"]
    assert last["id"] not in {message["id"] for message in await api.messages(CICI)}


async def test_what_is_sent_to_a_phone_that_is_offline_waits_in_order(api: PhoneApi, world: Sandbox) -> None:
    await api.ok("POST", f"/phones/{BUDI}/offline", {})
    assert await api.call("POST", f"/phones/{BUDI}/messages", {"to": ANI, "text": "x"}) == (409, "phone_offline")
    sent = [await api.send(ANI, to=BUDI, text=str(number)) for number in range(6)]
    assert {(await api.message(ANI, message["id"]))["status"] for message in sent} == {"sent"}
    await api.ok("POST", f"/phones/{BUDI}/online", {})
    await until(world, BUDI, lambda: len(world.chats.handset(BUDI).log.all()) == 6)
    assert [message["text"] for message in await api.messages(BUDI)] == list("012345")
    for message in sent:
        await status_of(world, ANI, message["id"], "delivered")


async def test_a_phone_comes_back_online_by_itself(api: PhoneApi, world: Sandbox) -> None:
    await api.send(ANI, to=BUDI, text="0")
    await api.next(BUDI)
    await api.ok("POST", f"/phones/{BUDI}/offline", {"seconds": 0.5})
    sent = await api.send(ANI, to=BUDI, text="1")
    await status_of(world, ANI, sent["id"], "delivered")


async def test_a_companion_is_nobody_that_a_person_sees_and_no_fault_strikes_it(api: PhoneApi, world: Sandbox) -> None:
    for fault in ("no_qr", "one_qr", "http_503", "bad_hmac", "lost_515", "client_outdated", "temporary_ban", "silence"):
        world.inject(fault)
    world.inject("drop", seconds=60)
    await api.send(ANI, to=BUDI, text="halo")
    await api.next(BUDI)
    assert (await api.ok("GET", f"/phones/{BUDI}/devices"))["devices"] == []
    assert [phone["devices"] for phone in (await api.ok("GET", "/phones"))["phones"]] == [[], [], []]
    assert all(fault["hit"] == 0 for fault in (await api.ok("GET", "/faults"))["faults"])
    world.inject("device_removed")
    assert (await api.call("DELETE", f"/phones/{BUDI}/devices/100"))[0] == 404
    await api.send(BUDI, to=ANI, text="masih ada")


async def test_phones_and_their_companions_survive_a_restart(tokens: Tokens, tmp_path: Path) -> None:
    with fast_directory(tmp_path) as directory:
        sent = await _before_the_restart(tokens, directory)
        world = Sandbox(tokens, CERTIFICATES, directory / "state.json")
        await world.start()
        let_chat(world, directory)
        api = PhoneApi(world)
        heard = await api.next(BUDI)  # sent while it was away
        assert (heard["id"], heard["text"]) == (sent["id"], "sampai nanti")
        answer = await api.send(BUDI, to=ANI, text="halo lagi")
        assert (await api.next(ANI))["id"] == answer["id"]
        assert {len(phone.devices) for phone in world.phones.all()} == {1}
        await world.stop()


async def _before_the_restart(tokens: Tokens, directory: Path) -> dict[str, Any]:
    world = Sandbox(tokens, CERTIFICATES, directory / "state.json")
    await world.start()
    let_chat(world, directory)
    for number in (ANI, BUDI):
        world.phones.add(number)
    api = PhoneApi(world)
    await api.send(ANI, to=BUDI, text="halo")
    await api.next(BUDI)
    await api.ok("POST", f"/phones/{BUDI}/offline", {})
    sent = await api.send(ANI, to=BUDI, text="sampai nanti")
    await world.stop()
    return sent


async def test_a_phone_can_be_made_to_chat_at_once_or_never(api: PhoneApi, world: Sandbox) -> None:
    await api.ok("POST", "/phones", {"number": "628444444444", "chats": True})
    assert len(world.phones.get("628444444444").devices) == 1
    await api.ok("POST", "/phones", {"number": CICI, "chats": False})
    assert await api.call("POST", f"/phones/{CICI}/messages", {"to": ANI, "text": "x"}) == (409, "chats_unavailable")
    await api.send(ANI, to=CICI, text="tidak ada yang baca")
    assert world.phones.get(CICI).devices == {}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"text": "halo"}, (422, "invalid_input")),
        ({"to": BUDI}, (422, "invalid_input")),
        ({"to": BUDI, "text": ""}, (422, "invalid_input")),
        ({"to": BUDI, "text": "\ud800"}, (422, "invalid_input")),
        ({"to": BUDI, "text": 1}, (422, "invalid_input")),
        ({"to": BUDI, "txet": "halo"}, (422, "invalid_input")),
        ({"to": "08123", "text": "halo"}, (422, "invalid_input")),
        ({"to": "../x@g.us", "text": "halo"}, (422, "invalid_input")),
        ({"to": BUDI, "type": "carrier pigeon", "text": "halo"}, (422, "invalid_input")),
        ({"to": BUDI, "type": "image", "media": {"base64": "file:///etc/passwd"}}, (422, "invalid_input")),
        ({"to": BUDI, "type": "image", "media": {"url": "http://127.0.0.1/"}}, (422, "invalid_input")),
        ({"to": BUDI, "type": "image", "text": "no medium"}, (422, "invalid_input")),
        ({"to": BUDI, "location": {"latitude": 91, "longitude": 0}}, (422, "invalid_input")),
        ({"to": BUDI, "contact": {"name": "x"}}, (422, "invalid_input")),
        ({"to": BUDI, "poll": {"question": "?", "options": ["one"]}}, (422, "invalid_input")),
        ({"to": BUDI, "poll": {"question": "?", "options": ["a", "b"], "choices": 3}}, (422, "invalid_input")),
        ({"reaction": "x", "message_id": "unknown"}, (404, "not_found")),
        ({"to": BUDI, "text": "x", "reply_to": "unknown"}, (404, "not_found")),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_before_anything_happens(
    api: PhoneApi, world: Sandbox, body: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert await api.call("POST", f"/phones/{ANI}/messages", body) == refusal
    assert world.phones.get(ANI).devices == {}


async def test_who_is_not_on_whatsapp_gets_nothing(api: PhoneApi) -> None:
    path = f"/phones/{ANI}/messages"
    assert await api.call("POST", path, {"to": "628999999999", "text": "x"}) == (422, "not_on_whatsapp")
    assert await api.call("POST", "/phones/628999999999/messages", {"to": ANI, "text": "x"}) == (404, "not_found")
    assert await api.call("POST", f"/phones/{ANI}/typing", {"to": BUDI, "state": "dreaming"}) == (422, "invalid_input")


async def test_a_companion_that_cannot_come_up_is_told_to_whoever_wanted_it(
    sandbox: Sandbox, binding: Binding, tmp_path: Path
) -> None:
    sandbox.phones.add(ANI)
    sandbox.let_chat(LocalCompanions(binding, tmp_path / "companions", proxy_url=f"http://127.0.0.1:{_closed_port()}"))
    assert await PhoneApi(sandbox).call("POST", f"/phones/{ANI}/messages", {"to": BUDI, "text": "x"}) == (
        503,
        "not_connected",
    )
    assert sandbox.phones.get(ANI).devices == {}


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_without_companions_nobody_chats(sandbox: Sandbox) -> None:
    sandbox.phones.add(ANI)
    assert await PhoneApi(sandbox).call("POST", f"/phones/{ANI}/messages", {"to": BUDI, "text": "x"}) == (
        409,
        "chats_unavailable",
    )
