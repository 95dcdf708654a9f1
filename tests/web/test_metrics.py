"""/metrics: what an operator watches over time, in the form that Prometheus reads."""

from __future__ import annotations

import os
import re
import resource

from prometheus_client.parser import text_string_to_metric_families

from talkabiz.domain.access import Caller
from talkabiz.domain.states import Status
from talkabiz.services.durations import Durations
from talkabiz.services.health import Load
from talkabiz.services.inbound import HeardFigures
from talkabiz.store import database
from tests.edges import Client, House

MB = 2**20


async def scrape(client: Client) -> dict[str, float]:
    """Each sample by its name with its label, as `talkabiz_sessions{connected}`."""
    text = await client.ask("GET", "/metrics", expect=200)
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith(".")
        for sample in family.samples:
            label = "".join(f"{{{value}}}" for value in sample.labels.values())
            assert sample.name + label not in found, "told twice"
            found[sample.name + label] = sample.value
    return found


async def test_sessions_are_counted_by_status_and_every_status_is_there(house: House, admin: Client) -> None:
    await house.link(await house.add_klien())
    await house.show_qr(await house.add_klien("Warung Bulan"))
    found = await scrape(admin)
    counts = {status: found[f"talkabiz_sessions{{{status}}}"] for status in Status}
    assert counts == dict.fromkeys(Status, 0) | {Status.CONNECTED: 1, Status.QR_READY: 1}


async def test_what_the_edges_carry_is_told_as_it_is_now(house: House, admin: Client) -> None:
    house.load = Load(
        running=7,
        queued=6,
        started=99,
        abandoned=5,
        threads=24,
        overdue=3,
        sending=4,
        queues=2,
        lag_seconds=2.5,
        sockets=1,
    )
    found = await scrape(admin)
    assert {name: found[name] for name in found if name.startswith("talkabiz_runs")} == {
        "talkabiz_runs{running}": 7,
        "talkabiz_runs{queued}": 6,
        "talkabiz_runs{abandoned}": 5,
    }
    assert found["talkabiz_starts_total"] == 99
    assert found["talkabiz_library_threads"] == 24
    assert found["talkabiz_calls_overdue"] == 3
    assert found["talkabiz_sends_under_way"] == 4
    assert found["talkabiz_queues"] == 2
    assert found["talkabiz_event_lag_seconds"] == 2.5
    assert found["talkabiz_sockets"] == 1
    house.load = Load()
    assert (await scrape(admin))["talkabiz_runs{abandoned}"] == 0


async def test_how_soon_what_is_heard_is_stored_is_told_in_steps(house: House, admin: Client) -> None:
    stored = Durations()
    for seconds in (0.0005, 0.004, 0.005, 70.0):
        stored.note(seconds)
    house.load = Load(heard=HeardFigures(stored, waiting=2, failed=1))
    found = await scrape(admin)
    steps = {end: found[f"talkabiz_heard_stored_seconds_bucket{{{end}}}"] for end in ("0.001", "0.005", "5.0", "+Inf")}
    assert steps == {"0.001": 1, "0.005": 3, "5.0": 3, "+Inf": 4}
    assert found["talkabiz_heard_stored_seconds_count"] == 4
    assert found["talkabiz_heard_stored_seconds_sum"] == 70.0095
    assert (found["talkabiz_heard_waiting"], found["talkabiz_heard_failed_total"]) == (2, 1)


async def test_tries_of_webhooks_are_counted_by_how_they_ended_and_what_waits_too(house: House, admin: Client) -> None:
    klien_id = await house.add_klien()
    made = await house.desk.webhooks.add(klien_id, "https://example.com/", caller=Caller("key:1"))
    for _ in range(3):
        await house.desk.webhooks.test(klien_id, made.webhook.id, caller=Caller("key:1"))
    house.load = Load(webhook_tries={"delivered": 7, "retry": 2})
    found = await scrape(admin)
    assert found["talkabiz_webhook_pending"] == 3
    tries = {name: value for name, value in found.items() if name.startswith("talkabiz_webhook_deliveries_total")}
    assert tries == {
        "talkabiz_webhook_deliveries_total{delivered}": 7,
        "talkabiz_webhook_deliveries_total{retry}": 2,
        "talkabiz_webhook_deliveries_total{dead}": 0,
        "talkabiz_webhook_deliveries_total{gone}": 0,
    }


async def test_the_process_is_told_by_the_names_that_everybody_uses(house: House, admin: Client) -> None:
    found = await scrape(admin)
    assert MB < found["process_resident_memory_bytes"] < 10_000 * MB
    assert found["process_max_fds"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert found["talkabiz_threads"] == len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a count
    assert found["talkabiz_uptime_seconds"] > 0


async def test_every_open_descriptor_counts(house: House, admin: Client) -> None:
    before = (await scrape(admin))["process_open_fds"]
    more = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    try:
        assert (await scrape(admin))["process_open_fds"] == before + 5
    finally:
        for each in more:
            os.close(each)


async def test_durable_facts_are_counted(house: House, admin: Client) -> None:
    before = (await scrape(admin))["talkabiz_journal_events_total"]
    await house.link(await house.add_klien())
    told = (await scrape(admin))["talkabiz_journal_events_total"] - before
    assert told == 4, "requested, ready, scanning, connected"


async def test_restarts_are_told_by_reason_and_not_at_all_without_a_supervisor(house: House, admin: Client) -> None:
    house.restarts.update(crash=3, memory=1)
    found = await scrape(admin)
    assert found["talkabiz_supervisor_restarts_total{crash}"] == 3
    assert found["talkabiz_supervisor_restarts_total{memory}"] == 1
    house.desk.health._restarts = None
    assert [name for name in await scrape(admin) if "restarts" in name] == []


async def test_without_a_database_the_rest_is_still_told(house: House, admin: Client) -> None:
    assert "talkabiz_journal_events_total" in await scrape(admin)
    await database.close_database()
    found = await scrape(admin)
    assert "talkabiz_journal_events_total" not in found
    assert found["process_open_fds"] > 0


async def test_a_scrape_is_text_that_nobody_keeps(house: House, admin: Client) -> None:
    answer = await admin.send("GET", "/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_it_names_no_klien(house: House, admin: Client) -> None:
    await house.link(await house.add_klien("Toko Sinar"), "628123456789", "Ibu Sari")
    text = await admin.ask("GET", "/metrics", expect=200)
    assert not [name for name in ("Sinar", "Sari", "628123456789") if name in text]
    values = set(re.findall(r'="([^"]*)"', text))
    assert values
    assert not [value for value in values if re.search(r"\d{8}", value)]  # nor any other number of a phone


async def test_only_who_may_see_all_kliens_may_scrape(house: House, klien_id: int) -> None:
    await house.client(None).refusal("GET", "/metrics", expect=401, code="unauthorized")
    own = house.client(await house.key_of(klien_id))
    await own.refusal("GET", "/metrics", expect=403, code="missing_scope")


async def test_health_says_what_piles_up(house: House) -> None:
    house.load = Load(running=2, queued=1, abandoned=9)
    health = await house.client(None).ask("GET", "/health", expect=200)
    assert health["runs"] == {"running": 2, "queued": 1, "abandoned": 9}
    assert health["threads"] == len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a count
