"""A klien: a customer of the business, who links one WhatsApp account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from talkabiz.domain.errors import InvalidInput, Sentence
from talkabiz.domain.ids import clean_name

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Klien:
    """`wa_terhubung` is true exactly while its session is connected; `wa_nomor` is the linked number, in digits."""

    id: int
    nama: str
    wa_terhubung: bool
    wa_nomor: str | None
    created_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The klien as REST shows it; times in UTC as RFC 3339 with milliseconds."""
        return {
            "id": self.id,
            "nama": self.nama,
            "wa_terhubung": self.wa_terhubung,
            "wa_nomor": self.wa_nomor,
            "created_at": iso(self.created_at),
        }


def parse_name(text: str) -> str:
    """A klien's name: one line of 1 to 100 characters.

    Raises:
        InvalidInput: it is empty, too long, or made of invisible characters.
    """
    name = clean_name(text, len(text))
    if not name or len(name) > LONGEST_NAME:
        wrong = Sentence("nama: 1 sampai 100 karakter.", "nama: 1 to 100 characters.")
        raise InvalidInput(wrong, fields={"nama": wrong.en})
    return name


def iso(moment: datetime) -> str:
    """`2026-11-24T03:04:05.123Z`, as every payload writes a time. `moment` is aware and in UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
