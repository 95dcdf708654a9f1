"""Bootstrap's part that knows webhooks: what is told, the courier that carries it, and the way out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from talkabiz.outside.guard import Guard
from talkabiz.outside.post import Poster
from talkabiz.services.hooks import Hooks
from talkabiz.services.journal import Journal
from talkabiz.services.ports import Clock
from talkabiz.services.sealing import Seal, open_key
from talkabiz.store.writing import Writer
from talkabiz.webhooks.courier import Courier


@asynccontextmanager
async def open_hooks(
    secret_key: str | None,
    sessions_dir: Path,
    allow_hosts: Sequence[str],
    *,
    writer: Writer,
    journal: Journal,
    clock: Clock,
) -> AsyncIterator[Hooks]:
    """Before any session starts, until after the last has told its end. `allow_hosts`: receivers in the own network.

    Raises:
        SecretKeyUnsafe, SecretKeyWrong: the secrets that are stored can't be opened.
    """
    seal = Seal(open_key(secret_key, sessions_dir))
    with closing(Poster(Guard(allow_hosts))) as poster:
        hooks = Hooks(seal, writer, journal, clock=clock, judge=poster.judge)
        await hooks.webhooks.check_key()
        async with Courier(poster.post, hooks.dispatch, clock).serving(), hooks.serving():
            yield hooks
