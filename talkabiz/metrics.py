"""The figures of GET /metrics, in the text form that Prometheus reads.

They are read when they are asked for and nowhere counted along, so that none can differ from what it is about.

Names of what every process has are those that Prometheus' own clients use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from talkabiz.domain.webhooks import Outcome
from talkabiz.services.health import Figures

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(figures: Figures) -> bytes:
    return generate_latest(_Figures(figures))


class _Figures(Collector):
    """One scrape."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        yield from self._sessions()
        yield from self._library()
        yield from self._heard()
        yield from self._webhooks()
        yield from self._process()

    def _sessions(self) -> Iterator[Metric]:
        figures = self._figures
        yield _gauges("talkabiz_sessions", "Sessions of kliens, by status.", "status", figures.sessions)
        yield _gauge("talkabiz_sockets", "Browsers and programs connected by Socket.IO.", figures.load.sockets)
        if figures.journal_events is not None:
            yield _counter("talkabiz_journal_events", "Durable facts told, over all starts.", figures.journal_events)

    def _library(self) -> Iterator[Metric]:
        load = self._figures.load
        runs = {"running": load.running, "queued": load.queued, "abandoned": load.abandoned}
        yield _gauges("talkabiz_runs", "Runs on the WhatsApp library; an abandoned one never ends.", "state", runs)
        yield _counter("talkabiz_starts", "Runs started; each leaves a descriptor and some memory.", load.started)
        yield _gauge("talkabiz_library_threads", "Threads for runs on the library and calls into it.", load.threads)
        yield _gauge("talkabiz_calls_overdue", "Calls into the library past their deadline.", load.overdue)
        yield _gauge("talkabiz_sends_under_way", "Messages that WhatsApp hasn't acknowledged yet.", load.sending)
        yield _gauge("talkabiz_queues", "Kliens that have messages waiting or under way.", load.queues)
        yield _gauge("talkabiz_event_lag_seconds", "Age of the oldest event not dealt with.", load.lag_seconds)

    def _heard(self) -> Iterator[Metric]:
        heard = self._figures.load.heard
        if heard is None:
            return
        text = "From when something was heard of a chat until it was on disk."
        stored = HistogramMetricFamily("talkabiz_heard_stored_seconds", text)
        stored.add_metric([], heard.stored.buckets(), heard.stored.sum_seconds)
        yield stored
        yield _gauge("talkabiz_heard_waiting", "What was heard and isn't on disk yet.", heard.waiting)
        yield _counter("talkabiz_heard_failed", "Tries to take in what was heard that failed.", heard.failed)

    def _webhooks(self) -> Iterator[Metric]:
        if self._figures.webhooks_pending is not None:
            text = "Deliveries that wait for a try, or are on their way."
            yield _gauge("talkabiz_webhook_pending", text, self._figures.webhooks_pending)
        tries = CounterMetricFamily(
            "talkabiz_webhook_deliveries", "Tries to deliver, by how they ended.", labels=["outcome"]
        )
        for outcome in Outcome:
            tries.add_metric([outcome.value], self._figures.load.webhook_tries.get(outcome.value, 0))
        yield tries

    def _process(self) -> Iterator[Metric]:
        figures = self._figures
        yield _gauge("talkabiz_threads", "Threads of the process, the library's own too.", figures.threads)
        yield _gauge("process_open_fds", "Open descriptors.", figures.open_descriptors)
        yield _gauge("process_max_fds", "The most descriptors that may be open.", figures.most_descriptors)
        yield _gauge("process_resident_memory_bytes", "Resident memory.", figures.resident_bytes)
        yield _gauge("talkabiz_uptime_seconds", "Time since the start.", figures.uptime_seconds)
        if figures.restarts is not None:
            text = "Restarts by the supervisor since it was started."
            restarts = CounterMetricFamily("talkabiz_supervisor_restarts", text, labels=["reason"])
            for reason, count in figures.restarts.items():
                restarts.add_metric([reason], count)
            yield restarts


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
