"""One device that has logged in: what it asks for, and what it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from talkabiz.sandbox.accounts import Account, Accounts, Device
from talkabiz.sandbox.link import Link
from talkabiz.sandbox.nodes import SERVER, USER_SERVER, Content, Jid, Node


class Session:
    """`parted`: it was told, or has said, that this is the end; nothing it says is heard any more."""

    def __init__(self, link: Link, account: Account, device: Device, accounts: Accounts) -> None:
        self.link = link
        self.account = account
        self.device = device
        self._accounts = accounts
        self.parted = False

    def welcome(self) -> None:
        """The client takes this for its login."""
        self.link.send(Node("success", {"t": _now(), "lid": self.device.lid, "display_name": self.account.name}))
        self.link.send(Node("ib", {"from": SERVER}, (Node("offline", {"count": "0"}),)))

    def hear(self, node: Node) -> None:
        """Answers everything that waits for an answer. WireError for a node that lacks what its kind has to have."""
        if self.parted:
            return
        if node.tag == "iq" and node.text("type") in {"get", "set"}:
            topic = _ANSWERS.get((node.text("xmlns"), node.text("type"), node.children[0].tag if node.children else ""))
            self._reply(node, topic(self, node) if topic else None)
        elif node.tag in {"message", "receipt"}:
            self._acknowledge(node)

    def part(self, last: Node) -> None:
        """The last thing it is told; nothing it says afterwards is heard."""
        self.parted = True
        self.link.part(last)

    def _reply(self, query: Node, content: Content) -> None:
        self.link.send(Node("iq", {"from": SERVER, "type": "result", "id": query.text("id")}, content))

    def _acknowledge(self, node: Node) -> None:
        """The library's send waits for this."""
        attrs = {"class": node.tag, "id": node.text("id"), "from": node.attrs.get("to", SERVER), "t": _now()}
        if node.tag == "receipt":
            attrs["type"] = node.text("type")
        self.link.send(Node("ack", attrs))

    def count_prekeys(self, _query: Node) -> Content:
        return (Node("count", {"value": str(self.device.bundle.count)}),)

    def upload_prekeys(self, query: Node) -> Content:
        self.device.bundle.upload(query)
        return None

    def hand_out_prekeys(self, query: Node) -> Content:
        """One bundle for each device that is asked for; a one-time key in it is used up."""
        return (Node("list", {}, tuple(self._bundle_of(user) for user in query.children[0].children)),)

    def _bundle_of(self, user: Node) -> Node:
        jid = user.jid("jid") or Jid("")
        device = self._accounts.device(jid)
        parts = device.bundle.take() if device else ()
        missing = (Node("error", {"code": "404", "text": "item-not-found"}),)
        return Node("user", {"jid": jid}, parts or missing)

    def look_up(self, query: Node) -> Content:
        """usync: whether numbers are on WhatsApp, their devices and LIDs."""
        question = query.children[0]
        asked, users = question.child("query"), question.child("list")
        wanted = {part.tag for part in asked.children} if asked else set()
        found = tuple(self._describe(user, wanted) for user in (users.children if users else ()))
        return (Node("usync", question.attrs, (Node("list", {}, found),)),)

    def _describe(self, user: Node, wanted: set[str]) -> Node:
        contact = user.child("contact")
        jid = user.jid("jid") or Jid(
            contact.data.decode("ascii", "replace").lstrip("+") if contact else "", USER_SERVER
        )
        owner = self._accounts.owner(jid)
        facts: list[Node] = []
        if "contact" in wanted:
            facts.append(Node("contact", {"type": "in" if owner else "out"}))
        if owner and "devices" in wanted:
            facts.append(Node("devices", {}, (Node("device-list", {}, _device_list(owner)),)))
        if owner and "lid" in wanted:
            facts.append(Node("lid", {"val": owner.lid}))
        return Node("user", {"jid": jid.account()}, tuple(facts))

    def remove_itself(self, _query: Node) -> Content:
        """Log-out by the client: it gets its answer, then the link ends."""
        self.parted = True
        self._accounts.remove(self.account, self.device.id)
        self.link.part_soon()
        return None


def _device_list(account: Account) -> tuple[Node, ...]:
    return tuple(
        Node("device", {"id": str(device.id), "key-index": str(device.key_index)})
        for device in account.devices.values()
    )


def _now() -> str:
    return str(int(time.time()))


# By namespace, type and first child. Whatever isn't here gets an empty result, with which the library goes on: pings,
# passive and active, privacy, app state and more.
_ANSWERS: Mapping[tuple[str, str, str], Callable[[Session, Node], Content]] = {
    ("encrypt", "get", "count"): Session.count_prekeys,
    ("encrypt", "get", "key"): Session.hand_out_prekeys,
    ("encrypt", "set", "registration"): Session.upload_prekeys,
    ("usync", "get", "usync"): Session.look_up,
    ("md", "set", "remove-companion-device"): Session.remove_itself,
}
