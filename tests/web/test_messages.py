"""/api/v1/kliens/{id}/messages: what is accepted, what is refused, and that nothing is accepted twice."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import pytest
from quart.datastructures import FileStorage

from talkabiz.domain.access import Scope
from talkabiz.domain.content import Kind
from talkabiz.domain.errors import IllegalState
from talkabiz.store.database import connected
from tests.edges import Client, House

Json = dict[str, Any]

ANI, GROUP = "628111111111", "120363000000000001@g.us"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PNG_TEXT = base64.b64encode(PNG).decode()
PNG_URL = "https://example.com/nota.png"


@pytest.fixture(name="klien_id")
async def _klien_id(house: House) -> int:
    """Linked, with a queue that stands still."""
    klien_id = await house.add_klien()
    await house.link(klien_id)
    return klien_id


@pytest.fixture(name="path")
async def _path(klien_id: int) -> str:
    return f"/api/v1/kliens/{klien_id}/messages"


@pytest.fixture(name="sender")
async def _sender(house: House, klien_id: int) -> Client:
    return house.client(await house.key_of(klien_id, Scope.MESSAGE))


def form(data: bytes = PNG, filename: str = "nota.png", **fields: str) -> Json:
    return {"form": fields, "files": {"file": FileStorage(io.BytesIO(data), filename, content_type="image/png")}}


async def everything(admin: Client, path: str) -> list[Json]:
    return list((await admin.ask("GET", path, expect=200))["messages"])


# --- accepting --------------------------------------------------------------------------------------------------------


async def test_a_message_is_accepted_and_can_be_looked_at(sender: Client, path: str, klien_id: int) -> None:
    answer = await sender.send("POST", path, json={"to": "0811-1111-111", "text": "halo"})
    message = await answer.get_json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"{path}/{message['id']}")
    assert (message["klien_id"], message["type"], message["text"]) == (klien_id, "text", "halo")
    assert (message["direction"], message["source"], message["status"]) == ("out", "api", "queued")
    assert (message["chat"]["phone"], message["to"]["jid"]) == (ANI, f"{ANI}@s.whatsapp.net")
    assert message["from"]["phone"] == "628123456789"
    assert (message["position"], message["held"]) == (0, None)
    assert "Idempotent-Replayed" not in answer.headers
    shown = await sender.ask("GET", answer.headers["Location"], expect=200)
    changing = {"status", "status_at", "position", "held"}
    assert {name: shown[name] for name in shown if name not in changing} == {
        name: message[name] for name in message if name not in changing
    }


KINDS: list[tuple[Json, Json]] = [
    ({"text": "halo", "mentions": [ANI]}, {"type": "text", "mentions": [f"{ANI}@s.whatsapp.net"], "content": {}}),
    ({"text": "lihat https://a.example", "preview": True}, {"content": {"preview": True}}),
    ({"text": "lihat https://a.example", "preview": False}, {"content": {}}),
    (
        {"type": "location", "location": {"latitude": -6.2, "longitude": 106}},
        {"text": None, "content": {"latitude": -6.2, "longitude": 106.0, "name": "", "address": ""}},
    ),
    (
        {"type": "contact", "contact": {"name": "Ani, S.H.", "phone": "0811-1111-111"}},
        {
            "content": {
                "name": "Ani, S.H.",
                "vcard": "BEGIN:VCARD\nVERSION:3.0\nN:;Ani\\, S.H.;;;\nFN:Ani\\, S.H.\n"
                f"TEL;type=CELL;type=VOICE;waid={ANI}:+{ANI}\nEND:VCARD",
            }
        },
    ),
    (
        {"type": "contact", "contact": {"name": "Ani", "vcard": "BEGIN:VCARD\nEND:VCARD"}},
        {"content": {"name": "Ani", "vcard": "BEGIN:VCARD\nEND:VCARD"}},
    ),
    (
        {"type": "poll", "poll": {"question": "Kapan?", "options": ["Pagi", "Sore"]}},
        {"text": "Kapan?", "content": {"options": ["Pagi", "Sore"], "choices": 1}},
    ),
    (
        {"type": "image", "media": {"base64": base64.b64encode(PNG).decode(), "filename": "a.png"}, "caption": "Nota"},
        {"text": "Nota"},
    ),
    ({"type": "image", "media": {"url": PNG_URL}}, {"text": None}),
    ({"type": "document", "media": {"base64": base64.b64encode(b"isi").decode(), "mimetype": "text/plain"}}, {}),
]


@pytest.mark.parametrize(
    ("body", "expected"), KINDS, ids=[f"{n}-{body.get('type')}" for n, (body, _) in enumerate(KINDS)]
)
async def test_each_kind_is_taken_as_it_is_written(
    house: House, sender: Client, path: str, body: Json, expected: Json
) -> None:
    house.fetch.files[PNG_URL] = (PNG, "image/png")
    message = await sender.ask("POST", path, json={"to": ANI, **body}, expect=202)
    assert message["type"] == body.get("type", "text")
    assert {name: message[name] for name in expected} == expected
    assert (message["media"] is not None) == (Kind(message["type"]) in {Kind.IMAGE, Kind.DOCUMENT})


async def test_a_file_goes_along_as_a_form(house: House, sender: Client, path: str) -> None:
    how = form(to=ANI, type="image", caption="Nota", expires_in="60")
    message = await sender.ask("POST", path, **how, expect=202)
    assert (message["type"], message["text"], message["media"]["status"]) == ("image", "Nota", "stored")
    assert message["expires_at"] is not None
    answer = await sender.send("GET", message["media"]["url"])
    assert await answer.get_data() == PNG
    assert (await sender.ask("POST", path, **form(to=ANI), expect=202))["type"] == "document"


async def test_a_form_may_mention_as_many(sender: Client, path: str) -> None:
    names = "".join(f'--x\r\nContent-Disposition: form-data; name="mentions"\r\n\r\n{ANI}\r\n' for _ in range(256))
    file = '--x\r\nContent-Disposition: form-data; name="file"; filename="nota.txt"\r\n\r\nisi\r\n--x--\r\n'
    to = f'--x\r\nContent-Disposition: form-data; name="to"\r\n\r\n{GROUP}\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    message = await sender.ask("POST", path, data=(names + to + file).encode(), headers=headers, expect=202)
    assert len(message["mentions"]) == 256


async def test_a_file_that_is_there_can_be_sent_again(sender: Client, path: str) -> None:
    media = await sender.ask("POST", path.replace("/messages", "/media"), **form(), expect=201)
    body = {"to": ANI, "type": "image", "media": {"media_id": media["id"]}}
    for _ in range(2):
        assert (await sender.ask("POST", path, json=body, expect=202))["media"]["id"] == media["id"]


async def test_what_is_about_another_message_names_it(house: House, sender: Client, path: str) -> None:
    first = await sent(house, sender, path)
    for ref in (first["id"], first["wa_id"]):
        reply = await sender.ask("POST", path, json={"to": ANI, "text": "ya", "reply_to": ref}, expect=202)
        assert reply["reply_to"] == first["wa_id"]
        body = {"to": ANI, "type": "reaction", "reaction": "👍", "message_id": ref}
        reaction = await sender.ask("POST", path, json=body, expect=202)
        assert (reaction["text"], reaction["content"]) == ("👍", {"wa_id": first["wa_id"], "message_id": first["id"]})
    for body in ({"type": "edit", "text": "halo!"}, {"type": "revoke"}):
        message = await sender.ask("POST", path, json={"to": ANI, "message_id": first["id"], **body}, expect=202)
        assert message["content"]["message_id"] == first["id"]
    body = {"to": ANI, "text": "ya", "reply_to": 99}
    problem = await sender.refusal("POST", path, json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"reply_to"}


async def test_an_earlier_message_is_sent_on_to_another_chat(house: House, sender: Client, path: str) -> None:
    first = await sent(house, sender, path)
    assert first["forwarded"] is False
    for ref in (first["id"], first["wa_id"]):
        body, headers = {"to": GROUP, "type": "forward", "message_id": ref}, {"Idempotency-Key": f"forward-{ref}"}
        message = await sender.ask("POST", path, json=body, headers=headers, expect=202)
        assert (message["type"], message["text"], message["forwarded"]) == ("text", "halo", True)
        assert (message["chat"]["jid"], message["content"]) == (GROUP, {})
        again = await sender.ask("POST", path, json=body, headers=headers, expect=202)
        assert again["id"] == message["id"]
    other = await house.add_klien("Toko Bulan")
    await house.link(other, "628155555555")
    theirs = house.client(await house.key_of(other, Scope.MESSAGE))
    body = {"to": ANI, "type": "forward", "message_id": first["id"]}
    problem = await theirs.refusal(
        "POST", f"/api/v1/kliens/{other}/messages", json=body, expect=422, code="invalid_input"
    )
    assert problem["fields"] == {"message_id": "message_id: there is no such message."}


async def sent(house: House, client: Client, path: str) -> Json:
    """A message that has left."""
    house.conversations.may_send.set()
    message = await client.ask("POST", path, json={"to": ANI, "text": "halo"}, expect=202)
    async with asyncio.timeout(5):
        while message["status"] != "sent":
            await asyncio.sleep(0.01)
            message = await client.ask("GET", f"{path}/{message['id']}", expect=200)
    house.conversations.may_send.clear()
    return dict(message)


# --- what is refused --------------------------------------------------------------------------------------------------

WRONG: list[tuple[object, set[str]]] = [
    ({}, {"to", "text"}),
    ({"to": ANI}, {"text"}),
    ({"to": 628111111111, "text": "x"}, {"to"}),
    ({"to": "", "text": "x"}, {"to"}),
    ({"to": "12", "text": "x"}, {"to"}),
    ({"to": "x@y", "text": "x"}, {"to"}),
    ({"to": ANI, "text": ""}, {"text"}),
    ({"to": ANI, "text": "x" * 65537}, {"text"}),
    ({"to": ANI, "text": "x", "txt": "y"}, {"txt"}),
    ({"to": ANI, "text": "x", "caption": "y"}, {"caption"}),
    ({"to": ANI, "text": "x", "type": "image"}, {"text", "media"}),
    ({"to": ANI, "text": "x", "type": "TEXT"}, {"body"}),
    ({"to": ANI, "text": "x", "type": None}, {"body"}),
    ({"to": ANI, "text": "x", "type": "unknown"}, {"body"}),
    ([], {"body"}),
    ("text", {"body"}),
    ({"to": ANI, "text": "x", "send_at": "besok"}, {"send_at"}),
    ({"to": ANI, "text": "x", "send_at": "2026-11-25T10:00:00"}, {"send_at"}),
    ({"to": ANI, "text": "x", "send_at": "2099-11-25T10:00:00Z"}, {"send_at"}),
    ({"to": ANI, "text": "x", "send_at": 1}, {"send_at"}),
    ({"to": ANI, "text": "x", "expires_in": 0}, {"expires_in"}),
    ({"to": ANI, "text": "x", "expires_in": "60"}, {"expires_in"}),
    ({"to": ANI, "text": "x", "expires_in": True}, {"expires_in"}),
    ({"to": ANI, "text": "x", "mentions": "628"}, {"mentions"}),
    ({"to": ANI, "text": "x", "mentions": [1]}, {"mentions.0"}),
    ({"to": ANI, "text": "x", "reply_to": True}, {"reply_to"}),
    ({"to": ANI, "text": "x", "reply_to": "a b"}, {"reply_to"}),
    ({"to": ANI, "type": "image"}, {"media"}),
    ({"to": ANI, "type": "image", "media": {}}, {"media"}),
    ({"to": ANI, "type": "image", "media": "https://example.com"}, {"media"}),
    ({"to": ANI, "type": "image", "media": {"url": PNG_URL, "base64": "x"}}, {"media"}),
    ({"to": ANI, "type": "image", "media": {"url": 1}}, {"media.url"}),
    ({"to": ANI, "type": "image", "media": {"path": "/etc/passwd"}}, {"media"}),
    ({"to": ANI, "type": "image", "media": {"media_id": "1"}}, {"media.media_id"}),
    ({"to": ANI, "type": "voice", "media": {"media_id": 1}, "caption": "x"}, {"caption"}),
    ({"to": ANI, "type": "location", "location": {"latitude": 91, "longitude": 0}}, {"location.latitude"}),
    ({"to": ANI, "type": "location", "location": {"latitude": "1", "longitude": 0}}, {"location.latitude"}),
    ({"to": ANI, "type": "contact", "contact": {"name": "x"}}, {"contact"}),
    ({"to": ANI, "type": "contact", "contact": {"name": "x", "phone": "x"}}, {"contact.phone"}),
    ({"to": ANI, "type": "contact", "contact": {"name": "x", "vcard": "x"}}, {"contact.vcard"}),
    ({"to": ANI, "type": "poll", "poll": {"question": "?", "options": ["a"]}}, {"poll.options"}),
    ({"to": ANI, "type": "poll", "poll": {"question": "?", "options": ["a", "a"]}}, {"options"}),
    ({"to": ANI, "type": "poll", "poll": {"question": "?", "options": ["a", "b"], "choices": 3}}, {"choices"}),
    ({"to": ANI, "type": "reaction", "reaction": "👍"}, {"message_id"}),
    ({"to": ANI, "type": "revoke", "message_id": 99}, {"message_id"}),
    ({"to": ANI, "type": "revoke", "message_id": 1, "reply_to": 1}, {"reply_to"}),
    ({"to": ANI, "text": "x", "preview": 1}, {"preview"}),
    ({"to": ANI, "text": "x", "preview": "true"}, {"preview"}),
    ({"to": ANI, "text": "x", "preview": None}, {"preview"}),
    ({"to": ANI, "type": "edit", "message_id": 1, "text": "x", "preview": True}, {"preview"}),
    ({"to": ANI, "type": "document", "media": {"base64": "eA=="}, "preview": True}, {"preview"}),
    ({"to": ANI, "type": "forward", "message_id": 1, "preview": True}, {"preview"}),
    ({"to": ANI, "type": "forward"}, {"message_id"}),
    ({"to": ANI, "type": "forward", "message_id": 99}, {"message_id"}),
    ({"to": ANI, "type": "forward", "message_id": True}, {"message_id"}),
    ({"to": ANI, "type": "forward", "message_id": 1, "text": "x"}, {"text"}),
    ({"to": ANI, "type": "forward", "message_id": 1, "reply_to": 1}, {"reply_to"}),
    ({"to": "x@y", "type": "forward", "message_id": 99}, {"message_id"}),
]


@pytest.mark.parametrize(("body", "fields"), WRONG, ids=[str(n) for n in range(len(WRONG))])
async def test_what_is_wrong_is_named_and_nothing_is_kept(
    house: House, sender: Client, path: str, body: object, fields: set[str]
) -> None:
    problem = await sender.refusal("POST", path, json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == fields
    assert await everything(sender, path) == []
    assert house.conversations.asked == []


@pytest.mark.parametrize(
    ("how", "fields"),
    [
        ({"form": {"to": ANI}, "files": {}}, {"file"}),
        (form(), {"to"}),
        (form(to=ANI, text="x"), {"text"}),
        (form(to=ANI, type="text"), {"type"}),
        (form(to=ANI, expires_in="x"), {"expires_in"}),
        (form(to=ANI, media="x"), {"media"}),
        (form(to=ANI, preview="true"), {"preview"}),
    ],
)
async def test_a_form_is_read_as_strictly(sender: Client, path: str, how: Json, fields: set[str]) -> None:
    headers = {} if how["files"] else {"Content-Type": "multipart/form-data; boundary=x"}
    if headers:
        how = {"data": b"--x--\r\n", "headers": headers}
    problem = await sender.refusal("POST", path, **how, expect=422, code="invalid_input")
    assert problem["fields"].keys() == fields
    assert await everything(sender, path) == []


async def test_files_are_refused_by_their_codes(house: House, sender: Client, path: str) -> None:
    house.fetch.files[PNG_URL] = (b"<html>", "image/png")
    for media, status, code in (
        ({"url": "http://127.0.0.1/x"}, 422, "url_refused"),
        ({"url": PNG_URL}, 422, "url_bad_type"),
        ({"base64": base64.b64encode(b"no picture").decode()}, 422, "media_refused"),
        ({"media_id": 99}, 404, "not_found"),
    ):
        body = {"to": ANI, "type": "image", "media": media}
        await sender.refusal("POST", path, json=body, expect=status, code=code)
    body = {"to": ANI, "type": "image", "media": {"base64": "%%%"}}
    problem = await sender.refusal("POST", path, json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"media.base64"}
    assert await everything(sender, path) == []


async def test_without_a_linked_device_nothing_is_accepted(house: House, admin: Client) -> None:
    unlinked = await house.add_klien("Toko Bulan")
    body = {"to": ANI, "text": "halo"}
    await admin.refusal("POST", f"/api/v1/kliens/{unlinked}/messages", json=body, expect=409, code="illegal_state")
    await admin.refusal("POST", "/api/v1/kliens/99/messages", json=body, expect=404, code="not_found")


# --- once -------------------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_are_one_message(sender: Client, path: str) -> None:
    headers, body = {"Idempotency-Key": "order-1"}, {"to": ANI, "text": "halo"}
    first = await sender.ask("POST", path, json=body, headers=headers, expect=202)
    again = await sender.send("POST", path, data=b'{ "text":"halo",  "to": "628111111111" }', headers=headers)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert (await again.get_json())["id"] == first["id"]
    other = {**body, "text": "halo!"}
    await sender.refusal("POST", path, json=other, headers=headers, expect=422, code="idempotency_key_reused")
    await sender.ask("POST", path, json=body, headers={"Idempotency-Key": "order-2"}, expect=202)
    await sender.ask("POST", path, json=body, expect=202)
    assert len(await everything(sender, path)) == 3


async def test_fifty_at_once_with_one_key_are_one_message(sender: Client, path: str) -> None:
    headers, body = {"Idempotency-Key": "order-1"}, {"to": ANI, "text": "halo"}
    answers = await asyncio.gather(*(sender.send("POST", path, json=body, headers=headers) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({(await answer.get_json())["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert len(await everything(sender, path)) == 1


async def test_another_kliens_key_is_another_key(house: House, admin: Client, path: str) -> None:
    other = await house.add_klien("Toko Bulan")
    await house.link(other, "628155555555")
    headers, body = {"Idempotency-Key": "order-1"}, {"to": ANI, "text": "halo"}
    for where in (path, f"/api/v1/kliens/{other}/messages"):
        answer = await admin.send("POST", where, json=body, headers=headers)
        assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (202, False)


async def test_a_file_is_part_of_what_a_key_stands_for(house: House, sender: Client, path: str) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = await sender.ask("POST", path, **form(to=ANI, type="document"), headers=headers, expect=202)
    again = await sender.ask("POST", path, **form(to=ANI, type="document"), headers=headers, expect=202)
    assert again["media"] == first["media"], "it isn't stored a second time"
    how = form(b"other", to=ANI, type="document")
    await sender.refusal("POST", path, **how, headers=headers, expect=422, code="idempotency_key_reused")
    house.fetch.files[PNG_URL] = (PNG, "image/png")
    body, headers = {"to": ANI, "type": "image", "media": {"url": PNG_URL}}, {"Idempotency-Key": "order-2"}
    for _ in range(2):
        await sender.ask("POST", path, json=body, headers=headers, expect=202)
    assert house.fetch.asked == [PNG_URL]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "kunci-é", "a\tb"])
async def test_a_key_is_visible_ascii(sender: Client, path: str, key: str) -> None:
    body, headers = {"to": ANI, "text": "halo"}, {"Idempotency-Key": key}
    problem = await sender.refusal("POST", path, json=body, headers=headers, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"Idempotency-Key"}
    assert await everything(sender, path) == []


async def test_a_long_key_is_a_key(sender: Client, path: str) -> None:
    headers = {"Idempotency-Key": "".join(map(chr, range(33, 127))) + "x" * 161}
    for replayed in (False, True):
        answer = await sender.send("POST", path, json={"to": ANI, "text": "halo"}, headers=headers)
        assert ("Idempotent-Replayed" in answer.headers) is replayed


# --- files that nobody needs ------------------------------------------------------------------------------------------


def kept(tmp_path: Path) -> list[Path]:
    return [file for file in (tmp_path / "media").rglob("*") if file.is_file()]


async def rows() -> int:
    return len((await connected().execute_query("SELECT id FROM media"))[1])


async def test_a_file_of_a_message_that_cannot_be_is_not_even_fetched(
    house: House, admin: Client, sender: Client, path: str, tmp_path: Path
) -> None:
    house.fetch.files[PNG_URL] = (PNG, "image/png")
    body: Json = {"to": ANI, "type": "image", "media": {"url": PNG_URL}}
    for wrong in ({"to": "12"}, {"reply_to": 99}, {"send_at": "2099-11-25T10:00:00Z"}, {"mentions": ["12"]}):
        problem = await sender.refusal("POST", path, json={**body, **wrong}, expect=422, code="invalid_input")
        assert problem["fields"].keys() == wrong.keys()
    unlinked = f"/api/v1/kliens/{await house.add_klien('Toko Bulan')}/messages"
    for how in ({"json": body}, {"json": {**body, "media": {"base64": PNG_TEXT}}}, form(to=ANI)):
        await admin.refusal("POST", unlinked, **how, expect=409, code="illegal_state")
    assert (house.fetch.asked, kept(tmp_path), await rows()) == ([], [], 0)


async def test_a_file_goes_with_the_message_that_was_refused_meanwhile(
    house: House, sender: Client, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_: Any, **__: Any) -> None:
        assert len(kept(tmp_path)) == 1
        raise IllegalState

    monkeypatch.setattr(house.desk.messages, "send", send)
    await sender.refusal("POST", path, **form(to=ANI), expect=409, code="illegal_state")
    assert (kept(tmp_path), await rows()) == ([], 0)


async def test_ten_at_once_with_one_key_store_one_file(sender: Client, path: str, tmp_path: Path) -> None:
    headers = {"Idempotency-Key": "order-1"}
    answers = await asyncio.gather(
        *(sender.ask("POST", path, **form(to=ANI, type="image"), headers=headers, expect=202) for _ in range(10))
    )
    assert len({answer["media"]["id"] for answer in answers}) == 1
    assert (len(kept(tmp_path)), await rows()) == (1, 1)
    assert await (await sender.send("GET", answers[0]["media"]["url"])).get_data() == PNG


async def test_an_uploaded_file_stays_whatever_becomes_of_its_message(
    sender: Client, path: str, tmp_path: Path
) -> None:
    media = await sender.ask("POST", path.replace("/messages", "/media"), **form(), expect=201)
    body = {"to": ANI, "type": "image", "media": {"media_id": media["id"]}, "reply_to": 99}
    await sender.refusal("POST", path, json=body, expect=422, code="invalid_input")
    assert (len(kept(tmp_path)), await rows()) == (1, 1)


async def test_a_file_that_a_message_has_is_not_removed(
    house: House, klien_id: int, sender: Client, path: str, tmp_path: Path
) -> None:
    message = await sender.ask("POST", path, **form(to=ANI), expect=202)
    await house.desk.media.remove(klien_id, message["media"]["id"])
    assert (len(kept(tmp_path)), await rows()) == (1, 1)


# --- looking, cancelling, reading -------------------------------------------------------------------------------------


async def test_messages_are_paged_by_id(sender: Client, path: str) -> None:
    for n in range(5):
        await sender.ask("POST", path, json={"to": ANI if n else GROUP, "text": str(n)}, expect=202)
    seen: list[str] = []
    since: int | None = 0
    while since is not None:
        page = await sender.ask("GET", f"{path}?since={since}&limit=2", expect=200)
        seen += [message["text"] for message in page["messages"]]
        since = page["next"]
    assert seen == ["0", "1", "2", "3", "4"]
    for query, texts in (
        (f"chat={ANI}", "1234"),
        ("chat=0811-1111-111", "1234"),
        (f"chat={GROUP}", "0"),
        ("chat=628999999999", ""),
        ("direction=in", ""),
        ("direction=out", "01234"),
        ("status=failed", ""),
    ):
        page = await sender.ask("GET", f"{path}?{query}", expect=200)
        assert "".join(message["text"] for message in page["messages"]) == texts, query
        assert page["next"] is None


@pytest.mark.parametrize(
    "query",
    ["chat=x", "chat=", "direction=both", "status=x", "since=-1", "limit=0", "limit=501", "page=1", "since=1&since=2"],
)
async def test_a_query_is_as_strict(sender: Client, path: str, query: str) -> None:
    problem = await sender.refusal("GET", f"{path}?{query}", expect=422, code="invalid_input")
    assert problem["fields"].keys() == {query.partition("=")[0]}


async def test_what_waits_can_be_cancelled(house: House, sender: Client, path: str) -> None:
    held = {"per_minute": 20, "quiet": {"from": "00:00", "to": "23:59"}, "zone": "WIB"}
    await sender.ask("PUT", path.replace("/messages", "/pace"), json=held, expect=200)
    message = await sender.ask("POST", path, json={"to": ANI, "text": "halo"}, expect=202)
    assert message["held"]["reason"] == "quiet_hours"
    cancelled = await sender.ask("POST", f"{path}/{message['id']}/cancel", expect=200)
    assert (cancelled["status"], "position" in cancelled) == ("cancelled", False)
    await sender.refusal("POST", f"{path}/{message['id']}/cancel", expect=409, code="illegal_state")
    await sender.refusal("POST", f"{path}/99/cancel", expect=404, code="not_found")
    await sender.refusal("POST", f"{path}/{message['id']}/read", expect=409, code="illegal_state")


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_a_key_for_reading_reads_alone(house: House, klien_id: int, sender: Client, path: str) -> None:
    message = await sender.ask("POST", path, json={"to": ANI, "text": "halo"}, expect=202)
    reader = house.client(await house.key_of(klien_id, Scope.READ))
    assert (await everything(reader, path))[0]["id"] == message["id"]
    for where in (path, f"{path}/{message['id']}/cancel", f"{path}/{message['id']}/read"):
        await reader.refusal("POST", where, json={}, expect=403, code="missing_scope")
    linking = house.client(await house.key_of(klien_id, Scope.SESSION))
    await linking.refusal("GET", path, expect=403, code="missing_scope")
    events = (await linking.ask("GET", f"/api/v1/kliens/{klien_id}/events", expect=200))["events"]
    assert {event["type"] for event in events} == {"qr_requested", "qr_ready", "scanning", "connected"}
    events = (await reader.ask("GET", f"/api/v1/kliens/{klien_id}/events", expect=200))["events"]
    assert "message" in {event["type"] for event in events}


# --- the older path ---------------------------------------------------------------------------------------------------


async def test_the_older_path_sends_texts(house: House, klien_id: int, sender: Client, path: str) -> None:
    for client, body in ((sender, {}), (house.client(), {"klien_id": klien_id})):
        answer = await client.ask("POST", "/api/message/send", json={**body, "to": ANI, "text": "halo"}, expect=202)
        assert (answer["klien_id"], answer["text"], answer["status"]) == (klien_id, "halo", "queued")
    headers = {"Idempotency-Key": "order-1"}
    found = [
        await client.ask(
            "POST", "/api/message/send", json={**body, "to": ANI, "text": "x"}, headers=headers, expect=202
        )
        for client, body in ((sender, {}), (house.client(), {"klien_id": klien_id}))
    ]
    assert found[0]["id"] == found[1]["id"], "whoever names the klien, and where"
    assert len(await everything(sender, path)) == 3
    await sender.refusal("POST", "/api/message/send", json={"to": ANI}, expect=422, code="invalid_input")
