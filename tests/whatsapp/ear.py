"""Listens to the port as the centre does, and lets a test wait for what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ulid import ULID

from talkabiz.domain import inputs as i
from talkabiz.services.ports import WhatsApp

if TYPE_CHECKING:
    from talkabiz.sandbox.world import Sandbox  # needs the library

DEADLINE_SECONDS = 30.0
F = TypeVar("F", bound=i.Fact)


async def until(look: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
    """For figures, which tell nobody when they change."""
    async with asyncio.timeout(seconds):
        while not look():
            await asyncio.sleep(0.02)


async def link(edge: WhatsApp, sandbox: Sandbox, ear: Ear, klien_id: int, number: str) -> str:
    """Pairs and connects; the name of the device."""
    attempt = fresh_attempt()
    sandbox.phones.add(number, "Toko")
    edge.start_pairing(klien_id, attempt)
    code = await ear.wait(attempt, i.CodeIssued)
    await sandbox.phones.scan(number, code.text)
    await ear.wait(attempt, i.Connected)
    return attempt


def fresh_attempt() -> str:
    return str(ULID())


class Ear:
    """What was delivered stands in `heard`, oldest first."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, i.Fact]] = []
        self._news = asyncio.Event()

    def __call__(self, klien_id: int, fact: i.Fact) -> None:
        self.heard.append((klien_id, fact))
        self._news.set()

    def of(self, attempt: str) -> list[i.Fact]:
        return [fact for _, fact in self.heard if fact.attempt == attempt]

    async def wait(self, attempt: str, kind: type[F], after: int = 0, seconds: float = DEADLINE_SECONDS) -> F:
        """The first fact of the kind about the attempt, from its fact number `after` on."""
        found = await self._until(lambda: [f for f in self.of(attempt)[after:] if isinstance(f, kind)], seconds)
        return found[0]

    async def _until(self, look: Callable[[], list[F]], seconds: float) -> list[F]:
        try:
            async with asyncio.timeout(seconds):
                while not (found := look()):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"only this came: {self.heard}") from None
        return found

    def kinds(self, attempt: str) -> list[type[i.Fact]]:
        return [type(fact) for fact in self.of(attempt)]
