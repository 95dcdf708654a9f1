"""Whether what came out is what a page shows. `…` stands for anything; times and a few counts are the reader's own."""

from __future__ import annotations

import json
import re
from typing import Any

ANYTHING = "…"
THEIR_OWN = {"expires", "retry_after"}
"""Numbers that differ from run to run."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def differences(shown: str, language: str, came: str) -> list[str]:
    if language == "json":
        return _differ(json.loads(shown), json.loads(came), "answer")
    return [] if _fits(shown.strip(), came.strip()) else [f"shown:\n{shown}\ncame:\n{came}"]


def _differ(shown: Any, came: Any, where: str) -> list[str]:
    if shown == ANYTHING:
        return []
    if isinstance(shown, dict) and isinstance(came, dict):
        missing = [f"{where}.{name} is shown and isn't there" for name in shown.keys() - came.keys() - {ANYTHING}]
        unshown = set() if ANYTHING in shown else came.keys() - shown.keys()
        return [
            *missing,
            *(f"{where}.{name} isn't shown" for name in sorted(unshown)),
            *(each for name in shown if name in came for each in _differ(shown[name], came[name], f"{where}.{name}")),
        ]
    if isinstance(shown, list) and isinstance(came, list) and len(shown) == len(came):
        return [
            each for n, pair in enumerate(zip(shown, came, strict=True)) for each in _differ(*pair, f"{where}[{n}]")
        ]
    if isinstance(shown, str) and isinstance(came, str):
        alike = _fits(shown, came) or bool(_TIME.fullmatch(shown) and _TIME.fullmatch(came))
    elif type(shown) is int and type(came) is int and where.rpartition(".")[2] in THEIR_OWN:
        alike = True
    else:
        alike = type(shown) is type(came) and shown == came
    return [] if alike else [f"{where} is {came!r} and not {shown!r}"]


def _fits(shown: str, came: str) -> bool:
    return bool(re.fullmatch(".*".join(map(re.escape, shown.split(ANYTHING))), came, re.DOTALL))
