"""Endpoints, deliveries and attempts as they stand in the tables, and as the domain sees them."""

# ruff: noqa: S608 - statements are put together from parts of our own

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from talkabiz.domain.webhooks import (
    Attempt,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    EndpointStatus,
    Kind,
    Type,
)
from talkabiz.store.message_rows import time_of

Row = Mapping[str, Any]

_INCOMING = "(SELECT incoming_secret FROM kliens WHERE kliens.id = webhooks.klien_id) AS incoming_secret"
_PENDING = """
    (SELECT COUNT(*) FROM deliveries WHERE webhook_id = webhooks.id AND deliveries.status = 'pending') AS pending
"""
ENDPOINT = f"SELECT webhooks.*, {_INCOMING}, 0 AS pending FROM webhooks"
SHOWN_ENDPOINT = f"SELECT webhooks.*, {_INCOMING}, {_PENDING} FROM webhooks"
CHANGED_ENDPOINT = f"RETURNING *, {_INCOMING}, 0 AS pending"
DELIVERY = """
    SELECT deliveries.*, webhook_events.public_id, webhook_events.type, webhook_events.seq,
        webhook_events.body
    FROM deliveries JOIN webhook_events ON webhook_events.id = deliveries.event_id
"""


def endpoint_of(row: Row) -> Endpoint:
    kind = Kind(row["kind"])
    return Endpoint(
        id=row["id"],
        klien_id=row["klien_id"],
        kind=kind,
        url=row["url"],
        label=row["label"],
        events=frozenset(map(Type, json.loads(row["events"]))) if row["events"] else None,
        status=EndpointStatus(row["status"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        since_id=row["since_id"],
        secret=row["incoming_secret" if kind is Kind.OLDER else "secret"],
        previous_secret=row["previous_secret"],
        previous_until=time_of(row["previous_until"]),
        disabled_reason=DisabledReason(row["disabled_reason"]) if row["disabled_reason"] else None,
        disabled_at=time_of(row["disabled_at"]),
        failing_since=time_of(row["failing_since"]),
        failures=row["failures"],
        told=row["told"],
        pending=row["pending"],
    )


def delivery_of(row: Row) -> Delivery:
    return Delivery(
        id=row["id"],
        klien_id=row["klien_id"],
        webhook_id=row["webhook_id"],
        event_id=row["public_id"],
        type=Type(row["type"]),
        seq=row["seq"],
        status=DeliveryStatus(row["status"]),
        tries=row["tries"],
        next_at=time_of(row["next_at"]),
        is_replay=bool(row["is_replay"]),
        last_status=row["last_status"],
        last_error=row["last_error"],
        created_at=datetime.fromisoformat(row["created_at"]),
        ended_at=time_of(row["ended_at"]),
    )


def attempt_of(row: Row) -> Attempt:
    return Attempt(
        number=row["number"],
        at=datetime.fromisoformat(row["at"]),
        status=row["status"],
        error=row["error"],
        latency_ms=row["latency_ms"],
        response=row["response"],
    )
