"""Which addresses may be asked when somebody else chose them: public ones, over https, and what the operator allows.

Judged twice: the address as it is written, and each machine that its name leads to. Whoever asks has to connect to a
machine that was judged, not to the name: a name may lead elsewhere the next time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from talkabiz.domain.errors import Sentence
from talkabiz.domain.media_errors import UrlRefused

Address = IPv4Address | IPv6Address

LONGEST_URL = 4096
HTTPS_PORT = 443
LARGEST_PORT = 65535
USUAL_PORTS = {"https": HTTPS_PORT, "http": 80}

# Python's own lists differ from version to version, so these count beside them.
_CLOSED = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # looks public, and is the inside of a machine at Azure
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20"),
    )
)
_UNICAST = IPv6Network("2000::/3")
"""All that is public in IPv6. Mapped and translated IPv4 (`::ffff:0:0/96`, `64:ff9b::/96`) lies outside."""
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_AUTHORITY = re.compile(r"[^/?#]*+//([^/?#]*)")


def is_public(address: Address) -> bool:
    """Whether everybody on the internet reaches the same machine by it. Wrapped forms of IPv4 never count."""
    if isinstance(address, IPv6Address) and (address.scope_id is not None or address not in _UNICAST):
        return False
    return address.is_global and not any(address in network for network in _CLOSED)


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be asked, if the machines that it leads to may. `host` is ASCII, without brackets.

    `is_allowed`: the operator named it, wherever it leads. `is_usual`: over https, at its port.
    """

    url: httpx.URL
    host: str
    port: int
    is_allowed: bool

    @property
    def is_usual(self) -> bool:
        return self.url.scheme == "https" and self.port == HTTPS_PORT

    @property
    def address(self) -> Address | None:
        """The machine, where the address names it by number."""
        return _literal(self.host)


class Guard:
    """`allow`: hosts as a setting has them: names, with a port or (any port) without, and networks."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._names, self._networks = set[str](), list[IPv4Network | IPv6Network]()
        for host in allow:
            try:
                self._networks.append(ip_network(host))
            except ValueError:
                self._names.add(host.lower())

    def read(self, text: str) -> Target:
        """Raises UrlRefused for what may not be asked whatever it leads to."""
        url = _parse(text)
        host = url.raw_host.decode("ascii").lower().strip("[]").removesuffix(".")
        if url.scheme not in USUAL_PORTS:
            raise UrlRefused(_ONLY_HTTPS)
        if (authority := _AUTHORITY.match(text)) and "@" in authority[1]:
            raise UrlRefused(_NO_CREDENTIALS)
        port = USUAL_PORTS[url.scheme] if url.port is None else url.port
        if not 0 < port <= LARGEST_PORT:
            raise UrlRefused
        target = Target(url, host, port, bool({host, f"{host}:{port}"} & self._names))
        _check_host(target)
        if not (target.is_usual or target.is_allowed or self._networks):
            raise UrlRefused(_ONLY_HTTPS)
        return target

    def judge(self, target: Target, machines: Iterable[Address]) -> list[Address]:
        """Those of the machines that a name leads to which may be asked: all, or UrlRefused for all.

        A name that leads inside with one of several answers is an attack, or a mistake of the same effect.
        """
        found = list(machines)
        if not all(target.is_allowed or self._may(target, machine) for machine in found):
            raise UrlRefused(_ONLY_PUBLIC if target.is_usual else _ONLY_HTTPS)
        return found

    def _may(self, target: Target, machine: Address) -> bool:
        return any(machine in network for network in self._networks) or (target.is_usual and is_public(machine))


def _parse(text: str) -> httpx.URL:
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text:
        raise UrlRefused
    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise UrlRefused from None


def _check_host(target: Target) -> None:
    """A name has letters in its last part: `2130706433`, `0x7f.1` and `0177.0.0.1` are 127.0.0.1 to some resolvers."""
    if target.address is not None:
        return
    if not _NAME.fullmatch(target.host) or _NUMBER.fullmatch(target.host.rpartition(".")[2]):
        raise UrlRefused(_ONLY_PUBLIC)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


_ONLY_HTTPS = Sentence("Alamatnya harus https, di port 443.", "The address has to be https, at port 443.")
_NO_CREDENTIALS = Sentence(
    "Alamatnya tidak boleh memuat nama pengguna atau kata sandi.",
    "The address must hold no user name and no password.",
)
_ONLY_PUBLIC = Sentence(
    "Alamatnya tidak menuju server publik di internet.", "The address does not lead to a public server on the internet."
)
