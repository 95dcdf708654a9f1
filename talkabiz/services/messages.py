"""Messages, as people and programs ask for them: accepted, looked at, cancelled, marked as read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkabiz.domain.errors import IllegalState, NotFound
from talkabiz.domain.message import Message, Status
from talkabiz.domain.message_errors import NOT_QUEUED
from talkabiz.domain.wishes import Forward, Wish, parse_address
from talkabiz.services import records
from talkabiz.services.acceptance import Acceptance
from talkabiz.services.chat_calls import ChatCalls
from talkabiz.services.outbox import Outbox
from talkabiz.services.paces import Paces
from talkabiz.services.ports import Clock
from talkabiz.services.standing import Accepted, Standing
from talkabiz.store import messages, parties
from talkabiz.store.writing import Tell, Writer

__all__ = ["Accepted", "Messages", "Standing"]


class Messages:
    def __init__(
        self,
        acceptance: Acceptance,
        outbox: Outbox,
        paces: Paces,
        calls: ChatCalls,
        *,
        writer: Writer,
        clock: Clock,
    ) -> None:
        self._acceptance = acceptance
        self._outbox = outbox
        self._paces = paces
        self._calls = calls
        self._writer = writer
        self._clock = clock

    # --- out ----------------------------------------------------------------------------------------------------------

    async def send(
        self, klien_id: int, wish: Wish | Forward, *, key: str | None = None, fingerprint: str | None = None
    ) -> Accepted:
        """Accept a message: it is stored when this returns, and goes out in its turn. `fingerprint` belongs to `key`.

        Raises:
            InvalidInput: naming the field. NotFound: no such klien, or medium.
            IllegalState: the klien has no linked device.
            KeyReused: that key belongs to a request that said something else.
            TalkabizError: what `MediaStore.fit` raises.
        """
        accepted = await self._acceptance.accept(klien_id, wish, key, fingerprint)
        if accepted.is_replay:
            return await self._replay(accepted)
        self._outbox.wake(klien_id, accepted.message)
        return accepted

    async def check(self, klien_id: int, wish: Wish) -> None:
        """What can be told before there is its file, so that none is taken in for nothing. Raises as `send`."""
        await self._acceptance.check(klien_id, wish)

    async def earlier(self, klien_id: int, key: str, fingerprint: str) -> Accepted | None:
        """What an earlier request with this key was answered, as it stands now. Raises KeyReused."""
        found = await self._acceptance.earlier(klien_id, key, fingerprint)
        return await self._replay(found) if found else None

    async def cancel(self, klien_id: int, message_id: int) -> Standing:
        """Raises NotFound, or IllegalState: it isn't queued any more."""
        _existing(await messages.get(klien_id, message_id))

        async def job(tell: Tell) -> Message | None:
            moved = await messages.move(klien_id, message_id, Status.CANCELLED, self._clock.now())
            if moved:
                await records.tell_moved(tell, moved)
            return moved

        moved = await self._writer.write(job)
        if moved is None:
            raise IllegalState(NOT_QUEUED)
        self._outbox.wake(klien_id)
        return Standing(moved)

    # --- looks --------------------------------------------------------------------------------------------------------

    async def get(self, klien_id: int, message_id: int) -> Standing:
        """Raises NotFound."""
        return await self._standing(_existing(await messages.get(klien_id, message_id)))

    async def page(
        self,
        klien_id: int,
        *,
        chat: str | None = None,
        direction: str | None = None,
        status: str | None = None,
        since: int = 0,
        limit: int = 100,
    ) -> list[Standing]:
        """Those with an id above `since`, oldest first, without their positions. `chat` as in a wish: InvalidInput."""
        chat_id = None
        if chat is not None:
            party = await parties.find(klien_id, await self._address(klien_id, chat))
            if party is None:
                return []
            chat_id = party.id
        found = await messages.page(
            klien_id, chat=chat_id, direction=direction, status=status, since=since, limit=limit
        )
        waits = any(message.status is Status.QUEUED for message in found)
        held = await self._paces.hold(klien_id) if waits else None
        return [Standing(message, None, held) for message in found]

    # --- at once ------------------------------------------------------------------------------------------------------

    async def mark_read(self, klien_id: int, message_id: int) -> Standing:
        """Tell its sender, and those of all that came before it in the same chat.

        Raises:
            NotFound. IllegalState: it didn't come in, or the klien isn't connected.
            Unreachable: WhatsApp didn't take it.
        """
        await self._calls.mark_read(_existing(await messages.get(klien_id, message_id)))
        return await self.get(klien_id, message_id)

    async def show_typing(self, klien_id: int, chat: str, state: str) -> None:
        """`state`: composing, recording or paused. Raises InvalidInput, IllegalState, Unreachable."""
        await self._calls.show_typing(klien_id, await self._address(klien_id, chat), state)

    async def watch_presence(self, klien_id: int, chat: str) -> None:
        """`presence` events of that person, for a while. Raises as `show_typing`."""
        await self._calls.watch_presence(klien_id, await self._address(klien_id, chat))

    # --- how fast -----------------------------------------------------------------------------------------------------

    async def pace(self, klien_id: int) -> dict[str, Any]:
        """`{per_minute, burst, jitter, new_contact_seconds, quiet, zone, daily_cap, region, paused_until, pause_reason,
        held}`. Raises NotFound.
        """
        return await self._paces.show(klien_id)

    async def set_pace(self, klien_id: int, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Those settings that are named, the others as they were; `"paused": false` lets a paused queue go on.

        Raises:
            NotFound, InvalidInput naming the field.
        """
        await self._paces.change(klien_id, changes)
        self._outbox.wake(klien_id)
        return await self._paces.show(klien_id)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _replay(self, accepted: Accepted) -> Accepted:
        now = await self._standing(accepted.message)
        return Accepted(now.message, now.position, now.held, is_replay=True)

    async def _address(self, klien_id: int, text: str) -> str:
        return parse_address(text, (await self._paces.of(klien_id)).settings.region, "chat")

    async def _standing(self, message: Message) -> Standing:
        if message.status is not Status.QUEUED:
            return Standing(message)
        position = await messages.position(message.klien_id, message.id)
        return Standing(message, position, await self._paces.hold(message.klien_id))


def _existing(message: Message | None) -> Message:
    if message is None:
        raise NotFound
    return message
