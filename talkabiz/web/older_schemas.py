"""What the older paths answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from talkabiz.domain.states import Status
from talkabiz.web.schemas import Answer, Count, DataUrl, Phone, Snapshot, StoredSnapshot

SecondsLeft = Annotated[Count | None, Field(description="Seconds that this code has left.", examples=[58])]


class Connecting(Snapshot):
    """The snapshot and the first QR of the round; `qr_code` is null if there is none to show."""

    success: Literal[True]
    qr_code: DataUrl | None
    expires: SecondsLeft


class LiveStatus(Snapshot):
    """The session from the running gateway."""

    success: Literal[True]
    connected: bool
    phone_number: Phone | None


class StoredStatus(StoredSnapshot):
    """The session from the database."""

    success: Literal[True]
    connected: bool
    phone_number: Phone | None


class SessionStarted(Answer):
    """As POST /whatsapp/connect, in another shape: `qr` is the picture here."""

    success: Literal[True]
    status: Status
    session_id: str | None
    qr: DataUrl | None
    expires: SecondsLeft
    snapshot: Snapshot


class Confirmation(Answer):
    """The gateway's report was taken in, or was known already."""

    success: Literal[True]
    message: Literal["Connection confirmed", "Disconnection confirmed"]
