"""Requests that mean nothing: the documented code, and nothing changes, neither in the database nor on the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from talkabiz.domain.limits import Limits
from tests.edges import Client, House, open_house

Json = dict[str, Any]

# What is no klien's id, as JSON writes it.
WRONG_IDS = [
    '"../x"',
    '"1"',
    '"../../etc/passwd"',
    '"1\\u0000"',
    "-1",
    "0",
    "1e99",
    "1.0",
    "1.5",
    "true",
    "[1]",
    '{"id": 1}',
    str(2**63),
    str(2**70),
    "9" * 4000,
    "-" + "9" * 4000,
]
# The same in an address.
WRONG_PATHS = ["..%2Fx", "..%2f..%2fetc%2fpasswd", "-1", "0", "01", "+1", "1e99", "1.0", "true", "null", "1%00", "%31x"]
WRONG_PATHS += ["%D9%A1", "1%20", str(2**63), str(2**70), "9" * 4000]

OLDER = ["/whatsapp/connect", "/wa/connect", "/whatsapp/disconnect", "/wa/disconnect"]
OLDER += ["/api/session/start", "/api/session/stop", "/api/session/logout"]
BODIES = ["/api/v1/kliens", "/api/v1/keys", "/api/v1/kliens/1/session", "/api/v1/kliens/1/session/stop"]
BODIES += ["/api/v1/kliens/1/session/restart", "/api/v1/kliens/1/link-tokens", *OLDER, "/api/message/send"]
BODIES += ["/api/v1/kliens/1/webhooks", "/api/v1/kliens/1/webhooks/1/test", "/api/v1/kliens/1/webhooks/1/replay"]
BODIES += ["/api/v1/kliens/1/webhooks/1/rotate-secret", "/api/v1/kliens/1/deliveries/1/replay"]
BODIES += ["/api/v1/kliens/1/incoming-secret"]
BODIES += [
    "/api/v1/kliens/1/messages",
    "/api/v1/kliens/1/messages/1/cancel",
    "/api/v1/kliens/1/chats/628111111111/typing",
]


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, Limits(qr_request_seconds=0.05)) as house, house.app.test_app():
        assert await house.add_klien() == 1
        yield house


@pytest.fixture(name="unchanged", autouse=True)
async def _unchanged(house: House, tmp_path: Path) -> AsyncIterator[None]:
    """Afterwards, all is as it was: the same files, the same kliens, no session that began, no key more."""
    before = (files(tmp_path), await state(house))
    yield
    assert (files(tmp_path), await state(house)) == before
    assert house.whatsapp.asked == house.conversations.asked == []


def files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*")}


async def state(house: House) -> Json:
    """All that REST shows of it, but the time of the look."""
    admin = house.client()
    found = {path: await admin.ask("GET", path, expect=200) for path in ("/api/v1/kliens", "/api/v1/keys")}
    snapshot = await admin.ask("GET", "/whatsapp/status?klien_id=1", expect=200)
    return {**found, "session": snapshot, "audit": await admin.ask("GET", "/api/v1/audit", expect=200)}


@pytest.mark.parametrize("path", OLDER)
async def test_what_is_no_id_is_refused_in_a_body(admin: Client, path: str) -> None:
    for wrong in WRONG_IDS:
        body = f'{{"klien_id": {wrong}}}'
        problem = await admin.refusal("POST", path, data=body, expect=422, code="invalid_input")
        assert any("klien_id" in name for name in problem["fields"]), wrong


@pytest.mark.parametrize("path", OLDER)
async def test_null_is_as_no_id_at_all(admin: Client, path: str) -> None:
    problem = await admin.refusal("POST", path, data='{"klien_id": null}', expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"klien_id"}


async def test_a_number_without_end_is_not_read(admin: Client) -> None:
    endless = f'{{"klien_id": {"9" * 60_000}}}'
    await admin.refusal("POST", "/whatsapp/connect", data=endless, expect=400, code="invalid_json")


@pytest.mark.parametrize("wrong", WRONG_PATHS)
async def test_what_is_no_id_is_not_found_in_an_address(admin: Client, wrong: str) -> None:
    v1 = f"/api/v1/kliens/{wrong}"
    for method, path in (
        ("GET", v1),
        ("PATCH", v1),
        ("DELETE", v1),
        ("GET", f"{v1}/session"),
        ("POST", f"{v1}/session"),
        ("DELETE", f"{v1}/session"),
        ("GET", f"{v1}/session/qr"),
        ("POST", f"{v1}/session/stop"),
        ("POST", f"{v1}/session/restart"),
        ("POST", f"{v1}/link-tokens"),
        ("GET", f"{v1}/events"),
        ("GET", f"{v1}/webhooks"),
        ("GET", f"/api/v1/kliens/1/webhooks/{wrong}"),
        ("DELETE", f"/api/v1/kliens/1/webhooks/{wrong}"),
        ("POST", f"/api/v1/kliens/1/webhooks/{wrong}/test"),
        ("GET", f"/api/v1/kliens/1/webhooks/{wrong}/deliveries"),
        ("GET", f"/api/v1/kliens/1/deliveries/{wrong}"),
        ("POST", f"/api/v1/kliens/1/deliveries/{wrong}/replay"),
        ("GET", f"/api/session/status/{wrong}"),
        ("DELETE", f"/api/v1/keys/{wrong}"),
    ):
        body = {"json": {"nama": "x"}} if method == "PATCH" else {}
        await admin.refusal(method, path, expect=404, code="not_found", **body)


@pytest.mark.parametrize("wrong", WRONG_PATHS)
async def test_what_is_no_id_is_not_found_in_a_query(admin: Client, wrong: str) -> None:
    for method, path in (("GET", "/whatsapp/status"), ("GET", "/wa/session-status"), ("POST", "/whatsapp/connect")):
        await admin.refusal(method, f"{path}?klien_id={wrong}", expect=404, code="not_found")


@pytest.mark.parametrize("path", BODIES)
async def test_what_is_no_json_is_refused_everywhere(admin: Client, path: str) -> None:
    for body in ("{", "x=1", b"\xff", '{"klien_id": NaN}', "[" * 50_000, "{}{}", "'"):
        await admin.refusal("POST", path, data=body, expect=400, code="invalid_json")


@pytest.mark.parametrize("path", BODIES)
async def test_what_is_no_object_of_known_fields_is_refused_everywhere(admin: Client, path: str) -> None:
    for body in ("[]", "null", "1", '"x"', "true", '{"x": 1}', '{"": {}}'):
        await admin.refusal("POST", path, data=body, expect=422, code="invalid_input")


@pytest.mark.parametrize("path", [path for path in BODIES if "message" not in path or "/cancel" in path])
async def test_what_is_too_large_is_refused_everywhere(admin: Client, path: str) -> None:
    await admin.refusal("POST", path, data=b" " * 70_000, expect=413, code="too_large")


async def test_other_types_are_refused_in_every_field(admin: Client) -> None:
    wrongs: list[tuple[str, str, Json]] = [
        ("POST", "/api/v1/kliens", {"nama": 1}),
        ("POST", "/api/v1/kliens", {"nama": None}),
        ("POST", "/api/v1/kliens", {"nama": ["x"]}),
        ("PATCH", "/api/v1/kliens/1", {"nama": {"x": 1}}),
        ("POST", "/api/v1/kliens/1/session", {"wait": "10"}),
        ("POST", "/api/v1/kliens/1/session", {"session_id": 1}),
        ("POST", "/api/v1/kliens/1/session", {"session_id": "../x"}),
        ("POST", "/api/session/start", {"klien_id": 1, "session_id": "../../x"}),
        ("POST", "/api/session/start", {"klien_id": 1, "session_id": "x" * 64}),
        ("POST", "/api/session/start", {"klien_id": 1, "session_id": ""}),
        ("POST", "/api/v1/keys", {"kind": "klien", "klien_id": "1"}),
        ("POST", "/api/v1/keys", {"kind": "klien", "klien_id": 1, "scopes": "read"}),
        ("POST", "/api/v1/keys", {"kind": "klien", "klien_id": 1, "scopes": ["everything"]}),
        ("POST", "/api/v1/keys", {"kind": "klien", "klien_id": 1, "expires_at": 1}),
        ("POST", "/api/v1/keys", {"kind": "klien", "klien_id": 1, "expires_at": "tomorrow"}),
        ("POST", "/api/v1/keys", {"kind": "root"}),
        ("POST", "/api/v1/kliens/1/link-tokens", {"minutes": True}),
        ("POST", "/api/v1/kliens/1/link-tokens", {"minutes": 0}),
        ("POST", "/api/v1/kliens/1/link-tokens", {"minutes": 1e99}),
    ]
    for method, path, body in wrongs:
        problem = await admin.refusal(method, path, json=body, expect=422, code="invalid_input")
        assert problem["fields"], body


async def test_methods_that_a_path_does_not_know_are_405(house: House, admin: Client) -> None:
    document = await house.client(None).ask("GET", "/openapi.json", expect=200)
    for path, operations in document["paths"].items():
        address = path.replace("{klien_id}", "1").replace("{key_id}", "1")
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - {known.upper() for known in operations}:
            problem = await admin.refusal(method, address, expect=405, code="method_not_allowed")
            assert problem["title"] == "Method Not Allowed"
            allowed = (await admin.send(method, address)).headers["Allow"].split(", ")
            assert set(allowed) - {"HEAD", "OPTIONS"} == {known.upper() for known in operations}
