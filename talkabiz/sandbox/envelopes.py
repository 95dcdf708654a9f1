"""What each device gets of a message: the parts that are sealed for it, and who it is from (whatsmeow, message.go).

Everybody is named by LID, with the number beside it. The contents are the sender's and are passed on as they are.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from talkabiz.sandbox.accounts import Account, Device
from talkabiz.sandbox.nodes import Attribute, Jid, Node
from talkabiz.sandbox.post import now

_PASSED_ON = ("id", "type", "edit", "category", "expiration")
_FOR_THE_SERVER = frozenset({"participants", "tctoken", "cstoken", "reporting"})
_SEALED = frozenset({"enc", "device-identity"})


@dataclass(frozen=True, slots=True)
class Sender:
    account: Account
    device: Device
    push_name: str


class Letter:
    """A message as it was sent; `sealed` are its parts by the address they are for."""

    def __init__(self, node: Node, sender: Sender) -> None:
        self.node = node
        self.to = node.jid("to")
        self.sender = sender
        participants = node.child("participants")
        self.sealed: Mapping[Jid, tuple[Node, ...]] = {
            jid: part.children for part in (participants.children if participants else ()) if (jid := part.jid("jid"))
        }
        self.open_to_all = tuple(part for part in node.children if part.tag == "enc")
        """Sealed for a group, or for the one device that the message is addressed to."""

    def to_other(self, sealed: Iterable[Node]) -> Node:
        whose: dict[str, Attribute] = {"from": self.sender.device.lid, "sender_pn": self.sender.account.jid}
        return self._envelope(whose | {"addressing_mode": "lid"}, sealed)

    def to_own(self, sealed: Iterable[Node], chat: Account | None) -> Node:
        """Another device of the sender gets a copy, without `chat` a word among devices alone."""
        whose: dict[str, Attribute] = {"from": self.sender.device.lid, "addressing_mode": "lid"}
        if chat:
            whose |= {"recipient": chat.lid, "peer_recipient_pn": chat.jid}
        return self._envelope(whose, sealed)

    def to_member(self, chat: Jid, sealed: Iterable[Node]) -> Node:
        """Of a group or a broadcast list."""
        whose: dict[str, Attribute] = {
            "from": chat,
            "participant": self.sender.device.lid,
            "participant_pn": self.sender.account.jid,
            "addressing_mode": "lid",
        }
        return self._envelope(whose, sealed)

    def _envelope(self, whose: Mapping[str, Attribute], sealed: Iterable[Node]) -> Node:
        encrypted = tuple(part for part in sealed if part.tag == "enc")
        attrs = {name: value for name in _PASSED_ON if (value := self.node.attrs.get(name))}
        attrs |= {"t": now(), "notify": self.sender.push_name, **whose}
        identity = self.node.child("device-identity")
        begins = identity is not None and any(part.text("type") == "pkmsg" for part in encrypted)
        others = tuple(part for part in self.node.children if part.tag not in _FOR_THE_SERVER | _SEALED)
        return Node("message", attrs, (*encrypted, *((identity,) if identity and begins else ()), *others))


def device_hash(devices: Iterable[Jid]) -> str:
    """By which client and server find out that they know different devices (whatsmeow, participantListHashV2)."""
    names = sorted(f"{jid.user}.0:{jid.device}@{jid.server}" for jid in devices)
    digest = hashlib.sha256("".join(names).encode()).digest()
    return f"2:{base64.b64encode(digest[:6]).decode()}"
