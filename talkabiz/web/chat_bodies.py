"""What may be said of files, chats and the pace of a klien."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from talkabiz.domain.pace_settings import FASTEST, LARGEST_BURST, LARGEST_CAP, LONGEST_SECONDS
from talkabiz.web.reading import Body


class UploadFields(Body):
    """`type`: what kind of message the file is for, if that is known: then it is checked at once."""

    type: Literal["image", "video", "audio", "voice", "document", "sticker"] | None = None


class Typing(Body):
    state: Literal["composing", "recording", "paused"] = "composing"


_TIME = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")


class QuietFields(Body):
    """From one time of the day to another, past midnight if that is earlier."""

    from_: Annotated[str, _TIME, Field(alias="from", examples=["21:00"])]
    to: Annotated[str, _TIME, Field(examples=["06:00"])]


def _no_longer(is_paused: bool) -> bool:  # noqa: FBT001 - as pydantic hands it over
    if is_paused:
        raise ValueError("false alone, to let it go on: WhatsApp is who pauses it")
    return is_paused


class PaceFields(Body):
    """What isn't named stays as it is; null sets it back to what it is where nobody chose. `per_minute` 0: no limit."""

    per_minute: Annotated[float, Field(ge=0, le=FASTEST)] | None = 20
    burst: Annotated[int, Field(ge=1, le=LARGEST_BURST)] | None = 5
    jitter: Annotated[float, Field(ge=0, le=1)] | None = 0.5
    new_contact_seconds: Annotated[float, Field(ge=0, le=LONGEST_SECONDS)] | None = 15
    quiet: QuietFields | None = None
    zone: Annotated[str, Field(min_length=1, max_length=64, examples=["WIB"])] | None = "WIB"
    daily_cap: Annotated[int, Field(ge=1, le=LARGEST_CAP)] | None = None
    region: Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["ID"])] | None = "ID"
    paused: Annotated[bool, AfterValidator(_no_longer), Field(json_schema_extra={"const": False})] = False
