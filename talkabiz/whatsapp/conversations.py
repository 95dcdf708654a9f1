"""Messages through the phone network in this process: the port that the centre needs, over the runs of LocalWhatsApp.

Three crews of threads, so that a session whose answers are withheld holds up neither another one nor the calls of its
own that are of another kind: sends, media, and everything else. The library sends one message of a session after the
other, so a second send would only hold a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from talkabiz.domain.answers import CallFailed, Found, Group, Sent
from talkabiz.domain.content import Content, Kind, Quote, Stored
from talkabiz.domain.heard import Heard
from talkabiz.services.conversations import Overhear
from talkabiz.whatsapp.calls import Calls
from talkabiz.whatsapp.crew import Crew, NotBegun
from talkabiz.whatsapp.incoming import heard_of
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.outgoing import message_of

T = TypeVar("T")

SEND_SECONDS = 80.0
"""The library waits 75 s for an acknowledgement."""
STUCK_SECONDS = 75.0
"""A send that hasn't come back so long after its deadline never may: having said a message once more over a new link,
the library waits for its acknowledgement without end, and sends nothing else of that session (request.go, retryFrame).
"""
MEDIA_SECONDS = 120.0
CALL_SECONDS = 20.0

STUCK = "a message was never acknowledged"

SENDS = 128
MEDIA = 8
"""Few: each holds its file in memory, three times over."""
CALLS = 64


class LocalConversations:
    """Implements `services.conversations.Conversations`. All methods are called on the loop."""

    def __init__(
        self,
        whatsapp: LocalWhatsApp,
        *,
        loop: asyncio.AbstractEventLoop,
        send_seconds: float = SEND_SECONDS,
        stuck_seconds: float = STUCK_SECONDS,
        media_seconds: float = MEDIA_SECONDS,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self._whatsapp = whatsapp
        self._loop = loop
        self._send_seconds = send_seconds
        self._stuck_seconds = stuck_seconds
        self._media_seconds = media_seconds
        self._call_seconds = call_seconds
        self._sends = Crew(loop, "send", most=SENDS, share=1)
        self._media = Crew(loop, "media", most=MEDIA, share=2)
        self._calls = Crew(loop, "ask", most=CALLS, share=2)

    # --- the port -----------------------------------------------------------------------------------------------------

    def connect_chats(self, overhear: Overhear) -> None:
        self._whatsapp.connect_chats(overhear)

    def read(self, number: int, data: bytes) -> Heard | None:
        return heard_of(number, data)

    async def send(
        self,
        attempt: str,
        to: str,
        content: Content,
        quote: Quote | None = None,
        mentions: Sequence[str] = (),
        *,
        forwards: int = 0,
    ) -> Sent:
        message = message_of(content, to, quote, tuple(mentions), forwards)
        try:
            return await self._ask(self._sends, attempt, lambda calls: calls.send(to, message), self._send_seconds)
        except CallFailed:
            if self._sends.seconds_of(attempt):
                self._loop.call_later(self._stuck_seconds, self._free, attempt)
            raise

    async def upload(self, attempt: str, data: bytes, kind: Kind) -> Stored:
        return await self._ask(self._media, attempt, lambda calls: calls.upload(data, kind), self._media_seconds)

    async def download(self, attempt: str, raw: bytes) -> bytes:
        return await self._ask(self._media, attempt, lambda calls: calls.download(raw), self._media_seconds)

    async def mark_read(
        self, attempt: str, ids: Sequence[str], at: datetime, chat: str, *, sender: str = "", receipt: str = "read"
    ) -> None:
        await self._call(attempt, lambda calls: calls.mark_read(ids, at, chat, sender, receipt))

    async def show_typing(self, attempt: str, chat: str, state: str) -> None:
        await self._call(attempt, lambda calls: calls.show_typing(chat, state))

    async def show_presence(self, attempt: str, *, available: bool) -> None:
        await self._call(attempt, lambda calls: calls.show_presence(available=available))

    async def subscribe_presence(self, attempt: str, who: str) -> None:
        await self._call(attempt, lambda calls: calls.subscribe_presence(who))

    async def is_on_whatsapp(self, attempt: str, numbers: Sequence[str]) -> tuple[Found, ...]:
        return await self._call(attempt, lambda calls: calls.is_on_whatsapp(numbers))

    async def group_info(self, attempt: str, group: str) -> Group:
        return await self._call(attempt, lambda calls: calls.group_info(group))

    # --- the end ------------------------------------------------------------------------------------------------------

    async def shutdown(self, seconds: float) -> int:
        """Nothing new is begun, and sends that are under way get so long, if their sessions live so long. Returns how
        many haven't been answered by then.
        """
        left, *_ = await asyncio.gather(self._sends.drain(seconds), self._media.drain(0), self._calls.drain(0))
        return left

    # --- figures ------------------------------------------------------------------------------------------------------

    @property
    def sending(self) -> int:
        """Sends under way."""
        return self._sends.under_way

    @property
    def overdue(self) -> int:
        """Calls past their deadline that haven't returned: each holds a thread."""
        return sum(crew.overdue for crew in (self._sends, self._media, self._calls))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _free(self, attempt: str) -> None:
        if self._sends.seconds_of(attempt) > self._send_seconds:
            self._whatsapp.start_anew(attempt, STUCK)

    async def _call(self, attempt: str, call: Callable[[Calls], T]) -> T:
        return await self._ask(self._calls, attempt, call, self._call_seconds)

    async def _ask(self, crew: Crew, attempt: str, call: Callable[[Calls], T], seconds: float) -> T:
        calls = self._whatsapp.calls(attempt)
        try:
            return await crew.call(attempt, lambda: call(calls), seconds=seconds)
        except NotBegun:
            raise CallFailed("not_begun") from None
        except TimeoutError:
            raise CallFailed("unanswered") from None
