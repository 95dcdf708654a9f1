"""What a process has of its own: a listening socket, signals, a clock."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from datetime import UTC, datetime

from talkabiz.domain.errors import Sentence, TalkabizError


class PortTaken(TalkabizError):
    code = "port_taken"


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def listen(host: str, port: int) -> socket.socket:
    """The listening socket, bound before anything else starts, so that a taken port costs nothing."""
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
    """Set by SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    return stopping
