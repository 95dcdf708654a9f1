"""One sandbox: the server, its accounts, their phones and the faults, tied together."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from talkabiz.sandbox import memory
from talkabiz.sandbox.accounts import Accounts
from talkabiz.sandbox.bell import Bell
from talkabiz.sandbox.certificates import Certificates
from talkabiz.sandbox.chat_views import ChatViews
from talkabiz.sandbox.chats import Chats
from talkabiz.sandbox.codec import Codec
from talkabiz.sandbox.companions import Companions
from talkabiz.sandbox.conversation import DEVICE_REMOVED, REPLACED, Conversations
from talkabiz.sandbox.exchange import Exchange
from talkabiz.sandbox.faults import KINDS, Fault, Faults
from talkabiz.sandbox.handsets import Handsets
from talkabiz.sandbox.media import Shelf
from talkabiz.sandbox.node_log import NodeLog
from talkabiz.sandbox.nodes import Jid
from talkabiz.sandbox.noise import Authority
from talkabiz.sandbox.pairing import Attempts
from talkabiz.sandbox.phones import Phones
from talkabiz.sandbox.server import Server
from talkabiz.sandbox.session import Session
from talkabiz.sandbox.tokens import Tokens

_log = logging.getLogger(__name__)

_CUT_OFF = 0
_SAVING_DELAY_SECONDS = 1.0
_SAVING_SHARE = 0.05
_NOBODY = 0  # no device has this id


class Sandbox:
    """A WhatsApp on loopback. `root_key` (hex) is what a client's library must trust in place of the real root.

    With a `state_file`, phones, linked devices, groups and what waits for devices are read from it now, and written to
    it when they change; media lie in a directory beside it.
    """

    def __init__(self, tokens: Tokens, certificates: Certificates, state_file: Path | None = None) -> None:
        authority = Authority(certificates.noise_root())
        self.ca_file = certificates.ca_file
        self.root_key = authority.root_key.hex()
        self.faults = Faults()
        self.bell = Bell()
        """Rings whenever phones, devices, chats or faults have changed, and wakes for each node."""
        self.nodes = NodeLog(self.bell)
        self._state_file = state_file
        self._accounts = Accounts(self._remember)
        self._behind: asyncio.TimerHandle | None = None
        self._saving_seconds = 0.0
        shelf = Shelf(state_file.with_name(f"{state_file.stem}-media") if state_file else None)
        self._exchange = Exchange(self._accounts, self.faults, shelf, self._remember_soon)
        if state_file:
            self._restore(memory.load(state_file))
        attempts = Attempts()
        self.phones = Phones(self._accounts, attempts, self.faults)
        self._conversations = Conversations(self._accounts, attempts, self.faults, self._exchange)
        self._handsets = Handsets(self._accounts, self.phones)
        self._conversations.prepare = self._handsets.prepare
        self._conversations.overheard = self.nodes.note
        self.faults.changed = self._handsets.changed = self._conversations.changed = self.bell.ring
        self.chats, self.chat_views = Chats(self._handsets), ChatViews(self._handsets)
        tls, codec = certificates.tls_context(), Codec(tokens)
        self._server = Server(tls, authority, codec, self._conversations.hold, self._refusal, shelf=shelf)
        self._back_door = Server(tls, authority, codec, self._conversations.hold_spared, lambda: None, shelf=shelf)
        self._address = self._back_address = ""

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Port 0: a free one. OSError if it can't be had."""
        self._address = f"http://{host}:{await self._server.start(host, port)}"
        self._back_address = f"http://{host}:{await self._back_door.start(host, 0)}"

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Returns once it is set, when those who look on have been sent away: their streams never end by themselves."""
        await stopping.wait()
        self.bell.end()

    async def stop(self) -> None:
        """Every link ends; accounts and devices stay known to this object."""
        await self._handsets.stop()
        await self._server.stop()
        await self._back_door.stop()
        self._address = self._back_address = ""
        if self._behind:
            self._remember()

    @property
    def proxy_url(self) -> str:
        """The proxy that leads here; "" while it isn't started."""
        return self._address

    @property
    def back_door_url(self) -> str:
        """The same for companions, which no fault strikes, not while they pair either."""
        return self._back_address

    def let_chat(self, companions: Companions) -> None:
        """From now on its phones chat, through these; they are closed with the sandbox."""
        self._handsets.start(companions)

    def online(self) -> list[Jid]:
        """The devices that are logged in."""
        return [session.device.jid for session in self._conversations.online()]

    def describe(self, control_url: str) -> dict[str, str]:
        """What a program needs to use this sandbox, as `talkabiz sandbox --json` prints it."""
        return {
            "proxy_url": self.proxy_url,
            "ca_file": str(self.ca_file),
            "root_key": self.root_key,
            "control_url": control_url,
        }

    def remove_device(self, number: str, device_id: int) -> None:
        """As in the phone's list of linked devices. SandboxError `not_found`."""
        account = self._accounts.get(number)
        is_shown = any(device.id == device_id for device in account.shown_devices)
        device = self._accounts.remove(account, device_id if is_shown else _NOBODY)
        for session in self._conversations.online():
            if session.device is device:
                session.part(DEVICE_REMOVED)

    def inject(
        self, name: str, number: str | None = None, count: int | None = None, seconds: float | None = None
    ) -> Fault:
        """Sets a fault, and lets one that cuts links strike those that are up. SandboxError `invalid_input`,
        or `not_found` for a number without a phone; nothing is changed then.
        """
        if number is not None:
            self._accounts.get(number)
        fault = self.faults.add(name, number, count, seconds)
        if KINDS[name].cuts:
            self._cut(fault)
        return fault

    def _cut(self, fault: Fault) -> None:
        """A strike at once isn't counted against `count`: that is for the logins that follow."""
        if fault.name == "drop" and fault.number is None:
            links = [link for link in self._conversations.links if not link.spared]
            fault.hit += len(links)
            for link in links:
                link.abort()
            return
        for session in self._conversations.online():
            if fault.number in (None, session.account.number) and not session.device.hidden:
                fault.hit += 1
                self._end(session, fault.name)

    def _end(self, session: Session, name: str) -> None:
        if name == "device_removed":
            self.remove_device(session.account.number, session.device.id)
        elif name == "replaced":
            session.part(REPLACED)
        else:
            session.link.abort()

    def _refusal(self) -> int | None:
        if self.faults.strike("drop"):
            return _CUT_OFF
        return 503 if self.faults.strike("http_503") else None

    def _restore(self, state: memory.State) -> None:
        for account in state.accounts:
            self._accounts.restore(account)
        for group in state.groups:
            self._exchange.groups.restore(group)

    def _remember(self) -> None:
        self.bell.ring()
        if self._behind:
            self._behind.cancel()
            self._behind = None
        if self._state_file is None:
            return
        began = time.monotonic()
        try:
            memory.save(self._state_file, memory.State(self._accounts.all(), self._exchange.groups.all()))
        except OSError:
            _log.exception("phones and devices couldn't be written to %s; they end with this process", self._state_file)
        self._saving_seconds = time.monotonic() - began

    def _remember_soon(self) -> None:
        """What changes with each message: not at once, and never more than a small part of the time."""
        if self._state_file is None or self._behind:
            return
        delay = max(_SAVING_DELAY_SECONDS, self._saving_seconds / _SAVING_SHARE)
        self._behind = asyncio.get_running_loop().call_later(delay, self._remember)
