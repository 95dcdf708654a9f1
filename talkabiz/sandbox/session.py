"""One device that has logged in. What it asks and says is others' matter; here it is taken to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from talkabiz.sandbox.accounts import Account, Device
from talkabiz.sandbox.errors import QueryError
from talkabiz.sandbox.link import Link
from talkabiz.sandbox.nodes import SERVER, Content, Jid, Node

Topic: TypeAlias = tuple[str, str, str]
"""Of a query: namespace, type and first child."""
Answer: TypeAlias = "Callable[[Session, Node], Content]"
"""The content of a result. QueryError refuses the query; WireError, for one that lacks what it has to have, ends the
link.
"""
Hearer: TypeAlias = "Callable[[Session, Node], None]"


@dataclass(frozen=True, slots=True)
class Desk:
    """Who answers each query, and who hears what else is said, by its tag. A query that nobody knows gets an empty
    result, with which clients go on: pings, passive and active, app state and more. Other things are ignored.
    """

    answers: Mapping[Topic, Answer]
    hearers: Mapping[str, Hearer]


class Session:
    """`parted`: it was told, or has said, that this is the end; nothing it says is heard any more."""

    def __init__(self, link: Link, account: Account, device: Device, desk: Desk) -> None:
        self.link = link
        self.account = account
        self.device = device
        self._desk = desk
        self.parted = False
        self.push_name = ""
        """As it calls itself."""
        self.available = False
        self.watched: dict[str, Jid] = {}
        """Numbers whose presence it wants to hear of, and the address by which it asked."""

    @property
    def notify_name(self) -> str:
        """By which others know it: the phone's name goes before what a device calls itself."""
        return self.account.name or self.push_name

    @property
    def seen_as(self) -> Jid:
        """Where it reads and hears a message from: the phone itself has no device number."""
        return self.account.lid if self.device.hidden else self.device.lid

    def welcome(self) -> None:
        """The client takes this for its login."""
        now = str(int(time.time()))
        self.link.send(Node("success", {"t": now, "lid": self.device.lid, "display_name": self.account.name}))

    def hear(self, node: Node) -> None:
        """Answers everything that waits for an answer. WireError for a node that lacks what its kind has to have."""
        if self.parted:
            return
        if node.tag == "iq":
            if node.text("type") in {"get", "set"}:
                self._answer(node)
        elif hear := self._desk.hearers.get(node.tag):
            hear(self, node)

    def part(self, last: Node) -> None:
        """The last thing it is told; nothing it says afterwards is heard."""
        self.parted = True
        self.link.part(last)

    def _answer(self, query: Node) -> None:
        topic = (query.text("xmlns"), query.text("type"), query.children[0].tag if query.children else "")
        answer = self._desk.answers.get(topic)
        attrs = {"from": query.attrs.get("to", SERVER), "id": query.text("id")}
        try:
            content = answer(self, query) if answer else None
        except QueryError as refusal:
            error = Node("error", {"code": str(refusal.code), "text": refusal.text})
            self.link.send(Node("iq", {**attrs, "type": "error"}, (error,)))
        else:
            self.link.send(Node("iq", {**attrs, "type": "result"}, content))
