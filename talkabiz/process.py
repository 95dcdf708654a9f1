"""What a process has of its own: a listening socket, signals, a clock, and perhaps a parent."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from talkabiz.domain.errors import Sentence, TalkabizError
from talkabiz.parent import Parent, Told, stop_signals

YOUNG_OBJECTS = 2_000
"""New ones that the garbage collector looks at together."""
REPORT_SECONDS = 5.0
"""How often the supervisor is told how large we are."""


class PortTaken(TalkabizError):
    code = "port_taken"


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def seconds(self) -> float:
        return time.monotonic()


def listen(host: str, port: int, parent: Parent) -> socket.socket:
    """The listening socket, bound before anything else starts, so that a taken port costs nothing.

    After a restart it is the one of the server before us, and whoever connected meanwhile waits in it.
    """
    if parent.listener:
        return parent.listener
    listener = _bind(host, port)
    parent.keep(listener)
    return listener


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise PortTaken(
            Sentence(
                f"Tidak dapat memakai {host}:{port} ({why}). Pilih port lain dengan --port.",
                f"Can't listen on {host}:{port} ({why}). Choose another port with --port.",
            )
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listener


def stop_signal() -> asyncio.Event:
    """Set by a signal that asks the server to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in stop_signals():
        loop.add_signal_handler(name, stopping.set)
    return stopping


def stop_at_end_of_input(stopping: asyncio.Event) -> None:
    """Set as well when our standard input ends, as a pipe does when whoever holds the other end is gone."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        with suppress(OSError, RuntimeError):  # no input at all; or the loop is closed by now
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=read, name="end of input", daemon=True).start()


def keep_what_is_there() -> None:
    """What a start has made stays until the end, some 150,000 objects: the collector needn't look through them again.
    It would for 0.1 s each time, with the loop standing still, as soon as sessions have added a few. And rather few
    looks at many new objects than many at few.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


@asynccontextmanager
async def reporting(parent: Parent, size: Callable[[], Told]) -> AsyncIterator[None]:
    """Tell the supervisor that we are up, and from then on how large we are."""
    report = asyncio.create_task(_report(parent, size), name="report to the supervisor")
    try:
        yield
    finally:
        report.cancel()


async def _report(parent: Parent, size: Callable[[], Told]) -> None:
    parent.tell({"ready": True})
    while True:
        parent.tell(size())
        await asyncio.sleep(REPORT_SECONDS)
