"""What a wish says, checked by its kind: text and content. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from talkabiz.domain.content import MEDIA, Kind
from talkabiz.domain.errors import InvalidInput, Sentence
from talkabiz.domain.ids import LARGEST_ID

LONGEST_TEXT = 65_536
LONGEST_QUESTION = 255
LONGEST_OPTION = 100
LONGEST_LINE = 1_000
LONGEST_EMOJI = 32
LONGEST_WA_ID = 80
MOST_OPTIONS = 12

_CAPTIONED = frozenset({Kind.IMAGE, Kind.VIDEO, Kind.DOCUMENT})


def checked_text(kind: Kind, text: str | None) -> str | None:
    match kind:
        case Kind.TEXT | Kind.EDIT:
            return _words("text", text, LONGEST_TEXT)
        case Kind.POLL:
            return _words("question", text, LONGEST_QUESTION)
        case Kind.REACTION:
            return _words("reaction", text or "", LONGEST_EMOJI, least=0)
        case _ if kind in _CAPTIONED:
            return _words("caption", text or "", LONGEST_TEXT, least=0) or None
    if text:
        raise wrong("caption" if kind in MEDIA else "text", "tidak ada pada jenis ini", "isn't part of this kind")
    return None


def checked_content(kind: Kind, content: Mapping[str, Any]) -> dict[str, Any]:
    return _CONTENTS.get(kind, _nothing)(content)


def checked_reference(name: str, value: object) -> int | str:
    """A message's id: a number of ours, or WhatsApp's as text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_ID:
        return value
    if isinstance(value, str) and re.fullmatch(rf"[!-~]{{1,{LONGEST_WA_ID}}}", value):
        return value
    raise wrong(name, "bukan id pesan", "isn't a message's id")


def _words(name: str, value: object, longest: int, *, least: int = 1) -> str:
    """Raises also for what no database and no protocol takes: a null, or half of a sign."""
    if not isinstance(value, str) or len(value.strip()) < least or len(value) > longest:
        raise wrong(name, f"teks dengan {least} sampai {longest} huruf", f"a text of {least} to {longest} characters")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise wrong(name, "huruf yang tidak sah", "has characters that aren't any")
    return value


def _nothing(given: Mapping[str, Any]) -> dict[str, Any]:
    if given:
        raise wrong(min(given), "tidak ada pada jenis ini", "isn't part of this kind")
    return {}


def _text(given: Mapping[str, Any]) -> dict[str, Any]:
    preview = given.get("preview", False)
    if not isinstance(preview, bool):
        raise wrong("preview", "true atau false", "true or false")
    _nothing({name: value for name, value in given.items() if name != "preview"})
    return {"preview": True} if preview else {}


def _location(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "latitude": _degrees("latitude", given.get("latitude"), 90),
        "longitude": _degrees("longitude", given.get("longitude"), 180),
        "name": _words("name", given.get("name") or "", LONGEST_LINE, least=0),
        "address": _words("address", given.get("address") or "", LONGEST_LINE, least=0),
    }


def _degrees(name: str, value: object, most: int) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > most:  # type: ignore[arg-type] # one question before
        raise wrong(name, f"angka -{most} sampai {most}", f"a number from -{most} to {most}")
    return float(value)  # type: ignore[arg-type] # as above


def _contact(given: Mapping[str, Any]) -> dict[str, Any]:
    vcard = _words("vcard", given.get("vcard"), LONGEST_TEXT)
    if not vcard.lstrip().upper().startswith("BEGIN:VCARD"):
        raise wrong("vcard", "bukan vCard", "isn't a vCard")
    return {"name": _words("name", given.get("name"), LONGEST_LINE), "vcard": vcard}


def _poll(given: Mapping[str, Any]) -> dict[str, Any]:
    options, choices = given.get("options"), given.get("choices", 1)
    if not isinstance(options, list | tuple) or not 2 <= len(options) <= MOST_OPTIONS:  # noqa: PLR2004 - or none is left
        raise wrong("options", f"2 sampai {MOST_OPTIONS} pilihan", f"2 to {MOST_OPTIONS} options")
    texts = [_words("options", option, LONGEST_OPTION) for option in options]
    if len(set(texts)) < len(texts):
        raise wrong("options", "harus berbeda semua", "have to differ")
    if isinstance(choices, bool) or not isinstance(choices, int) or not 0 <= choices <= len(texts):
        raise wrong("choices", f"0 sampai {len(texts)}", f"0 to {len(texts)}")
    return {"options": texts, "choices": choices}


def _pointing(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"message_id": checked_reference("message_id", given.get("message_id"))}


_CONTENTS: Mapping[Kind, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    Kind.TEXT: _text,
    Kind.LOCATION: _location,
    Kind.CONTACT: _contact,
    Kind.POLL: _poll,
    Kind.REACTION: _pointing,
    Kind.EDIT: _pointing,
    Kind.REVOKE: _pointing,
}


def wrong(name: str, id_: str, en: str) -> InvalidInput:
    sentence = Sentence(f"{name}: {id_}.", f"{name}: {en}.")
    return InvalidInput(sentence, fields={name: sentence.en})
