"""How messages reach a number while a fault is about: twice, out of order, damaged, or late and all at once.

What is delivered to the phone itself, by its hidden devices, is spared, and so are the copies of what a device sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from talkabiz.sandbox.accounts import Accounts, Device
from talkabiz.sandbox.faults import Fault, Faults
from talkabiz.sandbox.nodes import Jid, Node
from talkabiz.sandbox.post import Post

_LATER_SECONDS = 0.01  # than a fault's end, for clocks are coarse


class Mishaps:
    def __init__(self, accounts: Accounts, post: Post, faults: Faults) -> None:
        self._accounts = accounts
        self._post = post
        self._faults = faults
        self._backlogs: dict[str, set[Jid]] = {}
        """The numbers whose messages are kept back, and the devices they are kept from."""
        self._timed: set[int] = set()
        faults.ended = self._release

    def deliver(self, number: str, mail: Sequence[tuple[Device, Node]]) -> None:
        """One message to the devices of a number; each fault strikes at most once for it."""
        seen = [device for device, _ in mail if not device.hidden]
        kept = self._keep_back(number, seen) if seen else None
        held = self._is_held(number, seen)
        twice = bool(seen) and self._faults.strike("duplicate", number) is not None
        damaged = bool(seen) and self._faults.strike("undecryptable", number) is not None
        for device, whole in mail:
            node = _damage(whole) if damaged and not device.hidden else whole
            if held and not device.hidden:
                self._post.hold(device, node)
            else:
                self._post.put(device, node, twice=twice and not device.hidden)
        if kept and kept.count == 0:
            self._release()

    def _is_held(self, number: str, devices: Sequence[Device]) -> bool:
        """Not while another is: that one is waiting for this."""
        if not devices or any(map(self._post.holds, devices)):
            return False
        return self._faults.strike("reorder", number) is not None

    def _keep_back(self, number: str, devices: Sequence[Device]) -> Fault | None:
        fault = self._faults.strike("offline_backlog", number)
        if fault is None:
            return None
        for device in devices:
            self._post.shut(device)
        self._backlogs.setdefault(number, set()).update(device.jid for device in devices)
        left = self._faults.seconds_left(fault)
        if left is not None and fault.id not in self._timed:
            self._timed.add(fault.id)
            asyncio.get_running_loop().call_later(left + _LATER_SECONDS, self._release)
        return fault

    def _release(self) -> None:
        """What a fault kept back that has ended by now."""
        over = [number for number in self._backlogs if not self._faults.stands("offline_backlog", number)]
        for number in over:
            for jid in self._backlogs.pop(number):
                if device := self._accounts.device(jid):
                    self._post.release(device)


def _damage(message: Node) -> Node:
    """No part that is sealed begins as it should."""
    parts = tuple(
        replace(part, content=bytes([part.data[0] ^ 0xFF]) + part.data[1:]) if part.tag == "enc" and part.data else part
        for part in message.children
    )
    return replace(message, content=parts)
