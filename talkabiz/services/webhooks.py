"""Webhooks: whom a klien's events are sent to.

`caller` is who asks, for the audit log. Another klien's endpoints are not found, like those that aren't there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from talkabiz.domain.access import Caller
from talkabiz.domain.errors import IllegalState, InvalidInput, NotFound, Sentence
from talkabiz.domain.media_errors import UrlRefused
from talkabiz.domain.webhook_errors import IS_OLDER, TooManyWebhooks
from talkabiz.domain.webhook_wishes import parse_events, parse_label, parse_url
from talkabiz.domain.webhooks import (
    MOST_ENDPOINTS,
    ROTATION_HOURS,
    DisabledReason,
    Endpoint,
    Kind,
)
from talkabiz.services.audit import Action, Audit
from talkabiz.services.bell import Bell
from talkabiz.services.incoming import Incoming, make_secret
from talkabiz.services.ports import Clock
from talkabiz.services.posting import Judge
from talkabiz.services.sealing import Seal
from talkabiz.services.webhook_deliveries import Deliveries, existing
from talkabiz.store import kliens, webhook_retention, webhooks
from talkabiz.store.writing import Tell, Writer


@dataclass(frozen=True, slots=True, repr=False)
class WithSecret:
    """`secret` stands whole in this answer and nowhere else."""

    webhook: Endpoint
    secret: str

    def as_dict(self) -> dict[str, Any]:
        return {**self.webhook.as_dict(), "secret": self.secret}


class Webhooks(Deliveries):
    def __init__(self, seal: Seal, writer: Writer, clock: Clock, *, judge: Judge, audit: Audit, bell: Bell) -> None:
        super().__init__(writer, clock, audit, bell)
        self._seal = seal
        self._judge = judge
        self._incoming = Incoming(seal, writer, audit)

    async def check_key(self) -> None:
        """At the start: whether every secret can be opened. Raises SecretKeyWrong."""
        for each in await webhooks.secrets():
            self._seal.open_up(each.sealed, each.klien_id)

    # --- endpoints ----------------------------------------------------------------------------------------------------

    async def add(
        self, klien_id: int, url: str, *, events: Sequence[str] | None = None, label: str = "", caller: Caller
    ) -> WithSecret:
        """Told what happens from now on. Raises NotFound, InvalidInput, UrlRefused, TooManyWebhooks."""
        await self._find_klien(klien_id)
        wanted, called = parse_events(events), parse_label(label)
        await self._check_url(url)
        secret = make_secret()
        sealed = self._seal.close_up(secret.encode(), klien_id)

        async def job(tell: Tell) -> Endpoint:
            del tell
            if await webhooks.count(klien_id) >= MOST_ENDPOINTS:
                raise TooManyWebhooks
            made = await webhooks.add(
                klien_id,
                kind=Kind.STANDARD,
                url=url,
                label=called,
                events=wanted,
                secret=sealed,
                now=self._clock.now(),
            )
            await self._note_added(made, caller)
            return made

        return WithSecret(await self._writer.write(job), secret)

    async def list(self, klien_id: int) -> Sequence[Endpoint]:
        """By id, of the older kind too. Raises NotFound."""
        await self._find_klien(klien_id)
        return await webhooks.of_klien(klien_id)

    async def get(self, klien_id: int, webhook_id: int) -> Endpoint:
        """Raises NotFound."""
        return existing(await webhooks.get(klien_id, webhook_id))

    async def change(self, klien_id: int, webhook_id: int, changes: Mapping[str, Any], *, caller: Caller) -> Endpoint:
        """Only what is named of `url`, `events`, `label` and `enabled`. What is enabled anew counts as if it had never
        failed. Raises NotFound, InvalidInput, UrlRefused.
        """
        before = await self.get(klien_id, webhook_id)
        wanted = _parse(before, changes)
        if "url" in changes:
            await self._check_url(changes["url"])

        async def job(tell: Tell) -> Endpoint:
            del tell
            now = existing(await webhooks.get(klien_id, webhook_id))
            kept = {"url": now.url, "label": now.label, "events": tuple(now.events) if now.events else None}
            after = await webhooks.change(klien_id, webhook_id, **{**kept, **wanted})
            if changes.get("enabled") is not None:
                after = await self._switch(now, is_on=changes["enabled"])
            await self._note_changed(existing(after), changes, caller)
            return existing(after)

        after = await self._writer.write(job)
        self._bell.ring(webhook_id)
        return after

    async def remove(self, klien_id: int, webhook_id: int, *, caller: Caller) -> None:
        """Nothing of it is sent any more, and nobody sees it. Raises NotFound."""

        async def job(tell: Tell) -> None:
            del tell
            if not await webhooks.remove(klien_id, webhook_id):
                raise NotFound
            await self._audit.note(Action.WEBHOOK_DELETED, caller, klien_id, webhook_id=webhook_id)

        await self._writer.write(job)
        await self._forget_removed()

    async def rotate_secret(self, klien_id: int, webhook_id: int, *, caller: Caller) -> WithSecret:
        """For a day all is signed with both, this one and the one before. Raises NotFound, IllegalState."""
        if (await self.get(klien_id, webhook_id)).kind is Kind.OLDER:
            raise IllegalState(IS_OLDER)
        secret = make_secret()
        sealed = self._seal.close_up(secret.encode(), klien_id)

        async def job(tell: Tell) -> Endpoint:
            del tell
            until = self._clock.now() + timedelta(hours=ROTATION_HOURS)
            existing(await webhooks.set_secret(klien_id, webhook_id, sealed, previous_until=until))
            await self._audit.note(Action.WEBHOOK_SECRET_ROTATED, caller, klien_id, webhook_id=webhook_id)
            return existing(await webhooks.get(klien_id, webhook_id))

        return WithSecret(await self._writer.write(job), secret)

    # --- the older kind, and gateways outside -------------------------------------------------------------------------

    async def set_older(self, klien_id: int, url: str, *, caller: Caller) -> Endpoint:
        """The one that is told of the connection alone, instead of the one before. It is signed with the klien's
        incoming secret, which there is from then on. Raises NotFound, InvalidInput, UrlRefused.
        """
        await self._find_klien(klien_id)
        await self._check_url(url)

        async def job(tell: Tell) -> Endpoint:
            del tell
            await self._incoming.ensure(klien_id, caller)
            before = await webhooks.older_of(klien_id)
            if before and before.url == url:
                return await self._revive(before, caller)
            if before:
                await webhooks.remove(klien_id, before.id)
                await self._audit.note(Action.WEBHOOK_DELETED, caller, klien_id, webhook_id=before.id)
            made = await webhooks.add(
                klien_id, kind=Kind.OLDER, url=url, label="", events=None, secret=None, now=self._clock.now()
            )
            await self._note_added(made, caller)
            return made

        now = await self._writer.write(job)
        self._bell.ring()
        await self._forget_removed()
        return now

    async def has_incoming_secret(self, klien_id: int) -> bool:
        """Raises NotFound."""
        await self._find_klien(klien_id)
        return await webhooks.incoming_secret(klien_id) is not None

    async def make_incoming_secret(self, klien_id: int, *, caller: Caller) -> str:
        """A new one; the one before is void. Raises NotFound."""
        return await self._incoming.make(klien_id, caller)

    async def verify_incoming(self, klien_id: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raises Unauthorized for whatever is wrong: with the signature, its time, or because there is no secret."""
        await self._incoming.verify(klien_id, headers, body)

    # --- small things -------------------------------------------------------------------------------------------------

    async def _find_klien(self, klien_id: int) -> None:
        if await kliens.find(klien_id) is None:
            raise NotFound

    async def _check_url(self, url: str) -> None:
        parse_url(url)
        try:
            await self._judge(url)
        except UrlRefused as refused:
            raise UrlRefused(refused.message, fields={"url": refused.message.en}) from None

    async def _revive(self, older: Endpoint, caller: Caller) -> Endpoint:
        """Its address was named again: whoever is there listens anew, unless somebody didn't want that."""
        if older.is_enabled or older.disabled_reason is DisabledReason.OPERATOR:
            return older
        await self._note_changed(older, {"enabled": True}, caller)
        return existing(await self._enable(older))

    async def _note_added(self, made: Endpoint, caller: Caller) -> None:
        detail = {"webhook_id": made.id, "kind": made.kind.value, "host": _host(made.url)}
        await self._audit.note(Action.WEBHOOK_ADDED, caller, made.klien_id, **detail)

    async def _note_changed(self, after: Endpoint, changes: Mapping[str, Any], caller: Caller) -> None:
        """What was changed; where to, of what others may know: the rest of an address may be a secret."""
        detail: dict[str, str | int] = {"webhook_id": after.id, "changed": " ".join(sorted(changes))}
        detail |= {"host": _host(after.url)} if "url" in changes else {}
        detail |= {"enabled": changes["enabled"]} if changes.get("enabled") is not None else {}
        await self._audit.note(Action.WEBHOOK_CHANGED, caller, after.klien_id, **detail)

    async def _switch(self, endpoint: Endpoint, *, is_on: bool) -> Endpoint | None:
        if is_on:
            return await self._enable(endpoint)
        return await webhooks.disable(endpoint.klien_id, endpoint.id, DisabledReason.OPERATOR, self._clock.now())

    async def _forget_removed(self) -> None:
        """Lot by lot, with all that was sent to them: others wait for each."""
        while await self._writer.write(lambda _: webhook_retention.forget_removed()):
            pass


def _host(url: str) -> str:
    """With the port, if any is named."""
    return urlsplit(url).netloc


def _parse(endpoint: Endpoint, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be stored of `url`, `label` and `events`. Raises InvalidInput."""
    if "events" in changes and endpoint.kind is Kind.OLDER:
        told = Sentence(
            "events: webhook ini hanya memberi tahu koneksi.", "events: it is told of the connection alone."
        )
        raise InvalidInput(told, fields={"events": told.en})
    parsers = {"url": parse_url, "label": parse_label, "events": parse_events}
    return {name: parse(changes[name]) for name, parse in parsers.items() if name in changes}
