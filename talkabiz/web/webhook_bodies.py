"""What may be said of webhooks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from talkabiz.domain.webhook_wishes import LONGEST_LABEL, LONGEST_URL
from talkabiz.web.reading import Body

Url = Annotated[str, Field(min_length=1, max_length=LONGEST_URL, examples=["https://example.com/talkabiz"])]
"""A public https address. Whether it may be is looked at when it is saved, and again before each delivery."""
Label = Annotated[str, Field(max_length=LONGEST_LABEL, examples=["kasir"])]
Chosen = Annotated[
    list[Literal["session.status", "message.received", "message.status", "webhook.exhausted", "ping"]],
    Field(min_length=1, examples=[["message.received"]]),
]


class NewWebhook(Body):
    """`events`: what it is told; all, unless given."""

    url: Url
    events: Chosen | None = None
    label: Label = ""


class WebhookFields(Body):
    """What isn't named stays as it is. `enabled`: true lets one go on that was disabled, whyever that was."""

    url: Url = Field(default_factory=str)
    events: Chosen | None = None
    label: Label = ""
    enabled: bool = True
