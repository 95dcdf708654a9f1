"""Messages through the real command: every kind in both directions; one key for one message, and for one klien."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import samples
from tests.acceptance.shops import (
    ANI,
    BUDI,
    SHOP,
    Person,
    Shop,
    digest,
    jid,
    shop_and_ani,
)
from tests.running import klien_key, until

VCARD = f"BEGIN:VCARD\nVERSION:3.0\nFN:Budi\nTEL;type=CELL;waid={BUDI}:+{BUDI}\nEND:VCARD"
PLACE = {"latitude": -6.2, "longitude": 106.8, "name": "Monas", "address": "Jakarta"}
POLL = {"question": "Kapan?", "options": ["Senin", "Selasa"], "choices": 1}
FILES: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "image": ("image/png", "foto.png", lambda: samples.picture("PNG", (64, 64))),
    "video": ("video/mp4", "film.mp4", lambda: samples.recorded("silent.mp4")),
    "audio": ("audio/mpeg", "lagu.mp3", lambda: samples.recorded("tone.mp3")),
    "voice": ("audio/ogg", "suara.ogg", lambda: samples.recorded("opus.ogg")),
    "document": ("application/pdf", "nota.pdf", lambda: samples.PDF),
    "sticker": ("image/webp", "stiker.webp", lambda: samples.picture("WEBP", (64, 64))),
}
WITH_WORDS = {"image", "video", "document"}


def as_base64(kind: str) -> dict[str, str]:
    mimetype, filename, make = FILES[kind]
    return {"base64": base64.b64encode(make()).decode(), "mimetype": mimetype, "filename": filename}


# --- every kind -------------------------------------------------------------------------------------------------------


async def test_every_kind_arrives_at_the_phone_with_the_same_bytes(home: Path) -> None:
    async with shop_and_ani(home) as (shop, ani):
        asked = await ani.say(SHOP, text="ada?")
        question = await shop.hears(asked["id"])
        there = {
            "text": await shop.post(to=ANI, text="ada @Budi 🙏", reply_to=question["id"], mentions=[BUDI]),
            "location": await shop.post(to=jid(ANI), type="location", location=PLACE),
            "contact": await shop.post(to=f"+{ANI}", type="contact", contact={"name": "Budi", "phone": BUDI}),
            "poll": await shop.post(to=f"0{ANI[2:]}", type="poll", poll=POLL),
            **{kind: await _send_file(shop, kind, way) for way, kind in enumerate(FILES)},
        }
        found = {}
        for kind, message in there.items():
            sent = await shop.becomes(message, "sent", "delivered")
            assert shop.told(message)[:3] == ["queued", "sending", sent["status"]]
            found[kind] = seen = await ani.sees(lambda each, sent=sent: each["id"] == sent["wa_id"])  # type: ignore[misc]
            assert (seen["type"], seen["from"]["phone"]) == (kind, SHOP)
            assert (await shop.becomes(message, "delivered")) | {"seq": 0} == (await shop.shown(message)) | {"seq": 0}
        assert (found["text"]["text"], found["text"]["reply_to"]) == ("ada @Budi 🙏", asked["id"])
        assert found["location"]["location"] == PLACE
        assert found["contact"]["contact"]["name"] == "Budi"
        assert f"waid={BUDI}" in found["contact"]["contact"]["vcard"]
        assert found["poll"]["poll"] == POLL
        for kind, (_, _, make) in FILES.items():
            assert digest(await ani.file(found[kind]["id"])) == digest(make()) == there[kind]["media"]["sha256"]
            assert found[kind]["text"] == ("lihat" if kind in WITH_WORDS else None)
        await _what_is_about_another_one(shop, ani, there["text"], question)


async def _send_file(shop: Shop, kind: str, way: int) -> dict[str, Any]:
    """As JSON, as a form, or uploaded before: each in its turn."""
    mimetype, filename, make = FILES[kind]
    words: dict[str, Any] = {"caption": "lihat"} if kind in WITH_WORDS else {}
    if way % 3 == 0:
        return await shop.post(to=ANI, type=kind, media=as_base64(kind), **words)
    if way % 3 == 1:
        return await shop.upload("messages", make(), mimetype, filename, to=ANI, type=kind, **words)
    stored = await shop.upload("media", make(), mimetype, filename, type=kind)
    return await shop.post(to=ANI, type=kind, media={"media_id": stored["id"]}, **words)


async def _what_is_about_another_one(shop: Shop, ani: Person, mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    wa_id = (await shop.shown(mine))["wa_id"]
    await shop.post(to=ANI, type="reaction", message_id=theirs["id"], reaction="👍")
    await ani.sees(lambda each: [reaction["emoji"] for reaction in each["reactions"]] == ["👍"])
    await shop.post(to=ANI, type="edit", message_id=mine["id"], text="ada satu")
    await ani.sees(lambda each: each["id"] == wa_id and each["edited_text"] == "ada satu")
    await shop.post(to=ANI, type="revoke", message_id=mine["id"])
    await ani.sees(lambda each: each["id"] == wa_id and each["revoked"])
    await shop.becomes(mine, "delivered", fits=lambda told: told["edited_at"] and told["revoked_at"])
    await shop.server.call("POST", f"{shop.path}/messages/{theirs['id']}/read", {})
    await ani.sees(lambda each: each["id"] == theirs["wa_id"] and each["status"] == "read")
    poll = next(each for each in await ani.log() if each["type"] == "poll")
    await shop.phones.call("POST", f"phones/{ANI}/messages/{poll['id']}/read", {})
    await until(lambda: _is_read(shop, poll["id"]))


async def _is_read(shop: Shop, wa_id: str) -> bool:
    return any(each["status"] == "read" for each in await shop.listed() if each["wa_id"] == wa_id)


async def test_every_kind_from_a_phone_is_told_over_the_socket_and_over_rest(home: Path) -> None:
    async with shop_and_ani(home) as (shop, ani):
        first = await ani.say(SHOP, text="halo")
        told = await shop.hears(first["id"])
        parties = {name: {"phone": first[name]["phone"], "lid": first[name]["lid"]} for name in ("chat", "from", "to")}
        assert {name: {"phone": told[name]["phone"], "lid": told[name]["lid"]} for name in parties} == {
            **parties,
            "chat": parties["from"],
        }
        assert (told["from"]["jid"], told["from"]["name"]) == (jid(ANI), "Ani")
        assert (told["direction"], told["source"], told["status"], told["error"]) == ("in", "contact", "received", None)
        about = {"wa_id": first["id"], "message_id": told["id"]}
        kinds: list[tuple[dict[str, Any], str | None, dict[str, Any]]] = [
            ({"type": "location", "location": PLACE}, None, PLACE),
            (
                {"type": "contact", "contact": {"name": "Budi", "vcard": VCARD}},
                None,
                {"name": "Budi", "vcard": VCARD},
            ),
            ({"type": "poll", "poll": POLL}, "Kapan?", {"options": ["Senin", "Selasa"], "choices": 1}),
            ({"type": "reaction", "reaction": "👍", "message_id": first["id"]}, "👍", about),
            ({"type": "edit", "text": "halo!", "message_id": first["id"]}, "halo!", about),
            ({"type": "revoke", "message_id": first["id"]}, None, about),
            *(({"type": kind, "media": as_base64(kind)}, None, {}) for kind in FILES),
        ]
        for body, text, content in kinds:
            heard = await shop.hears((await ani.say(SHOP, **body))["id"])
            assert (heard["type"], heard["text"], heard["content"]) == (body["type"], text, content)
            if body["type"] in FILES:
                heard = await _has_its_file(shop, heard)
            assert heard | {"seq": 0} == (await shop.shown(heard)) | {"seq": 0}
        changed = await shop.shown(told)
        assert (changed["text"], bool(changed["edited_at"]), bool(changed["revoked_at"])) == ("halo!", True, True)
        (chat,) = (await shop.server.call("GET", f"{shop.path}/chats"))["chats"]
        counted = [body for body, _, _ in kinds if "message_id" not in body]  # the others change what is there
        assert (chat["unread"], chat["last_message"]["type"]) == (len(counted) + 1, "sticker")


async def _has_its_file(shop: Shop, heard: dict[str, Any]) -> dict[str, Any]:
    """As it is told once the file has been fetched; it is what was sent, and nothing that a browser would show."""
    data = FILES[heard["type"]][2]()
    if heard["media"]["status"] != "stored":
        heard = await shop.becomes(heard, "received", fits=lambda told: told["media"]["status"] == "stored")
    answer = await shop.server.http.get(heard["media"]["url"])
    assert digest(answer.content) == digest(data) == heard["media"]["sha256"]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return heard


# --- one key, one message; one key, one klien -------------------------------------------------------------------------


async def test_one_key_from_fifty_callers_at_once_is_one_message(home: Path) -> None:
    async with shop_and_ani(home) as (shop, ani):
        http, path, headers = shop.server.http, f"{shop.path}/messages", {"Idempotency-Key": "pesanan-17"}
        body = {"to": ANI, "text": "Pesanan 17 siap"}
        answers = await asyncio.gather(*(http.post(path, json=body, headers=headers) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 49
        others = [http.post(path, json=body | {"text": f"Pesanan {each}"}, headers=headers) for each in range(10)]
        for answer in await asyncio.gather(*others):
            assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        again = await http.post(path, json=dict(reversed(body.items())), headers=headers)
        assert (again.status_code, again.json()["id"]) == (202, answers[0].json()["id"])
        await shop.becomes(await shop.post(to=ANI, text="lain"), "sent", "delivered")
        await ani.gets("lain")
        assert await ani.texts() == ["Pesanan 17 siap", "lain"]
        assert len(await shop.listed()) == 2


async def test_another_kliens_key_finds_neither_message_nor_file(home: Path) -> None:
    async with shop_and_ani(home) as (shop, ani):
        other = await shop.server.add_klien("Toko Bulan")
        mine, theirs = await klien_key(home, shop.klien_id), await klien_key(home, other)
        sent = await shop.post(to=ANI, type="image", media=as_base64("image"))
        heard = await shop.hears((await ani.say(SHOP, type="image", media=as_base64("image")))["id"])
        things = [f"messages/{each['id']}" for each in (sent, heard)]
        things += [f"media/{each['media']['id']}" for each in (sent, heard)]
        asked = [("GET", thing) for thing in (*things, "messages", "chats", "pace", f"contacts/check?phone={ANI}")]
        asked += [("POST", f"{things[0]}/cancel"), ("POST", f"{things[1]}/read"), ("POST", "messages")]
        for method, path in asked:
            body = ({"to": ANI, "text": "x"} if path == "messages" else {}) if method == "POST" else None
            for klien_id in (shop.klien_id, other) if "/" in path.split("?")[0] and "contacts" not in path else (1,):
                url, headers = f"/api/v1/kliens/{klien_id}/{path}", {"Authorization": f"Bearer {theirs}"}
                answer = await shop.server.http.request(method, url, headers=headers, json=body)
                assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (url, answer.text)
        for thing in things:
            answer = await shop.server.http.get(f"{shop.path}/{thing}", headers={"Authorization": f"Bearer {mine}"})
            assert answer.status_code == 200, answer.text
