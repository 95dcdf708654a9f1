"""What answers about keys, links and the audit log look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from talkabiz.domain.ids import LARGEST_ID
from talkabiz.services.audit import Action
from talkabiz.web.schemas import Answer, Count, Id, Limit, Timestamp


class Key(Answer):
    """All of a key but the key itself."""

    id: Id
    kind: Literal["admin", "klien", "link"]
    klien_id: Annotated[Id | None, Field(description="Null: an admin key, for every klien.")]
    scopes: list[Literal["session", "message", "webhook", "read"]]
    label: Annotated[str, Field(examples=["kasir"])]
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Annotated[Timestamp | None, Field(description="To the minute.")]
    revoked_at: Timestamp | None


class NewKey(Key):
    """A key that was just made."""

    token: Annotated[str, Field(pattern="^tkb_", description="The key. It is shown here and never again.")]


class KeyPage(Answer):
    """Keys by id."""

    keys: list[Key]
    next: Annotated[Id | None, Field(description="`cursor` of the following page; null: this is the last one.")]


class LinkToken(Answer):
    """A link for a klien's person, for a while."""

    url: Annotated[str, Field(examples=["https://wa.example.com/link/tkl_…"])]
    token: Annotated[str, Field(pattern="^tkl_", description="Also for Socket.IO: `auth: {token}`.")]
    expires_at: Timestamp


class AuditEntry(Answer):
    id: Id
    at: Timestamp
    actor: Annotated[
        str,
        Field(
            description="`operator:name`, `key:id` (0: API_KEY), `link:id`, `gateway:` and its klien's id, or "
            "`command-line`."
        ),
    ]
    address: Annotated[str | None, Field(description="Where it came from; null: this machine's command line.")]
    action: Annotated[str, Field(json_schema_extra={"enum": sorted(Action)})]
    klien_id: Id | None
    detail: Annotated[dict[str, Any], Field(description="Ids and names; never a secret.")]


class AuditPage(Answer):
    """Who did what, the newest first."""

    entries: list[AuditEntry]
    next: Annotated[Id | None, Field(description="`before` of the following page; null: this is the last one.")]


class KeyPageQuery(BaseModel):
    klien_id: Annotated[Count, Field(le=LARGEST_ID, description="Of this klien alone; 0: of all.")] = 0
    cursor: Annotated[Count, Field(le=LARGEST_ID, description="`next` of the page before.")] = 0
    limit: Limit = 100


class AuditQuery(BaseModel):
    before: Annotated[Count, Field(le=LARGEST_ID, description="`next` of the page before; 0: from the newest on.")] = 0
    limit: Limit = 100
