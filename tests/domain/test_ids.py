"""Ids from outside: what is one is parsed, and what isn't gives a clear error."""

from __future__ import annotations

import string
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import assume, given, strategies as st

from talkabiz.domain.errors import InvalidInput, NotFound
from talkabiz.domain.ids import (
    LARGEST_ID,
    LID_SERVER,
    USER_SERVER,
    Jid,
    clean_name,
    is_phone,
    make_jid,
    mask_phone,
    parse_jid,
    parse_klien_id,
    parse_path_id,
    parse_session_id,
)

HOSTILE_IDS = [
    *("", " ", "0", "-1", "+1", "01", "1 ", " 1", "1\n", "1.0", "1e3", "0x1", "1_000", "1;--", "1/..", "٣", "１", "∞"),
    *(str(LARGEST_ID + 1), "9" * 5000),
]
HOSTILE_JIDS = [
    *("", "@", "a@", "@lid", "a@@lid", "a:@lid", "a:1:2@lid", "a:123456@lid", "a:x@lid", "a b@lid", "a@LID", "a@lid\n"),
    *("a/../b@lid", "a@lid/..", "٣@lid", "a:٣@lid", "a\0@lid", "a@b@lid"),
]
PHONES = ["628123456789", "1234567", "123456789012345"]
NO_PHONES = ["123456", "1" * 16, "08123456789", "+628123456789", "628 123", "628123456789\n", "٣" * 9, ""]
ids = st.integers(1, LARGEST_ID)


@given(ids)
def test_an_id_is_read_from_json_and_from_a_path_alike(number: int) -> None:
    assert parse_klien_id(number) == parse_path_id(str(number)) == number


@pytest.mark.parametrize("value", [True, False, 0, -1, LARGEST_ID + 1, 1.0, "1", b"1", None, [1], {"id": 1}, 10**400])
def test_what_is_no_klien_id_is_refused_by_field(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_klien_id(value)

    assert list(caught.value.fields) == ["klien_id"]
    assert caught.value.message.id != caught.value.message.en


@pytest.mark.parametrize("text", HOSTILE_IDS)
def test_a_path_that_names_no_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        parse_path_id(text)


@given(st.text())
def test_each_thing_has_one_address(text: str) -> None:
    try:
        number = parse_path_id(text)
    except NotFound:
        return
    assert str(number) == text


@pytest.mark.parametrize("text", ["a", "test_123", "A.b-c_d", "0" * 63, "01J9ZK2V3W4X5Y6Z7A8B9C0D1E"])
def test_a_session_id_is_kept_as_the_program_gave_it(text: str) -> None:
    assert parse_session_id(text) == text


@pytest.mark.parametrize("text", ["", "_a", "-a", ".a", "..", "a/b", "a b", "a\n", "é", "a" * 64, "a\0", "٣", "a:b"])
def test_what_could_be_a_path_or_a_trick_is_no_session_id(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_session_id(text)

    assert list(caught.value.fields) == ["session_id"]


@given(
    st.text(string.ascii_letters + string.digits + "_.-", min_size=1),
    st.sampled_from([USER_SERVER, LID_SERVER, "g.us"]),
    st.integers(0, 99_999),
)
def test_a_jid_survives_being_written_and_read(user: str, server: str, device: int) -> None:
    assert parse_jid(make_jid(Jid(user, server, device))) == Jid(user, server, device)


def test_a_jid_is_written_as_whatsapp_writes_it() -> None:
    assert make_jid(Jid("628123456789", USER_SERVER)) == "628123456789@s.whatsapp.net"
    assert make_jid(Jid("628123456789", USER_SERVER, 12)) == "628123456789:12@s.whatsapp.net"
    assert parse_jid("628123456789:0@s.whatsapp.net") == Jid("628123456789", USER_SERVER)


@pytest.mark.parametrize("text", HOSTILE_JIDS)
def test_what_is_no_jid_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_jid(text)


@given(st.text())
def test_no_text_makes_the_parsers_fail_otherwise(text: str) -> None:
    for parse in (parse_path_id, parse_session_id, parse_jid):
        with suppress(InvalidInput, NotFound):
            parse(text)


def test_a_phone_number_is_international_and_digits_alone() -> None:
    assert all(is_phone(text) for text in PHONES)
    assert not any(is_phone(text) for text in NO_PHONES)


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("628123456789", "6281*****789"), ("12345678", "1234*678"), ("1234567", "*******"), ("12", "**"), ("", "")],
)
def test_a_masked_number_shows_its_ends_or_nothing(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


@given(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True))
def test_a_masked_number_is_as_long_and_hides_a_digit_at_least(phone: str) -> None:
    masked = mask_phone(phone)

    assert len(masked) == len(phone)
    assert "*" in masked
    assert all(shown in {"*", digit} for shown, digit in zip(masked, phone, strict=True))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Toko Maju", "Toko Maju"),
        ("  Toko \t Maju\r\n", "Toko Maju"),
        ("Toko\nMaju\u2028Jaya", "Toko Maju Jaya"),
        ("Toko\u202eujaM", "TokoujaM"),  # written backwards
        ("a\u200bb\u2066c\ufeffd", "abcd"),  # invisible, isolated, marked
        ("a \u200b b", "a b"),
        ("\x00\x1b[31mred\x7f", "[31mred"),  # a terminal's colours
        ("\ud800a\ue000", "a"),  # half a character, a private one
        ("Kopi ☕ 咖啡 قهوة", "Kopi ☕ 咖啡 قهوة"),
        ("<b>{nama}</b>", "<b>{nama}</b>"),  # those who show it escape it
        ("\u200b\u202e", ""),
        ("", ""),
    ],
)
def test_a_name_is_one_line_that_can_be_shown(text: str, clean: str) -> None:
    assert clean_name(text) == clean


def test_an_endless_name_is_cut() -> None:
    assert clean_name("x" * 10_000) == "x" * 100
    assert clean_name(" " * 10_000 + "x") == ""  # nor is it looked for far away
    assert clean_name("x" * 99 + " y") == "x" * 99
    assert clean_name("Toko Maju", 4) == "Toko"


@given(st.text(), st.integers(1, 200))
def test_a_cleaned_name_is_clean(text: str, longest: int) -> None:
    name = clean_name(text, longest)

    assert len(name) <= longest
    assert name == clean_name(name, longest)
    assert name == " ".join(name.split(" "))
    assert not {unicodedata.category(c) for c in name} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text("abc ", min_size=1))
def test_a_plain_name_loses_no_letter(text: str) -> None:
    assume(len(text) <= 100)

    assert clean_name(text).replace(" ", "") == text.replace(" ", "")
