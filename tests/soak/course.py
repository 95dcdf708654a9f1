"""How figures go over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import linear_regression, median

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


def slope(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """What a minute adds, by least squares."""
    return linear_regression([each.minutes for each in samples], [figure(each) for each in samples]).slope


def drift(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """From the first third to the last, by their medians: what comes and goes with each visit doesn't count."""
    third = len(samples) // 3
    first, last = ([figure(each) for each in part] for part in (samples[:third], samples[-third:]))
    return median(last) - median(first)
