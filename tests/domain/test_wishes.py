from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from talkabiz.domain.content import MEDIA, Kind
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.wishes import POINTING, Wish, checked, parse_address

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Ani\nEND:VCARD"

WISHES: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: {"text": "halo"},
    Kind.LOCATION: {"content": {"latitude": -6, "longitude": 106.8}},
    Kind.CONTACT: {"content": {"name": "Ani", "vcard": VCARD}},
    Kind.POLL: {"text": "Jam?", "content": {"options": ["9", "10"]}},
    Kind.REACTION: {"text": "👍", "content": {"message_id": 7}},
    Kind.EDIT: {"text": "halo lagi", "content": {"message_id": "3EB0AA"}},
    Kind.REVOKE: {"content": {"message_id": 7}},
    **{kind: {"media_id": 3} for kind in MEDIA},
}


def wish(kind: Kind = Kind.TEXT, to: str = "0812-3456-7890", **more: Any) -> Wish:
    return Wish(to, kind, **{**WISHES[kind], **more})


def test_each_kind_can_be_wished_for() -> None:
    assert set(WISHES) == set(Kind) - {Kind.UNKNOWN}
    for kind in WISHES:
        assert checked(wish(kind), NOW).to == "6281234567890@s.whatsapp.net"


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("081234567890", "6281234567890@s.whatsapp.net"),
        ("+62 812-3456-7890", "6281234567890@s.whatsapp.net"),
        ("6281234567890@s.whatsapp.net", "6281234567890@s.whatsapp.net"),
        ("6281234567890:12@s.whatsapp.net", "6281234567890@s.whatsapp.net"),
        ("6281234567890@c.us", "6281234567890@s.whatsapp.net"),
        ("91234567890123@lid", "91234567890123@lid"),
        ("120363012345678901@g.us", "120363012345678901@g.us"),
        ("6281234567890-1580000000@g.us", "6281234567890-1580000000@g.us"),
    ],
)
def test_an_address_in_any_spelling_is_a_jid(text: str, jid: str) -> None:
    assert parse_address(text) == jid


def test_a_number_without_a_country_code_belongs_to_the_region() -> None:
    assert parse_address("012-345 6789", "MY") == "60123456789@s.whatsapp.net"


@pytest.mark.parametrize(
    "text",
    ["", "Ani", "12@s.whatsapp.net", "status@broadcast", "120363@newsletter", "a@g.us", "1-2-3@g.us", "0@lid", "x@y@z"],
)
def test_what_is_neither_person_nor_group_is_no_address(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_address(text, field="chat")
    assert list(refused.value.fields) == ["chat"]


def test_what_is_not_told_of_a_place_is_empty_and_degrees_are_numbers() -> None:
    content = checked(wish(Kind.LOCATION), NOW).content
    assert content == {"latitude": -6.0, "longitude": 106.8, "name": "", "address": ""}
    assert isinstance(content["latitude"], float)


def test_a_poll_allows_one_choice_if_nothing_else_is_said() -> None:
    assert checked(wish(Kind.POLL), NOW).content == {"options": ["9", "10"], "choices": 1}


def test_a_reaction_is_taken_back_by_none() -> None:
    assert checked(wish(Kind.REACTION, text=""), NOW).text == ""


def test_mentions_are_jids() -> None:
    told = checked(wish(mentions=("0812 3456 7890", "9123456@lid")), NOW)
    assert told.mentions == ("6281234567890@s.whatsapp.net", "9123456@lid")


@pytest.mark.parametrize(
    ("kind", "more", "field"),
    [
        (Kind.TEXT, {"to": "nobody"}, "to"),
        (Kind.TEXT, {"text": None}, "text"),
        (Kind.TEXT, {"text": " \n"}, "text"),
        (Kind.TEXT, {"text": "x" * 65_537}, "text"),
        (Kind.TEXT, {"text": "a\0b"}, "text"),
        (Kind.TEXT, {"text": "\ud800"}, "text"),
        (Kind.TEXT, {"media_id": 3}, "media"),
        (Kind.TEXT, {"content": {"latitude": 1}}, "latitude"),
        (Kind.TEXT, {"content": {"preview": 1}}, "preview"),
        (Kind.IMAGE, {"content": {"preview": True}}, "preview"),
        (Kind.IMAGE, {"media_id": None}, "media"),
        (Kind.VOICE, {"text": "dengar"}, "caption"),
        (Kind.STICKER, {"text": "lihat"}, "caption"),
        (Kind.LOCATION, {"text": "di sini"}, "text"),
        (Kind.LOCATION, {"content": {"latitude": 91, "longitude": 0}}, "latitude"),
        (Kind.LOCATION, {"content": {"latitude": 0, "longitude": float("nan")}}, "longitude"),
        (Kind.LOCATION, {"content": {"latitude": True, "longitude": 0}}, "latitude"),
        (Kind.LOCATION, {"content": {}}, "latitude"),
        (Kind.LOCATION, {"content": {"latitude": 0, "longitude": 0, "name": 7}}, "name"),
        (Kind.CONTACT, {"content": {"name": "Ani", "vcard": "Ani"}}, "vcard"),
        (Kind.CONTACT, {"content": {"name": "", "vcard": VCARD}}, "name"),
        (Kind.POLL, {"text": ""}, "question"),
        (Kind.POLL, {"content": {"options": ["9"]}}, "options"),
        (Kind.POLL, {"content": {"options": ["9", "9"]}}, "options"),
        (Kind.POLL, {"content": {"options": [str(n) for n in range(13)]}}, "options"),
        (Kind.POLL, {"content": {"options": ["9", ""]}}, "options"),
        (Kind.POLL, {"content": {"options": ["9", "10"], "choices": 3}}, "choices"),
        (Kind.REACTION, {"text": "x" * 33}, "reaction"),
        (Kind.REACTION, {"content": {}}, "message_id"),
        (Kind.EDIT, {"content": {"message_id": 0}}, "message_id"),
        (Kind.EDIT, {"content": {"message_id": True}}, "message_id"),
        (Kind.REVOKE, {"content": {"message_id": "a b"}}, "message_id"),
        (Kind.TEXT, {"reply_to": ""}, "reply_to"),
        (Kind.TEXT, {"reply_to": 2**63}, "reply_to"),
        (Kind.TEXT, {"mentions": ("?",)}, "mentions"),
        (Kind.TEXT, {"mentions": ("0812 3456 7890",) * 257}, "mentions"),
        (Kind.TEXT, {"send_at": NOW.replace(tzinfo=None)}, "send_at"),
        (Kind.TEXT, {"send_at": NOW + timedelta(days=400)}, "send_at"),
        (Kind.TEXT, {"send_at": NOW - timedelta(days=2)}, "send_at"),
        (Kind.TEXT, {"send_at": datetime.fromisoformat("0001-01-01T00:00:00+14:00")}, "send_at"),
        (Kind.TEXT, {"expires_in": 0}, "expires_in"),
        (Kind.TEXT, {"expires_in": 31 * 24 * 3600}, "expires_in"),
    ],
)
def test_what_is_wrong_is_named(kind: Kind, more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(wish(kind, **more), NOW)
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("kind", sorted(POINTING))
@pytest.mark.parametrize("more", [{"reply_to": 3}, {"mentions": ("081234567890",)}])
def test_what_points_at_a_message_answers_none_and_mentions_nobody(kind: Kind, more: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        checked(wish(kind, **more), NOW)


def test_nobody_can_wish_for_something_unknown() -> None:
    with pytest.raises(InvalidInput):
        checked(Wish("081234567890", Kind.UNKNOWN), NOW)
