"""Whom a proxy in front of us forwards. Wrapped around the whole application, HTTP and sockets alike.

Believed from TRUSTED_PROXIES alone: from anybody else these headers are what a stranger claims, and change nothing.
They stay in the request either way.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from talkabiz.domain.quota import read_address

Scope = Any  # a dictionary; each server has types of its own for it
App = Callable[[Any, Any, Any], Awaitable[None]]
Address = IPv4Address | IPv6Address
Headers = Iterable[tuple[bytes, bytes]]

MOST_HOPS = 32
"""As many proxies are walked past; who is behind more of them counts as the last one."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII)
_NODE = re.compile(r"\[([^\[\]]*)\](?::\d+)?|([0-9.]+)(?::\d+)?|(.*)", re.ASCII | re.DOTALL)
"""An address as these headers write it: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`; some write
`2001:db8::1` bare."""
_SOCKET_SCHEMES = {"http": "ws", "https": "wss"}


class Forwarded:
    def __init__(self, app: App, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        await self._app(self._seen_through(scope), receive, send)

    def _seen_through(self, scope: Scope) -> Scope:
        """The request as the first machine that isn't ours made it; untouched where none of ours forwards it."""
        peer = read_address(str((scope.get("client") or ("",))[0]))
        if scope["type"] not in {"http", "websocket"} or peer is None or not self._is_trusted(peer):
            return scope
        headers = scope["headers"]
        seen = {**scope, "client": (str(self._client(peer, headers)), 0)}
        if (scheme := _single(headers, b"x-forwarded-proto").lower()) in _SOCKET_SCHEMES:
            seen["scheme"] = _SOCKET_SCHEMES[scheme] if scope["type"] == "websocket" else scheme
        if _HOST.fullmatch(host := _single(headers, b"x-forwarded-host")):
            others = [header for header in headers if header[0].lower() != b"host"]
            seen["headers"] = [(b"host", host.encode()), *others]
        return seen

    def _client(self, peer: Address, headers: Headers) -> Address:
        """Where both headers stand and differ, one of them is what the client wrote and the proxy passed on, and no one
        can tell which. Then it is the proxy itself.
        """
        ways = (_list(headers, b"x-forwarded-for"), [_for(element) for element in _list(headers, b"forwarded")])
        found = {self._walk(peer, way) for way in ways if way}
        return found.pop() if len(found) == 1 else peer

    def _walk(self, client: Address, way: Sequence[str]) -> Address:
        """From the nearest one on, for each proxy vouches for the one before it alone. What is no address ends it."""
        for text in way[: -MOST_HOPS - 1 : -1]:
            if not self._is_trusted(client) or (before := _read_node(text)) is None:
                break
            client = before
        return client

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _for(element: str) -> str:
    """Of one element of RFC 7239's header. What isn't plain is left as text that is no address."""
    pairs = (pair.partition("=") for pair in element.split(";"))
    found = [value.strip() for name, _, value in pairs if name.strip().lower() == "for"]
    value = found[0] if len(found) == 1 else ""
    return value[1:-1] if value[:1] == value[-1:] == '"' else value


def _read_node(text: str) -> Address | None:
    match = _NODE.fullmatch(text.strip())
    return read_address(match[1] or match[2] or match[3] or "") if match else None


def _values(headers: Headers, name: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for found, value in headers if found.lower() == name)


def _list(headers: Headers, name: bytes) -> list[str]:
    """Of all lines with that name, in order; empty where there is none."""
    return [part for value in _values(headers, name) for part in value.split(",")]


def _single(headers: Headers, name: bytes) -> str:
    """The only value; empty if there are none or several."""
    found = list(_values(headers, name))
    return found[0].strip() if len(found) == 1 else ""
