"""/api/v1/kliens/{id}/chats, /contacts and /pace."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from talkabiz.domain.content import Text
from talkabiz.domain.heard import MessageHeard, Source
from talkabiz.domain.pace_settings import FASTEST
from tests.edges import Client, House
from tests.web.test_messages import ANI

Json = dict[str, Any]

BUDI, STRANGER = "628222222222", "628999999999"


@pytest.fixture(name="klien_id")
async def _klien_id(house: House) -> int:
    klien_id = await house.add_klien()
    await house.link(klien_id)
    return klien_id


@pytest.fixture(name="path")
async def _path(klien_id: int) -> str:
    return f"/api/v1/kliens/{klien_id}"


async def hear(house: House, admin: Client, path: str, phone: str, text: str) -> Json:
    """Somebody writes; the message, once it has been taken in."""
    jid, wa_id = f"{phone}@s.whatsapp.net", f"3EB0{abs(hash((phone, text))):X}"
    house.clock.advance(1)
    source = Source(wa_id, jid, "", jid, "", from_me=False, is_group=False, at=house.clock.now(), push_name="Ani")
    house.conversations.hear(int(path.rpartition("/")[2]), MessageHeard(source, Text(text), "", b""))
    async with asyncio.timeout(5):
        while True:
            for message in (await admin.ask("GET", f"{path}/messages?direction=in", expect=200))["messages"]:
                if message["wa_id"] == wa_id:
                    return dict(message)
            await asyncio.sleep(0.01)


# --- chats ------------------------------------------------------------------------------------------------------------


async def test_chats_come_newest_first_and_in_pages(house: House, admin: Client, path: str) -> None:
    for n in range(5):
        await hear(house, admin, path, f"62811111111{n}", "hai")
    await hear(house, admin, path, "628111111111", "lagi")
    seen, query = [], "limit=2"
    while query:
        page = await admin.ask("GET", f"{path}/chats?{query}", expect=200)
        seen += [(chat["chat"]["phone"][-1], chat["unread"], chat["last_message"]["text"]) for chat in page["chats"]]
        query = page["next"] and f"limit=2&cursor={page['next']}"
    assert seen == [("1", 2, "lagi"), *((n, 1, "hai") for n in "4320")]


@pytest.mark.parametrize(
    "query", ["cursor=", "cursor=x", "cursor=1", "cursor=1-1-1", f"cursor=1-{2**63}", "limit=0", "x=1"]
)
async def test_a_cursor_is_what_the_page_before_said(admin: Client, path: str, query: str) -> None:
    problem = await admin.refusal("GET", f"{path}/chats?{query}", expect=422, code="invalid_input")
    assert problem["fields"].keys() == {query.partition("=")[0]}


async def test_reading_tells_the_sender_and_leaves_nothing_unread(house: House, admin: Client, path: str) -> None:
    first = await hear(house, admin, path, ANI, "hai")
    message = await hear(house, admin, path, ANI, "ada?")
    read = await admin.ask("POST", f"{path}/messages/{message['id']}/read", expect=200)
    assert read["status"] == "read"
    ((ids, chat, *_),) = house.conversations.of("mark_read")
    assert (set(ids), chat) == ({first["wa_id"], message["wa_id"]}, f"{ANI}@s.whatsapp.net")
    (chat,) = (await admin.ask("GET", f"{path}/chats", expect=200))["chats"]
    assert (chat["unread"], chat["last_message"]["id"]) == (0, message["id"])


async def test_a_call_that_comes_to_nothing_says_so(house: House, admin: Client, path: str) -> None:
    message = await hear(house, admin, path, ANI, "hai")
    house.conversations.failure = "unanswered"
    for where in (f"messages/{message['id']}/read", f"chats/{ANI}/typing", f"chats/{ANI}/presence"):
        await admin.refusal("POST", f"{path}/{where}", expect=503, code="unreachable")
    await admin.refusal("GET", f"{path}/contacts/check?phone={ANI}", expect=503, code="unreachable")


async def test_typing_and_presence_are_of_a_chat(house: House, admin: Client, path: str) -> None:
    await admin.ask("POST", f"{path}/chats/0811-1111-111/typing", json={"state": "recording"}, expect=204)
    await admin.ask("POST", f"{path}/chats/{ANI}@s.whatsapp.net/typing", expect=204)
    await admin.ask("POST", f"{path}/chats/{ANI}/presence", expect=204)
    jid = f"{ANI}@s.whatsapp.net"
    assert house.conversations.of("show_typing") == [[jid, "recording"], [jid, "composing"]]
    assert house.conversations.of("subscribe_presence") == [[jid]]
    for where, body in (("x/typing", {}), (f"{ANI}/typing", {"state": "x"}), ("120363000000000001@g.us/presence", {})):
        await admin.refusal("POST", f"{path}/chats/{where}", json=body, expect=422, code="invalid_input")


async def test_what_needs_a_line_says_that_there_is_none(house: House, admin: Client) -> None:
    path = f"/api/v1/kliens/{await house.add_klien()}"
    for where in (f"chats/{ANI}/typing", f"chats/{ANI}/presence"):
        await admin.refusal("POST", f"{path}/{where}", expect=409, code="illegal_state")
    await admin.refusal("GET", f"{path}/contacts/check?phone={ANI}", expect=409, code="illegal_state")
    assert await admin.ask("GET", f"{path}/chats", expect=200) == {"chats": [], "next": None}
    await admin.refusal("GET", "/api/v1/kliens/99/chats", expect=404, code="not_found")
    await admin.refusal("GET", f"/api/v1/kliens/99/contacts/check?phone={ANI}", expect=404, code="not_found")


# --- contacts ---------------------------------------------------------------------------------------------------------


async def check(admin: Client, path: str, phone: str) -> Json:
    return dict(await admin.ask("GET", f"{path}/contacts/check?phone={phone}", expect=200))


async def test_a_number_is_asked_for_once_a_day(house: House, admin: Client, path: str) -> None:
    first = await check(admin, path, "0811-1111-111")
    assert first == {
        "phone": ANI,
        "on_whatsapp": True,
        "jid": f"{ANI}@s.whatsapp.net",
        "checked_at": "2026-11-24T03:00:00.000Z",
    }
    assert await check(admin, path, STRANGER) == {**first, "phone": STRANGER, "on_whatsapp": False, "jid": None}
    house.clock.advance(timedelta(days=1).total_seconds() - 1)
    for phone in (ANI, "%2B62 811 1111 111", STRANGER):
        await check(admin, path, phone)
    assert house.conversations.of("is_on_whatsapp") == [[(ANI,)], [(STRANGER,)]]
    house.clock.advance(1)
    assert (await check(admin, path, ANI))["checked_at"] == "2026-11-25T03:00:00.000Z"
    assert len(house.conversations.of("is_on_whatsapp")) == 3


async def test_who_is_checked_is_known_by_the_lid_that_comes_back(house: House, admin: Client, path: str) -> None:
    house.conversations.lids[ANI] = "190175705566727@lid"
    for _ in range(2):
        assert (await check(admin, path, ANI))["jid"] == f"{ANI}@s.whatsapp.net"
    message = await admin.ask("POST", f"{path}/messages", json={"to": ANI, "text": "hai"}, expect=202)
    assert (message["to"]["phone"], message["to"]["lid"]) == (ANI, "190175705566727@lid")


async def test_new_numbers_are_rationed_by_klien(house: House, admin: Client, path: str) -> None:
    for n in range(60):
        await check(admin, path, f"6281111112{n:02}")
    problem = await admin.refusal("GET", f"{path}/contacts/check?phone={ANI}", expect=429, code="rate_limited")
    assert problem["retry_after"] == 3600
    await check(admin, path, "628111111259")
    assert len(house.conversations.of("is_on_whatsapp")) == 60
    other = await house.add_klien("Toko Bulan")
    await house.link(other, "628155555555")
    await check(admin, f"/api/v1/kliens/{other}", ANI)
    house.clock.advance(3600)
    await check(admin, path, ANI)


@pytest.mark.parametrize(
    "query", ["", "phone=", "phone=12", "phone=x", f"phone={ANI}&phone={BUDI}", f"phone={ANI}&x=1"]
)
async def test_a_check_names_a_number(admin: Client, path: str, query: str) -> None:
    await admin.refusal("GET", f"{path}/contacts/check?{query}", expect=422, code="invalid_input")


# --- pace -------------------------------------------------------------------------------------------------------------


async def test_a_pace_is_what_was_set_and_careful_otherwise(admin: Client, path: str) -> None:
    careful = await admin.ask("GET", f"{path}/pace", expect=200)
    assert (careful["per_minute"], careful["burst"], careful["zone"], careful["held"]) == (20, 5, "WIB", None)
    wish = {"per_minute": 0, "quiet": {"from": "21:00", "to": "06:00"}, "zone": "WITA", "daily_cap": 200}
    assert await admin.ask("PUT", f"{path}/pace", json=wish, expect=200) == {**careful, **wish}
    shown = await admin.ask("PUT", f"{path}/pace", json={"quiet": None, "paused": False}, expect=200)
    assert shown == {**careful, **wish, "quiet": None}
    assert await admin.ask("PUT", f"{path}/pace", expect=200) == shown
    await admin.refusal("PUT", "/api/v1/kliens/99/pace", json={}, expect=404, code="not_found")
    await admin.refusal("GET", "/api/v1/kliens/99/pace", expect=404, code="not_found")


async def test_null_sets_a_pace_back_to_what_it_is_where_nobody_chose(admin: Client, path: str) -> None:
    careful = await admin.ask("GET", f"{path}/pace", expect=200)
    wish = {
        "per_minute": FASTEST,
        "burst": 9,
        "jitter": 0.1,
        "new_contact_seconds": 0,
        "quiet": {"from": "21:00", "to": "06:00"},
        "zone": "WITA",
        "daily_cap": 200,
        "region": "MY",
    }
    assert await admin.ask("PUT", f"{path}/pace", json=wish, expect=200) == {**careful, **wish}
    one = await admin.ask("PUT", f"{path}/pace", json={"per_minute": None}, expect=200)
    assert one == {**careful, **wish, "per_minute": careful["per_minute"]}
    assert await admin.ask("PUT", f"{path}/pace", json=dict.fromkeys(wish), expect=200) == careful


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"per_minute": -1}, "per_minute"),
        ({"per_minute": 0.05}, "per_minute"),
        ({"per_minute": FASTEST + 1}, "per_minute"),
        ({"paused": None}, "paused"),
        ({"per_minute": "20"}, "per_minute"),
        ({"burst": 0}, "burst"),
        ({"jitter": 2}, "jitter"),
        ({"quiet": {"from": "21:00"}}, "quiet.to"),
        ({"quiet": {"from": "24:00", "to": "06:00"}}, "quiet.from"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"region": "id"}, "region"),
        ({"region": "XX"}, "region"),
        ({"daily_cap": 0}, "daily_cap"),
        ({"paused": True}, "paused"),
        ({"speed": 1}, "speed"),
    ],
)
async def test_a_pace_that_cannot_be_is_refused(admin: Client, path: str, body: Json, field: str) -> None:
    before = await admin.ask("GET", f"{path}/pace", expect=200)
    problem = await admin.refusal("PUT", f"{path}/pace", json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {field}
    assert await admin.ask("GET", f"{path}/pace", expect=200) == before
