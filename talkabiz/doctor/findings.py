"""What a check says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"  #: the server runs, but not for everybody or not for long
    FAIL = "fail"  #: it doesn't start, or can't do its work


@dataclass(frozen=True, slots=True)
class Check:
    """`found` is a fact, `advice` what an operator does about it; empty where all is well."""

    name: str
    status: Status
    found: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def ok(name: str, found: str) -> Check:
    return Check(name, Status.OK, found)


def warn(name: str, found: str, advice: str) -> Check:
    return Check(name, Status.WARN, found, advice)


def fail(name: str, found: str, advice: str) -> Check:
    return Check(name, Status.FAIL, found, advice)
