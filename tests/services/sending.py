"""What is sent, by hand: the phone network's calls as a script, and an outbox over the real database. For tests without
a line.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from talkabiz.domain.answers import CallFailed, Found, Group, Sent
from talkabiz.domain.content import Content, Kind, Quote, Stored, Text
from talkabiz.domain.events import Event
from talkabiz.domain.heard import Heard
from talkabiz.domain.message import Message, Status
from talkabiz.domain.wishes import Wish
from talkabiz.services.acceptance import Acceptance
from talkabiz.services.chat_calls import ChatCalls
from talkabiz.services.conversations import Overhear
from talkabiz.services.delivery import Delivery
from talkabiz.services.fetching import Fetch, Fetched, Sink
from talkabiz.services.media import MediaStore
from talkabiz.services.media_files import Files
from talkabiz.services.messages import Messages
from talkabiz.services.outbox import NET_SECONDS, Outbox
from talkabiz.services.paces import Paces
from talkabiz.services.previews import Previews
from talkabiz.services.standing import Accepted
from talkabiz.services.turns import Room
from talkabiz.services.voices import Voices
from talkabiz.store import messages
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell, Writer
from tests.fakes import NOW
from tests.running import until
from tests.services.conftest import FACT_SECONDS, Bench

ANI = "628111111111"
BUDI = "628222222222"
GROUP = "120363012345678901@g.us"
OFF = {"per_minute": 0}

T = TypeVar("T")


def jid(number: str) -> str:
    return f"{number}@s.whatsapp.net"


@dataclass(frozen=True)
class Sending:
    """A send that was asked for."""

    attempt: str
    to: str
    content: Content
    quote: Quote | None
    mentions: tuple[str, ...]
    forwards: int

    @property
    def text(self) -> str:
        return self.content.text if isinstance(self.content, Text) else ""


@dataclass
class ScriptedConversations:
    """Answers each call at once, unless the test says otherwise."""

    sent: list[Sending] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    """Everything but sends."""
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    """By what is called, what its next calls raise; a send's may be named by its text, too."""
    nobody: set[str] = field(default_factory=set)
    """Numbers that aren't on WhatsApp."""
    lids: dict[str, str] = field(default_factory=dict)
    before_answer: Callable[[Sending], Any] | None = None
    """Awaited by each send before it is answered."""
    before_upload: asyncio.Event | None = None
    """Waited for by each upload."""
    before_presence: asyncio.Event | None = None
    """Waited for by each that is shown."""
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, what: str, *codes: str | Exception) -> None:
        errors = [code if isinstance(code, Exception) else CallFailed(code) for code in codes]
        self.failures.setdefault(what, []).extend(errors)

    async def be_sent(self, times: int) -> None:
        async with asyncio.timeout(FACT_SECONDS):
            while len(self.sent) < times:
                self._news.clear()
                await self._news.wait()

    async def be_called(self, what: str, times: int) -> None:
        async with asyncio.timeout(FACT_SECONDS):
            while sum(call[0] == what for call in self.calls) < times:
                self._news.clear()
                await self._news.wait()

    def texts(self) -> list[str]:
        return [sending.text for sending in self.sent]

    # --- the port -----------------------------------------------------------------------------------------------------

    def connect_chats(self, overhear: Overhear) -> None: ...

    def read(self, number: int, data: bytes) -> Heard | None:
        raise NotImplementedError

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
        sending = Sending(attempt, to, content, quote, tuple(mentions), forwards)
        self.sent.append(sending)
        self._news.set()
        if self.before_answer:
            await self.before_answer(sending)
        self._raise_next("send")
        self._raise_next(sending.text)
        return Sent(f"3EB0{next(self._ids):04}", NOW)

    async def upload(self, attempt: str, data: bytes, kind: Kind) -> Stored:
        self._note("upload", attempt, data, kind)
        if self.before_upload:
            await self.before_upload.wait()
        return Stored("https://mmg.example/x", "/x", b"key", b"enc", b"sum", len(data))

    async def download(self, attempt: str, raw: bytes) -> bytes:
        raise NotImplementedError

    async def mark_read(
        self, attempt: str, ids: Sequence[str], at: datetime, chat: str, *, sender: str = "", receipt: str = "read"
    ) -> None:
        self._note("mark_read", attempt, tuple(ids), chat, sender, receipt)

    async def show_typing(self, attempt: str, chat: str, state: str) -> None:
        self._note("show_typing", attempt, chat, state)

    async def show_presence(self, attempt: str, *, available: bool) -> None:
        self._note("show_presence", attempt, available)
        if self.before_presence:
            await self.before_presence.wait()

    async def subscribe_presence(self, attempt: str, who: str) -> None:
        self._note("subscribe_presence", attempt, who)

    async def is_on_whatsapp(self, attempt: str, numbers: Sequence[str]) -> tuple[Found, ...]:
        self._note("is_on_whatsapp", attempt, tuple(numbers))
        return tuple(Found(number, self.lids.get(number, jid(number)), number not in self.nobody) for number in numbers)

    async def group_info(self, attempt: str, group: str) -> Group:
        raise NotImplementedError

    def _note(self, what: str, *how: Any) -> None:
        self.calls.append((what, *how))
        self._news.set()
        self._raise_next(what)

    def _raise_next(self, what: str) -> None:
        if failures := self.failures.get(what):
            raise failures.pop(0)


class FrailWriter(Writer):
    """Stores nothing, so many times."""

    failures = 0

    async def write(self, job: Callable[[Tell], Awaitable[T]]) -> T:
        if self.failures:
            self.failures -= 1
            raise StoreError
        return await super().write(job)


@dataclass
class Post:
    """Messages and the outbox of a Bench."""

    bench: Bench
    conversations: ScriptedConversations
    writer: FrailWriter
    paces: Paces
    media: MediaStore
    outbox: Outbox
    messages: Messages

    async def send(self, klien_id: int, text: str | None = "halo", to: str = ANI, **more: Any) -> int:
        return (await self.accept(klien_id, text, to, **more)).message.id

    async def accept(self, klien_id: int, text: str | None = "halo", to: str = ANI, **more: Any) -> Accepted:
        asked = {name: more.pop(name) for name in ("key", "fingerprint") if name in more}
        return await self.messages.send(klien_id, Wish(to, more.pop("kind", Kind.TEXT), text, **more), **asked)

    async def reach(self, message_id: int, status: str) -> dict[str, Any]:
        """The payload that told it."""
        return (await self.hear(lambda data: data["id"] == message_id and data["status"] == status)).data

    async def hear(self, is_right: Callable[[dict[str, Any]], bool]) -> Event:
        return await self.bench.wait_for(lambda event: event.type.startswith("message") and is_right(event.data))

    async def row(self, klien_id: int, message_id: int) -> Message:
        found = await messages.get(klien_id, message_id)
        assert found
        return found

    async def status(self, klien_id: int, message_id: int) -> Status:
        return (await self.row(klien_id, message_id)).status

    def told(self, message_id: int) -> list[str]:
        """The statuses that were told of it, in order."""
        mine = (event for event in self.bench.events if event.data.get("id") == message_id)
        return [event.data["status"] for event in mine if event.type.startswith("message")]

    async def settle(self, klien_id: int, message_id: int, wa_id: str, at: datetime | None = None) -> Message | None:
        """As a receipt in the chat of that message would have it."""
        chat_id = (await self.row(klien_id, message_id)).chat.id

        async def job(tell: Tell) -> Message | None:
            return await self.outbox.settle(klien_id, chat_id, wa_id, at or self.bench.clock.now(), tell)

        return await self.writer.write(job)

    async def becomes(self, klien_id: int, message_id: int, status: Status) -> None:
        """In its row, which may be so again without being told again."""

        async def is_so() -> bool:
            return await self.status(klien_id, message_id) is status

        await until(is_so, FACT_SECONDS)

    async def rest(self) -> None:
        """A while in which nothing should happen."""
        await asyncio.sleep(0.1)

    def pass_time(self, klien_id: int, seconds: float) -> None:
        self.bench.clock.advance(seconds)
        self.outbox.wake(klien_id)


async def fetch_nothing(url: str, into: Sink, *, most_bytes: int, seconds: float = 20) -> Fetched:
    raise NotImplementedError


def make_post(
    bench: Bench,
    folder: Path,
    conversations: ScriptedConversations | None = None,
    fetch: Fetch = fetch_nothing,
    *,
    net_seconds: float = NET_SECONDS,
) -> Post:
    """Not serving yet."""
    links, clock = bench.sessions.links, bench.clock
    conversations = conversations or ScriptedConversations()
    writer = FrailWriter(bench.journal.publish)
    media = MediaStore(Files.open(folder / "media"), writer, clock, fetch, Voices(), days=30)
    paces = Paces(writer, links.session_of, clock, limit=links.limit)
    delivery = Delivery(conversations, media, Previews(media.fetch, media.on_thread), writer, clock)
    outbox = Outbox(Room(delivery, paces, writer, clock, links.session_of), bench.journal, net_seconds)
    acceptance = Acceptance(links, paces, media, writer, clock)
    calls = ChatCalls(conversations, links, writer, clock)
    wishes = Messages(acceptance, outbox, paces, calls, writer=writer, clock=clock)
    return Post(bench, conversations, writer, paces, media, outbox, wishes)


@asynccontextmanager
async def serving(post: Post, drain_seconds: float = 0) -> AsyncIterator[Post]:
    readers = post.bench.journal.readers
    async with post.outbox.serving(drain_seconds):
        await post.bench.be_read_by(readers + 1)
        yield post
    post.media.close()
