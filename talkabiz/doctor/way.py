"""The way to WhatsApp: straight, or through a proxy, as the library goes it."""

from __future__ import annotations

import base64
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from talkabiz.whatsapp.route import WHATSAPP

_LONGEST_HEAD = 16 * 1024
_PORTS = {"http": 80, "https": 443, "socks5": 1080}


class ProxyRefused(OSError):
    """The proxy answered that it doesn't let us through."""


@dataclass(frozen=True, slots=True)
class Way:
    proxy: SplitResult | None
    ca_file: Path | None

    @classmethod
    def choose(cls, proxy_url: str | None, ca_file: Path | None, environment: Mapping[str, str]) -> Self:
        """Without a proxy of our own the library follows HTTPS_PROXY, as every Go program does."""
        url = proxy_url
        if url is None and not urllib.request.proxy_bypass_environment(WHATSAPP[0]):  # type: ignore[attr-defined]
            url = environment.get("https_proxy") or environment.get("HTTPS_PROXY")
        if url and "://" not in url:
            url = f"http://{url}"
        return cls(urlsplit(url) if url else None, ca_file)

    @property
    def first(self) -> tuple[str, int]:
        """Where the first connection goes."""
        if self.proxy is None:
            return WHATSAPP
        return self.proxy.hostname or "", self.proxy.port or _PORTS.get(self.proxy.scheme, 80)

    @property
    def is_seen_through(self) -> bool:
        """What lies behind other proxies can't be looked at from here."""
        return self.proxy is None or self.proxy.scheme == "http"

    def enter(self, connection: socket.socket) -> ssl.SSLSocket:
        """From the first connection to TLS with WhatsApp.

        Raises:
            OSError: its subclasses say what: ProxyRefused, ssl.SSLError, TimeoutError and those of sockets.
        """
        if self.proxy:
            self._open_tunnel(connection)
        trust = ssl.create_default_context(cafile=self.ca_file)
        return trust.wrap_socket(connection, server_hostname=WHATSAPP[0])

    def _open_tunnel(self, connection: socket.socket) -> None:
        target = f"{WHATSAPP[0]}:{WHATSAPP[1]}"
        head = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.proxy and self.proxy.username:
            pair = f"{unquote(self.proxy.username)}:{unquote(self.proxy.password or '')}"
            head.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = connection.recv(4096)
            if not more or len(answer) > _LONGEST_HEAD:
                raise ConnectionResetError
            answer += more
        status = answer.partition(b"\r\n")[0].decode("ascii", "replace").split(" ", 2)
        if status[1:2] != ["200"]:
            raise ProxyRefused(" ".join(status[1:])[:100])
