"""How figures go over time: samples, and what time alone adds to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, linear_regression

from prometheus_client.parser import text_string_to_metric_families

from tests.running import Server

MB = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """As /metrics tells it."""

    minutes: float
    """Uptime."""
    megabytes: float
    threads: float
    descriptors: float
    running: float
    abandoned: float
    sockets: float
    starts: float
    lag_seconds: float
    restarts: float


async def take_sample(server: Server) -> Sample:
    answer = await server.http.get("/metrics")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for each in family.samples:
            found[each.name + "".join(f" {label}" for label in each.labels.values())] = each.value
    return Sample(
        minutes=found["talkabiz_uptime_seconds"] / 60,
        megabytes=found["process_resident_memory_bytes"] / MB,
        threads=found["talkabiz_threads"],
        descriptors=found["process_open_fds"],
        running=found["talkabiz_runs running"],
        abandoned=found["talkabiz_runs abandoned"],
        sockets=found["talkabiz_sockets"],
        starts=found["talkabiz_starts_total"],
        lag_seconds=found["talkabiz_event_lag_seconds"],
        restarts=sum(value for name, value in found.items() if "restarts" in name),
    )


@dataclass(frozen=True, slots=True)
class Course:
    """`a_minute`: what time adds, whatever the cause; `of_itself`: while nothing was started; `a_start`: the rest."""

    a_minute: float
    of_itself: float
    a_start: float


def course(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> Course:
    """All by least squares."""
    a_minute = slope(samples, figure)
    groups = [list(group) for _, group in groupby(samples, lambda each: each.starts)]
    minutes = [deviation for group in groups for deviation in _deviations(group, lambda each: each.minutes)]
    figures = [deviation for group in groups for deviation in _deviations(group, figure)]
    of_itself = linear_regression(minutes, figures, proportional=True).slope
    return Course(a_minute, of_itself, (a_minute - of_itself) / slope(samples, lambda each: each.starts))


def slope(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """A minute."""
    return linear_regression([each.minutes for each in samples], [figure(each) for each in samples]).slope


def _deviations(group: Sequence[Sample], figure: Callable[[Sample], float]) -> list[float]:
    """From the group's mean."""
    values = [figure(each) for each in group]
    mean = fmean(values)
    return [value - mean for value in values]
