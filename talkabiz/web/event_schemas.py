"""What the journal shows, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from talkabiz.domain.events import CHAT_TYPES
from talkabiz.services.snapshot import EVENT_TYPES
from talkabiz.web.message_schemas import MessageEvent
from talkabiz.web.schemas import Answer, Id, StoredSnapshot, Timestamp


class Event(Answer):
    """A fact, as it was pushed, without its QR: the session, or a message as it was then."""

    seq: Annotated[int, Field(ge=1)]
    type: Annotated[str, Field(json_schema_extra={"enum": sorted({*EVENT_TYPES.values(), *CHAT_TYPES})})]
    klien_id: Id
    at: Timestamp
    data: StoredSnapshot | MessageEvent


class EventPage(Answer):
    """What happened, oldest first."""

    events: list[Event]
    gap: Annotated[bool, Field(description="`since` is older than what is kept.")]
