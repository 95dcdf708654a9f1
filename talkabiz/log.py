"""Logs: one event a line with ids as fields, for people or as JSON. QR texts, keys and full numbers never get here."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from structlog.typing import Processor

_NOISY = (
    "aiosqlite",
    "asyncio",
    "engineio",
    "engineio.server",
    "hypercorn.access",
    "socketio",
    "socketio.server",
    "tortoise",
)


def configure(log_format: str, level: str, *, is_terminal: bool | None = None) -> None:
    """Send our own and the libraries' log lines to stderr, in one form. stdout is for what programs read.

    `is_terminal`: whether a person reads them there; None: as stderr says, which may be a pipe to one that is.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    is_json = log_format == "json"
    # Plain: the default prints the values of variables under a traceback, and QR texts and keys are among them.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty() if is_terminal is None else is_terminal,
        exception_formatter=structlog.dev.plain_traceback,
    )
    render: Processor = structlog.processors.JSONRenderer() if is_json else console
    last: list[Processor] = [structlog.processors.format_exc_info, render] if is_json else [render]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
