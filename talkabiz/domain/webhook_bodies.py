"""What an event is told as to webhooks: its type, its data, and the bytes that are signed and sent on every try.

Its callers read the journal, which holds no QR and no pairing code; here they are left out once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from talkabiz.domain.events import CHAT_TYPES, Event
from talkabiz.domain.klien import iso
from talkabiz.domain.message import Direction
from talkabiz.domain.states import Status
from talkabiz.domain.webhooks import Delivery, Type

SESSION_TYPES = frozenset({status.value for status in Status} - {Status.ERROR.value} | {"session_error"})
"""The journal's events that tell a transition."""
_NEVER_SENT = ("qr", "pairing")


@dataclass(frozen=True, slots=True)
class Connection:
    """What endpoints of the older kind are told of: whether a klien is connected, and its number where one is known."""

    is_connected: bool
    phone: str | None

    @property
    def key(self) -> str:
        """What differs when there is something to tell: a number only matters while it is connected."""
        return f"connected {self.phone or ''}" if self.is_connected else "disconnected"


def told(event: Event) -> tuple[Type, dict[str, Any]] | None:
    """Its type and data for endpoints of the standard kind; None: it isn't for webhooks."""
    if event.type in SESSION_TYPES:
        return Type.SESSION_STATUS, {name: value for name, value in event.data.items() if name not in _NEVER_SENT}
    if event.type not in CHAT_TYPES:
        return None
    is_new = event.type == "message" and event.data.get("direction") == Direction.IN
    return Type.MESSAGE_RECEIVED if is_new else Type.MESSAGE_STATUS, event.data


def connection(event: Event) -> Connection | None:
    """As it is from then on; None: the event isn't about that."""
    if event.type not in SESSION_TYPES:
        return None
    me = event.data.get("me") or {}
    return Connection(bool(event.data.get("wa_terhubung")), me.get("phone") or None)


def exhausted(delivery: Delivery) -> dict[str, Any]:
    """The data of `webhook.exhausted`, of a delivery that is dead."""
    return {
        "webhook_id": delivery.webhook_id,
        "delivery_id": delivery.id,
        "event_id": delivery.event_id,
        "type": delivery.type.value,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
    }


def body(public_id: str, type: Type, at: datetime, klien_id: int, seq: int, data: Mapping[str, Any]) -> bytes:  # noqa: A002, PLR0917 - as the body has them
    """Compact JSON in UTF-8. `at` is the event's time, `public_id` its `evt_…`."""
    return _json(
        {
            "id": public_id,
            "type": type.value,
            "timestamp": iso(at),
            "klien_id": klien_id,
            "seq": seq,
            "data": dict(data),
        }
    )


def older_body(event: Event, now: Connection) -> bytes:
    """The body of the older design, of an event that `connection` knows."""
    return connection_body(event.klien_id, event.data.get("session_id"), now)


def connection_body(klien_id: int, session_id: str | None, now: Connection) -> bytes:
    """As `older_body`, of no event in particular."""
    return _json(
        {
            "event": Type.CONNECTION_UPDATE.value,
            "klien_id": klien_id,
            "session_id": session_id,
            "status": "connected" if now.is_connected else "disconnected",
            "phone_number": now.phone,
        }
    )


def _json(data: Mapping[str, Any]) -> bytes:
    # Half a surrogate pair, which a stranger may have written, has no UTF-8.
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
