"""A message to be sent, out of a request: as JSON, or as a form with its file."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeAlias, TypeVar, cast

from pydantic import BaseModel, ValidationError
from quart import request

from talkabiz.domain.content import Kind
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.phones import parse_phone
from talkabiz.domain.vcards import make_vcard
from talkabiz.domain.wishes import Forward, Wish
from talkabiz.web import message_bodies as bodies
from talkabiz.web.forms import FORM
from talkabiz.web.reading import field_faults, parse_moment

KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[!-~]{1,255}")
_PIECE = 1024 * 1024

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request, on disk if it is large. `filename` is what the client calls it."""

    stream: BinaryIO
    mimetype: str | None
    filename: str | None


NewFile: TypeAlias = Upload | bodies.MediaByUrl | bodies.MediaByBase64
File: TypeAlias = NewFile | bodies.MediaById


@dataclass(frozen=True, slots=True)
class Request:
    """`wish` lacks its `media_id`, until `file` has one. `key` and `fingerprint`: both, or neither."""

    wish: Wish | Forward
    file: File | None = None
    key: str | None = None
    fingerprint: str | None = None


async def read_message() -> Request:
    """Raises InvalidInput, naming the field; InvalidJson; TooLarge."""
    key = read_key()
    if request.mimetype == FORM:
        fields, upload = await read_form()
        body = parse(bodies.NewFile, _untexted(fields))
        wanted = Request(_wish(body, Kind(body.type), body.caption), upload)
        said: object = {**fields, "file": await _hash(upload.stream)}
    else:
        said = await request.get_json()
        message = parse(bodies.NewMessage, said).root
        wanted = Request(wish_of(message), getattr(message, "media", None))
    return replace(wanted, key=key, fingerprint=fingerprint_of(said)) if key else wanted


def read_key() -> str | None:
    """Raises InvalidInput for one that is empty, too long, or given twice."""
    given = request.headers.getlist(KEY_HEADER)
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise InvalidInput(fields={KEY_HEADER: "1 to 255 visible ASCII characters, once."})
    return str(given[0])


def fingerprint_of(said: object) -> str:
    """Equal for bodies that say the same in another order, or with other blanks."""
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


async def read_form() -> tuple[dict[str, Any], Upload]:
    """The fields of a form, and the one file in it, called `file`. Raises InvalidInput, TooLarge."""
    if request.mimetype != FORM:
        raise InvalidInput(fields={"file": f"One file is needed, in a form: {FORM}."})
    form, files = await request.form, await request.files
    found = files.getlist("file")
    wrong = {name: "Unknown." for name in files if name != "file"}
    if len(found) != 1:
        wrong["file"] = "One file is needed." if not found else "One file, not more."
    wrong |= {name: "Given more than once." for name in form if name != "mentions" and len(form.getlist(name)) > 1}
    if wrong:
        raise InvalidInput(fields=wrong)
    fields = {name: form.getlist(name) if name == "mentions" else form[name] for name in form}
    file = found[0]
    return fields, Upload(cast("BinaryIO", file.stream), file.mimetype or None, file.filename or None)


def _untexted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form knows no numbers: what reads like one is one, where one may be."""
    numbers = {name: int(fields[name]) for name in ("reply_to", "expires_in") if _is_number(fields.get(name))}
    return {**fields, **numbers}


def _is_number(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[1-9][0-9]{0,18}", text, re.ASCII) is not None


async def _hash(stream: BinaryIO) -> str:
    """Of all of it; it stands at its beginning again afterwards. Others have their turn in between."""
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
        await asyncio.sleep(0)
    stream.seek(0)
    return digest.hexdigest()


def parse(model: type[Model], said: object) -> Model:
    """Raises InvalidInput, naming the fields."""
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise InvalidInput(fields=field_faults(error)) from None


# --- bodies as wishes -------------------------------------------------------------------------------------------------


def wish_of(message: bodies.Outgoing) -> Wish | Forward:
    """What the centre takes. Raises InvalidInput."""
    if isinstance(message, bodies.NewForward):
        send_at = parse_moment("send_at", message.send_at)
        return Forward(message.to, message.message_id, send_at, message.expires_in)
    text: str | None = None
    content: Mapping[str, Any] = _pointing(message)
    match message:
        case bodies.NewText():
            text, content = message.text, {"preview": message.preview}
        case bodies.NewEdit():
            text = message.text
        case bodies.NewPicture():
            text = message.caption
        case bodies.NewLocation():
            content = message.location.model_dump()
        case bodies.NewContact():
            content = _card(message.contact)
        case bodies.NewPoll():
            text, content = message.poll.question, message.poll.model_dump(exclude={"question"})
        case bodies.NewReaction():
            text = message.reaction
    return _wish(message, Kind(getattr(message, "type", "text")), text, content)


def _wish(
    message: bodies.Outgoing | bodies.NewFile, kind: Kind, text: str | None, content: Mapping[str, Any] | None = None
) -> Wish:
    return Wish(
        to=message.to,
        kind=kind,
        text=text,
        content=content or {},
        reply_to=getattr(message, "reply_to", None),
        mentions=tuple(getattr(message, "mentions", ())),
        send_at=parse_moment("send_at", message.send_at),
        expires_in=message.expires_in,
    )


def _pointing(message: bodies.Outgoing) -> dict[str, Any]:
    return {"message_id": found} if (found := getattr(message, "message_id", None)) is not None else {}


def _card(card: bodies.CardByPhone | bodies.CardByVcard) -> dict[str, Any]:
    if isinstance(card, bodies.CardByVcard):
        return {"name": card.name, "vcard": card.vcard}
    return {"name": card.name, "vcard": make_vcard(card.name, parse_phone(card.phone, "contact.phone"))}
