"""What a program may ask of an endpoint: where it is, what it is called, and which events it wants.

Raises, each of them:
    InvalidInput: naming the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from talkabiz.domain.errors import InvalidInput, Sentence
from talkabiz.domain.ids import clean_name
from talkabiz.domain.webhooks import Type

LONGEST_URL = 2048
LONGEST_LABEL = 100
EVENTS = tuple(each for each in Type if each is not Type.CONNECTION_UPDATE)
"""Those that may be chosen. A ping comes whatever is chosen."""


def parse_url(text: str) -> str:
    """`http://…` or `https://…`, 2,048 characters at most, without blanks. Whether it may be asked, the guard says."""
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text or not _has_host(text):
        raise _wrong(
            "url",
            f"alamat http atau https, paling panjang {LONGEST_URL} karakter.",
            f"an http or https address of at most {LONGEST_URL} characters.",
        )
    return text


def parse_label(text: str | None) -> str:
    """One line, 100 characters at most; "" where there is none."""
    label = clean_name(text or "", len(text or ""))
    if len(label) > LONGEST_LABEL:
        raise _wrong("label", f"paling panjang {LONGEST_LABEL} karakter.", f"at most {LONGEST_LABEL} characters.")
    return label


def parse_events(names: Sequence[str] | None) -> tuple[Type, ...] | None:
    """Without repetitions, in the order of EVENTS; None: all of them, also those that come to be."""
    if names is None:
        return None
    known = ", ".join(EVENTS)
    if not names or not set(names) <= set(EVENTS):
        raise _wrong("events", f"null, atau sebagian dari {known}.", f"null, or some of {known}.")
    return tuple(each for each in EVENTS if each in names)


def _has_host(text: str) -> bool:
    """And no port that there can't be."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _wrong(field: str, id: str, en: str) -> InvalidInput:  # noqa: A002 - the language's name
    sentence = Sentence(f"{field}: {id}", f"{field}: {en}")
    return InvalidInput(sentence, fields={field: sentence.en})
