"""The control API, through the product's own way in: a blueprint of a Quart application."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

import pytest
from quart import Quart
from quart.testing.utils import sentinel

from talkabiz.forwarded import Forwarded
from talkabiz.sandbox.panel import blueprint
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NewClient, NewWire
from tests.sandbox.test_pairing import code_of
from tests.sandbox.test_server import link_device

NUMBER = "628123456789"


class Api:
    """Requests as a program on this machine makes them, unless told otherwise."""

    def __init__(self, app: Quart) -> None:
        self._client = app.test_client()

    async def call(
        self, method: str, path: str, body: Any = None, peer: str = "127.0.0.1", **headers: str
    ) -> tuple[int, Any]:
        sent = {"Host": "127.0.0.1:8000"} | {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        response = await self._client.open(
            f"/sandbox/api{path}",
            method=method,
            headers=sent,
            data=data if body is not None else None,
            json=sentinel,
            scope_base={"client": (peer, 50000)},
        )
        text = await response.get_data(as_text=True)
        if response.status_code >= 400:
            assert response.content_type == "application/problem+json"
            problem = json.loads(text)
            assert problem["status"] == response.status_code
            assert set(problem["message"]) == {"id", "en"}
            assert all(problem["message"].values())
            return response.status_code, problem["code"]
        return response.status_code, json.loads(text) if text else None


@pytest.fixture
def api(sandbox: Sandbox) -> Api:
    app = Quart(__name__)
    app.register_blueprint(blueprint(sandbox, {f"{NUMBER}:1@s.whatsapp.net": 7}.get))
    return Api(app)


async def test_a_phone_is_made_listed_and_renamed(api: Api, sandbox: Sandbox) -> None:
    lid = str(sandbox.phones.add("628111111111")[0].lid)
    assert await api.call("POST", "/phones", {"number": "628111111111", "name": "Ibu"}) == (
        200,
        {"number": "628111111111", "name": "Ibu", "lid": lid, "devices": []},
    )
    status, phone = await api.call("POST", "/phones", {"number": NUMBER})
    assert (status, phone["name"]) == (201, "")
    _, listed = await api.call("GET", "/phones")
    assert [entry["number"] for entry in listed["phones"]] == ["628111111111", NUMBER]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\u202eterbalik", "😀" * 50, "'; drop table", "\0"])
async def test_a_name_is_any_text_and_comes_back_as_it_is(api: Api, name: str) -> None:
    assert (await api.call("POST", "/phones", {"number": NUMBER, "name": name}))[1]["name"] == name
    assert (await api.call("GET", "/phones"))[1]["phones"][0]["name"] == name


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"number": 628123456789},
        {"number": "+628123456789"},
        {"number": "628"},
        {"number": NUMBER, "name": 1},
        {"number": NUMBER, "name": "x" * 101},
        {"number": NUMBER, "name": "\ud800"},
        {"number": NUMBER, "nmae": "misspelt"},
    ],
)
async def test_a_phone_that_makes_no_sense_is_refused(api: Api, sandbox: Sandbox, body: dict[str, Any]) -> None:
    assert await api.call("POST", "/phones", body) == (422, "invalid_input")
    assert sandbox.phones.all() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 60_000, b"null"])
async def test_what_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    assert await api.call("POST", "/phones", body) == (400, "invalid_json")


async def test_json_under_another_name_is_refused(api: Api) -> None:
    body = json.dumps({"number": NUMBER}).encode()
    assert await api.call("POST", "/phones", body, Content_Type="text/plain") == (400, "invalid_json")


async def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    assert await api.call("POST", "/phones", {"number": NUMBER, "name": "x" * 70_000}) == (413, "too_large")


async def test_a_scan_links_the_unmodified_library(api: Api, sandbox: Sandbox, new_client: NewClient) -> None:
    await api.call("POST", "/phones", {"number": NUMBER, "name": "Toko"})
    client = new_client()
    client.start()
    status, device = await api.call("POST", f"/phones/{NUMBER}/scan", {"qr": await client.qr()})
    assert status == 200
    assert (device["number"], device["device"], device["jid"]) == (NUMBER, 1, f"{NUMBER}:1@s.whatsapp.net")
    await client.event("Connected")
    _, listed = await api.call("GET", f"/phones/{NUMBER}/devices")
    (entry,) = listed["devices"]
    assert (entry["online"], entry["klien_id"], entry["platform"]) == (True, 7, "whatsmeow")
    assert await api.call("DELETE", f"/phones/{NUMBER}/devices/1") == (204, None)
    await client.event("LoggedOut")
    assert (await api.call("GET", f"/phones/{NUMBER}/devices"))[1] == {"devices": []}


async def test_a_device_of_nobody_here_has_no_klien(api: Api, sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)[0].ever_linked = 1
    link_device(sandbox, new_wire())
    (entry,) = (await api.call("GET", f"/phones/{NUMBER}/devices"))[1]["devices"]
    assert (entry["device"], entry["klien_id"], entry["online"]) == (2, None, False)


async def test_a_scan_of_what_is_no_code_says_so(api: Api, sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    qr = await code_of(new_wire())
    scan = f"/phones/{NUMBER}/scan"
    assert await api.call("POST", "/phones/628999999999/scan", {"qr": qr}) == (404, "not_found")
    assert await api.call("POST", scan, {"qr": "hello"}) == (422, "invalid_qr")
    assert await api.call("POST", scan, {"qr": None}) == (422, "invalid_input")
    assert await api.call("POST", scan, {"qr": qr.replace("2@", "1@")}) == (404, "unknown_ref")
    await sandbox.stop()
    assert await api.call("POST", scan, {"qr": qr}) == (410, "qr_expired")


@pytest.mark.parametrize(("number", "device"), [(NUMBER, 1), ("628999999999", 1)])
async def test_what_is_not_there_cannot_be_removed(api: Api, sandbox: Sandbox, number: str, device: int) -> None:
    sandbox.phones.add(NUMBER)
    assert await api.call("DELETE", f"/phones/{number}/devices/{device}") == (404, "not_found")


async def test_faults_are_set_listed_and_cleared(api: Api, sandbox: Sandbox) -> None:
    sandbox.phones.add(NUMBER)
    status, fault = await api.call("POST", "/faults", {"fault": "bad_hmac", "number": NUMBER, "count": 2})
    expected = {"id": 1, "fault": "bad_hmac", "number": NUMBER, "count": 2, "hit": 0}
    assert (status, fault) == (201, expected | {"seconds": None, "seconds_left": None})
    _, timed = await api.call("POST", "/faults", {"fault": "silence", "seconds": 60})
    assert 59 < timed["seconds_left"] <= 60
    assert [entry["id"] for entry in (await api.call("GET", "/faults"))[1]["faults"]] == [1, 2]
    assert await api.call("DELETE", "/faults") == (204, None)
    assert (await api.call("GET", "/faults"))[1] == {"faults": []}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"fault": "earthquake"}, "invalid_input"),
        ({"fault": "drop", "count": True}, "invalid_input"),
        ({"fault": "drop", "count": 1.0}, "invalid_input"),
        ({"fault": "drop", "count": "1"}, "invalid_input"),
        ({"fault": "drop", "seconds": "1"}, "invalid_input"),
        ({"fault": "drop", "second": 1}, "invalid_input"),
        ({"fault": ["drop"]}, "invalid_input"),
    ],
)
async def test_a_fault_that_cannot_be_made_is_refused(
    api: Api, sandbox: Sandbox, body: dict[str, Any], code: str
) -> None:
    assert await api.call("POST", "/faults", body) == (422, code)
    assert sandbox.faults.all() == []


async def test_a_number_too_large_for_any_clock_is_refused(api: Api) -> None:
    body = b'{"fault": "drop", "seconds": 1e999}'
    assert await api.call("POST", "/faults", body) == (422, "invalid_input")
    assert await api.call("POST", "/faults", b'{"fault": "drop", "seconds": NaN}') == (422, "invalid_input")


@pytest.mark.parametrize("peer", ["192.168.1.7", "10.0.0.1", "2001:db8::1", "", "<local>"])
async def test_another_machine_is_forbidden(api: Api, peer: str) -> None:
    assert await api.call("GET", "/phones", peer=peer) == (403, "forbidden")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "192.168.1.7:8000", "127.0.0.1.evil.example"])
async def test_a_host_name_that_is_not_this_machines_is_forbidden(api: Api, host: str) -> None:
    assert await api.call("GET", "/phones", Host=host) == (403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]", "[::1]:8000"])
async def test_this_machine_has_several_names(api: Api, host: str) -> None:
    assert (await api.call("GET", "/phones", Host=host))[0] == 200
    assert (await api.call("GET", "/phones", peer="::1", Host=host))[0] == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X_Forwarded_For", "203.0.113.9"),
        ("X_Forwarded_For", "127.0.0.1"),
        ("x_forwarded_host", "localhost"),
        ("X_Forwarded_Proto", "https"),
        ("X_Forwarded_Server", "web"),
        ("X_Real_IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 web"),
        ("CF_Connecting_IP", "203.0.113.9"),
        ("X_Forwarded_For", ""),
    ],
)
async def test_what_a_proxy_forwards_is_forbidden(api: Api, header: str, value: str) -> None:
    assert await api.call("GET", "/phones", **{header: value}) == (403, "forbidden")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "https://127.0.0.1:8000"},
        {"Origin": "http://localhost:8000"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "whatever-comes-next"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://127.0.0.1:8000"},
    ],
)
async def test_what_a_page_of_another_site_sends_is_forbidden(
    api: Api, sandbox: Sandbox, headers: dict[str, str]
) -> None:
    assert await api.call("GET", "/phones", **headers) == (403, "forbidden")
    assert await api.call("POST", "/phones", {"number": NUMBER}, **headers) == (403, "forbidden")
    assert await api.call("DELETE", "/faults", **headers) == (403, "forbidden")
    assert sandbox.phones.all() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:8000", "Sec_Fetch_Site": "same-origin"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Sec_Fetch_Site": "none"},
    ],
)
async def test_a_page_of_this_address_and_a_person_at_the_address_bar_may(api: Api, headers: dict[str, str]) -> None:
    assert (await api.call("GET", "/phones", **headers))[0] == 200
    assert (await api.call("POST", "/phones", {"number": NUMBER}, **headers))[0] == 201


async def test_a_trusted_proxy_does_not_open_it_to_those_behind_it(sandbox: Sandbox) -> None:
    """The product sees the client's address through such a proxy; whoever claims to be this machine still isn't."""
    app = Quart(__name__)
    app.register_blueprint(blueprint(sandbox))
    app.asgi_app = Forwarded(app.asgi_app, [ip_network("127.0.0.0/8")])  # type: ignore[method-assign]
    for way in ("127.0.0.1", "203.0.113.9, 127.0.0.1", "unknown", ""):
        headers = {"X_Forwarded_For": way, "X_Forwarded_Host": "localhost"}
        assert await Api(app).call("GET", "/phones", **headers) == (403, "forbidden")
