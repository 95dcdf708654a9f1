"""What the server says to each client from the handshake on: to one that wants to pair, and to one that logs in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from google.protobuf.message import DecodeError
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps

from talkabiz.sandbox.accounts import Account, Accounts, Device
from talkabiz.sandbox.attempt import Attempt
from talkabiz.sandbox.code_requests import STAGE
from talkabiz.sandbox.errors import WireError
from talkabiz.sandbox.exchange import Exchange
from talkabiz.sandbox.faults import Fault, Faults
from talkabiz.sandbox.link import Link
from talkabiz.sandbox.nodes import SERVER, USER_SERVER, Jid, Node
from talkabiz.sandbox.pairing import REFERENCES, Attempts
from talkabiz.sandbox.session import Session

LONGEST_PLATFORM = 100
_KEY_SIZE = 32
_BAN_SECONDS = 3600
_BAN_CODE = 101  # "sent messages to too many people"

# The reason a login fails with (whatsmeow, types/events), by the fault that makes it fail.
_REFUSALS = {"client_outdated": 405, "account_locked": 403, "account_banned": 406, "temporary_ban": 402}
_LOGGED_OUT = 401
_ENDS_DEVICE = frozenset({"account_locked", "account_banned"})

DEVICE_REMOVED = Node("stream:error", {"code": "401"}, (Node("conflict", {"type": "device_removed"}),))
REPLACED = Node("stream:error", {}, (Node("conflict", {"type": "replaced"}),))


class Conversations:
    """`links` are all that stand; `sessions` the devices that have logged in, one link each."""

    def __init__(self, accounts: Accounts, attempts: Attempts, faults: Faults, exchange: Exchange) -> None:
        self.links: set[Link] = set()
        self.sessions = exchange.post.sessions
        self.prepare: Callable[[Session, Node], Awaitable[None]] = _at_once
        """Awaited before what a client said is heard; it says nothing more meanwhile."""
        self.overheard: Callable[[Link, Node, bool], None] = lambda _link, _node, _out: None
        """Told each node that passes, and whether it goes out."""
        self.changed: Callable[[], None] = lambda: None
        """Called after a device has logged in or left."""
        self._exchange = exchange
        self._accounts = accounts
        self._attempts = attempts
        self._faults = faults

    async def hold(self, link: Link) -> None:
        """Returns, or raises WireError or ConnectionError, when the link has ended."""
        self.links.add(link)
        link.overheard = partial(self.overheard, link)
        try:
            if link.payload.HasField("devicePairingData"):
                await self._pair(link)
            else:
                await self._log_in(link)
        finally:
            self.links.discard(link)
            self.changed()

    async def hold_spared(self, link: Link) -> None:
        """The same for a link that no fault is to touch."""
        link.spared = True
        await self.hold(link)

    def online(self) -> list[Session]:
        """Without those that were told to leave, though their link may still stand for a moment."""
        return [session for session in self.sessions.values() if not session.parted]

    async def _pair(self, link: Link) -> None:
        link.swallows = lambda: self._strike(link, "silence") is not None
        identity_key = link.payload.devicePairingData.eIdent
        if len(identity_key) != _KEY_SIZE:
            raise WireError("a client without an identity key")
        if self._strike(link, "client_outdated"):
            await self._refuse(link, {"reason": str(_REFUSALS["client_outdated"])})
        attempt = Attempt(link, identity_key, _platform(link))
        offering = asyncio.create_task(self._offer(attempt))
        try:
            while True:
                self._hear_newcomer(attempt, await link.receive())
        finally:
            offering.cancel()
            self._attempts.close(attempt)
            attempt.end()

    def _hear_newcomer(self, attempt: Attempt, node: Node) -> None:
        if node.tag != "iq":
            return
        if node.text("type") in {"result", "error"}:
            attempt.hear(node)
        elif node.child(STAGE):
            self._attempts.codes.hear(attempt, node)
        else:
            attempt.link.send(Node("iq", {"from": SERVER, "type": "result", "id": node.text("id")}))

    async def _offer(self, attempt: Attempt) -> None:
        if self._strike(attempt.link, "no_qr"):
            return
        late = self._strike(attempt.link, "slow_qr")
        if late and late.seconds:
            await asyncio.sleep(late.seconds)
        attempt.offer(1 if self._strike(attempt.link, "one_qr") else REFERENCES)
        self._attempts.open(attempt)

    def _strike(self, link: Link, name: str) -> Fault | None:
        return None if link.spared else self._faults.strike(name)

    async def _log_in(self, link: Link) -> None:
        jid = Jid(str(link.payload.username), USER_SERVER, link.payload.device)
        account, device = self._accounts.owner(jid), self._accounts.device(jid)
        is_spared = device is not None and device.hidden
        if not is_spared and self._faults.strike("drop", jid.user):
            link.abort()
            return
        if account is None or device is None or device.noise_key != link.client_key:
            await self._refuse(link, {"reason": str(_LOGGED_OUT)})
            return
        if is_spared:
            link.spared = True
        elif failure := self._failure(account, device):
            await self._refuse(link, failure)
            return
        else:
            link.swallows = lambda: self._faults.strike("silence", account.number) is not None
        await self._serve(Session(link, account, device, self._exchange.desk))

    async def _serve(self, session: Session) -> None:
        self._enter(session)
        try:
            while True:
                node = await session.link.receive()
                await self.prepare(session, node)
                session.hear(node)
        finally:
            self._exchange.leave(session)

    def _enter(self, session: Session) -> None:
        """A second login of the same device takes the place of the first, as on the real service."""
        earlier = self.sessions.get(session.device.jid)
        if earlier and not earlier.parted:
            earlier.part(REPLACED)
        self._exchange.enter(session)
        self.changed()
        if not session.device.hidden and self._faults.strike("replaced", session.account.number):
            session.part(REPLACED)

    def _failure(self, account: Account, device: Device) -> Mapping[str, str] | None:
        """The attributes of the failure that a fault wants for this login."""
        if self._faults.strike("device_removed", account.number):
            self._accounts.remove(account, device.id)
            return {"reason": str(_LOGGED_OUT)}
        for name, reason in _REFUSALS.items():
            fault = self._faults.strike(name, account.number)
            if fault is None:
                continue
            if name in _ENDS_DEVICE:
                self._accounts.remove(account, device.id)
            if name != "temporary_ban":
                return {"reason": str(reason)}
            left = self._faults.seconds_left(fault)
            # Rounded up: a client that comes back on time must not be too early. And 0 means that nobody knows.
            return {"reason": str(reason), "code": str(_BAN_CODE), "expire": str(math.ceil(left or _BAN_SECONDS))}
        return None

    async def _refuse(self, link: Link, attrs: Mapping[str, str]) -> None:
        """Waits for the client to leave, or for the link to be closed behind the failure."""
        link.part(Node("failure", attrs))
        while True:
            await link.receive()


async def _at_once(_session: Session, _node: Node) -> None:
    """Nothing has to be prepared."""


def _platform(link: Link) -> str:
    """What the client calls itself, e.g. in the phone's list of devices."""
    try:
        props = DeviceProps.FromString(link.payload.devicePairingData.deviceProps)
    except DecodeError:
        raise WireError("device properties that can't be read") from None
    return str(props.os)[:LONGEST_PLATFORM]
