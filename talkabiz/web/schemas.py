"""What answers look like, for the OpenAPI document: every field, and nothing besides.

The answers themselves are made in `services.snapshot`, `domain` and `web.shapes`; tests hold the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from talkabiz.domain.ids import LARGEST_ID
from talkabiz.domain.sentences import SENTENCES
from talkabiz.domain.states import Reason, Status

EXAMPLE_TIME = "2026-11-24T03:04:05.123Z"

Id = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[1])]
Count = Annotated[int, Field(ge=0)]
Timestamp = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        examples=[EXAMPLE_TIME],
        json_schema_extra={"format": "date-time"},
    ),
]
DataUrl = Annotated[str, Field(pattern="^data:image/png;base64,", examples=["data:image/png;base64,iVBORw0KGgo…"])]
Phone = Annotated[str, Field(pattern=r"^[0-9]+$", examples=["628123456789"])]
Lid = Annotated[str, Field(examples=["123456789012345@lid"])]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


# --- faults -----------------------------------------------------------------------------------------------------------


class Sentence(Answer):
    """A sentence for a person, in Indonesian and English."""

    id: str
    en: str


class Problem(Answer):
    """What went wrong (RFC 9457). Programs go by `code`; people read `message`."""

    type: Literal["about:blank"]
    title: Annotated[str, Field(description="The name of the HTTP status.", examples=["Not Found"])]
    status: Annotated[int, Field(ge=400, le=599, examples=[404])]
    detail: Annotated[str, Field(description="`message.en`", examples=["Not found."])]
    code: Annotated[str, Field(description="Stays the same from version to version.", examples=["not_found"])]
    message: Sentence
    request_id: Annotated[str, Field(description="As in the header X-Request-Id, and in the server's log.")]
    fields: Annotated[dict[str, str], Field(description="What is wrong with which field.")] = Field(
        default_factory=dict
    )
    retry_after: Annotated[int, Field(ge=0, description="Seconds, as in the header Retry-After.")] = Field(
        default_factory=int
    )


# --- the snapshot -----------------------------------------------------------------------------------------------------


class Qr(Answer):
    """The code on show."""

    code: Annotated[str, Field(description="The text that the picture holds.")]
    svg: Annotated[str | None, Field(examples=["<svg …"])]
    n: Annotated[int, Field(ge=1, description="Which code of this round.")]
    of: Annotated[int, Field(ge=1, description="How many codes this round will show.")]
    issued_at: Timestamp
    expires_at: Timestamp
    image: Annotated[DataUrl | None, Field(description="The picture as a page can show it.")]


class Pairing(Answer):
    """The round of codes that runs."""

    round: Annotated[int, Field(ge=1)]
    rounds: Annotated[int, Field(ge=0, description="Rounds that begin by themselves while somebody watches.")]
    closes_at: Timestamp | None
    code: Annotated[str | None, Field(description="The pairing code, if one was asked for.", examples=["ABCD-EFGH"])]
    code_expires_at: Timestamp | None


class Me(Answer):
    """The WhatsApp account that is linked."""

    phone: Phone
    lid: Lid | None
    name: Annotated[str, Field(examples=["Ibu Sari"])]
    platform: Annotated[str | None, Field(examples=["android"])]


class Detail(Answer):
    """More about the reason, for operators."""

    code: Annotated[str, Field(description="WhatsApp's code of a refusal, or a fault's text.")] = Field(
        default_factory=str
    )
    ahead: Annotated[Count, Field(description="So many starts come before this one.")] = Field(default_factory=int)


PAIRS: dict[str, Any] = {
    "description": "Which reason goes with which status.",
    "oneOf": [
        {
            "title": status.value,
            "properties": {
                "status": {"const": status.value},
                "reason": {"enum": [reason and reason.value for of, reason in SENTENCES if of is status]},
            },
        }
        for status in Status
    ],
}
"""What the domain has a sentence for. In the document it stands once, as `StatusAndReason`."""


class SessionState(Answer):
    model_config = ConfigDict(json_schema_extra={"oneOf": PAIRS["oneOf"]})

    klien_id: Id
    session_id: Annotated[str | None, Field(description="Given at start, or ours.", examples=["shop-7"])]
    seq: Annotated[Count, Field(description="The last durable event's; a new QR repeats it.")]
    status: Status
    reason: Reason | None
    detail: Detail | None
    wa_terhubung: Annotated[bool, Field(description="Exactly while `status` is `connected`.")]
    message: Sentence
    since: Annotated[Timestamp, Field(description="When this status began.")]
    retry_at: Annotated[Timestamp | None, Field(description="When the server tries again by itself.")]
    server_now: Timestamp
    pairing: Annotated[Pairing | None, Field(description="Null outside pairing.")]
    me: Annotated[Me | None, Field(description="Null until the account is known.")]


class Snapshot(SessionState):
    """A klien's session as it is now."""

    qr: Annotated[Qr | None, Field(description="Null outside pairing.")]


class LastSnapshot(Snapshot):
    """The session after it was disconnected."""

    warning: Annotated[
        Literal["phone_keeps_device"],
        Field(description="There if WhatsApp couldn't be told: the phone still lists a device, to be removed by hand."),
    ] = Field(default_factory=lambda: "phone_keeps_device")


class StoredSnapshot(SessionState):
    """A session without its QR, which is never stored."""

    qr: None


class PairingCode(Answer):
    """A code to type into the phone: Linked devices, Link with phone number instead."""

    code: Annotated[str, Field(pattern="^[1-9A-Z]{4}-[1-9A-Z]{4}$", examples=["ABCD-EFGH"])]
    expires_at: Timestamp


# --- kliens -----------------------------------------------------------------------------------------------------------


class Klien(Answer):
    """A klien."""

    id: Id
    nama: Annotated[str, Field(min_length=1, max_length=100, examples=["Toko Sinar"])]
    wa_terhubung: bool
    wa_nomor: Annotated[Phone | None, Field(description="The linked number.")]
    created_at: Timestamp


class KlienPage(Answer):
    """Kliens by id."""

    kliens: list[Klien]
    next: Annotated[Id | None, Field(description="`cursor` of the following page; null: this is the last one.")]


# --- health -----------------------------------------------------------------------------------------------------------


class Alive(Answer):
    """It is."""

    status: Literal["ok"]


class Checks(Answer):
    database: bool
    engine: bool


class Memory(Answer):
    rss_bytes: Count
    peak_bytes: Count


class Runs(Answer):
    """Runs on the WhatsApp library."""

    running: Count
    queued: Count
    abandoned: Count


class Health(Answer):
    """How the server is, without any klien's data."""

    status: Literal["ok", "down"]
    uptime: Annotated[float, Field(ge=0, description="Seconds.")]
    sessions: Count
    by_status: dict[Status, Count]
    checks: Checks
    memory: Memory
    runs: Runs
    threads: Count


# --- query strings ----------------------------------------------------------------------------------------------------

Limit = Annotated[int, Field(ge=1, le=500, description="At most so many.")]


class KlienQuery(BaseModel):
    klien_id: Annotated[Id, Field(description="Needed with an admin key, unless the body has it.")] = Field(
        default_factory=int
    )


class KlienPageQuery(BaseModel):
    cursor: Annotated[Count, Field(le=LARGEST_ID, description="`next` of the page before.")] = 0
    limit: Limit = 100


class EventQuery(BaseModel):
    since: Annotated[Count, Field(le=LARGEST_ID, description="The last `seq` that is known already.")] = 0
    limit: Limit = 100
