"""Numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.ids import is_phone
from talkabiz.domain.phones import parse_phone


@pytest.mark.parametrize(
    "spelled",
    [
        "081234567890",
        "0812-3456-7890",
        "0812 3456 7890",
        "(0812) 3456.7890",
        "0812/34567890",
        "+6281234567890",
        "+62 812-3456-7890",
        "+62 (0)812 3456 7890",
        "6281234567890",
        "62 812 3456 7890",
        "006281234567890",
        "  +62\u00a0812\u20113456\u20117890\u202c ",  # copied from a list of contacts
        "\u202a+62 812 3456 7890\u202c",
        "＋６２８１２３４５６７８９０",
    ],
)
def test_one_number_has_many_spellings(spelled: str) -> None:
    assert parse_phone(spelled) == "6281234567890"


@pytest.mark.parametrize(
    ("spelled", "digits"),
    [
        ("+14155552671", "14155552671"),
        ("14155552671", "14155552671"),
        ("+81 90-1234-5678", "819012345678"),
        ("+39 06 698 12345", "390669812345"),  # a zero that belongs to the number
        ("021-5551234", "62215551234"),
        ("8111234567", "628111234567"),  # too short for Japan
        ("6281200000001", "6281200000001"),
    ],
)
def test_other_countries_need_their_code(spelled: str, digits: str) -> None:
    assert parse_phone(spelled) == digits


@pytest.mark.parametrize(
    "spelled",
    [
        "",
        " ",
        "+",
        "0812",
        "+62",
        "628",
        "halo",
        "0812-CALL-NOW",
        "0812345678901234567",
        "+62812345678x9",
        "62+81234567890",
        "++6281234567890",
        "+6281234567890;ext=5",
        "628123456789@s.whatsapp.net",
        "٠٨١٢٣٤٥٦٧٨٩٠",
        "0812\n34567890\x00",
        "+99912345678",
        "0" * 1000,
    ],
)
def test_what_is_no_number_is_refused_by_the_name_of_its_field(spelled: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_phone(spelled, "nomor")
    assert set(error.value.fields) == {"nomor"}


def test_what_may_be_of_two_countries_is_not_guessed() -> None:
    """With a zero in front it is of Indonesia, as +81… it is of Japan."""
    with pytest.raises(InvalidInput, match="0 in front"):
        parse_phone("819012345678")
    assert parse_phone("0819012345678") == "62819012345678"


@given(st.text(max_size=60))
def test_whatever_comes_it_is_a_number_or_refused(text: str) -> None:
    try:
        digits = parse_phone(text)
    except InvalidInput:
        return
    assert is_phone(digits)


@given(st.from_regex(r"628[1-35-9][0-9]{8,9}", fullmatch=True))
def test_a_mobile_number_of_here_comes_out_as_whatsapp_writes_it(digits: str) -> None:
    assert parse_phone(digits) == parse_phone(f"+{digits}") == parse_phone(f"0{digits[2:]}") == digits
