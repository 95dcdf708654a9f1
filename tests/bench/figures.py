"""Figures and their aims."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value. `aim` is the most that it may be, or `is_least`; None: told for context."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    note: str = ""
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.aim is None or (self.value >= self.aim if self.is_least else self.value <= self.aim)

    def __str__(self) -> str:
        aim = "" if self.aim is None else f"  (aim {self.aim:g}: {'met' if self.is_met else 'MISSED'})"
        note = f"  {self.note}" if self.note else ""
        return f"{self.name:<58}{self.value:9.2f} {self.unit}{aim}{note}"


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def spread(values: Sequence[float], unit: str = "ms") -> str:
    return f"[{len(values)}: p5 {percentile(values, 5):.2f}, max {max(values):.2f} {unit}]"
