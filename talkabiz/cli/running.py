"""How a command does its work: with which settings, on which database, in which loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from talkabiz import bootstrap, log
from talkabiz.cli.printing import EXIT_USAGE, Failed
from talkabiz.config import Settings, sentences
from talkabiz.domain.access import Caller
from talkabiz.services.desk import Office

T = TypeVar("T")

CALLER = Caller("command-line")
"""In the audit log: whoever has a shell on the machine."""


def read_settings(**given: Any) -> Settings:
    """The settings, with what the command line says on top. Failed `invalid_settings` if one is wrong."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = "\n".join(sentences(error))
        raise Failed("invalid_settings", f"Pengaturan tidak sesuai. {wrong}", wrong, EXIT_USAGE) from None


def with_office(work: Callable[[Office], Awaitable[T]], settings: Settings | None = None) -> T:
    """Do something with the database open and up to date, also while a server runs on it."""
    chosen = settings or read_settings()
    log.configure(chosen.log_format, "warning")  # what was done is told by the command itself

    async def opened() -> T:
        async with bootstrap.office(chosen) as office:
            return await work(office)

    return asyncio.run(opened())
