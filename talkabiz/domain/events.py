"""What happened, as told to the outside: the one shape that sockets, webhooks and the journal share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from talkabiz.domain.klien import iso

CHAT_TYPES = frozenset({"message", "message_status"})
"""Durable events that tell what was said: not everybody who may see a klien's session may see them."""
PRESENCE = "presence"
"""As these, but passing."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about one klien.

    A durable event has a journal row: `id` is its place in the whole journal, `seq` its place among the klien's own.
    A passing event (a new QR, typing) has no row: its `id` is None and its `seq` repeats the last durable one.
    `data` is what is pushed; the journal keeps it without what is secret (`stored`).
    """

    id: int | None
    klien_id: int
    seq: int
    type: str
    at: datetime
    data: dict[str, Any]

    @property
    def is_durable(self) -> bool:
        return self.id is not None

    def as_dict(self) -> dict[str, Any]:
        """As the journal is told, over REST and to sockets that missed it."""
        return {
            "seq": self.seq,
            "type": self.type,
            "klien_id": self.klien_id,
            "at": iso(self.at),
            "data": self.data,
        }


def stored(data: dict[str, Any]) -> dict[str, Any]:
    """The payload as the journal may keep it: a QR or a pairing code links a device to whoever reads it."""
    kept = dict(data)
    if "qr" in kept:
        kept["qr"] = None
    if kept.get("pairing"):
        kept["pairing"] = {**kept["pairing"], "code": None, "code_expires_at": None}
    return kept
