"""A message is accepted: checked, stored in the outbox, told. Whoever asked for it has our word from then on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from talkabiz.domain.content import MEDIA
from talkabiz.domain.errors import IllegalState, NotFound
from talkabiz.domain.forwarding import wish_of
from talkabiz.domain.holds import Hold
from talkabiz.domain.media_errors import MediaGone
from talkabiz.domain.message_errors import NOT_LINKED, KeyReused
from talkabiz.domain.wish_contents import checked_reference
from talkabiz.domain.wishes import POINTING, Forward, Wish, checked
from talkabiz.services import records
from talkabiz.services.links import Links
from talkabiz.services.media import MediaStore
from talkabiz.services.paces import Paces
from talkabiz.services.ports import Clock
from talkabiz.services.references import find_anywhere, find_reference
from talkabiz.services.standing import Accepted
from talkabiz.store import kliens, messages, parties
from talkabiz.store.messages import NewMessage
from talkabiz.store.writing import Tell, Writer

_NOWHERE = 0
"""The chat of what is drawn up: the transaction that accepts it finds it."""
_COMING = 0
"""The file of what is looked at before it is there."""


class Acceptance:
    def __init__(self, links: Links, paces: Paces, media: MediaStore, writer: Writer, clock: Clock) -> None:
        self._links = links
        self._paces = paces
        self._media = media
        self._writer = writer
        self._clock = clock

    async def accept(self, klien_id: int, wish: Wish | Forward, key: str | None, fingerprint: str | None) -> Accepted:
        """As `Messages.send`. Those who ask with one key at the same time get one message."""
        if key and (replay := await self.earlier(klien_id, key, fingerprint)):
            return replay
        await self._check_link(klien_id)
        wish = await self._checked(klien_id, await self._resolved(klien_id, wish))
        new = replace(await self._drawn_up(klien_id, wish), key=key, fingerprint=fingerprint)
        held = await self._paces.hold(klien_id)

        async def job(tell: Tell) -> Accepted:
            if key and (found := await self.earlier(klien_id, key, fingerprint)):
                return found
            return await _store(tell, klien_id, wish.to, new, held)

        return await self._writer.write(job)

    async def check(self, klien_id: int, wish: Wish) -> None:
        """All but its file. Raises as `Messages.send`."""
        await self._check_link(klien_id)
        await _answered(klien_id, await self._checked(klien_id, replace(wish, media_id=_COMING)))

    async def earlier(self, klien_id: int, key: str, fingerprint: str | None) -> Accepted | None:
        """What was accepted with this key. Raises KeyReused."""
        found = await messages.by_key(klien_id, key)
        if found is None:
            return None
        if found[1] != (fingerprint or ""):
            raise KeyReused
        return Accepted(found[0], is_replay=True)

    async def _check_link(self, klien_id: int) -> None:
        session = self._links.session_of(klien_id)
        if session is None or session.device is None:
            if await kliens.find(klien_id) is None:
                raise NotFound
            raise IllegalState(NOT_LINKED)

    async def _checked(self, klien_id: int, wish: Wish) -> Wish:
        return checked(wish, self._clock.now(), (await self._paces.of(klien_id)).settings.region)

    async def _resolved(self, klien_id: int, wish: Wish | Forward) -> Wish:
        """What is sent on is a wish like any other, once it is found and its file is there. It has been sent before,
        so the file is what it is: nothing is converted, and no type refused.
        """
        if isinstance(wish, Wish):
            return wish
        reference = checked_reference("message_id", wish.message_id)
        found = wish_of(wish, await find_anywhere(klien_id, reference, "message_id"))
        if found.kind in MEDIA:
            if found.media_id is None:
                raise MediaGone
            await self._media.open(klien_id, found.media_id)
        return found

    async def _drawn_up(self, klien_id: int, wish: Wish) -> NewMessage:
        """The row of it, but for its chat. What it points at and its file are looked for."""
        now, content, media_id = self._clock.now(), wish.content, wish.media_id
        reply_to = await _answered(klien_id, wish)
        if wish.kind in POINTING:
            meant = wish.content["message_id"]
            content = (await find_reference(klien_id, wish.to, meant, "message_id", wish.kind)).as_dict()
        if media_id is not None and not wish.forwards:
            media_id = (await self._media.fit(klien_id, media_id, wish.kind)).id
        begin = max(wish.send_at, now) if wish.send_at else now
        return NewMessage(
            chat_id=_NOWHERE,
            kind=wish.kind,
            text=wish.text,
            now=now,
            content=content,
            media_id=media_id,
            reply_to=reply_to,
            mentions=wish.mentions,
            forwards=wish.forwards,
            send_at=wish.send_at,
            expires_at=begin + timedelta(seconds=wish.expires_in) if wish.expires_in else None,
        )


async def _answered(klien_id: int, wish: Wish) -> str | None:
    """WhatsApp's id of the message that it answers. Raises InvalidInput."""
    if wish.reply_to is None:
        return None
    return (await find_reference(klien_id, wish.to, wish.reply_to, "reply_to")).wa_id


async def _store(tell: Tell, klien_id: int, to: str, new: NewMessage, held: Hold | None) -> Accepted:
    chat = await parties.known(klien_id, jid=to)
    message = await messages.accept(klien_id, replace(new, chat_id=chat.id))
    accepted = Accepted(message, await messages.position(klien_id, message.id), held)
    await tell(klien_id, records.ACCEPTED, new.now, accepted.as_dict())
    return accepted
