"""Keys, links and the audit log over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from talkabiz.domain.access import Scope
from talkabiz.domain.klien import iso
from tests.edges import Client, House


async def make(admin: Client, **fields: Any) -> Any:
    return await admin.ask("POST", "/api/v1/keys", json=fields, expect=201)


async def actions(admin: Client, **fields: Any) -> list[str]:
    entries = (await admin.ask("GET", "/api/v1/audit", expect=200))["entries"]
    return [each["action"] for each in entries if fields.items() <= each.items()]


async def test_a_made_key_is_shown_once_and_works(house: House, admin: Client, klien_id: int) -> None:
    made = await make(admin, kind="klien", klien_id=klien_id, scopes=["read"], label="kasir")
    key = house.client(made.pop("token"))
    await key.ask("GET", f"/api/v1/kliens/{klien_id}/session", expect=200)
    await key.refusal("DELETE", f"/api/v1/kliens/{klien_id}/session", expect=403, code="missing_scope")
    [listed] = (await admin.ask("GET", "/api/v1/keys", expect=200))["keys"]
    assert listed == {**made, "last_used_at": iso(house.clock.now())}
    assert (listed["scopes"], listed["label"], listed["revoked_at"]) == (["read"], "kasir", None)


async def test_a_revoked_key_is_none(house: House, admin: Client) -> None:
    made = await make(admin, kind="admin")
    other = house.client(made["token"])
    await other.ask("GET", "/api/v1/kliens", expect=200)
    revoked = await admin.ask("DELETE", f"/api/v1/keys/{made['id']}", expect=200)
    assert revoked["revoked_at"] == iso(house.clock.now())
    await other.refusal("GET", "/api/v1/kliens", expect=401, code="unauthorized")
    await admin.refusal("DELETE", f"/api/v1/keys/{made['id']}", expect=404, code="not_found")
    assert await actions(admin) == ["key_revoked", "key_made"]


async def test_a_key_ends_when_it_was_meant_to(house: House, admin: Client) -> None:
    made = await make(admin, kind="admin", expires_at=iso(house.clock.now() + timedelta(minutes=1)))
    other = house.client(made["token"])
    await other.ask("GET", "/api/v1/kliens", expect=200)
    house.clock.advance(61)
    await other.refusal("GET", "/api/v1/kliens", expect=401, code="unauthorized")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "kind"),
        ({"kind": "operator"}, "kind"),
        ({"kind": "klien"}, "klien_id"),
        ({"kind": "admin", "klien_id": 1}, "klien_id"),
        ({"kind": "admin", "scopes": ["read"]}, "scopes"),
        ({"kind": "klien", "klien_id": 1, "scopes": []}, "scopes"),
        ({"kind": "klien", "klien_id": 1, "scopes": ["everything"]}, "scopes.0"),
        ({"kind": "admin", "expires_at": "tomorrow"}, "expires_at"),
        ({"kind": "admin", "expires_at": "2027-01-31T17:00:00"}, "expires_at"),
        ({"kind": "admin", "expires_at": "2001-01-31T17:00:00Z"}, "expires_at"),
        ({"kind": "admin", "label": "a\nb"}, "label"),
        ({"kind": "admin", "secret": "x"}, "secret"),
    ],
)
async def test_a_key_that_can_not_be_is_not_made(
    admin: Client, klien_id: int, fields: dict[str, Any], wrong: str
) -> None:
    problem = await admin.refusal("POST", "/api/v1/keys", json=fields, expect=422, code="invalid_input")
    assert list(problem["fields"]) == [wrong]
    assert (await admin.ask("GET", "/api/v1/keys", expect=200))["keys"] == []


async def test_a_key_needs_a_klien_that_exists(admin: Client, klien_id: int) -> None:
    await admin.refusal(
        "POST", "/api/v1/keys", json={"kind": "klien", "klien_id": klien_id + 1}, expect=404, code="not_found"
    )


async def test_keys_are_paged_and_filtered(house: House, admin: Client, klien_id: int) -> None:
    made = [(await make(admin, kind="admin"))["id"] for _ in range(3)]
    await make(admin, kind="klien", klien_id=klien_id)
    first = await admin.ask("GET", "/api/v1/keys?limit=2", expect=200)
    assert ([each["id"] for each in first["keys"]], first["next"]) == (made[:2], made[1])
    rest = await admin.ask("GET", f"/api/v1/keys?limit=2&cursor={first['next']}", expect=200)
    assert (len(rest["keys"]), rest["next"]) == (2, None)
    own = await admin.ask("GET", f"/api/v1/keys?klien_id={klien_id}", expect=200)
    assert [each["klien_id"] for each in own["keys"]] == [klien_id]


async def test_a_klien_neither_sees_nor_makes_keys(house: House, klien_id: int) -> None:
    own = house.client(await house.key_of(klien_id))
    for method, path in (("GET", "/api/v1/keys"), ("DELETE", "/api/v1/keys/1"), ("GET", "/api/v1/audit")):
        await own.refusal(method, path, expect=403, code="missing_scope")
    await own.refusal("POST", "/api/v1/keys", json={"kind": "admin"}, expect=403, code="missing_scope")


async def test_a_link_is_made_for_ones_own_klien(house: House, admin: Client, klien_id: int) -> None:
    path = f"/api/v1/kliens/{klien_id}/link-tokens"
    link = await admin.ask("POST", path, json={"minutes": 5}, expect=201)
    assert link["url"] == f"http://localhost/link/{link['token']}"
    assert link["expires_at"] == iso(house.clock.now() + timedelta(minutes=5))
    assert await house.desk.access.by_link(link["token"])
    own = house.client(await house.key_of(klien_id, Scope.SESSION))
    await own.ask("POST", path, expect=201)
    reader = house.client(await house.key_of(klien_id, Scope.READ))
    await reader.refusal("POST", path, expect=403, code="missing_scope")
    other = await house.add_klien("Toko Bulan")
    await own.refusal("POST", f"/api/v1/kliens/{other}/link-tokens", expect=404, code="not_found")
    for minutes in (0, 1441, "15", 1.5, True):
        await admin.refusal("POST", path, json={"minutes": minutes}, expect=422, code="invalid_input")


async def test_a_link_token_is_no_key(house: House, admin: Client, klien_id: int) -> None:
    link = await admin.ask("POST", f"/api/v1/kliens/{klien_id}/link-tokens", expect=201)
    visitor = house.client(link["token"])
    await visitor.refusal("GET", f"/api/v1/kliens/{klien_id}/session", expect=401, code="unauthorized")


async def test_what_is_done_is_noted_with_who_and_from_where(house: House, admin: Client, klien_id: int) -> None:
    session = f"/api/v1/kliens/{klien_id}/session"
    await admin.ask("POST", session, expect=202)
    await admin.ask("POST", session, expect=202)  # it runs already: nothing was done
    await admin.ask("POST", f"{session}/stop", expect=200)
    await admin.ask("POST", f"{session}/stop", expect=200)
    await admin.ask("POST", session, expect=202)
    await admin.ask("DELETE", session, expect=200)
    await admin.ask("PATCH", f"/api/v1/kliens/{klien_id}", json={"nama": "Toko Bulan"}, expect=200)
    await admin.ask("DELETE", f"/api/v1/kliens/{klien_id}", expect=204)
    page = await admin.ask("GET", "/api/v1/audit", expect=200)
    assert {(each["actor"], each["address"], each["klien_id"]) for each in page["entries"]} == {
        ("key:0", "<local>", klien_id)
    }
    assert [each["action"] for each in page["entries"]] == [
        "klien_deleted",
        "klien_renamed",
        "session_disconnected",
        "session_started",
        "session_stopped",
        "session_started",
    ]


async def test_the_audit_log_pages_backwards(admin: Client) -> None:
    for _ in range(3):
        await make(admin, kind="admin")
    newest = await admin.ask("GET", "/api/v1/audit?limit=2", expect=200)
    assert newest["next"] == newest["entries"][-1]["id"]
    older = await admin.ask("GET", f"/api/v1/audit?limit=2&before={newest['next']}", expect=200)
    assert (len(older["entries"]), older["next"]) == (1, None)


async def test_the_link_of_a_klien_can_be_ended_before_its_time(house: House, admin: Client, klien_id: int) -> None:
    link = await admin.ask("POST", f"/api/v1/kliens/{klien_id}/link-tokens", expect=201)
    noted = (await admin.ask("GET", "/api/v1/audit", expect=200))["entries"][0]["detail"]
    ended = await admin.ask("DELETE", f"/api/v1/keys/{noted['link_id']}", expect=200)
    assert ended["kind"] == "link"
    assert await house.desk.access.by_link(link["token"]) is None
