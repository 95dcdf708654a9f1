"""Logs: one event a line with ids as fields, for people or as JSON, on stderr. stdout is for what programs read.

The last thing before a line is rendered is `talkabiz.redaction`, whoever wrote it: our own rooms, a library, Python.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

import structlog
from structlog.processors import ExceptionRenderer, StackInfoRenderer, TimeStamper

from talkabiz.redaction import Redactor

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

_NOISY = (
    "aiosqlite",
    "asyncio",
    "engineio",
    "engineio.server",
    "hypercorn.access",
    "PIL",
    "socketio",
    "socketio.server",
    "tortoise",
)
_SERVERS = ("hypercorn.access", "hypercorn.error")
_FIRST = ("timestamp", "level", "event", "logger")
_BLOCKS = ("exception", "stack")
"""Fields of many lines, which the console shows below the others."""
# What moves the cursor, ends the line or turns its direction round.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_QUOTED_ANYWAY = re.compile("[ \t=\r\n\"']")
"""What makes the console print a field's value by `repr`, which escapes the rest as well."""


def configure(
    log_format: str, level: str, *, is_terminal: bool | None = None, secrets: Iterable[str | None] = ()
) -> None:
    """Send our own and the libraries' log lines to stderr, in one form.

    `is_terminal`: whether a person reads them there; None: as stderr says, which may be a pipe to one that is.
    `secrets`: what is secret here and has no shape by which it would be known.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    redactor = Redactor(filter(None, secrets))
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                StackInfoRenderer(),
                ExceptionRenderer(),  # here, so that what it writes is redacted; without the values of variables
                _redacting(redactor),
                *_rendering(log_format, is_terminal=sys.stderr.isatty() if is_terminal is None else is_terminal),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _SERVERS:
        logging.getLogger(name).filters[:] = [_ServersLines(redactor)]


def _redacting(redactor: Redactor) -> Processor:
    def redact(_logger: object, _method: str, named: EventDict) -> EventDict:
        first = {name: named.pop(name) for name in _FIRST if name in named}
        first["event"] = redactor.value(first.get("event", ""))
        return {**first, **redactor.fields(named)}

    return redact


def _rendering(log_format: str, *, is_terminal: bool) -> list[Processor]:
    if log_format == "json":
        return [structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback  # it is a text by then
    return [_keep_to_the_line, structlog.dev.ConsoleRenderer(colors=is_terminal, exception_formatter=plain)]


def _keep_to_the_line(_logger: object, _method: str, named: EventDict) -> EventDict:
    """Strangers' texts stay within their line, and what takes several lines is set off from lines of the log."""
    return {_escape(name): _within_the_line(name, value) for name, value in named.items()}


def _within_the_line(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    if name in _BLOCKS:
        return "\n".join(f"    {_escape(line)}" for line in value.split("\n"))
    return value if name != "event" and _QUOTED_ANYWAY.search(value) else _escape(value)


def _escape(text: str) -> str:
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _Handler(logging.StreamHandler[Any]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """A line that can't be made is told of by a line. The usual report would print what it holds."""
        what = sys.exc_info()[0]
        event = f"a log line was lost: {record.filename}:{record.lineno}, {what.__name__ if what else None}"
        with suppress(Exception):  # nobody reads, or it is every line that can't be made
            lost = logging.LogRecord(record.name, logging.ERROR, record.pathname, record.lineno, event, (), None)
            self.stream.write(self.format(lost) + self.terminator)
            self.flush()


class _ServersLines(logging.Filter):
    """An ASGI server of the operator's choice writes by handlers of its own, made whenever it likes.

    Its errors come out here instead; what it writes into files, or as its access log, is redacted.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        logger = logging.getLogger(record.name)
        if logger.propagate:
            logger.handlers[:] = [each for each in logger.handlers if type(each) is not logging.StreamHandler]
        record.msg, record.args = self._redactor.text(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self._redactor.text(logging.Formatter().formatException(record.exc_info))
        return True


# --- what nobody logs -------------------------------------------------------------------------------------------------


def catch_the_rest() -> None:
    """Warnings, and exceptions that nobody caught, become log lines too. For a process of our own: it stays so."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _tell_uncaught
    sys.unraisablehook = _tell_unraisable
    threading.excepthook = _tell_of_thread


def _tell_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _log().critical("uncaught", exc_info=(kind, error, trace))


def _tell_unraisable(found: sys.UnraisableHookArgs) -> None:
    error = found.exc_value or found.exc_type()
    _log().error("unraisable", note=found.err_msg, of=found.object, exc_info=(type(error), error, found.exc_traceback))


def _tell_of_thread(found: threading.ExceptHookArgs) -> None:
    if issubclass(found.exc_type, SystemExit):
        return
    error = found.exc_value or found.exc_type()
    name = found.thread.name if found.thread else None
    _log().error("thread_failed", thread=name, exc_info=(found.exc_type, error, found.exc_traceback))


def _log() -> Any:
    return structlog.get_logger(__name__)
