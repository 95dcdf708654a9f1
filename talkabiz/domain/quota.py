"""How often something may be done, as a setting says it, and whom a count is kept for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

OFF = "off"
LARGEST_COUNT = 1_000_000
LONGEST_SECONDS = 31 * 86_400.0
"""What is counted is kept for as long."""

UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_SHAPE = re.compile(r"(\d{1,9}) */ *(?:(\d{1,9}) *)?([a-z]+)", re.ASCII)
_EXAMPLES = '"10/hour", "5/15 minutes" or "off"'
_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Quota:
    """So many times within any span of so many seconds (a sliding window)."""

    count: int
    seconds: float

    def __str__(self) -> str:
        """As `parse_quota` reads it: `10/hour`."""
        unit, size = next((each for each in UNITS.items() if self.seconds % each[1] == 0), ("second", 1))
        span = self.seconds / size
        return f"{self.count}/{unit}" if span == 1 else f"{self.count}/{span:g} {unit}s"


def parse_quota(text: str) -> Quota | None:
    """`10/hour`, `600/minute`, `5/15 minutes`; None for `off`.

    Raises:
        ValueError: it is something else; the sentence says what would do.
    """
    written = text.strip().lower()
    if written == OFF:
        return None
    match = _SHAPE.fullmatch(written)
    unit = match and UNITS.get(match[3].removesuffix("s"))
    if not match or not unit:
        raise ValueError(f"must be a count and a time, as {_EXAMPLES}")
    count, seconds = int(match[1]), float(int(match[2] or 1) * unit)
    if not 1 <= count <= LARGEST_COUNT:
        raise ValueError(f'must count from 1 to {LARGEST_COUNT}; "{OFF}" switches the limit off')
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(f"must be over a time of 1 second to 31 days, as {_EXAMPLES}")
    return Quota(count, seconds)


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address; None for anything else. One spelling each: an IPv4 address that came in IPv6 is IPv4 again, and
    the name of an interface (`%eth0`) is left out.
    """
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    return (found.ipv4_mapped or IPv6Address(int(found))) if isinstance(found, IPv6Address) else found


def bucket_of(address: str | None) -> str:
    """Whom a limit counts: an IPv4 address, or the 64 bits of an IPv6 address that one customer has all addresses of.

    Whoever has no address (a socket in the file system) is one with all others who have none: `unknown`.
    """
    found = read_address(address or "")
    if found is None:
        return "unknown"
    return str(IPv6Network((int(found) >> _PREFIX << _PREFIX, _PREFIX)) if isinstance(found, IPv6Address) else found)
