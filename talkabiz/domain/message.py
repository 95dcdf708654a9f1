"""Messages: what one is, where it is on its way, and which way it may go from there.

Of those that we send::

    queued ─▶ sending ─▶ sent ─▶ delivered ─▶ read ─▶ played
      │          ├─▶ queued      it hasn't left for sure, and may be tried again
      │          ├─▶ failed      it hasn't left, and won't
      │          └─▶ uncertain   it may have left: a receipt tells, or nobody ever will. Never repeated by the program
      ├─▶ cancelled · expired · failed

Of those that come in: `received`, then `read` when we say so; or `undecryptable` until WhatsApp brings it again,
also where it was seen as such. What the klien's own phone sent begins as `sent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from talkabiz.domain.content import Kind
from talkabiz.domain.klien import iso
from talkabiz.domain.message_errors import problem


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class Origin(StrEnum):
    """Who wrote it: a program or person through us, the klien's own phone (or another of its devices), or others."""

    API = "api"
    PHONE = "phone"
    CONTACT = "contact"


class Status(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNCERTAIN = "uncertain"
    RECEIVED = "received"
    UNDECRYPTABLE = "undecryptable"


_ARRIVED = (Status.SENT, Status.DELIVERED, Status.READ, Status.PLAYED)
_ONWARD: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.SENDING, Status.FAILED, Status.CANCELLED, Status.EXPIRED}),
    Status.SENDING: frozenset({Status.QUEUED, Status.FAILED, Status.UNCERTAIN, *_ARRIVED}),
    Status.UNCERTAIN: frozenset(_ARRIVED),
    Status.SENT: frozenset(_ARRIVED[1:]),
    Status.DELIVERED: frozenset(_ARRIVED[2:]),
    Status.READ: frozenset(_ARRIVED[3:]),
    Status.RECEIVED: frozenset({Status.READ, Status.PLAYED}),
    Status.UNDECRYPTABLE: frozenset({Status.RECEIVED}),
}
WAITING = frozenset({Status.QUEUED, Status.SENDING})


def may_become(before: Status, after: Status) -> bool:
    """Whether a message moves on from one to the other. It never goes back, but for a send that hasn't left."""
    return after in _ONWARD.get(before, ())


@dataclass(frozen=True, slots=True)
class Party:
    """A person or a group, as one klien knows them. `id` is the row's; 0: the klien's own account.

    `phone` is digits, `lid` a JID; a group has neither. `jid` is where messages go.
    """

    id: int
    jid: str
    phone: str | None = None
    lid: str | None = None
    name: str | None = None

    @property
    def is_group(self) -> bool:
        return self.jid.endswith("@g.us")

    def as_dict(self) -> dict[str, Any]:
        return {"phone": self.phone, "lid": self.lid, "jid": self.jid, "name": self.name}


@dataclass(frozen=True, slots=True)
class MediaState:
    """The file of a message. `status`: stored, pending (being fetched), failed (`error` says why), gone (its time ran
    out).
    """

    id: int
    mimetype: str
    status: str
    size: int | None = None
    sha256: str | None = None
    filename: str | None = None
    seconds: int | None = None
    error: str | None = None
    expires_at: datetime | None = None

    def as_dict(self, klien_id: int) -> dict[str, Any]:
        return {
            "id": self.id,
            "url": f"/api/v1/kliens/{klien_id}/media/{self.id}" if self.status == "stored" else None,
            "mimetype": self.mimetype,
            "status": self.status,
            "size": self.size,
            "sha256": self.sha256,
            "filename": self.filename,
            "seconds": self.seconds,
            "error": self.error,
            "expires_at": iso(self.expires_at) if self.expires_at else None,
        }


@dataclass(frozen=True, slots=True)
class Message:
    """`sender`: who wrote it, in `chat`; for what we sent, that is `account`, the klien's own.

    `text`: a text, a caption, a poll's question, a reaction's emoji or an edit's new text. `content` is what else its
    kind has, as JSON (docs/api.md, "Kinds of messages"). `at` is WhatsApp's time, once it is known.
    """

    id: int
    klien_id: int
    chat: Party
    sender: Party
    account: Party
    direction: Direction
    source: Origin
    kind: Kind
    text: str | None
    content: Mapping[str, Any]
    status: Status
    status_at: datetime
    created_at: datetime
    wa_id: str | None = None
    at: datetime | None = None
    media: MediaState | None = None
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    forwards: int = 0
    """How often it has been sent on from chat to chat, as far as WhatsApp tells; 0: it was written for this one."""
    error: str | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    edited_at: datetime | None = None
    revoked_at: datetime | None = None
    receipts: Mapping[str, int] | None = None
    """Of a group: how many have it `delivered`, `read`, `played`, and `of` how many that is known."""

    @property
    def wants_preview(self) -> bool:
        return self.kind is Kind.TEXT and bool(self.content.get("preview"))

    def as_dict(self) -> dict[str, Any]:
        """As REST, sockets and webhooks show it; `seq` comes with the journal (CONTRACT.md section 5)."""
        is_ours = self.direction is Direction.OUT
        return {
            "id": self.id,
            "klien_id": self.klien_id,
            "wa_id": self.wa_id,
            "direction": self.direction.value,
            "source": self.source.value,
            "chat": self.chat.as_dict(),
            "from": self.sender.as_dict(),
            "to": self.chat.as_dict() if is_ours or self.chat.is_group else self.account.as_dict(),
            "type": self.kind.value,
            "text": self.text,
            "content": dict(self.content),
            "media": self.media.as_dict(self.klien_id) if self.media else None,
            "reply_to": self.reply_to,
            "mentions": list(self.mentions),
            "forwarded": self.forwards > 0,
            "status": self.status.value,
            "status_at": iso(self.status_at),
            "error": problem(self.error),
            "send_at": _iso(self.send_at),
            "expires_at": _iso(self.expires_at),
            "edited_at": _iso(self.edited_at),
            "revoked_at": _iso(self.revoked_at),
            "receipts": dict(self.receipts) if self.receipts else None,
            "at": _iso(self.at),
            "created_at": iso(self.created_at),
        }


def _iso(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
