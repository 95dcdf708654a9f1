"""Phone numbers as people write them, made into what WhatsApp calls them: digits, country code first."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

from talkabiz.domain.errors import InvalidInput, Sentence
from talkabiz.domain.ids import is_phone

HOME_REGION = "ID"
"""Where a number without a country code belongs."""
LONGEST = 40

_SPELLED = re.compile(r"\+?[0-9 ()./\u2010-\u2015-]+")  # a hyphen, or what a phone's keyboard makes of it


def parse_phone(text: str, field: str = "phone", region: str = HOME_REGION) -> str:
    """`0812…`, `+62 812-…` and `62812…` are all 62812…; whether somebody has that number is WhatsApp's to know.

    Without + or 0 in front it counts as written with its country code, unless that can't be and it is a number of
    HOME_REGION (`812…`). `region` is where one without a country code belongs, as ISO 3166 calls it.

    Raises:
        InvalidInput: naming the field. Also for a number that may be of two countries.
    """
    number = _parse(_bare(text), region)
    digits = phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+") if number else ""
    if is_phone(digits):
        return digits
    wrong = Sentence(
        f"{field}: nomor telepon tidak dikenali. Tulis dengan 0 di depan (0812…) atau kode negara (+62812…).",
        f"{field}: not a phone number. Write it with 0 in front (0812…) or with its country code (+62812…).",
    )
    raise InvalidInput(wrong, fields={field: wrong.en})


def _bare(text: str) -> str:
    """Digits, and the plus if there is one; empty for what isn't a number.

    A number that is copied from elsewhere may bring along signs that nobody sees.
    """
    if len(text) > LONGEST:
        return ""
    seen = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf").strip()
    return re.sub(r"[^0-9+]", "", seen) if _SPELLED.fullmatch(seen) else ""


def _parse(bare: str, region: str) -> PhoneNumber | None:
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    if bare.startswith(("+", "0")):
        return _read(bare, region)
    is_short = region == HOME_REGION and bare.startswith("8")  # as mobile numbers do here
    abroad, home = _read(f"+{bare}", region), _read(f"0{bare}", region) if is_short else None
    if home and phonenumbers.is_valid_number(home):
        is_either = abroad is not None and phonenumbers.is_valid_number(abroad)
        return None if is_either else home
    return abroad


def _read(number: str, region: str) -> PhoneNumber | None:
    try:
        found = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    return found if phonenumbers.is_possible_number(found) else None
