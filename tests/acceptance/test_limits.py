"""What anybody may ask for how often, as clients of the real command meet it; and no restart forgives any."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio

from talkabiz import bootstrap
from talkabiz.config import Settings
from tests.acceptance.relay import relay
from tests.running import API_KEY, FACT_SECONDS, Phones, Server, klien_key, loopback, serving, until

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

NUMBER = "628111000091"
HOUR = 3600
SLACK_SECONDS = 60
"""How long ago the first attempt may have been on a busy machine."""
PASSWORD = "correct-horse-battery"
WORDS = "Terlalu banyak request. Coba lagi nanti."

Json = dict[str, Any]


@asynccontextmanager
async def socket_of(server: Server, token: str, **headers: str) -> AsyncIterator[socketio.AsyncClient]:
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(server.base_url, headers=headers, auth={"token": token}, transports=["websocket"])
    try:
        yield client
    finally:
        await client.disconnect()


async def ask(client: socketio.AsyncClient, command: str, klien_id: int) -> Json:
    return dict(await client.call(command, {"klien_id": klien_id}, timeout=FACT_SECONDS))


def is_too_many(answer: Json) -> None:
    """The same for REST and sockets."""
    error = answer.get("error", answer)
    assert error.get("code") == "too_many_starts", answer
    assert error["message"]["id"] == WORDS
    assert HOUR - SLACK_SECONDS < error["retry_after"] <= HOUR


# --- pairing attempts from one address --------------------------------------------------------------------------------


WAYS = [
    *(("admin", path) for path in ("/whatsapp/connect", "/wa/connect", "/api/session/start")),
    *(("klien", path) for path in ("/api/v1/kliens/{klien_id}/session", "/api/v1/kliens/{klien_id}/session/restart")),
    *((who, command) for who in ("admin", "klien", "link") for command in ("start", "refresh")),
]
"""Each that counts, by kind of credential: over REST, and as a command of a socket."""


async def start(server: Server, way: tuple[str, str], klien_id: int) -> Json:
    """The answer; of a refusal the error in it."""
    who, what = way
    token = {"admin": _admin_key, "klien": _klien_key, "link": link_token}[who]
    if not what.startswith("/"):
        async with socket_of(server, await token(server, klien_id)) as client:
            return await ask(client, what, klien_id)
    path, body = what.format(klien_id=klien_id), {} if "{" in what else {"klien_id": klien_id}
    headers = {"Authorization": f"Bearer {await token(server, klien_id)}"}
    answer = await server.http.post(path, json=body, headers=headers)
    told: Json = answer.json()
    if not answer.is_success:
        assert (answer.status_code, answer.headers["Content-Type"]) == (429, "application/problem+json"), answer.text
        assert int(answer.headers["Retry-After"]) == told["retry_after"]
    return told


async def _admin_key(server: Server, klien_id: int) -> str:
    del server, klien_id
    return API_KEY


async def _klien_key(server: Server, klien_id: int) -> str:
    return await klien_key(server.home, klien_id)


async def link_token(server: Server, klien_id: int) -> str:
    made = await server.call("POST", f"/api/v1/kliens/{klien_id}/link-tokens", {"minutes": 15}, expect=201)
    return str(made["token"])


async def test_the_eleventh_attempt_in_an_hour_is_refused_whichever_way_and_no_restart_forgives(home: Path) -> None:
    async with serving(home, "--sandbox", start_limit="10/hour") as server:
        ids = [await server.add_klien(f"Toko {n}") for n in range(12)]
        for way, klien_id in zip(WAYS[:10], ids, strict=False):
            answer = await start(server, way, klien_id)
            assert answer.get("status") in {"qr_requested", "qr_ready"}, f"{way}: {answer}"
            assert (await server.connect(klien_id))["status"] == "qr_ready", "of a round that is there"
        for way in WAYS:
            is_too_many(await start(server, way, ids[10]))
        assert (await server.snapshot(ids[10]))["status"] == "disconnected"
        unlimited = await server.call("POST", f"/api/v1/kliens/{ids[11]}/session", {}, expect=202)
        assert unlimited["status"] == "qr_requested", "an admin on /api/v1"
        assert await server.process.end() == 0
    async with serving(home, "--sandbox", start_limit="10/hour") as server:
        for way in WAYS:
            is_too_many(await start(server, way, ids[10]))
        await kill(server)
        for way in WAYS:
            is_too_many(await start(server, way, ids[10]))
        assert (await server.snapshot(ids[10]))["status"] == "disconnected"


async def kill(server: Server) -> None:
    """The application dies, and its supervisor starts it again."""
    before = server.app_pid
    os.kill(before, signal.SIGKILL)

    async def is_back() -> bool:
        try:
            return server.app_pid != before and (await server.http.get("/health/ready")).is_success
        except (AssertionError, OSError, httpx.TransportError):
            return False

    await until(is_back)


async def test_the_programs_own_rounds_and_a_device_that_comes_back_use_none_up(home: Path) -> None:
    limits = {"start_limit": "2/hour", "pairing_seconds": "2"}
    async with serving(home, "--sandbox", **limits) as server:
        linked = await server.add_klien("Toko Sinar")
        await server.link(Phones(server.http), linked, NUMBER)
        assert await server.process.end() == 0
    async with serving(home, "--sandbox", **limits) as server:
        await server.wait_for(linked, "connected")
        for _ in range(3):
            await server.call("POST", "/api/session/stop", {"klien_id": linked})
            await server.connect(linked)
        watched, other = await server.add_klien("Toko Bulan"), await server.add_klien("Toko Bintang")
        async with server.watch(watched) as watch:
            assert (await watch.ask("start", klien_id=watched))["status"] == "qr_requested"
            await watch.wait_for("qr_ready", lambda data: data["pairing"]["round"] == 2)
            is_too_many(await watch.ask("start", klien_id=other))


async def test_an_attempt_that_came_to_nothing_counts_and_a_wish_that_was_refused_does_not(home: Path) -> None:
    """504 and 503: WhatsApp was asked, or tried to be reached. Whoever may not, or asks wrongly, began nothing."""
    async with relay() as way, loopback(home) as world:
        settings = world.settings | {"wa_proxy_url": way.url, "start_limit": "2/hour", "qr_request_seconds": "2"}
        async with serving(home, **settings) as server:
            klien_id = await server.add_klien("Toko Sinar")
            key = {"Authorization": f"Bearer {await klien_key(home, klien_id)}"}
            for _ in range(2):
                for path, body, headers, status in (
                    ("/whatsapp/connect", {"klien_id": klien_id}, {"Authorization": "Bearer wrong"}, 401),
                    ("/whatsapp/connect", {"klien_id": klien_id + 1}, key, 404),
                    ("/whatsapp/connect", {"klien_id": klien_id + 1}, {}, 404),
                    ("/whatsapp/connect", {"klien_id": str(klien_id)}, {}, 422),
                    ("/api/session/start", {"klien_id": klien_id, "session_id": "../x"}, {}, 422),
                ):
                    async with httpx.AsyncClient(
                        base_url=server.base_url, headers=server.http.headers, trust_env=False
                    ) as http:
                        assert (await http.post(path, json=body, headers=headers)).status_code == status, body
            problems = []
            await way.refuse()
            problems.append(await server.call("POST", "/whatsapp/connect", {"klien_id": klien_id}, expect=503))
            await way.hang()
            problems.append(await server.call("POST", "/whatsapp/connect", {"klien_id": klien_id}, expect=504))
            problems += [await server.call("POST", "/wa/connect", {"klien_id": klien_id}, expect=429) for _ in range(2)]
            codes = ["unreachable", "qr_request_timeout", "too_many_starts", "too_many_starts"]
            assert [problem["code"] for problem in problems] == codes
            assert problems[-1]["retry_after"] <= problems[-2]["retry_after"], "being refused makes it no longer"


async def test_switched_off_there_is_no_limit(home: Path) -> None:
    async with serving(home, "--sandbox", start_limit="off") as server:
        klien_id = await server.add_klien("Toko Sinar")
        async with socket_of(server, await klien_key(home, klien_id)) as client:
            for _ in range(12):
                assert (await ask(client, "start", klien_id))["status"] == "qr_requested"
                assert (await ask(client, "disconnect_wa", klien_id))["status"] == "disconnected"


# --- whose address it is ----------------------------------------------------------------------------------------------

FORGED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "Via")


async def start_as(server: Server, **headers: str) -> str:
    """By REST and by socket, each for a klien of its own: the status or the code of both."""
    told = []
    klien_id = await server.add_klien("Toko Sinar")
    answer = (await server.http.post("/whatsapp/connect", json={"klien_id": klien_id}, headers=headers)).json()
    told.append(answer.get("code", answer["status"]))
    klien_id = await server.add_klien("Toko Bulan")
    async with socket_of(server, API_KEY, **headers) as client:
        answer = await ask(client, "start", klien_id)
    told.append(answer["error"]["code"] if "error" in answer else answer["status"])
    return " ".join(map(str, told))


ALLOWED, REFUSED = "qr_ready qr_requested", "too_many_starts too_many_starts"


async def test_no_header_makes_a_stranger_somebody_else(home: Path) -> None:
    async with serving(home, "--sandbox", start_limit="2/day") as server:
        assert await start_as(server) == ALLOWED
        for n, name in enumerate(FORGED, 1):
            value = f"for=203.0.113.{n}" if name == "Forwarded" else f"203.0.113.{n}"
            assert await start_as(server, **{name: value}) == REFUSED, name


async def test_behind_a_trusted_proxy_each_client_has_a_count_of_its_own(home: Path) -> None:
    """The proxy adds the address it saw at the end; what the client wrote before it counts for nothing."""
    async with serving(home, "--sandbox", start_limit="2/day", trusted_proxies="127.0.0.1") as server:
        for client, expected in (
            *(("203.0.113.1", ALLOWED), ("203.0.113.1", REFUSED), ("203.0.113.2", ALLOWED)),
            *(("198.51.100.7, 203.0.113.2", REFUSED), ("127.0.0.1, 203.0.113.1", REFUSED), ("2001:db8::1", ALLOWED)),
            *(("2001:db8::2", REFUSED), ("::ffff:203.0.113.1", REFUSED), ("2001:db8:1::1", ALLOWED)),
        ):
            assert await start_as(server, **{"X-Forwarded-For": client}) == expected, client


# --- requests, and log-ins --------------------------------------------------------------------------------------------

REQUESTS, LOGINS = 20, 3
LOST = 2
"""Requests that fade from the count while the server starts anew. Those of its last two seconds would be forgiven; the
test waits until they are kept."""


async def test_requests_with_one_key_are_limited_over_rest_and_sockets_and_no_death_forgives_them(home: Path) -> None:
    limits = {"request_limit": f"{REQUESTS}/hour", "login_limit": f"{LOGINS}/hour"}
    async with serving(home, "--sandbox", **limits) as server:
        klien_id = await server.add_klien("Toko Sinar")
        key, other = await klien_key(home, klien_id), await klien_key(home, klien_id)
        path = f"/api/v1/kliens/{klien_id}/session"

        async def look(key: str) -> httpx.Response:
            return await server.http.get(path, headers={"Authorization": f"Bearer {key}"})

        async with socket_of(server, key) as client:
            # The first of them was the server's own, which put it into its room.
            for number in range(1, REQUESTS):
                if number % 2:
                    assert (await look(key)).status_code == 200
                else:
                    assert "error" not in await ask(client, "unsubscribe", klien_id)
            for command in ("subscribe", "unsubscribe", "start", "refresh", "disconnect_wa"):
                answer = (await ask(client, command, klien_id))["error"]
                assert (answer["code"], answer["message"]["id"]) == ("rate_limited", WORDS)
                assert 0 < answer["retry_after"] <= 2 * HOUR
        await is_rate_limited(await look(key))
        assert (await look(other)).status_code == 200, "another key"
        await try_passwords(server)

        await until(lambda: are_kept(home))
        await kill(server)
        again = [(await look(key)).status_code for _ in range(LOST + 1)]
        assert again[-1] == 429, again
        async with socket_of(server, key) as client:
            assert (await ask(client, "subscribe", klien_id))["error"]["code"] == "rate_limited"
        assert (await log_in(server, PASSWORD)).status_code == 429


async def is_rate_limited(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["Content-Type"]) == (429, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["message"]["id"]) == ("rate_limited", WORDS)
    assert int(answer.headers["Retry-After"]) == problem["retry_after"] > 0


async def are_kept(home: Path) -> bool:
    with closing(sqlite3.connect(f"file:{home / 'talkabiz.db'}?mode=ro", uri=True)) as database:
        counts = [count for (count,) in database.execute("SELECT count FROM limit_windows")]
    return REQUESTS in counts


async def try_passwords(server: Server) -> None:
    """One that is right is let in, until too many weren't; then it isn't either."""
    settings = Settings(database_url=f"sqlite://{server.home / 'talkabiz.db'}")
    async with bootstrap.office(settings) as office:
        login = await office.operators.log_in_by_link(await office.operators.make_login_link("budi"))
        assert login
        person = await office.operators.by_login(login)
        assert person
        await office.operators.set_password(person, PASSWORD, current="", keep=login)
    assert (await log_in(server, PASSWORD)).status_code == 303
    assert [(await log_in(server, "wrong")).status_code for _ in range(LOGINS - 1)] == [401] * (LOGINS - 1)
    for password in ("wrong", PASSWORD):
        refused = await log_in(server, password)
        assert refused.status_code == 429
        assert HOUR - SLACK_SECONDS < int(refused.headers["Retry-After"]) <= HOUR
        assert "Set-Cookie" not in refused.headers


async def log_in(server: Server, password: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as browser:
        return await browser.post("/login", data={"name": "budi", "password": password})
