"""One client that waits to be linked, and what is said to it once a phone has seen its screen (whatsmeow, pair.go)."""

from __future__ import annotations

import asyncio
import base64
import os
import time

from talkabiz.sandbox.accounts import Account, Device
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.identity import sealed, signed_back, signed_identity
from talkabiz.sandbox.link import Link
from talkabiz.sandbox.nodes import SERVER, Attribute, Node

LONGEST_REASON = 100
_REFERENCE_SIZE = 48  # bytes; as long as the real ones, so a code is drawn as densely


class Attempt:
    """One client's wish to pair, for as long as its link stands and it hasn't been scanned."""

    def __init__(self, link: Link, identity_key: bytes, platform: str) -> None:
        self.link = link
        self.identity_key = identity_key
        self.platform = platform
        self.references: list[str] = []
        self._query = ""
        self._answer: asyncio.Future[Node] | None = None

    def offer(self, count: int) -> None:
        """Sends the references of `count` QR codes."""
        self.references = [f"2@{base64.b64encode(os.urandom(_REFERENCE_SIZE)).decode()}" for _ in range(count)]
        offered = tuple(Node("ref", {}, reference.encode()) for reference in self.references)
        self._ask("pair-device", offered)

    async def pair(self, account: Account, device: Device, secret: bytes) -> None:
        """Gives the client its device and waits until it has signed. SandboxError `pair_refused` if it doesn't."""
        identity = signed_identity(account, device)
        self._answer = asyncio.get_running_loop().create_future()
        self._ask(
            "pair-success",
            (
                Node("device-identity", {}, sealed(identity, secret)),
                Node("biz", {"name": account.name}),
                Node("device", {"jid": device.jid, "lid": device.lid}),
                Node("platform", {"name": "android"}),
            ),
        )
        answer = await self._answer
        signature = answer.child("pair-device-sign")
        signed = signature.child("device-identity") if signature else None
        if signed is None:
            raise _refused(_reason(answer))
        if not signed_back(identity, device, signed.data):
            raise _refused("signature-mismatch")

    def hear(self, node: Node) -> None:
        """An answer of the client; one that nobody waits for is ignored."""
        if self._answer and not self._answer.done() and node.text("id") == self._query:
            self._answer.set_result(node)

    def end(self) -> None:
        """The client has left."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(_refused("the client left"))

    def _ask(self, tag: str, content: tuple[Node, ...]) -> None:
        self._query = f"talkabiz-{tag}"
        attrs: dict[str, Attribute] = {
            "from": SERVER,
            "type": "set",
            "id": self._query,
            "xmlns": "md",
            "t": str(int(time.time())),
        }
        self.link.send(Node("iq", attrs, (Node(tag, {}, content),)))


def _reason(answer: Node) -> str:
    error = answer.child("error")
    return error.text("text")[:LONGEST_REASON] if error else "no signature"


def _refused(reason: str) -> SandboxError:
    return SandboxError(
        "pair_refused",
        f"Perangkat menolak penautan ({reason}).",
        f"The device refused to be linked ({reason}).",
        409,
    )
