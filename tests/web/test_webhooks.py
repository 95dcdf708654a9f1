"""Webhooks and deliveries over REST. What is sent and when: tests/services, tests/store and tests/acceptance."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import jsonschema_rs
import pytest

from talkabiz.domain.access import Caller, Scope
from talkabiz.domain.webhooks import Answer, Delivery, Outcome, Verdict
from talkabiz.store import deliveries, delivery_log
from talkabiz.store.database import transaction
from tests.edges import Client, House

URL = "https://example.com/talkabiz"
INSIDE = ["https://127.0.0.1/x", "https://10.0.0.7/", "https://[::1]/", "https://2130706433/", "http://example.com/"]
INSIDE += ["https://example.com:99999999999999999999/", "https://example.com:0/"]
INSIDE += ["https://u:p@example.com/", "https://example.com:8080/", "ftp://example.com/"]
SECRET = r"whsec_[A-Za-z0-9+/]{43}="

Json = dict[str, Any]


@pytest.fixture(name="path")
async def _path(klien_id: int) -> str:
    return f"/api/v1/kliens/{klien_id}"


@pytest.fixture(name="own")
async def _own(house: House, klien_id: int) -> Client:
    """With the klien's key, for webhooks alone."""
    return house.client(await house.key_of(klien_id, Scope.WEBHOOK))


async def add(client: Client, path: str, url: str = URL, **fields: Any) -> Json:
    made: Json = await client.ask("POST", f"{path}/webhooks", json={"url": url, **fields}, expect=201)
    return made


async def listed(client: Client, path: str) -> list[Json]:
    found: list[Json] = (await client.ask("GET", f"{path}/webhooks", expect=200))["webhooks"]
    return found


async def ping(client: Client, path: str, webhook_id: int) -> Json:
    delivery: Json = await client.ask("POST", f"{path}/webhooks/{webhook_id}/test", expect=202)
    return delivery


async def conclude(house: House, delivery_id: int, outcome: Outcome, status: int = 500) -> None:
    """One try of it, as the courier writes it down."""
    now, klien_id = house.clock.now(), 1
    delivery = await delivery_log.get(klien_id, delivery_id)
    assert isinstance(delivery, Delivery)
    async with transaction():
        await deliveries.conclude(delivery, Verdict(outcome), Answer(status, None, 12, b"<b>so</b>"), now, now)


async def actions(admin: Client) -> list[str]:
    return [entry["action"] for entry in (await admin.ask("GET", "/api/v1/audit", expect=200))["entries"]]


# --- making, changing, deleting ---------------------------------------------------------------------------------------


async def test_a_webhook_is_made_listed_shown_and_deleted(own: Client, admin: Client, path: str) -> None:
    answer = await own.send("POST", f"{path}/webhooks", json={"url": URL, "events": ["message.received"], "label": "x"})
    assert answer.status_code == 201
    made = await answer.get_json()
    assert answer.headers["Location"] == f"{path}/webhooks/{made['id']}"
    assert re.fullmatch(SECRET, made.pop("secret"))
    assert (made["url"], made["events"], made["label"], made["kind"]) == (URL, ["message.received"], "x", "standard")
    assert (made["status"], made["disabled_reason"], made["pending"]) == ("enabled", None, 0)
    assert await own.ask("GET", answer.headers["Location"], expect=200) == made
    assert await own.ask("GET", f"{path}/webhooks", expect=200) == {"webhooks": [made], "next": None}
    assert await own.ask("DELETE", answer.headers["Location"], expect=204) == ""
    assert await listed(own, path) == []
    for method in ("GET", "DELETE"):
        await own.refusal(method, answer.headers["Location"], expect=404, code="not_found")
    assert await actions(admin) == ["webhook_deleted", "webhook_added"]


async def test_without_events_it_is_told_everything(own: Client, path: str) -> None:
    wishes: tuple[Json, ...] = ({}, {"events": None})
    for fields in wishes:
        assert (await add(own, path, **fields))["events"] is None


async def test_a_secret_is_shown_once_and_another_one_is_another(own: Client, path: str) -> None:
    made = await add(own, path)
    where = f"{path}/webhooks/{made['id']}"
    turned = await own.ask("POST", f"{where}/rotate-secret", json={}, expect=200)
    assert re.fullmatch(SECRET, turned["secret"])
    assert turned["secret"] != made["secret"]
    shown = [await own.ask("GET", each, expect=200) for each in (where, f"{path}/webhooks", f"{where}/deliveries")]
    shown.append(await own.ask("PATCH", where, json={"label": "y"}, expect=200))
    assert "whsec" not in str(shown)


async def test_a_change_leaves_alone_what_it_does_not_name(own: Client, path: str) -> None:
    made = await add(own, path, events=["ping", "session.status"], label="kasir")
    del made["secret"]
    where = f"{path}/webhooks/{made['id']}"
    assert await own.ask("PATCH", where, json={}, expect=200) == made
    for change in ({"label": ""}, {"events": ["message.status"]}, {"events": None}, {"url": f"{URL}/2"}):
        made |= change
        assert await own.ask("PATCH", where, json=change, expect=200) == made
    assert await own.ask("GET", where, expect=200) == made


async def test_it_is_disabled_and_enabled_again(own: Client, path: str) -> None:
    made = await add(own, path)
    where = f"{path}/webhooks/{made['id']}"
    disabled = await own.ask("PATCH", where, json={"enabled": False}, expect=200)
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "operator")
    assert disabled["disabled_at"]
    for call in ("test", "replay?since=0"):
        await own.refusal("POST", f"{where}/{call}", json={}, expect=409, code="illegal_state")
    enabled = await own.ask("PATCH", where, json={"enabled": True}, expect=200)
    assert (enabled["status"], enabled["disabled_reason"], enabled["disabled_at"]) == ("enabled", None, None)
    await ping(own, path, made["id"])


WRONG: list[tuple[Json, str]] = [
    ({"url": 1}, "url"),
    ({"url": None}, "url"),
    ({"url": ""}, "url"),
    ({"url": f"https://example.com/{'x' * 2048}"}, "url"),
    ({"events": []}, "events"),
    ({"events": "ping"}, "events"),
    ({"events": ["qr_ready"]}, "events.0"),
    ({"events": ["connection.update"]}, "events.0"),
    ({"label": "x" * 101}, "label"),
    ({"label": None}, "label"),
    ({"secret": "whsec_x"}, "secret"),
    ({"kind": "older"}, "kind"),
]


@pytest.mark.parametrize(("fields", "wrong"), [*WRONG, ({"enabled": True}, "enabled")])
async def test_what_it_cannot_be_made_with_names_the_field(own: Client, path: str, fields: Json, wrong: str) -> None:
    body = {"url": URL, **fields}
    problem = await own.refusal("POST", f"{path}/webhooks", json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {wrong}
    assert await listed(own, path) == []


@pytest.mark.parametrize(("fields", "wrong"), [*WRONG, ({"enabled": None}, "enabled"), ({"enabled": 1}, "enabled")])
async def test_what_it_cannot_be_changed_to_names_the_field(own: Client, path: str, fields: Json, wrong: str) -> None:
    made = await add(own, path)
    where = f"{path}/webhooks/{made['id']}"
    problem = await own.refusal("PATCH", where, json=fields, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {wrong}
    assert await listed(own, path) == [{name: made[name] for name in made.keys() - {"secret"}}]


async def test_without_a_url_there_is_none(own: Client, path: str) -> None:
    problem = await own.refusal("POST", f"{path}/webhooks", json={}, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"url"}


@pytest.mark.parametrize("url", INSIDE)
async def test_an_address_inside_is_refused_when_it_is_saved(own: Client, path: str, url: str) -> None:
    answer = await own.send("POST", f"{path}/webhooks", json={"url": url})
    problem = await answer.get_json()
    assert (answer.status_code, problem["fields"].keys()) == (422, {"url"})
    is_none = url.startswith("ftp") or url.endswith((":0/", "99/"))
    assert problem["code"] == ("invalid_input" if is_none else "url_refused")
    made = await add(own, path)
    answer = await own.send("PATCH", f"{path}/webhooks/{made['id']}", json={"url": url})
    assert (answer.status_code, (await answer.get_json())["code"]) == (422, problem["code"])
    assert [each["url"] for each in await listed(own, path)] == [URL]


async def test_a_klien_has_twenty_at_most(own: Client, path: str) -> None:
    made = [await add(own, path) for _ in range(20)][-1]
    await own.refusal("POST", f"{path}/webhooks", json={"url": URL}, expect=409, code="too_many_webhooks")
    await own.ask("DELETE", f"{path}/webhooks/{made['id']}", expect=204)
    await add(own, path)
    assert len(await listed(own, path)) == 20


# --- deliveries -------------------------------------------------------------------------------------------------------


async def test_a_test_is_a_delivery_like_any_other(house: House, own: Client, path: str) -> None:
    made = await add(own, path, events=["message.received"])
    answer = await own.send("POST", f"{path}/webhooks/{made['id']}/test")
    told = await answer.get_json()
    assert (answer.status_code, told["type"], told["status"], told["tries"]) == (202, "ping", "pending", 0)
    assert answer.headers["Location"] == f"{path}/deliveries/{told['id']}"
    assert (await listed(own, path))[0]["pending"] == 1
    assert await own.ask("GET", answer.headers["Location"], expect=200) == {**told, "attempts": []}
    await conclude(house, told["id"], Outcome.DEAD)
    shown = await own.ask("GET", answer.headers["Location"], expect=200)
    assert (shown["status"], shown["tries"], shown["last_error"], shown["next_at"]) == ("dead", 1, "http_500", None)
    [attempt] = shown["attempts"]
    assert (attempt["number"], attempt["status"], attempt["error"]) == (1, 500, "http_500")
    assert (attempt["latency_ms"], attempt["response"]) == (12, "<b>so</b>")


async def test_deliveries_are_paged_from_the_newest_on(house: House, own: Client, path: str) -> None:
    made, other = await add(own, path), await add(own, path)
    ids = [(await ping(own, path, made["id"]))["id"] for _ in range(5)]
    await ping(own, path, other["id"])
    await conclude(house, ids[1], Outcome.DELIVERED, 200)
    where = f"{path}/webhooks/{made['id']}/deliveries"
    seen: list[int] = []
    cursor: int | None = 0
    while cursor is not None and len(seen) <= len(ids):
        page = await own.ask("GET", f"{where}?limit=2&cursor={cursor}", expect=200)
        seen += [each["id"] for each in page["deliveries"]]
        assert len(page["deliveries"]) <= 2
        assert all("attempts" not in each for each in page["deliveries"])
        cursor = page["next"]
    assert seen == ids[::-1]
    for status, wanted in (("delivered", [ids[1]]), ("dead", []), ("pending", [*ids[:1], *ids[2:]][::-1])):
        page = await own.ask("GET", f"{where}?status={status}", expect=200)
        assert ([each["id"] for each in page["deliveries"]], page["next"]) == (wanted, None)


@pytest.mark.parametrize("query", ["status=done", "status=", "cursor=-1", "cursor=x", "limit=0", "limit=501", "page=2"])
async def test_a_query_that_means_nothing_is_refused(own: Client, path: str, query: str) -> None:
    made = await add(own, path)
    where = f"{path}/webhooks/{made['id']}/deliveries?{query}"
    problem = await own.refusal("GET", where, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {query.partition("=")[0]}


async def test_a_delivery_is_replayed_from_the_beginning(house: House, own: Client, path: str) -> None:
    made = await add(own, path)
    told = await ping(own, path, made["id"])
    await conclude(house, told["id"], Outcome.DEAD)
    answer = await own.send("POST", f"{path}/deliveries/{told['id']}/replay", json={})
    replayed = await answer.get_json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"{path}/deliveries/{told['id']}")
    assert (replayed["status"], replayed["tries"], replayed["is_replay"]) == ("pending", 0, True)
    assert (replayed["id"], replayed["event_id"], replayed["ended_at"]) == (told["id"], told["event_id"], None)
    await own.ask("PATCH", f"{path}/webhooks/{made['id']}", json={"enabled": False}, expect=200)
    where = f"{path}/deliveries/{told['id']}/replay"
    await own.refusal("POST", where, json={}, expect=409, code="illegal_state")


async def test_a_replay_of_many_says_how_many_were_queued(house: House, own: Client, path: str, klien_id: int) -> None:
    await house.link(klien_id)
    await house.desk.sessions.stop(klien_id)
    made = await add(own, path)
    where = f"{path}/webhooks/{made['id']}/replay"
    events = (await house.client().ask("GET", f"{path}/events", expect=200))["events"]
    half = events[len(events) // 2]["seq"]
    assert len(events) > 3
    assert await own.ask("POST", f"{where}?since={half}", json={}, expect=202) == {"queued": events[-1]["seq"] - half}
    assert await own.ask("POST", f"{where}?since={half}", expect=202) == {"queued": 0}, "they are pending already"
    assert await own.ask("POST", f"{where}?since=0", expect=202) == {"queued": half}
    assert await own.ask("POST", f"{where}?status=dead", expect=202) == {"queued": 0}
    page = await own.ask("GET", f"{path}/webhooks/{made['id']}/deliveries", expect=200)
    assert {each["type"] for each in page["deliveries"]} == {"session.status"}
    assert sorted(each["seq"] for each in page["deliveries"]) == [each["seq"] for each in events]
    newest = page["deliveries"][0]
    await conclude(house, newest["id"], Outcome.DEAD)
    assert await own.ask("POST", f"{where}?status=dead&since={newest['seq']}", expect=202) == {"queued": 0}
    assert await own.ask("POST", f"{where}?status=dead&since={newest['seq'] - 1}", expect=202) == {"queued": 1}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [("", "since"), ("since=-1", "since"), ("since=x", "since"), ("status=delivered", "status"), ("dead=1", "dead")],
)
async def test_a_replay_that_says_of_nothing_what_is_refused(own: Client, path: str, query: str, wrong: str) -> None:
    made = await add(own, path)
    where = f"{path}/webhooks/{made['id']}/replay?{query}"
    problem = await own.refusal("POST", where, json={}, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {wrong}


# --- who may ----------------------------------------------------------------------------------------------------------


def calls(path: str, webhook_id: int, delivery_id: int) -> Iterable[tuple[str, str, Json | None]]:
    one = f"{path}/webhooks/{webhook_id}"
    yield "GET", one, None
    yield "PATCH", one, {"label": "x"}
    yield "DELETE", one, None
    yield "POST", f"{one}/test", {}
    yield "POST", f"{one}/rotate-secret", {}
    yield "GET", f"{one}/deliveries", None
    yield "POST", f"{one}/replay?since=0", {}
    yield "GET", f"{path}/deliveries/{delivery_id}", None
    yield "POST", f"{path}/deliveries/{delivery_id}/replay", {}


async def test_another_kliens_webhooks_and_deliveries_are_not_there(
    house: House, own: Client, admin: Client, path: str
) -> None:
    made = await add(own, path)
    delivery = await ping(own, path, made["id"])
    other_id = await house.add_klien("Warung Bulan")
    other, theirs = house.client(await house.key_of(other_id)), f"/api/v1/kliens/{other_id}"
    noted = await actions(admin)
    for client, where in ((other, path), (other, theirs), (admin, theirs)):
        for method, call, body in calls(where, made["id"], delivery["id"]):
            how = {} if body is None else {"json": body}
            await client.refusal(method, call, expect=404, code="not_found", **how)
    for method, body in (("GET", None), ("POST", {"url": URL})):
        await other.refusal(method, f"{path}/webhooks", json=body, expect=404, code="not_found")
    assert await listed(other, theirs) == []
    [shown] = await listed(own, path)
    assert {**shown, "secret": made["secret"], "pending": 0} == made
    assert await actions(admin) == noted


async def test_a_klien_that_is_not_there_has_none(admin: Client, klien_id: int) -> None:
    missing = f"/api/v1/kliens/{klien_id + 1}"
    await admin.refusal("GET", f"{missing}/webhooks", expect=404, code="not_found")
    await admin.refusal("POST", f"{missing}/webhooks", json={"url": URL}, expect=404, code="not_found")
    for method in ("GET", "POST"):
        await admin.refusal(method, f"{missing}/incoming-secret", expect=404, code="not_found")


async def test_only_the_scope_for_webhooks_will_do(house: House, own: Client, path: str, klien_id: int) -> None:
    made = await add(own, path)
    delivery = await ping(own, path, made["id"])
    less = house.client(await house.key_of(klien_id, Scope.READ, Scope.MESSAGE, Scope.SESSION))
    link = await house.desk.access.make_link_token(klien_id, caller=Caller("test"))
    both = ((less, 403, "missing_scope"), (house.client(link.token), 401, "unauthorized"))
    for client, status, code in both:
        for method, call, body in calls(path, made["id"], delivery["id"]):
            how = {} if body is None else {"json": body}
            await client.refusal(method, call, expect=status, code=code, **how)
        await client.refusal("GET", f"{path}/webhooks", expect=status, code=code)
        await client.refusal("POST", f"{path}/webhooks", json={"url": URL}, expect=status, code=code)


async def test_what_is_done_to_webhooks_stands_in_the_audit_log(
    house: House, own: Client, admin: Client, path: str
) -> None:
    made = await add(own, path)
    delivery = await ping(own, path, made["id"])
    where = f"{path}/webhooks/{made['id']}"
    await own.ask("PATCH", where, json={"label": "x"}, expect=200)
    await own.ask("POST", f"{where}/rotate-secret", expect=200)
    await conclude(house, delivery["id"], Outcome.DEAD)
    await own.ask("POST", f"{path}/deliveries/{delivery['id']}/replay", expect=202)
    await own.ask("DELETE", where, expect=204)
    assert await actions(admin) == [
        *("webhook_deleted", "webhook_replayed", "webhook_secret_rotated"),
        *("webhook_changed", "webhook_tested", "webhook_added"),
    ]
    assert "whsec" not in str(await admin.ask("GET", "/api/v1/audit", expect=200))


async def test_the_audit_log_tells_where_to_and_whether_it_is_on(own: Client, admin: Client, path: str) -> None:
    made = await add(own, path, "https://example.com/secret-path?token=x")
    where = f"{path}/webhooks/{made['id']}"
    await own.ask("PATCH", where, json={"url": "https://example.org/secret-path"}, expect=200)
    await own.ask("PATCH", where, json={"enabled": False}, expect=200)
    entries = (await admin.ask("GET", "/api/v1/audit", expect=200))["entries"]
    told = [entry["detail"] for entry in entries if entry["action"].startswith("webhook_")]
    assert [(each.get("host"), each.get("enabled")) for each in told] == [
        (None, False),
        ("example.org", None),
        ("example.com", None),
    ]
    assert "secret-path" not in str(entries)


# --- the incoming secret ----------------------------------------------------------------------------------------------


async def test_an_incoming_secret_is_made_by_operators_and_shown_once(
    house: House, admin: Client, path: str, klien_id: int
) -> None:
    where = f"{path}/incoming-secret"
    assert await admin.ask("GET", where, expect=200) == {"is_set": False}
    secrets = [(await admin.ask("POST", where, json={}, expect=201))["secret"] for _ in range(2)]
    assert all(re.fullmatch(SECRET, each) for each in secrets)
    assert len(set(secrets)) == 2
    assert await admin.ask("GET", where, expect=200) == {"is_set": True}
    assert await actions(admin) == ["incoming_secret_made"] * 2
    own = house.client(await house.key_of(klien_id))
    for method in ("GET", "POST"):
        await own.refusal(method, where, expect=403, code="missing_scope")


# --- shapes -----------------------------------------------------------------------------------------------------------


async def test_answers_are_what_the_document_says(house: House, own: Client, admin: Client, path: str) -> None:
    document = await house.client(None).ask("GET", "/openapi.json", expect=200)

    def check(name: str, answer: Json) -> None:
        schema = {"components": document["components"], "$ref": f"#/components/schemas/{name}"}
        faults = [error.message for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(answer)]
        assert faults == [], name

    made = await add(own, path, events=["message.received"])
    check("WebhookWithSecret", made)
    where = f"{path}/webhooks/{made['id']}"
    delivery = await ping(own, path, made["id"])
    check("Delivery", delivery)
    await conclude(house, delivery["id"], Outcome.DEAD)
    check("DeliveryWithAttempts", await own.ask("GET", f"{path}/deliveries/{delivery['id']}", expect=200))
    check("DeliveryPage", await own.ask("GET", f"{where}/deliveries", expect=200))
    check("Webhook", await own.ask("PATCH", where, json={"enabled": False}, expect=200))
    check("WebhookPage", await own.ask("GET", f"{path}/webhooks", expect=200))
    check("IncomingSecret", await admin.ask("POST", f"{path}/incoming-secret", expect=201))
