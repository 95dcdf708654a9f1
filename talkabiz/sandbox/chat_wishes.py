"""What is to be sent by a virtual phone, as the control API takes it: the message object of the product's own API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from talkabiz.domain.content import (
    MEDIA,
    Contact,
    Content,
    Edit,
    Kind,
    Location,
    Poll,
    Reaction,
    Ref,
    Revoke,
    Text,
)
from talkabiz.sandbox.chats import Attachment
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.views import Fields, check_fields, invalid, is_whole

LONGEST_TEXT = 65536
_NONE = type(None)
_TEXT = (str, _NONE)

MESSAGE: Fields = {
    **dict.fromkeys(("to", "type", "text", "caption", "reply_to", "message_id", "reaction"), _TEXT),
    **dict.fromkeys(("media", "location", "contact", "poll"), (dict, _NONE)),
    "forwarded": (bool, _NONE),
}
FORM = {"to", "type", "caption", "reply_to", "mimetype", "filename"}
"""What may stand beside a file."""
_MEDIA: Fields = {"base64": (str,), "mimetype": _TEXT, "filename": _TEXT}
_LOCATION: Fields = {"latitude": (int, float), "longitude": (int, float), "name": _TEXT, "address": _TEXT}
_CONTACT: Fields = {"name": (str,), "phone": _TEXT, "vcard": _TEXT}
_POLL: Fields = {"question": (str,), "options": (list,), "choices": (int, _NONE)}
_MOST_OPTIONS = 12

PointAt = Callable[[str], tuple[Ref, str]]
"""A message's id to how another one points at it, and to its chat. SandboxError `not_found`."""


@dataclass(frozen=True, slots=True)
class Wish:
    to: str
    what: Content | Attachment
    reply_to: str | None = None
    forwards: int = 0


def read_wish(body: dict[str, Any], point_at: PointAt) -> Wish:
    """SandboxError `invalid_input`, or `not_found` for a message that is pointed at."""
    kind, forwards = _kind(body), int(bool(body["forwarded"]))
    if kind in MEDIA:
        return Wish(_required(body, "to"), _attachment(kind, body), body["reply_to"], forwards)
    if kind in _POINTING:
        if forwards:
            raise invalid("forwarded", "tidak ada pada jenis ini", "isn't part of this kind")
        ref, chat = point_at(_required(body, "message_id"))
        return Wish(body["to"] or chat, _POINTING[kind](ref, body))
    return Wish(_required(body, "to"), _STANDING[kind](body), body["reply_to"], forwards)


def read_form(form: Mapping[str, str], data: bytes, filename: str, mimetype: str) -> Wish:
    """A file that was uploaded. SandboxError `invalid_input`."""
    if unknown := form.keys() - FORM:
        raise invalid(min(unknown)[:50], "tidak dikenal", "isn't known")
    kind = _kind({"type": form.get("type", ""), "media": True})
    if kind not in MEDIA:
        raise invalid("type", "bukan jenis media", "isn't a kind of media")
    file = Attachment(
        kind, data, form.get("mimetype") or mimetype, form.get("filename") or filename, form.get("caption", "")
    )
    return Wish(_required(dict(form), "to"), file, form.get("reply_to"))


def _kind(body: Mapping[str, Any]) -> Kind:
    """As it says, or by what it holds."""
    if named := body.get("type"):
        if named in _KINDS:
            return Kind(named)
        raise invalid("type", f"harus salah satu dari: {', '.join(_KINDS)}", f"must be one of: {', '.join(_KINDS)}")
    for field in ("reaction", "location", "contact", "poll"):
        if body.get(field) is not None:
            return Kind(field)
    return Kind.DOCUMENT if body.get("media") else Kind.TEXT


def _attachment(kind: Kind, body: dict[str, Any]) -> Attachment:
    media = _part(body, "media", _MEDIA)
    try:
        data = base64.b64decode(media["base64"], validate=True)
    except (binascii.Error, ValueError):
        raise invalid("media.base64", "bukan base64", "isn't base64") from None
    return Attachment(kind, data, media["mimetype"] or "", media["filename"] or "", body["caption"] or "")


def _text(body: dict[str, Any]) -> Text:
    return Text(_required(body, "text"))


def _location(body: dict[str, Any]) -> Location:
    place = _part(body, "location", _LOCATION)
    if not (-90 <= place["latitude"] <= 90 and -180 <= place["longitude"] <= 180):
        raise invalid("location", "di luar bumi", "isn't on earth")
    return Location(place["latitude"], place["longitude"], place["name"] or "", place["address"] or "")


def _contact(body: dict[str, Any]) -> Contact:
    card = _part(body, "contact", _CONTACT)
    name, phone = card["name"], card["phone"] or ""
    if not card["vcard"] and not (phone.isascii() and phone.isdecimal()):
        raise invalid("contact.phone", "harus angka saja", "must be digits alone")
    made = f"BEGIN:VCARD\nVERSION:3.0\nFN:{_one_line(name)}\nTEL;type=CELL;waid={phone}:+{phone}\nEND:VCARD"
    return Contact(name, card["vcard"] or made)


def _poll(body: dict[str, Any]) -> Poll:
    poll = _part(body, "poll", _POLL)
    options = poll["options"]
    if not 2 <= len(options) <= _MOST_OPTIONS or not all(map(_is_text, options)):
        raise invalid("poll.options", "harus 2 sampai 12 teks", "must be 2 to 12 texts")
    choices = 1 if poll["choices"] is None else poll["choices"]
    if not 0 <= choices <= len(options):
        raise invalid("poll.choices", "lebih dari pilihannya", "is more than there are options")
    return Poll(poll["question"], tuple(options), choices)


def _reaction(ref: Ref, body: dict[str, Any]) -> Reaction:
    return Reaction(ref, body["reaction"] or "")


def _edit(ref: Ref, body: dict[str, Any]) -> Edit:
    _check_own(ref)
    return Edit(ref, _required(body, "text"))


def _revoke(ref: Ref, _body: dict[str, Any]) -> Revoke:
    _check_own(ref)
    return Revoke(ref)


def _check_own(ref: Ref) -> None:
    if ref.sender:
        raise SandboxError("not_own_message", "Pesan ini ditulis orang lain.", "Somebody else wrote that message.", 409)


def _part(body: dict[str, Any], name: str, fields: Fields) -> dict[str, Any]:
    if body[name] is None:
        raise invalid(name, "diperlukan", "is needed")
    return check_fields(body[name], fields, f"{name}.")


def _required(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not value:
        raise invalid(name, "diperlukan", "is needed")
    if len(value) > LONGEST_TEXT:
        raise invalid(name, "terlalu panjang", "is too long")
    return str(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and is_whole(value)


def _one_line(name: str) -> str:
    return " ".join(name.split())


_STANDING: Mapping[Kind, Callable[[dict[str, Any]], Content]] = {
    Kind.TEXT: _text,
    Kind.LOCATION: _location,
    Kind.CONTACT: _contact,
    Kind.POLL: _poll,
}
_POINTING: Mapping[Kind, Callable[[Ref, dict[str, Any]], Content]] = {
    Kind.REACTION: _reaction,
    Kind.EDIT: _edit,
    Kind.REVOKE: _revoke,
}
_KINDS = [kind.value for kind in Kind if kind is not Kind.UNKNOWN]
