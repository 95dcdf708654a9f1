"""Names of things: made and parsed in one place, in pairs."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from talkabiz.domain.errors import InvalidInput, NotFound, Sentence

LARGEST_ID = 2**63 - 1
"""SQLite's and PostgreSQL's 64-bit row ids."""

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"

_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
PHONE = "[1-9][0-9]{6,14}"
"""The pattern of an international number in digits alone (E.164 without the plus)."""
_PHONE = re.compile(PHONE)


def parse_klien_id(value: object) -> int:
    """A klien's id as programs send it: a whole number above zero. `"1"`, `1.0` and `true` are not.

    Raises:
        InvalidInput: naming the field.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_ID:
        wrong = Sentence("klien_id harus bilangan bulat positif.", "klien_id must be a whole number above zero.")
        raise InvalidInput(wrong, fields={"klien_id": wrong.en})
    return value


def parse_path_id(text: str) -> int:
    """An id out of a URL's path or query. One that can't exist is simply not found.

    Raises:
        NotFound: also for `01`, `+1` and digits of other scripts, so that each thing has one address.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text, re.ASCII) or int(text) > LARGEST_ID:
        raise NotFound
    return int(text)


def parse_session_id(value: str) -> str:
    """The name that a program gives to a session: 1 to 63 of `A-Z a-z 0-9 _ . -`, beginning with a letter or digit.

    Raises:
        InvalidInput: naming the field.
    """
    if not _SESSION_ID.fullmatch(value):
        wrong = Sentence(
            "session_id: 1 sampai 63 huruf, angka, titik, garis bawah atau tanda hubung.",
            "session_id: 1 to 63 letters, digits, dots, underscores or hyphens.",
        )
        raise InvalidInput(wrong, fields={"session_id": wrong.en})
    return value


@dataclass(frozen=True, slots=True)
class Jid:
    """A WhatsApp address: `user[:device]@server`. Device 0 is the phone itself."""

    user: str
    server: str
    device: int = 0


def parse_jid(text: str) -> Jid:
    """Raises InvalidInput for what isn't `user[:device]@server`."""
    match = re.fullmatch(r"([0-9A-Za-z_.-]+)(?::([0-9]{1,5}))?@([a-z.]+)", text, re.ASCII)
    if not match:
        raise InvalidInput(Sentence("Alamat WhatsApp tidak sah.", "This is not a WhatsApp address."))
    return Jid(match[1], match[3], int(match[2] or 0))


def make_jid(jid: Jid) -> str:
    return f"{jid.user}:{jid.device}@{jid.server}" if jid.device else f"{jid.user}@{jid.server}"


def is_phone(text: str) -> bool:
    """Whether this is an international number in digits alone, as WhatsApp writes it (E.164 without the plus)."""
    return bool(_PHONE.fullmatch(text))


def mask_phone(phone: str) -> str:
    """A number as it may stand in logs: `628123456789` is `6281*****789`."""
    head, tail = 4, 3
    return (
        phone[:head] + "*" * (len(phone) - head - tail) + phone[-tail:]
        if len(phone) > head + tail
        else "*" * len(phone)
    )


def clean_name(text: str, longest: int = 100) -> str:
    """A name that strangers chose, fit to be shown: no control or direction characters, one line, not endless."""
    begin = text[: longest * 10]  # the rest isn't even looked at: it may be megabytes
    spaced = "".join(" " if c.isspace() else c for c in begin)  # a line break parts words, too
    kept = "".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
    return " ".join(kept.split())[:longest].strip()
