"""Receipts: that a message was delivered, read or played, or couldn't be read and is to be sent again (receipt.go)."""

from __future__ import annotations

from talkabiz.sandbox.accounts import Account, Accounts, Device
from talkabiz.sandbox.nodes import GROUP_SERVER, SERVER, Attribute, Jid, Node
from talkabiz.sandbox.post import Post, now
from talkabiz.sandbox.session import Session

_TO_ONE_DEVICE = frozenset({"retry", "sender", "peer_msg", "hist_sync"})
"""The one that sent the message; all others are for every device of its account."""
_TO_OWN_DEVICES = frozenset({"read", "read-self", "played", "played-self"})
"""Are told to the reader's other devices too; with `-self`, to nobody else."""
_PASSED_ON = _TO_ONE_DEVICE | _TO_OWN_DEVICES | {"", "inactive"}
"""What else there is, is for the server alone. A type that a client made up would end the library's run at the other
end, which has no word for it.
"""


class Receipts:
    def __init__(self, accounts: Accounts, post: Post) -> None:
        self._accounts = accounts
        self._post = post

    def receipt(self, session: Session, node: Node) -> None:
        """It also says that its device has the message."""
        _acknowledge(session, node)
        self._post.settle(session.device, "message", node)
        type_, chat = node.text("type"), node.jid("to")
        if chat is None or type_ not in _PASSED_ON:
            return
        author = node.jid("participant") if chat.server == GROUP_SERVER else chat
        owner = self._accounts.owner(author) if author else None
        told = _as_told(session, node, chat)
        if owner and author and not type_.endswith("-self"):
            for device in self._authors(owner, author, type_):
                if device is not session.device:
                    self._post.put(device, told)
        if type_ in _TO_OWN_DEVICES:
            self._tell_own(session, told, chat)

    def _authors(self, owner: Account, author: Jid, type_: str) -> list[Device]:
        device = owner.devices.get(author.device)
        if type_ in _TO_ONE_DEVICE and author.device:
            return [device] if device else []
        return list(owner.devices.values())

    def _tell_own(self, session: Session, told: Node, chat: Jid) -> None:
        owner = self._accounts.owner(chat)
        if owner is session.account:
            return
        copy = Node("receipt", {**told.attrs, **({"recipient": owner.lid} if owner else {})}, told.content)
        for device in session.account.devices.values():
            if device is not session.device:
                self._post.put(device, copy)


def _as_told(session: Session, node: Node, chat: Jid) -> Node:
    type_ = node.text("type")
    reader = session.device.lid if type_ in _TO_ONE_DEVICE else session.seen_as
    attrs: dict[str, Attribute] = {"id": node.text("id"), "type": type_, "t": node.text("t") or now()}
    if chat.server == GROUP_SERVER:
        attrs |= {"from": chat, "participant": reader, "participant_pn": session.account.jid}
    else:
        attrs["from"] = reader
    if recipient := node.jid("recipient"):
        attrs["recipient"] = recipient
    return Node("receipt", attrs, node.content)


def _acknowledge(session: Session, node: Node) -> None:
    attrs: dict[str, Attribute] = {
        "class": "receipt",
        "id": node.text("id"),
        "from": node.attrs.get("to", SERVER),
        "type": node.text("type"),
        "t": now(),
    }
    if participant := node.jid("participant"):
        attrs["participant"] = participant
    session.link.send(Node("ack", attrs))
