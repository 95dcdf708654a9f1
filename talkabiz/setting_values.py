"""What a setting may hold, where a type alone doesn't say it.

Each function takes what stands in the setting and gives what the program uses. Each raises ValueError with the rest of
a sentence that begins with the setting's name, and never repeats the value: it may be a secret.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from talkabiz.domain.quota import parse_quota
from talkabiz.domain.secret_keys import parse_secret_key

SHORTEST_API_KEY = 24
FEWEST_CHARACTERS = 8
"""Different ones, in an API key."""
KNOWN_KEYS = {
    "429683C4C977415CAAFCCE10F7D57E11",
    "B6D711FCDE4D4FD5936544120E713976",
}
"""Long enough, but printed in the examples of other gateways, where whoever tries keys has read them too."""

_PLACEHOLDERS = (
    *("changeme", "changethis", "replaceme", "replacethis", "yourapikey", "youradminkey", "yourkey", "yoursecret"),
    *("yoursecure", "yourtoken", "yourpassword", "putyour", "insertyour", "placeholder", "examplekey", "gantisaya"),
    *("gantidengan", "thisismysecure"),
)
_ROWS = ("qwertyuiopasdfghjklzxcvbnm", string.ascii_lowercase + string.digits, string.digits + string.ascii_lowercase)
_MAKE_ONE = "`openssl rand -hex 24` makes a good one"
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?")
_MAPPED = ip_network("::ffff:0:0/96")

Network = IPv4Network | IPv6Network


# --- API_KEY ----------------------------------------------------------------------------------------------------------


def check_api_key(key: str) -> str:
    if len(key) < SHORTEST_API_KEY:
        raise ValueError(f"must have at least {SHORTEST_API_KEY} characters; {_MAKE_ONE}")
    if not all("!" <= sign <= "~" for sign in key):
        raise ValueError(f"must be letters, digits and signs of ASCII, without spaces; {_MAKE_ONE}")
    if len(set(key)) < FEWEST_CHARACTERS or _repeats(key) or _is_walk(key):
        raise ValueError(f"is too easy to guess: it repeats itself or follows the keyboard; {_MAKE_ONE}")
    if key.upper() in KNOWN_KEYS or any(word in _letters(key) for word in _PLACEHOLDERS):
        raise ValueError(f"is an example or a placeholder that others know too; {_MAKE_ONE}")
    return key


def _repeats(key: str) -> bool:
    """Twice the same, or more often: `1234567890123456789012345`."""
    return any(key[period:] == key[:-period] for period in range(1, len(key) // 2 + 1))


def _is_walk(key: str) -> bool:
    walked = key.lower()
    return any(walked in row * 3 or walked in row[::-1] * 3 for row in _ROWS)


def _letters(key: str) -> str:
    return "".join(filter(str.isalnum, key)).lower()


# --- addresses in the web ---------------------------------------------------------------------------------------------


def read_origin(text: str) -> str:
    """`https://wa.example.com`, as a browser writes it: small letters, and no port that goes without saying."""
    parts, port = _split(text)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must begin with http:// or https://, as https://wa.example.com")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must end after the host and its port, without a path, as https://wa.example.com")
    host = _read_host(parts.hostname or "")
    is_usual = port in {None, {"http": 80, "https": 443}[parts.scheme]}
    return f"{parts.scheme}://{host}" if is_usual else f"{parts.scheme}://{host}:{port}"


def read_origins(value: object) -> object:
    """Of several, separated by commas."""
    if "*" in (found := _list(value)):
        raise ValueError("must name each site: any site's pages could act for whoever is logged in")
    return tuple(map(read_origin, found))


def check_proxy(text: str) -> str:
    parts, port = _split(text)
    if parts.scheme != "http" or not port or parts.path not in {"", "/"}:
        raise ValueError("must be http:// with a host and a port, as http://127.0.0.1:8443")
    _read_host(parts.hostname or "")
    return text


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise ValueError("must be an address with a host and perhaps a port, as https://wa.example.com:8443") from None
    return parts, port


def _read_host(name: str) -> str:
    try:
        network = ip_network(name)
    except ValueError:
        if not _NAME.fullmatch(name):
            raise ValueError("must name a host in ASCII, as wa.example.com or 192.0.2.7") from None
        return name
    return f"[{network.network_address}]" if isinstance(network, IPv6Network) else name


# --- machines ---------------------------------------------------------------------------------------------------------


def read_networks(value: object) -> object:
    """`127.0.0.1, 10.0.0.0/8, 2001:db8::/32`"""
    return tuple(map(_read_network, _list(value)))


def _read_network(text: str) -> Network:
    try:
        found = ip_network(text)
    except ValueError as error:
        if "has host bits set" in str(error):
            meant = ip_network(text, strict=False)
            raise ValueError(f"must give a network by its first address: {meant}") from None
        raise ValueError("must be addresses or networks, as 127.0.0.1, 10.0.0.0/8 (no names, no ports)") from None
    if found.prefixlen == 0:
        raise ValueError("must not be everybody: whoever is trusted can name any address as its own")
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):  # type: ignore[arg-type] # IPv6 as well
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - _MAPPED.prefixlen))
    return found


def read_hosts(value: object) -> object:
    """Names, addresses or networks of machines; a name may have a port: `localhost:9000, 10.0.0.0/8`."""
    return tuple(map(_check_host, _list(value)))


def _check_host(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        name, colon, port = text.lower().rpartition(":")
        if colon and not (port.isdecimal() and port.isascii() and 0 < int(port) <= 65535):  # noqa: PLR2004 - a port
            name = ""
        if not _NAME.fullmatch(name if colon else port):
            raise ValueError("must be hosts, addresses or networks, as localhost:9000, 10.0.0.0/8") from None
        return text.lower()


# --- files and others -------------------------------------------------------------------------------------------------


def read_limit(value: object) -> object:
    return parse_quota(value) if isinstance(value, str) else value


def check_file(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"must be a file that can be read: {error.strerror}") from None
    return path


def check_root_key(key: str) -> str:
    digits = 64
    if len(key) != digits or not set(key) <= set(string.hexdigits):
        raise ValueError("must be 64 hex digits, as the sandbox prints them")
    return key


def check_secret_key(text: str) -> str:
    parse_secret_key(text)
    return text


def _list(value: object) -> list[str]:
    """Of a text with commas, or of what is a list already."""
    if isinstance(value, str):
        return [part for each in value.split(",") if (part := each.strip())]
    if isinstance(value, Iterable):
        return [str(each) for each in value]
    raise ValueError("must be a list, separated by commas")
