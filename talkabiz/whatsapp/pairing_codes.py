"""Codes to type, asked for by a pairing that shows codes to scan already. Both ways stay open, whichever is used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from talkabiz.domain import code_inputs as c, inputs as i
from talkabiz.domain.answers import CallFailed
from talkabiz.domain.code_inputs import CodeRefusal
from talkabiz.whatsapp.attempt import Attempt

log = structlog.get_logger(__name__)

_CAUSES = {
    "invalid_phone": CodeRefusal.INVALID_PHONE,
    "refused_400": CodeRefusal.INVALID_PHONE,
    "refused_404": CodeRefusal.INVALID_PHONE,
    "refused_429": CodeRefusal.TOO_OFTEN,
    "not_connected": CodeRefusal.UNANSWERED,
    "timed_out": CodeRefusal.UNANSWERED,
}


class PairingCodes:
    """`fetch` asks WhatsApp, for an attempt by its name and the number of a phone; `tell` takes what came of it.

    One question at a time for each attempt: of two answers the library keeps the later one, and so do people.
    """

    def __init__(self, fetch: Callable[[str, str], Awaitable[str]], tell: Callable[[Attempt, i.Fact], None]) -> None:
        self._fetch = fetch
        self._tell = tell
        self._last: dict[str, asyncio.Task[None]] = {}

    def ask(self, attempt: Attempt, phone: str) -> None:
        """Returns at once."""
        name = attempt.name
        earlier = self._last.get(name)
        task = asyncio.get_running_loop().create_task(self._answer(attempt, phone, earlier), name=f"code of {name}")
        self._last[name] = task
        task.add_done_callback(partial(self._forget, name))

    def close(self) -> None:
        for task in self._last.values():
            task.cancel()

    async def _answer(self, attempt: Attempt, phone: str, earlier: asyncio.Task[None] | None) -> None:
        if earlier:
            await asyncio.wait([earlier])
        try:
            fact: i.Fact = c.PairingCodeIssued(attempt.name, await self._fetch(attempt.name, phone), phone)
        except (CallFailed, TimeoutError) as error:
            code = error.code if isinstance(error, CallFailed) else "timed_out"
            log.warning("no pairing code", klien_id=attempt.klien_id, why=str(error) or code)
            fact = c.PairingCodeRefused(attempt.name, phone, _CAUSES.get(code, CodeRefusal.FAILED))
        except Exception:
            log.exception("a pairing code couldn't be asked for", klien_id=attempt.klien_id)
            fact = c.PairingCodeRefused(attempt.name, phone, CodeRefusal.FAILED)
        self._tell(attempt, fact)

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._last.get(name) is task:
            del self._last[name]
