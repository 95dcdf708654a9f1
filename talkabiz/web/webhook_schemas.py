"""What answers about webhooks look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from talkabiz.domain.ids import LARGEST_ID
from talkabiz.domain.webhooks import DeliveryStatus, Type
from talkabiz.web.schemas import Answer, Count, Id, Limit, Timestamp

EventId = Annotated[str, Field(pattern="^evt_[0-9A-Z]{26}$", examples=["evt_01KA5X9T3N8Z4Q2W7V6M1B0C5D"])]
EventType = Annotated[str, Field(json_schema_extra={"enum": [each.value for each in Type]})]
Secret = Annotated[str, Field(pattern=r"^whsec_[A-Za-z0-9+/]{43}=$", description="It is shown here and never again.")]
HttpStatus = Annotated[int, Field(ge=100, le=599, examples=[200])]
Fault = Annotated[
    str,
    Field(
        description="refused, unreachable, tls, timeout, cut_off, redirected or address_refused; or `http_` and "
        "the status.",
        examples=["http_503"],
    ),
]


class Webhook(Answer):
    """An address that is told what happens to a klien."""

    id: Id
    klien_id: Id
    url: str
    label: str
    events: Annotated[list[EventType] | None, Field(description="What it is told; null: everything.")]
    kind: Annotated[
        Literal["standard", "older"],
        Field(description="older: made by `webhook_url`. It is told of the connection alone, in the older shape."),
    ]
    status: Annotated[Literal["enabled", "disabled"], Field(description="A disabled one is told nothing.")]
    disabled_reason: Annotated[
        Literal["gone", "failing", "operator"] | None,
        Field(description="gone: it answered 410. failing: nothing else for 5 days. operator: by PATCH."),
    ]
    disabled_at: Timestamp | None
    failing_since: Annotated[Timestamp | None, Field(description="Since when no try has come to anything.")]
    created_at: Timestamp
    pending: Annotated[Count, Field(description="Deliveries that wait for their first or next try.")]


class WebhookWithSecret(Webhook):
    """A webhook, and the secret that all it is sent from now on is signed with."""

    secret: Secret


class WebhookPage(Answer):
    """Webhooks by id, all of them."""

    webhooks: list[Webhook]
    next: Annotated[None, Field(description="There is no other page: a klien has 20 at most.")]


class Delivery(Answer):
    """One event on its way to one webhook."""

    id: Id
    webhook_id: Id
    event_id: Annotated[EventId, Field(description="As in the header `webhook-id`, with every try.")]
    type: EventType
    seq: Annotated[Count, Field(description="The event's place in the klien's journal; of a ping, the last one's.")]
    status: Annotated[DeliveryStatus, Field(description="dead: ten tries within 75 hours, and no 2xx.")]
    tries: Annotated[Count, Field(description="Since it was queued, or replayed last.")]
    next_at: Annotated[Timestamp | None, Field(description="Of the next try, while it is pending.")]
    is_replay: bool
    last_status: HttpStatus | None
    last_error: Fault | None
    created_at: Timestamp
    ended_at: Timestamp | None


class Attempt(Answer):
    """One try."""

    number: Annotated[int, Field(ge=1)]
    at: Timestamp
    status: Annotated[HttpStatus | None, Field(description="What the receiver answered; null: nothing.")]
    error: Fault | None
    latency_ms: Count
    response: Annotated[str, Field(description="How the answer's body begins: 2 KB at most. Strangers wrote it.")]


class DeliveryWithAttempts(Delivery):
    """A delivery, and what came of each try."""

    attempts: list[Attempt]


class DeliveryPage(Answer):
    """Deliveries, the newest first."""

    deliveries: list[Delivery]
    next: Annotated[Id | None, Field(description="`cursor` of the following page; null: this is the last one.")]


class Queued(Answer):
    """What will be delivered again."""

    queued: Annotated[Count, Field(description="So many deliveries.")]


class IncomingSecretState(Answer):
    """Whether the klien has one."""

    is_set: bool


class IncomingSecret(Answer):
    """What a gateway outside signs its reports with."""

    secret: Secret


# --- query strings ----------------------------------------------------------------------------------------------------


class DeliveryQuery(BaseModel):
    status: Annotated[DeliveryStatus, Field(description="As it is now.")] = Field(
        default_factory=lambda: DeliveryStatus.PENDING
    )
    cursor: Annotated[Count, Field(le=LARGEST_ID, description="`next` of the page before; 0: from the newest on.")] = 0
    limit: Limit = 100


class ReplayQuery(BaseModel):
    since: Annotated[Count, Field(le=LARGEST_ID, description="The last `seq` that is known already.")] = Field(
        default_factory=int
    )
    status: Annotated[Literal["dead"], Field(description="Only what was given up.")] = Field(
        default_factory=lambda: "dead"
    )
