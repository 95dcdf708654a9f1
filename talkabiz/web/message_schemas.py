"""What answers about messages, files, chats and contacts look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from talkabiz.domain.content import Kind
from talkabiz.domain.ids import LARGEST_ID
from talkabiz.domain.message import Direction, Origin, Status
from talkabiz.web.schemas import Answer, Count, Id, Limit, Phone, Sentence, Timestamp

Jid = Annotated[str, Field(examples=["628123456789@s.whatsapp.net"])]
MessageStatus = Annotated[str, Field(json_schema_extra={"enum": [status.value for status in Status]})]
"""Not the enumeration itself: another one of that name is a session's, and the document knows one of each name."""
WaId = Annotated[str, Field(examples=["3EB0C431D26A1916E07A"])]


class Party(Answer):
    """A person or a group. A group has neither `phone` nor `lid`."""

    phone: Phone | None
    lid: Annotated[str | None, Field(examples=["123456789012345@lid"])]
    jid: Annotated[Jid, Field(description="Where messages go.")]
    name: Annotated[str | None, Field(examples=["Ibu Sari"])]


class File(Answer):
    """The file of a message."""

    id: Id
    url: Annotated[str | None, Field(description="Where its bytes are, with the same key; null unless stored.")]
    mimetype: Annotated[str, Field(examples=["image/jpeg"])]
    status: Annotated[
        Literal["stored", "pending", "failed", "gone"],
        Field(description="pending: it is being fetched. failed: `error` says why. gone: its time ran out."),
    ]
    size: Annotated[Count | None, Field(description="Bytes.")]
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$")]
    filename: str | None
    seconds: Annotated[Count | None, Field(description="How long it plays.")]
    error: str | None
    expires_at: Annotated[Timestamp | None, Field(description="Until when it is kept.")]


class Why(Answer):
    """Why a message failed, or may have."""

    code: Annotated[str, Field(examples=["not_on_whatsapp"])]
    message: Sentence


class Held(Answer):
    """What holds up all that waits. Waiting for one's turn isn't that."""

    reason: Annotated[
        str,
        Field(
            description="A status or a reason of the session, quiet_hours, daily_cap, or a code of WhatsApp's.",
            examples=["quiet_hours"],
        ),
    ]
    until: Annotated[Timestamp | None, Field(description="When it goes on by itself; null: nobody knows.")]
    message: Sentence


class Receipts(Answer):
    """In a group: how many have it."""

    delivered: Count
    read: Count
    played: Count
    of: Annotated[Count | None, Field(description="How many it went to, as far as that is known.")]


class Message(Answer):
    """A message, in or out."""

    id: Id
    klien_id: Id
    wa_id: Annotated[WaId | None, Field(description="WhatsApp's id; null until it is sent.")]
    direction: Direction
    source: Annotated[
        Origin, Field(description="api: through us. phone: the klien's own phone. contact: somebody else.")
    ]
    chat: Party
    from_: Annotated[Party, Field(alias="from")]
    to: Party
    type: Kind
    text: Annotated[str | None, Field(description="A text, a caption, a poll's question, an emoji, an edit's text.")]
    content: Annotated[dict[str, Any], Field(description="What else its type has: docs/api.md.")]
    media: File | None
    reply_to: Annotated[WaId | None, Field(description="The message that it answers.")]
    mentions: list[Jid]
    forwarded: Annotated[bool, Field(description="It was sent on from another chat.")]
    status: MessageStatus
    status_at: Timestamp
    error: Why | None
    send_at: Timestamp | None
    expires_at: Timestamp | None
    edited_at: Timestamp | None
    revoked_at: Timestamp | None
    receipts: Receipts | None
    at: Annotated[Timestamp | None, Field(description="WhatsApp's time.")]
    created_at: Timestamp
    position: Annotated[
        Count | None, Field(description="There while it is queued: so many of its klien's go before it.")
    ] = Field(default_factory=lambda: None)
    held: Annotated[Held | None, Field(description="There while it is queued: what holds it up.")] = Field(
        default_factory=lambda: None
    )


class MessageEvent(Message):
    """A message, as it is pushed."""

    seq: Annotated[int, Field(ge=1)]


class MessagePage(Answer):
    """Messages, oldest first."""

    messages: list[Message]
    next: Annotated[Id | None, Field(description="`since` of the following page; null: this is the last one.")]


class Chat(Answer):
    """A person or a group that something was said with."""

    id: Id
    chat: Party
    is_group: bool
    unread: Annotated[Count, Field(description="Messages that came in and weren't marked as read.")]
    last_at: Timestamp
    last_message: Message | None


class ChatPage(Answer):
    """Chats, the newest first."""

    chats: list[Chat]
    next: Annotated[str | None, Field(description="`cursor` of the following page; null: this is the last one.")]


class Contact(Answer):
    """Whether a number is on WhatsApp."""

    phone: Phone
    on_whatsapp: bool
    jid: Annotated[Jid | None, Field(description="Where messages go; null if it isn't on WhatsApp.")]
    checked_at: Annotated[Timestamp, Field(description="When WhatsApp was asked: at most a day ago.")]


class Quiet(Answer):
    """Hours of the day, in the klien's zone, in which nothing is sent."""

    from_: Annotated[str, Field(alias="from", pattern=r"^\d\d:\d\d$", examples=["21:00"])]
    to: Annotated[str, Field(pattern=r"^\d\d:\d\d$", examples=["06:00"])]


class Pace(Answer):
    """How fast a klien's messages go out."""

    per_minute: Annotated[float, Field(ge=0, description="0: no limit.")]
    burst: Annotated[int, Field(ge=1, description="So many at once, after a rest.")]
    jitter: Annotated[float, Field(ge=0, le=1, description="How much of each pause is left to chance.")]
    new_contact_seconds: Annotated[float, Field(ge=0, description="More, before the first message to somebody new.")]
    quiet: Quiet | None
    zone: Annotated[str, Field(description="WIB, WITA, WIT, or an IANA name.", examples=["WIB"])]
    daily_cap: Annotated[int | None, Field(ge=1, description="At most so many a day, in that zone; null: no limit.")]
    region: Annotated[str, Field(description="Whose numbers need no country code.", examples=["ID"])]
    paused_until: Timestamp | None
    pause_reason: Annotated[str | None, Field(examples=["new_contact_limited"])]
    held: Held | None


# --- query strings and headers ----------------------------------------------------------------------------------------


class MessageQuery(BaseModel):
    chat: Annotated[
        str,
        Field(max_length=100, description="A phone's number or a WhatsApp address.", examples=["081234567890"]),
    ] = Field(default_factory=str)
    direction: Annotated[Direction, Field(description="in or out")] = Field(default_factory=lambda: Direction.IN)
    status: Annotated[MessageStatus, Field(description="As it is now.")] = Field(default_factory=str)
    since: Annotated[Count, Field(le=LARGEST_ID, description="The last `id` that is known already.")] = 0
    limit: Limit = 100


class ChatQuery(BaseModel):
    cursor: Annotated[str, Field(pattern="^[0-9]{1,17}-[0-9]{1,19}$", description="`next` of the page before.")] = (
        Field(default_factory=str)
    )
    limit: Limit = 100


class ContactQuery(BaseModel):
    phone: Annotated[str, Field(max_length=100, description="In any spelling.", examples=["081234567890"])]


class KeyHeader(BaseModel):
    idempotency_key: Annotated[
        str,
        Field(
            pattern=r"^[!-~]{1,255}$",
            description="A name for this request, of your own. Sent again with the same body, it is accepted once.",
        ),
    ] = Field(default_factory=str)
