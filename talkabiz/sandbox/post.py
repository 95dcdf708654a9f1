"""Brings nodes to devices: at once to one that is there, else into its mailbox."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from talkabiz.sandbox.accounts import Account, Accounts, Device
from talkabiz.sandbox.mailbox import Receipted
from talkabiz.sandbox.nodes import LID_SERVER, USER_SERVER, Attribute, Jid, Node
from talkabiz.sandbox.session import Session


class Post:
    """`sessions` are the devices that are logged in. `changed` is called after each change of a mailbox."""

    def __init__(self, accounts: Accounts, changed: Callable[[], None] = lambda: None) -> None:
        self.sessions: dict[Jid, Session] = {}
        self._accounts = accounts
        self._changed = changed
        self._held: defaultdict[Jid, list[Node]] = defaultdict(list)

    def put(self, device: Device, node: Node, *, twice: bool = False) -> None:
        """Kept until the device acknowledges it. What was held for it comes behind."""
        self._keep(device, node)
        if twice:
            self._keep(device, node, copy=1)
        for held in self._held.pop(device.jid, ()):
            self._keep(device, held)
        self._move(device)

    def hold(self, device: Device, node: Node) -> None:
        """Until the next one was put, or the device logs in."""
        self._held[device.jid].append(node)

    def holds(self, device: Device) -> bool:
        return device.jid in self._held

    def shut(self, device: Device) -> None:
        """From now on its mailbox takes, and gives nothing before `release` or the next login."""
        device.mailbox.shut = True

    def release(self, device: Device) -> None:
        if device.mailbox.shut:
            device.mailbox.release()
            self._move(device)

    def greet(self, device: Device) -> None:
        """The device has logged in."""
        for held in self._held.pop(device.jid, ()):
            self._keep(device, held)
        device.mailbox.rewind()
        self._move(device)

    def tell(self, account: Account, node: Node, besides: Device | None = None) -> None:
        """Those of its devices that are there; what they miss isn't kept."""
        for device in account.devices.values():
            session = self.sessions.get(device.jid)
            if session and not session.parted and device is not besides:
                session.link.send(node)

    def notify(self, devices: Iterable[Device], kind: str, attrs: dict[str, Attribute], child: Node) -> None:
        """A notification by the server."""
        told: dict[str, Attribute] = {"type": kind, "id": os.urandom(8).hex().upper(), "t": now()}
        node = Node("notification", told | attrs, (child,))
        for device in devices:
            self.put(device, node)

    def settle(self, device: Device, tag: str, node: Node) -> None:
        """An acknowledgement or a receipt of a node of that kind. One that fits nothing is ignored."""
        type_ = node.text("type") if node.tag == "ack" else ""
        device.mailbox.forget(self._key(tag, node.text("id"), type_, node.jid("participant") or node.jid("to")))
        self._move(device)
        self._changed()

    def _keep(self, device: Device, node: Node, copy: int = 0) -> None:
        author = node.jid("participant") or node.jid("from")
        key = self._key(node.tag, node.text("id"), node.text("type"), author)
        session = self.sessions.get(device.jid)
        here = session is not None and not session.parted and not device.mailbox.shut
        device.mailbox.put(key, node, stored=not here, copy=copy)
        self._changed()

    def _move(self, device: Device) -> None:
        session = self.sessions.get(device.jid)
        if session and not session.parted:
            for node in device.mailbox.due():
                session.link.send(node)

    def _key(self, tag: str, id_: str, type_: str, who: Jid | None) -> Receipted:
        """Clients name the same account by number or LID, with a device or without."""
        owner = self._accounts.owner(who) if who and who.server in {USER_SERVER, LID_SERVER} else None
        return Receipted(tag, id_, type_ if tag == "receipt" else "", owner.number if owner else str(who or ""))


def now() -> str:
    return str(int(time.time()))
