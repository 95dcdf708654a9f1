"""The chatting part of virtual phones: their companions, opened when they are needed, and what comes in by them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from talkabiz.domain.answers import CallFailed
from talkabiz.domain.heard import GroupHeard, Heard, MessageHeard, ReceiptHeard, TypingHeard, UndecryptableHeard
from talkabiz.sandbox.accounts import Account, Accounts
from talkabiz.sandbox.chat_log import ChatLog
from talkabiz.sandbox.companions import Companion, Companions
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.nodes import Jid, Node
from talkabiz.sandbox.phones import Phones
from talkabiz.sandbox.session import Session

T = TypeVar("T")
_log = logging.getLogger(__name__)

PREPARE_SECONDS = 15.0
OPEN_TRIES = 2
"""The first may find that the device in its store isn't linked any more; the next one then pairs anew."""

# By the code of what failed: the HTTP status, and the sentence in both languages.
_FAILURES = {
    "no_lid": (422, "Nomor tujuan tidak ada di WhatsApp ini.", "The number isn't on this WhatsApp."),
    "not_connected": (503, "Telepon ini sedang tidak tersambung.", "This phone isn't connected at the moment."),
    "unanswered": (504, "Server tidak menjawab pada waktunya.", "The server didn't answer in time."),
    "timed_out": (504, "Server tidak menjawab pada waktunya.", "The server didn't answer in time."),
    "not_in_group": (409, "Telepon ini bukan anggota grup itu.", "This phone isn't in that group."),
    "group_not_found": (404, "Grup itu tidak ada.", "There is no such group."),
    "media_gone": (410, "Media ini sudah tidak ada di server.", "This medium isn't on the server any more."),
}


class Handset:
    """Of one phone. `mute`: it is never to have a companion. `offline`: it has one, which isn't to log in."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.log = ChatLog()
        self.companion: Companion | None = None
        self.mute = False
        self.offline = False
        self.back: asyncio.TimerHandle | None = None
        self.opening = asyncio.Lock()

    @property
    def is_paired(self) -> bool:
        return any(device.hidden for device in self.account.devices.values())


class Handsets:
    """Without companions nobody chats: SandboxError `chats_unavailable`."""

    def __init__(self, accounts: Accounts, phones: Phones) -> None:
        self.changed: Callable[[], None] = lambda: None
        """Called after each change of what a phone shows."""
        self.groups: dict[str, str] = {}
        """Names by address."""
        self._companions: Companions | None = None
        self._accounts = accounts
        self._phones = phones
        self._handsets: dict[str, Handset] = {}
        self._work: set[asyncio.Task[object]] = set()

    def of(self, number: str) -> Handset:
        """SandboxError `not_found`."""
        account = self._accounts.get(number)
        if number not in self._handsets:
            self._handsets[number] = Handset(account)
            self._handsets[number].log.told = lambda: self.changed()  # noqa: PLW0108 - it may be set later
        return self._handsets[number]

    def start(self, companions: Companions) -> None:
        """Those that were paired before log in again: what came for them meanwhile is at the server."""
        self._companions = companions
        for account in self._accounts.all():
            if (handset := self.of(account.number)).is_paired:
                self._begin(self._open_quietly(handset))

    async def stop(self) -> None:
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        for handset in self._handsets.values():
            if handset.back:
                handset.back.cancel()
        if self._companions:
            companions, self._companions = self._companions, None
            await companions.close()

    async def prepare(self, session: Session, node: Node) -> None:
        """Before a client is told the devices of accounts: makes the companions that aren't there yet, so that what it
        sends to a phone reaches it from the first message on.
        """
        if self._companions is None or node.text("xmlns") != "usync":
            return
        # A companion that is just coming up would wait for itself.
        own = session.account if session.device.hidden else None
        handsets = [self.of(account.number) for account in self._asked_for(node) if account is not own]
        opening = [self._begin(self._open_quietly(each)) for each in handsets if not each.mute and not each.is_paired]
        if opening:
            await asyncio.wait(opening, timeout=PREPARE_SECONDS)

    async def ask(self, handset: Handset, call: Callable[[Companion], Awaitable[T]]) -> T:
        """SandboxError, by the code of what failed, or `phone_offline`."""
        if handset.offline:
            raise _offline()
        try:
            return await call(await self.open(handset))
        except CallFailed as failure:
            raise _refusal(failure) from None

    async def open(self, handset: Handset) -> Companion:
        """Its companion, logged in. CallFailed, or SandboxError."""
        if self._companions is None or handset.mute:
            raise SandboxError(
                "chats_unavailable", "Telepon ini tidak bisa mengobrol.", "This phone is one that doesn't chat.", 409
            )
        async with handset.opening:
            if handset.companion and handset.companion.is_open:
                return handset.companion
            handset.companion = await self._open(handset, self._companions)
            if handset.offline:
                handset.companion.close()
                raise _offline()
            return handset.companion

    async def go_offline(self, number: str, seconds: float | None) -> None:
        """What is sent to it waits at the server, for so long or until `go_online`. For that it needs a companion, if
        it is one that chats at all.
        """
        handset = self.of(number)
        if self._companions and not handset.mute and not handset.is_paired:
            await self.ask(handset, _nothing)
        handset.offline = True
        if handset.back:
            handset.back.cancel()
        if seconds is not None:
            handset.back = asyncio.get_running_loop().call_later(seconds, self._come_back, handset)
        if handset.companion:
            handset.companion.close()
        self.changed()

    async def go_online(self, number: str) -> None:
        handset = self.of(number)
        handset.offline = False
        self.changed()
        await self.ask(handset, _nothing)

    def address(self, jid: str) -> str:
        """A person's address by number, however he was named; a group's as it is."""
        owner = self.owner(jid)
        return str(owner.jid) if owner else jid

    def owner(self, jid: str) -> Account | None:
        user, _, server = jid.partition("@")
        return self._accounts.owner(Jid(user, server))

    def _asked_for(self, query: Node) -> Iterator[Account]:
        """Whose devices a query is about."""
        question = query.children[0] if query.children else None
        wanted, users = (question.child("query"), question.child("list")) if question else (None, None)
        if not wanted or not users or not wanted.child("devices"):
            return
        for user in users.children:
            jid = user.jid("jid")
            if owner := self._accounts.owner(jid) if jid else None:
                yield owner

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _open(self, handset: Handset, companions: Companions) -> Companion:
        number = handset.account.number

        async def scan(code: str) -> None:
            device = await self._phones.scan(number, code, hidden=True)
            for other in list(handset.account.devices.values()):
                if other.hidden and other is not device:
                    self._accounts.remove(handset.account, other.id)

        for attempt in range(1, OPEN_TRIES + 1):
            try:
                return await companions.open(number, scan, lambda heard: self._hear(handset, heard))
            except CallFailed:
                if attempt == OPEN_TRIES:
                    raise
        raise AssertionError

    async def _open_quietly(self, handset: Handset) -> None:
        try:
            await self.open(handset)
        except (CallFailed, SandboxError) as failure:
            _log.warning("a virtual phone can't chat: %s", failure)

    def _come_back(self, handset: Handset) -> None:
        handset.offline = False
        self.changed()
        self._begin(self._open_quietly(handset))

    def _begin(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    def _hear(self, handset: Handset, heard: Heard) -> None:
        log = handset.log
        match heard:
            case MessageHeard(source):
                log.hear_message(heard, self.address(source.chat), self.address(source.sender))
            case UndecryptableHeard(source):
                log.hear_undecryptable(heard, self.address(source.chat), self.address(source.sender))
            case ReceiptHeard():
                log.hear_receipt(heard, self.address(heard.sender))
            case TypingHeard():
                log.hear_typing(heard, self.address(heard.chat), self.address(heard.sender))
            case GroupHeard(group, _, name) if name:
                self.groups[group] = name
            case _:
                pass


async def _nothing(_companion: Companion) -> None:
    """The companion is there; that is all."""


def _offline() -> SandboxError:
    return SandboxError("phone_offline", "Telepon ini sedang luring.", "This phone is offline.", 409)


def _refusal(failure: CallFailed) -> SandboxError:
    status, id_, en = _FAILURES.get(failure.code, (502, f"Gagal ({failure.code}).", f"It failed ({failure.code})."))
    return SandboxError("not_on_whatsapp" if failure.code == "no_lid" else failure.code, id_, en, status)
