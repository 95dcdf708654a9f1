"""What a message that was heard becomes in our own words."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.content import (
    MEDIA,
    Contact,
    Content,
    Edit,
    Kind,
    Location,
    Media,
    Poll,
    Reaction,
    Ref,
    Revoke,
    Stored,
    Text,
    Unknown,
)
from talkabiz.domain.heard import MessageHeard, Source
from talkabiz.domain.telling import ANY_FILE, File, told

SOURCE = Source("3EB0", "1@lid", "", "1@lid", "", False, False, datetime(2026, 11, 24, tzinfo=UTC), "Ani")
STORED = Stored("https://mmg.whatsapp.net/a", "/a", b"k" * 32, b"e" * 32, b"\xab" * 32, 1234)


def heard(content: Content, **more: Any) -> MessageHeard:
    return MessageHeard(**({"source": SOURCE, "content": content, "reply_to": "", "raw": b""} | more))


@pytest.mark.parametrize(
    ("content", "text", "shape"),
    [
        (Text("halo"), "halo", {}),
        (Text(""), "", {}),
        (Media(Kind.IMAGE, STORED, "image/png", caption="lihat"), "lihat", {}),
        (Media(Kind.STICKER, STORED, "image/webp"), None, {}),
        (
            Location(-6.2, 106.8, "Monas"),
            None,
            {"latitude": -6.2, "longitude": 106.8, "name": "Monas", "address": ""},
        ),
        (Contact("Ani", "BEGIN:VCARD"), None, {"name": "Ani", "vcard": "BEGIN:VCARD"}),
        (Poll("Kapan?", ("Senin", "Selasa"), 0), "Kapan?", {"options": ["Senin", "Selasa"], "choices": 0}),
        (Reaction(Ref("3A"), "👍"), "👍", {"wa_id": "3A", "message_id": None}),
        (Reaction(Ref("3A"), ""), "", {"wa_id": "3A", "message_id": None}),
        (Edit(Ref("3A"), "baru"), "baru", {"wa_id": "3A", "message_id": None}),
        (Revoke(Ref("3A")), None, {"wa_id": "3A", "message_id": None}),
        (Unknown("liveLocationMessage"), None, {"name": "liveLocationMessage"}),
    ],
)
def test_every_kind_has_its_text_and_its_content(content: Content, text: str | None, shape: dict[str, Any]) -> None:
    what = told(heard(content))
    assert (what.kind, what.text, what.content) == (content.kind, text, shape)
    assert what.means == shape.get("wa_id")


def test_a_text_stays_as_it_is_but_for_what_no_database_holds() -> None:
    assert told(heard(Text("  a\u202e\n\0b\u200d 👨\u200d👩 "))).text == "  a\u202e\nb\u200d 👨\u200d👩 "


@pytest.mark.parametrize("place", [(float("nan"), 1.0), (1.0, float("inf")), (91.0, 1.0), (1.0, -180.5)])
def test_a_place_that_is_nowhere_has_no_degrees(place: tuple[float, float]) -> None:
    content = told(heard(Location(*place))).content
    assert None in {content["latitude"], content["longitude"]}
    json.dumps(content, allow_nan=False)


def test_what_is_said_of_a_file_is_only_taken_where_it_can_be_true() -> None:
    said = Media(Kind.DOCUMENT, STORED, "application/pdf", filename="../../\u202efdp.exe\n", seconds=7)
    assert told(heard(said)).file == File("application/pdf", ".._.._fdp.exe", 1234, "ab" * 32, 7)
    wrong = Stored("", "", b"", b"", b"short", 2**64 - 1)
    said = Media(Kind.VOICE, wrong, "text/html\r\nX: y", filename="\0", seconds=2**32 - 1)
    assert told(heard(said)).file == File(ANY_FILE, None, None, None, None)


@pytest.mark.parametrize(
    "mimetype", ["audio/ogg; codecs=opus", 'a/b; c="d e";f=g', "image/svg+xml", "application/vnd.ms-excel"]
)
def test_a_type_that_is_one_is_kept(mimetype: str) -> None:
    assert _type_of(mimetype) == mimetype


def test_a_type_that_is_made_to_be_slow_to_read_is_not() -> None:
    began = time.monotonic()
    for word in (";a=b   ", '; a="b  ', ";a= b "):
        mimetype = "a/a" + word * 16
        assert _type_of(mimetype[:119] + "!") == ANY_FILE
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("mimetype", ["", "pdf", "a/b/c", "text/html;", "x" * 200 + "/y", "a/b; c=<script>"])
def test_a_type_that_is_none_is_any(mimetype: str) -> None:
    assert _type_of(mimetype) == ANY_FILE


def _type_of(mimetype: str) -> str:
    file = told(heard(Media(Kind.DOCUMENT, STORED, mimetype))).file
    assert file
    return file.mimetype


@pytest.mark.parametrize("wa_id", ["", "two words", "x" * 81, "a\0", "ä"])
def test_an_id_that_is_none_points_nowhere(wa_id: str) -> None:
    assert told(heard(Text("ya"), reply_to=wa_id)).reply_to is None
    assert told(heard(Revoke(Ref(wa_id)))).means == ""


def test_who_is_named_is_an_address_and_told_once() -> None:
    named = ("62811@s.whatsapp.net", "5@lid", "62811@s.whatsapp.net", "all", "1@g.us", "../x@lid", "")
    assert told(heard(Text("@"), mentions=named, reply_to="3A")).mentions == ("62811@s.whatsapp.net", "5@lid")


def test_how_often_it_was_sent_on_is_told() -> None:
    assert told(heard(Text("ya"))).forwards == 0
    assert told(heard(Text("ya"), forwards=3)).forwards == 3


anything = st.text(st.characters(exclude_categories=["Cs"]))
contents = st.one_of(
    anything.map(Text),
    st.builds(Media, st.sampled_from(sorted(MEDIA)), st.just(STORED), anything, anything, anything, st.integers(0)),
    st.builds(Location, st.floats(), st.floats(), anything, anything),
    st.builds(Contact, anything, anything),
    st.builds(Poll, anything, st.lists(anything).map(tuple), st.integers(0, 2**32 - 1)),
    st.builds(Reaction, anything.map(Ref), anything),
    st.builds(Edit, anything.map(Ref), anything),
    st.builds(Revoke, anything.map(Ref)),
)


@given(contents, anything, st.lists(anything).map(tuple))
def test_whatever_is_heard_can_be_stored_and_told(content: Content, reply_to: str, mentions: tuple[str, ...]) -> None:
    what = told(heard(content, reply_to=reply_to, mentions=mentions))
    assert "\0" not in f"{what.text}{what.content}{what.file}{what.reply_to}{what.mentions}{what.means}"
    assert "\\u0000" not in json.dumps(what.content, allow_nan=False)
