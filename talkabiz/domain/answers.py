"""What a linked session is answered by WhatsApp. An address is a JID, `user@server`, without a device."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CallFailed(Exception):
    """What was asked for came to nothing. `code` is stable: `talkabiz.whatsapp.call_errors` has them all."""

    def __init__(self, code: str, said: str = "") -> None:
        super().__init__(f"{code}: {said}" if said else code)
        self.code = code

    @property
    def may_have_happened(self) -> bool:
        """A message may have gone out all the same: the answer is missing, not the question."""
        return self.code == "unanswered"


@dataclass(frozen=True, slots=True)
class Sent:
    """`at` is the server's time, in whole seconds."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a number is on WhatsApp; `jid` is empty if it isn't."""

    number: str
    jid: str
    is_in: bool


class Change(StrEnum):
    """Of a group's participants."""

    ADD = "add"
    REMOVE = "remove"
    PROMOTE = "promote"
    DEMOTE = "demote"


@dataclass(frozen=True, slots=True)
class Member:
    """`error`: WhatsApp's code why a change didn't reach this one, 0 if it did."""

    jid: str
    phone: str
    lid: str
    is_admin: bool
    error: int


@dataclass(frozen=True, slots=True)
class Group:
    jid: str
    name: str
    owner: str
    members: tuple[Member, ...]
