"""What is pushed to who looks on, as Server-Sent Events: how things are now, then each change, and the nodes that pass.

A reader that is slow gets the newest state, not each step to it, and loses the oldest nodes; it is told how many.
Nothing is kept for a reader but what it was last told.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from talkabiz.domain.content import Edit, Reaction, Revoke
from talkabiz.sandbox.accounts import Account
from talkabiz.sandbox.chat_log import Entry
from talkabiz.sandbox.faults import Faults
from talkabiz.sandbox.handsets import Handset
from talkabiz.sandbox.node_log import SHOWN_FIRST, NodeLog
from talkabiz.sandbox.nodes import Jid
from talkabiz.sandbox.views import KlienOf, fault_view, phone_view
from talkabiz.sandbox.world import Sandbox

SHOWN_MESSAGES = 100
"""Of each phone, the newest."""
BEAT_SECONDS = 15.0
"""After so long without news a comment is sent, by which a connection that is dead is noticed."""
REST_SECONDS = 0.05
"""Between two helpings: what changes often is told once."""
LARGEST_HELPING = 100
"""Nodes at a time."""
_BEAT = ": nothing new\n\n"


class StateReader:
    """Tells what has changed since it last told. Events: `phone`, `message`, `typing` and `faults`."""

    def __init__(self, sandbox: Sandbox, klien_of: KlienOf) -> None:
        self._sandbox = sandbox
        self._klien_of = klien_of
        self._rung = -1
        self._told: dict[tuple[str, ...], str] = {}
        self._versions: dict[str, int] = {}
        self._unread: dict[str, int] = {}

    def read(self) -> Iterator[str]:
        if self._rung != self._sandbox.bell.rung:
            self._rung = self._sandbox.bell.rung
            online = set(self._sandbox.online())
            for account in self._sandbox.phones.all():
                yield from self._read_phone(account, online)
        yield from self._read_faults(self._sandbox.faults)

    def _read_phone(self, account: Account, online: set[Jid]) -> Iterator[str]:
        number = account.number
        handset = self._sandbox.chats.handset(number)
        is_new = self._versions.get(number) != handset.log.version
        if is_new:
            self._versions[number] = handset.log.version
            self._unread[number] = sum(map(_is_unread, handset.log.all()))
        more = {"offline": handset.offline, "unread": self._unread[number]}
        yield from self._news(("phone", number), phone_view(account, online, self._klien_of) | more)
        if is_new:
            yield from self._read_chats(number, handset)

    def _read_chats(self, number: str, handset: Handset) -> Iterator[str]:
        views, entries = self._sandbox.chat_views, handset.log.all()[-SHOWN_MESSAGES:]
        shown = {("message", number, entry.id) for entry in entries}
        for key in [key for key in self._told if key[:2] == ("message", number) and key not in shown]:
            del self._told[key]
        for entry in entries:
            view = {"number": number, "message": views.message(handset, entry)}
            yield from self._news(("message", number, entry.id), view)
        yield from self._news(("typing", number), {"number": number, "typing": views.messages(handset, [])["typing"]})

    def _read_faults(self, faults: Faults) -> Iterator[str]:
        """The seconds that are left change all the time, which is no news."""
        lasting = [fault_view(fault, None) for fault in faults.all()]
        now = [fault_view(fault, faults.seconds_left(fault)) for fault in faults.all()]
        yield from self._news(("faults",), {"faults": lasting}, {"faults": now})

    def _news(self, key: tuple[str, ...], compared: Any, told: Any = None) -> Iterator[str]:
        text = json.dumps(compared)
        if self._told.get(key) != text:
            self._told[key] = text
            yield event(key[0], told or compared)


class NodeReader:
    """Tells the nodes behind the one of the id `after`; without it, or if it isn't known, it begins a little before
    now. Events: `node`, and `gap` with the number of those that were lost.
    """

    def __init__(self, log: NodeLog, after: str = "") -> None:
        self._log = log
        seen = log.where(after)
        self._n = max(0, log.last - SHOWN_FIRST) if seen is None else seen
        self.goes_on = seen is not None

    def read(self) -> Iterator[str]:
        helping = self._log.after(self._n, LARGEST_HELPING)
        if helping and helping[0].n > self._n + 1:
            yield event("gap", {"lost": helping[0].n - self._n - 1})
        for passed in helping:
            self._n = passed.n
            yield event("node", passed.view(), self._log.id_of(passed.n))


async def tell(sandbox: Sandbox, state: StateReader | None, nodes: NodeReader | None) -> AsyncGenerator[str, None]:
    """Until its reader leaves, or the bell has ended. `hello` says whether the nodes go on where the reader was, and
    `ready` stands behind the state at first.
    """
    yield event("hello", {"goes_on": bool(nodes and nodes.goes_on)})
    if state:
        yield "".join(state.read()) + event("ready", {})
    readers = [reader for reader in (state, nodes) if reader]
    while not sandbox.bell.is_over:
        if news := "".join(line for reader in readers for line in reader.read()):
            yield news
            await asyncio.sleep(REST_SECONDS)
        elif not await sandbox.bell.wait(_until_something_ends(sandbox.faults)):
            yield _BEAT


def _is_unread(entry: Entry) -> bool:
    """What only changes another message is read with it."""
    return not entry.outward and entry.status == "received" and not isinstance(entry.content, Reaction | Edit | Revoke)


def event(name: str, data: Any, id_: str = "") -> str:
    lines = [f"event: {name}", f"data: {json.dumps(data)}"]
    return "\n".join([f"id: {id_}", *lines] if id_ else lines) + "\n\n"


def _until_something_ends(faults: Faults) -> float:
    """A fault whose time is over tells nobody."""
    ends = (faults.seconds_left(fault) for fault in faults.all())
    return min([BEAT_SECONDS, *(left + REST_SECONDS for left in ends if left is not None)])
