"""What every answer has: problems in one shape, headers that tell browsers to trust nothing, health without a key."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from quart import Response

from talkabiz.domain.errors import Starting, TalkabizError
from talkabiz.services.health import Load
from talkabiz.store import database
from talkabiz.web import errors
from tests.edges import Client, House, open_house, serving

# --- faults -----------------------------------------------------------------------------------------------------------


async def test_an_unknown_address_is_a_problem(admin: Client) -> None:
    for path in ("/nowhere", "/api/v1/nowhere", "/api/v1/kliens/", "/static/nothing.css"):
        await admin.refusal("GET", path, expect=404, code="not_found")


async def test_a_wrong_method_says_which_are_right(admin: Client) -> None:
    await admin.refusal("PUT", "/api/v1/kliens", expect=405, code="method_not_allowed")
    answer = await admin.send("PUT", "/api/v1/kliens")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("data", ["{", "nama=x", "\xff", '{"nama": NaN}', "[" * 50_000, '{"nama": "x"} x'])
async def test_a_body_that_is_not_json_is_400(admin: Client, data: str) -> None:
    await admin.refusal("POST", "/api/v1/kliens", data=data, expect=400, code="invalid_json")


@pytest.mark.parametrize("data", ["[]", "null", "1", '"x"', "true"])
async def test_a_body_that_is_no_object_is_422(admin: Client, data: str) -> None:
    await admin.refusal("POST", "/api/v1/kliens", data=data, expect=422, code="invalid_input")


async def test_json_is_json_whatever_its_content_type_says(admin: Client) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    await admin.ask("POST", "/api/v1/kliens", data='{"nama": "Toko"}', headers=headers, expect=201)


async def test_a_body_that_is_too_large_is_413(admin: Client) -> None:
    await admin.refusal("POST", "/api/v1/kliens", json={"nama": "x" * 70_000}, expect=413, code="too_large")


async def test_a_fault_of_ours_tells_nothing_of_itself(
    house: House, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(house.desk.kliens, "get", fail)
    problem = await admin.refusal("GET", "/api/v1/kliens/1", expect=500, code="internal")
    assert "secret" not in str(problem)


async def test_every_error_of_the_domain_has_its_status() -> None:
    def family(error: type[TalkabizError]) -> set[type[TalkabizError]]:
        return {error}.union(*(family(each) for each in error.__subclasses__()))

    of_the_domain = {each.code for each in family(TalkabizError) if each.__module__ == TalkabizError.__module__}
    assert of_the_domain - {"internal"} <= errors.STATUSES.keys()


async def test_when_to_try_again_stands_in_body_and_header(
    house: House, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Starting(retry_after=7)

    monkeypatch.setattr(house.desk.kliens, "get", refuse)
    problem = await admin.refusal("GET", "/api/v1/kliens/1", expect=503, code="starting")
    assert problem["retry_after"] == 7
    assert (await admin.send("GET", "/api/v1/kliens/1")).headers["Retry-After"] == "7"


async def test_before_it_is_open_everything_waits(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        admin = house.client()
        for path in ("/api/v1/kliens", "/whatsapp/status", "/health", "/health/ready", "/"):
            await admin.refusal("GET", path, expect=503, code="starting")
        assert await admin.ask("GET", "/health/live", expect=200) == {"status": "ok"}


async def test_after_it_closed_everything_waits_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        async with house.app.test_app():
            await house.client().ask("GET", "/api/v1/kliens", expect=200)
        await house.client().refusal("GET", "/api/v1/kliens", expect=503, code="starting")


# --- headers ----------------------------------------------------------------------------------------------------------


async def get(house: House, path: str, **headers: str) -> Response:
    answer: Response = await house.client(None).send("GET", path, headers=headers)
    return answer


@pytest.mark.parametrize("path", ["/login", "/health", "/api/v1/kliens", "/nowhere", "/static/css/talkabiz.css"])
async def test_every_answer_is_guarded(house: House, path: str) -> None:
    headers = (await get(house, path)).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


async def test_a_page_runs_its_own_script_alone(house: House) -> None:
    first, second = await get(house, "/login"), await get(house, "/login")
    policies = [each.headers["Content-Security-Policy"] for each in (first, second)]
    assert "script-src 'nonce-" in policies[0]
    assert policies[0] != policies[1]


async def test_nothing_but_files_is_kept_by_a_browser(house: House) -> None:
    for path in ("/login", "/health", "/api/v1/kliens", "/nowhere"):
        assert (await get(house, path)).headers["Cache-Control"] == "no-store"
    file = await get(house, "/static/css/talkabiz.css")
    assert file.headers["Cache-Control"] == "no-cache"
    again = await house.client(None).send(
        "GET", "/static/css/talkabiz.css", headers={"If-None-Match": file.headers["ETag"]}
    )
    assert again.status_code == 304


async def test_https_stays_https(tmp_path: Path) -> None:
    async with open_house(tmp_path, base_url="https://wa.example.com") as house, house.app.test_app():
        assert "max-age" in (await get(house, "/login")).headers["Strict-Transport-Security"]


async def test_a_request_id_is_ours_alone(house: House) -> None:
    first = (await get(house, "/health", **{"X-Request-Id": "chosen"})).headers["X-Request-Id"]
    second = (await get(house, "/health")).headers["X-Request-Id"]
    assert first != "chosen"
    assert first != second


# --- health -----------------------------------------------------------------------------------------------------------


async def test_health_needs_no_key_and_names_nobody(house: House, klien_id: int) -> None:
    await house.link(klien_id)
    health = await house.client(None).ask("GET", "/health", expect=200)
    assert (health["status"], health["sessions"], health["by_status"]) == ("ok", 1, {"connected": 1})
    assert health["checks"] == {"database": True, "engine": True}
    assert health["uptime"] >= 0
    assert health["memory"]["rss_bytes"] > 1_000_000
    assert "628" not in str(health)
    assert "Toko" not in str(health)


async def test_health_is_503_when_the_engine_is_down(house: House) -> None:
    house.load = Load(lag_seconds=60)
    health = await house.client(None).ask("GET", "/health", expect=503)
    assert (health["status"], health["checks"]["engine"]) == ("down", False)
    await house.client(None).refusal("GET", "/health/ready", expect=503, code="starting")
    await house.client(None).ask("GET", "/health/live", expect=200)


async def test_health_is_503_when_the_database_is_down(house: House) -> None:
    await database.close_database()
    health = await house.client(None).ask("GET", "/health", expect=503)
    assert (health["status"], health["checks"]["database"]) == ("down", False)


async def test_a_refusal_leaves_the_connection_to_the_next_request(tmp_path: Path) -> None:
    """Also where it was decided before the body came: the client has reason to send that on the same connection."""
    async with open_house(tmp_path) as house, serving(house) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(20):
            writer.write(b"POST /api/v1/kliens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)  # the refusal is decided by now
            writer.write(b'{"nama":"x"}')
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index] # it has one
                await reader.readexactly(length)
            assert head.startswith(b"HTTP/1.1 401")
        writer.close()
