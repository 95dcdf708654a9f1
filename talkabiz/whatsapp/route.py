"""Whether there is a way to WhatsApp at all. Asked before a start that would fail without one.

Each start leaves a descriptor and a fifth of a megabyte behind in the library, also one that fails at once. During an
outage every session tries again and again, so a day of it would cost what the machine has.
"""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

from talkabiz.domain import inputs as i

WHATSAPP = ("web.whatsapp.com", 443)
CONNECT_SECONDS = 3.0
SHARED_SECONDS = 5.0
"""So long one failure answers for everybody: in a dead network each would wait for its own."""


class Route:
    """Of one engine. Doubted from the first start that found none until something comes through."""

    def __init__(self) -> None:
        self._is_doubted = False
        self._asking = threading.Lock()
        self._failed_at: float | None = None

    def learn(self, fact: i.Fact | None) -> None:
        if isinstance(fact, i.NoRoute):
            self._is_doubted = True
        elif isinstance(fact, i.Connected | i.CodeIssued):
            self._is_doubted = False

    def is_open(self, proxy_url: str | None) -> bool:
        """Waits some seconds at most. A connection is made, but nothing said: what a proxy would answer isn't known."""
        with self._asking:
            if not self._is_doubted:
                return True
            if self._failed_at is None or time.monotonic() - self._failed_at > SHARED_SECONDS:
                self._failed_at = None if _connects(proxy_url) else time.monotonic()
            return self._failed_at is None


def _connects(proxy_url: str | None) -> bool:
    try:
        with socket.create_connection(_address(proxy_url), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _address(proxy_url: str | None) -> tuple[str, int]:
    if proxy_url is None:
        return WHATSAPP
    proxy = urlsplit(proxy_url)
    return proxy.hostname or "", proxy.port or {"https": 443, "socks5": 1080}.get(proxy.scheme, 80)
