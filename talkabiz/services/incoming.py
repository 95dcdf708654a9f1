"""The secret with which a gateway outside signs what it reports of its klien, and we the older kind of webhook."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping

from standardwebhooks import Webhook, WebhookVerificationError

from talkabiz.domain.access import Caller
from talkabiz.domain.errors import Unauthorized
from talkabiz.services.audit import Action, Audit
from talkabiz.services.sealing import Seal
from talkabiz.store import webhooks
from talkabiz.store.writing import Tell, Writer

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
SECRET_BYTES = 32
_OURS = re.compile(r"evt_[0-9A-Z]{26}")
"""The ids of our own events."""


def make_secret() -> str:
    """As Standard Webhooks writes one."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


class Incoming:
    def __init__(self, seal: Seal, writer: Writer, audit: Audit) -> None:
        self._seal = seal
        self._writer = writer
        self._audit = audit

    async def make(self, klien_id: int, caller: Caller) -> str:
        """A new one; the one before is void. Raises NotFound."""

        async def job(tell: Tell) -> str:
            del tell
            return await self._set(klien_id, caller)

        return await self._writer.write(job)

    async def ensure(self, klien_id: int, caller: Caller) -> None:
        """In a transaction: there is one from now on. Raises NotFound."""
        if await webhooks.incoming_secret(klien_id) is None:
            await self._set(klien_id, caller)

    async def verify(self, klien_id: int, headers: Mapping[str, str], body: bytes) -> None:
        """That whoever has the klien's secret signed these bytes, within the last five minutes.

        Raises:
            Unauthorized: also for what we signed ourselves. Whom we sent it to could send it back, and claim a number.
        """
        if any(name.lower() == "webhook-id" and _OURS.fullmatch(value) for name, value in headers.items()):
            raise Unauthorized
        sealed = await webhooks.incoming_secret(klien_id)
        if sealed is None:
            raise Unauthorized
        secret = self._seal.open_up(sealed, klien_id).decode()
        try:
            Webhook(secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):  # the latter for what isn't even a signature, or no UTF-8
            raise Unauthorized from None

    async def _set(self, klien_id: int, caller: Caller) -> str:
        secret = make_secret()
        await webhooks.set_incoming_secret(klien_id, self._seal.close_up(secret.encode(), klien_id))
        await self._audit.note(Action.INCOMING_SECRET_MADE, caller, klien_id)
        return secret
