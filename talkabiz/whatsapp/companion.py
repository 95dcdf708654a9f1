"""Linked devices that run only to let somebody else chat: each pairs by itself, and is opened again from its store.

Over an edge of their own, with store files of their own; the library, its gate and its rules are those of everybody in
this process. What a companion hears and says has the domain's words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import structlog
from ulid import ULID

from talkabiz.domain import inputs as i
from talkabiz.domain.answers import CallFailed, Change, Group, Member, Sent
from talkabiz.domain.content import Content, Kind, Media, Quote, Stored
from talkabiz.domain.heard import Heard
from talkabiz.whatsapp.binding import Binding
from talkabiz.whatsapp.calls import Calls
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.incoming import TYPING, heard_of
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.outgoing import message_of

T = TypeVar("T")
Scan = Callable[[str], Awaitable[object]]
Hear = Callable[[Heard], None]
log = structlog.get_logger(__name__)

OPEN_SECONDS = 20.0
CALL_SECONDS = 30.0
CLOSE_SECONDS = 5.0
_ANYWHERE = "0@s.whatsapp.net"
_UNHURRIED = "?_synchronous=OFF&_foreign_keys=on&rest="
"""Nothing waits for the disk: a pairing writes 812 keys one by one. What a power cut loses is only a toy's."""
_GOES_ON = (
    *(i.StartQueued, i.StartEntered, i.CodeIssued, i.OldPhoneScanned, i.Paired, i.Connected),
    *(i.KeepaliveMissed, i.KeepaliveRestored, i.LinkLost, i.StreamErrored),
)
_PASSES = (i.EngineFailed, i.NoRoute)
"""After one of these its device may still be good; after any other that isn't above, the next one is paired anew."""


class LocalCompanions:
    """Of one directory, which they lock. `proxy_url` leads to the WhatsApp that they pair with."""

    def __init__(self, binding: Binding, directory: Path, *, proxy_url: str) -> None:
        self._devices = Devices.open(directory)
        self._stored = {found.klien_id: found.device for found in self._devices.stored()}
        self._binding = replace(binding, subscribed=binding.subscribed + TYPING, store_options=_UNHURRIED)
        self._proxy_url = proxy_url
        self._made: LocalWhatsApp | None = None
        self._open: dict[str, LocalCompanion] = {}
        """By the attempt that runs."""

    async def open(self, number: str, scan: Scan, hear: Hear) -> LocalCompanion:
        """The companion of that number, logged in; pairs it first, by letting `scan` have the code.

        CallFailed: `not_connected`, or the kind of fact that it ended with. What `scan` raises.
        """
        klien_id, attempt = int(number), str(ULID())
        companion = LocalCompanion(self._edge, attempt, hear)
        self._open[attempt] = companion
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                if device := self._stored.get(klien_id):
                    self._edge.start_session(klien_id, attempt, device)
                else:
                    self._edge.start_pairing(klien_id, attempt)
                    await scan(await companion.code())
                await companion.come_up()
        except BaseException as error:
            companion.close()
            if companion.ended_by and not isinstance(companion.ended_by, _PASSES):
                self._forget(klien_id, attempt)
            if isinstance(error, TimeoutError):
                raise CallFailed("not_connected") from None
            raise
        self._stored.setdefault(klien_id, attempt)
        return companion

    async def close(self) -> None:
        if self._made:
            await self._made.shutdown(CLOSE_SECONDS)
        self._devices.close()

    @property
    def _edge(self) -> LocalWhatsApp:
        """Made when the first one is opened: it has threads."""
        if self._made is None:
            loop = asyncio.get_running_loop()
            self._made = LocalWhatsApp(self._binding, self._devices, proxy_url=self._proxy_url, loop=loop)
            self._made.connect_facts(self._take_fact)
            self._made.connect_chats(self._overhear)
        return self._made

    def _forget(self, klien_id: int, attempt: str) -> None:
        self._edge.forget_device(klien_id, attempt, self._stored.pop(klien_id, attempt))

    def _take_fact(self, _klien_id: int, fact: i.Fact) -> None:
        if companion := self._open.get(fact.attempt):
            companion.take_fact(fact)
            if companion.ended_by:
                self._open.pop(fact.attempt, None)

    def _overhear(self, _klien_id: int, attempt: str, number: int, data: bytes) -> None:
        companion = self._open.get(attempt)
        heard = heard_of(number, data) if companion else None
        if companion and heard:
            companion.hear(heard)


class LocalCompanion:
    """One that was opened, until `close` or until `is_open` says otherwise. Every call may raise CallFailed."""

    def __init__(self, edge: LocalWhatsApp, attempt: str, hear: Hear) -> None:
        self.hear = hear
        self.ended_by: i.Fact | None = None
        self._edge = edge
        self._attempt = attempt
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        return not self._is_closed and self.ended_by is None

    def close(self) -> None:
        """It logs off; what is sent to it meanwhile waits at the server."""
        self._is_closed = True
        self._edge.close(self._attempt)

    async def send(self, to: str, content: Content, quote: Quote | None = None, forwards: int = 0) -> Sent:
        message = message_of(content, to, quote, forwards=forwards)
        return await self._ask(lambda calls: calls.send(to, message))

    async def upload(self, data: bytes, kind: Kind) -> Stored:
        return await self._ask(lambda calls: calls.upload(data, kind))

    async def download(self, media: Media) -> bytes:
        message = message_of(media, _ANYWHERE)
        return await self._ask(lambda calls: calls.download(message))

    async def mark_read(self, ids: Sequence[str], chat: str, sender: str, receipt: str) -> None:
        now = datetime.now(UTC)
        await self._ask(lambda calls: calls.mark_read(ids, now, chat, sender, receipt))

    async def show_typing(self, chat: str, state: str) -> None:
        await self._ask(lambda calls: calls.show_typing(chat, state))

    async def create_group(self, name: str, participants: Iterable[str]) -> Group:
        return await self._ask(lambda calls: calls.create_group(name, participants))

    async def group_info(self, group: str) -> Group:
        return await self._ask(lambda calls: calls.group_info(group))

    async def change_participants(self, group: str, participants: Iterable[str], change: Change) -> tuple[Member, ...]:
        return await self._ask(lambda calls: calls.change_participants(group, participants, change))

    async def leave_group(self, group: str) -> None:
        await self._ask(lambda calls: calls.leave_group(group))

    # --- for those who open it ----------------------------------------------------------------------------------------

    async def code(self) -> str:
        return await self._code

    async def come_up(self) -> None:
        await self._up
        await self._ask(Calls.receive_openly)

    def take_fact(self, fact: i.Fact) -> None:
        if isinstance(fact, i.CodeIssued) and not self._code.done():
            self._code.set_result(fact.text)
        elif isinstance(fact, i.Connected) and not self._up.done():
            self._up.set_result(None)
        elif not isinstance(fact, _GOES_ON) and not self.ended_by:
            self.ended_by = fact
            for waiting in (self._code, self._up):
                with suppress(asyncio.InvalidStateError):
                    waiting.set_exception(CallFailed("not_connected", type(fact).__name__))
                    waiting.exception()  # looked at, so that nobody complains if it isn't waited for
            self._edge.close(self._attempt)

    async def _ask(self, call: Callable[[Calls], T]) -> T:
        try:
            return await self._edge.ask(self._attempt, call, seconds=CALL_SECONDS)
        except TimeoutError:
            raise CallFailed("unanswered") from None
