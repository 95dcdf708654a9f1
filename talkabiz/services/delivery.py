"""One message on its way to WhatsApp: what has to be there first, and the sending itself. Nothing is stored here but
what WhatsApp says of a number.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from talkabiz.domain import outcomes
from talkabiz.domain.answers import CallFailed, Found
from talkabiz.domain.composing import content_of, quote_of
from talkabiz.domain.content import MEDIA, Content, Quote, Stored
from talkabiz.domain.errors import NotFound
from talkabiz.domain.ids import LID_SERVER
from talkabiz.domain.media_rules import LARGE
from talkabiz.domain.message import Message, Status
from talkabiz.domain.outcomes import Outcome
from talkabiz.domain.wishes import POINTING
from talkabiz.services.conversations import Conversations
from talkabiz.services.media import MediaStore
from talkabiz.services.ports import Clock
from talkabiz.services.previews import Previews
from talkabiz.store import messages, parties
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell, Writer

CHECK_LASTS = timedelta(days=1)
"""What WhatsApp says of a number is believed for so long."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """What is sent of a message."""

    content: Content
    quote: Quote | None


class Delivery:
    def __init__(
        self, conversations: Conversations, media: MediaStore, previews: Previews, writer: Writer, clock: Clock
    ) -> None:
        self._conversations = conversations
        self._media = media
        self._previews = previews
        self._writer = writer
        self._clock = clock
        self._large = asyncio.Semaphore(1)
        """Held by whoever holds a large file in memory, from its first byte until it is uploaded."""

    async def prepare(self, message: Message, attempt: str, *, is_new: bool) -> Ready | Outcome:
        """Asks for a stranger's number, uploads what there is to upload and looks at the page of a link that is to be
        shown; or how it ends before it is sent.
        """
        try:
            if is_new and not await self._is_there(message, attempt):
                return outcomes.failed("not_on_whatsapp")
            stored = await self._upload(message, attempt) if message.kind in MEDIA else None
        except CallFailed as failure:
            return outcomes.of_step(failure)
        except NotFound:
            return outcomes.failed("media_gone")
        except StoreError:
            raise
        except Exception:  # of this message alone: what waits behind it must not wait for ever
            log.exception("message_not_prepared", klien_id=message.klien_id, message_id=message.id)
            return Outcome(Status.QUEUED, "internal")
        target = await self._meant(message, message.content.get("wa_id")) if message.kind in POINTING else None
        preview = await self._previews.of(message.text or "") if message.wants_preview else None
        quote = quote_of(message, await self._meant(message, message.reply_to))
        try:
            return Ready(content_of(message, stored=stored, target=target, preview=preview), quote)
        except (ValueError, KeyError):
            log.exception("message_not_sendable", klien_id=message.klien_id, message_id=message.id)
            return outcomes.failed("internal")

    async def send(self, message: Message, ready: Ready, attempt: str) -> Outcome:
        """Once, whatever comes of it. Never raises, but is cancelled."""
        to, mentions, forwards = message.chat.jid, message.mentions, message.forwards
        try:
            answer = await self._conversations.send(
                attempt, to, ready.content, ready.quote, mentions, forwards=forwards
            )
        except CallFailed as failure:
            return outcomes.of_send(failure)
        except ValueError:
            log.exception("message_not_sendable", klien_id=message.klien_id, message_id=message.id)
            return outcomes.failed("internal")
        except Exception:  # a fault of ours, and nobody knows how far it came
            log.exception("send_failed", klien_id=message.klien_id, message_id=message.id)
            return outcomes.UNANSWERED
        return outcomes.sent(answer)

    async def _is_there(self, message: Message, attempt: str) -> bool:
        """Whether a stranger is on WhatsApp. Who has no number is: his LID came from there."""
        phone, now = message.chat.phone, self._clock.now()
        if phone is None:
            return True
        known = await parties.last_check(message.klien_id, phone)
        if known and now - known[1] < CHECK_LASTS:
            return known[0]
        found = await self._conversations.is_on_whatsapp(attempt, [phone])
        if not found:
            raise CallFailed("timed_out", "nothing was said of that number")

        async def job(tell: Tell) -> None:
            del tell
            await _note(message, found[0], now)

        await self._writer.write(job)
        return found[0].is_in

    async def _upload(self, message: Message, attempt: str) -> Stored:
        if message.media is None:
            raise NotFound
        async with self._large if (message.media.size or 0) > LARGE else nullcontext():
            data = await self._media.read(message.klien_id, message.media.id)
            return await self._conversations.upload(attempt, data, message.kind)

    async def _meant(self, message: Message, wa_id: str | None) -> Message | None:
        return await messages.by_wa_id(message.klien_id, message.chat.id, wa_id) if wa_id else None


async def _note(message: Message, found: Found, now: datetime) -> None:
    """Receipts come from the LID alone, and the first may be here before the answer: so it has to be known by then."""
    lid = found.jid if found.jid.endswith(f"@{LID_SERVER}") else ""
    party = await parties.known(message.klien_id, jid=message.chat.jid, alt=lid)
    await parties.set_on_whatsapp(message.klien_id, party.id, found.is_in, now)
