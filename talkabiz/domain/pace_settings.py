"""A klien's pace as programs write it, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import time
from typing import Any

import phonenumbers

from talkabiz.domain.pacing import Pacing, Quiet, zone_of
from talkabiz.domain.wish_contents import wrong

SLOWEST = 0.1
FASTEST = 6000
LARGEST_BURST = 1000
LONGEST_SECONDS = 3600
LARGEST_CAP = 1_000_000


def changed(before: Pacing, changes: Mapping[str, Any]) -> Pacing:
    """With what is named in the shape of `Pacing.as_dict`; the rest as it was. None: as it is where nobody chose.

    Raises:
        InvalidInput: naming the field.
    """
    if unknown := changes.keys() - _READERS.keys():
        raise wrong(min(unknown)[:50], "tidak dikenal", "isn't known")
    own = Pacing()
    wanted = {name: getattr(own, name) if value is None else _READERS[name](value) for name, value in changes.items()}
    return replace(before, **wanted)


def _number(name: str, least: float, most: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if is_number and least <= value <= most:  # type: ignore[operator] # one question before
            return value  # type: ignore[return-value] # as above
        raise wrong(name, f"angka {least} sampai {most}", f"a number from {least} to {most}")

    return read


def _per_minute(value: object) -> float:
    """0: no limit. `0.1` is one in ten minutes."""
    return 0 if value == 0 and not isinstance(value, bool) else _number("per_minute", SLOWEST, FASTEST)(value)


def _whole(name: str, least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise wrong(name, f"bilangan bulat {least} sampai {most}", f"a whole number from {least} to {most}")

    return read


def _quiet(value: object) -> Quiet:
    if isinstance(value, Mapping) and value.keys() == {"from", "to"}:
        begin, end = _clock(value["from"]), _clock(value["to"])
        if begin and end and begin != end:
            return Quiet(begin, end)
    raise wrong("quiet", 'seperti {"from": "21:00", "to": "06:00"}', 'as {"from": "21:00", "to": "06:00"}')


def _clock(value: object) -> time | None:
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", value) if isinstance(value, str) else None
    return time(int(found[1]), int(found[2])) if found else None


def _zone(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}", value):
        try:
            zone_of(value)
        except (KeyError, ValueError, OSError):
            pass
        else:
            return value
    raise wrong("zone", "WIB, WITA, WIT, atau seperti Asia/Jakarta", "WIB, WITA, WIT, or like Asia/Jakarta")


def _region(value: object) -> str:
    if isinstance(value, str) and value in phonenumbers.SUPPORTED_REGIONS:
        return value
    raise wrong("region", "kode negara dua huruf, seperti ID", "a country's code of two letters, like ID")


_READERS: Mapping[str, Callable[[object], Any]] = {
    "per_minute": _per_minute,
    "burst": _whole("burst", 1, LARGEST_BURST),
    "jitter": _number("jitter", 0, 1),
    "new_contact_seconds": _number("new_contact_seconds", 0, LONGEST_SECONDS),
    "quiet": _quiet,
    "zone": _zone,
    "daily_cap": _whole("daily_cap", 1, LARGEST_CAP),
    "region": _region,
}
