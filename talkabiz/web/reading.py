"""What comes in: bodies as strict models, and the few values of a query string."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from quart import request

from talkabiz.domain.errors import InvalidInput, Sentence
from talkabiz.domain.ids import LARGEST_ID, PHONE, parse_path_id
from talkabiz.services.access import LINK_MINUTES, LONGEST_LINK_MINUTES
from talkabiz.web.auth import principal

LONGEST_WAIT_SECONDS = 60

MOST_FAULTS = 50
LONGEST_NAME = 100
"""Of a field, as an answer shows it."""

VARIANT = "="
"""What the name of a variant begins with, in models that have some."""

KlienId = Annotated[int, Field(gt=0, le=LARGEST_ID)]


class Body(BaseModel):
    """`"1"` is not a number, and a name that isn't known is a mistake."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class KlienChoice(Body):
    """The older paths: which klien. A klien's own key needn't say."""

    klien_id: KlienId | None = None


class SessionStart(KlienChoice):
    session_id: str | None = None
    webhook_url: str | None = None


class ConnectionUpdate(KlienChoice):
    """What a gateway outside reports. `phone_number`: digits, as WhatsApp writes it; needed when connected."""

    event: Literal["connection.update"]
    status: Literal["connected", "disconnected"]
    session_id: str | None = None
    phone_number: Annotated[str, Field(pattern=f"^{PHONE}$", examples=["628123456789"])] | None = None


class KlienFields(Body):
    nama: str


class KeyFields(Body):
    """`expires_at`: RFC 3339; null: never. `scopes`: all, unless given."""

    kind: Literal["admin", "klien"]
    klien_id: KlienId | None = None
    scopes: list[Literal["session", "message", "webhook", "read"]] | None = None
    label: str = ""
    expires_at: str | None = None


class LinkTokenFields(Body):
    minutes: Annotated[int, Field(ge=1, le=LONGEST_LINK_MINUTES)] = LINK_MINUTES


class StartOptions(Body):
    """`wait`: seconds to wait for the first QR; 0 answers at once."""

    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS)] = 0
    session_id: str | None = None


class PairingCodeWish(Body):
    """`phone`: in any spelling, such as 0812… or +62 812-…"""

    phone: Annotated[str, Field(examples=["081234567890"])]


def field_faults(error: ValidationError) -> dict[str, str]:
    """What is wrong with which field; never the value itself, which may be a secret. Names of variants are left out.

    Of many faults the first ones, and of a long name its beginning: both come from whoever asks.
    """
    return {
        ".".join(str(part)[:LONGEST_NAME] for part in each["loc"] if not str(part).startswith(VARIANT)) or "body": str(
            each["msg"]
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:MOST_FAULTS]
    }


def parse_moment(name: str, text: str | None) -> datetime | None:
    """A time with its zone (RFC 3339). Raises InvalidInput."""
    try:
        found = datetime.fromisoformat(text) if text is not None else None
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - told apart below, by its lack of a zone
    if found and found.tzinfo is None:
        raise InvalidInput(fields={name: "A time with its zone, as 2027-01-31T17:00:00Z."})
    return found


def chosen_klien(in_body: int | None = None) -> int:
    """The klien that a request on the older paths is about: from the body, the query, or the key itself.

    Raises:
        InvalidInput: nobody said, or body and query differ.
        NotFound: an id that can't exist.
    """
    check_query("klien_id")
    in_query = parse_path_id(text) if (text := request.args.get("klien_id")) is not None else None
    if in_body and in_query and in_body != in_query:
        raise InvalidInput(fields={"klien_id": "The body and the query name different ones."})
    if chosen := in_body or in_query or principal().klien_id:
        return chosen
    raise InvalidInput(
        Sentence("klien_id diperlukan.", "klien_id is needed."), fields={"klien_id": "Needed with this credential."}
    )


def query_count(name: str, default: int, most: int = LARGEST_ID, least: int = 0) -> int:
    """A whole number out of the query string. Raises InvalidInput."""
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", text, re.ASCII) or not least <= int(text) <= most:
        raise InvalidInput(fields={name: f"A whole number from {least} to {most}."})
    return int(text)


def check_query(*names: str) -> None:
    """Raises InvalidInput for a name that this path doesn't know, or one that comes twice."""
    wrong = {name: "Unknown." for name in request.args if name not in names}
    wrong |= {name: "Given more than once." for name in names if len(request.args.getlist(name)) > 1}
    if wrong:
        raise InvalidInput(fields=wrong)
