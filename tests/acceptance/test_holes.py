"""Holes that other gateways had, each as a test that the real command hasn't it.

They share one server, without an API_KEY of the operator's choice, that trusts a proxy on this machine: whatever comes
from here could be taken for a friend's.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
import pytest_asyncio
import socketio

from talkabiz.assets import static_dir
from talkabiz.realtime.server import GUARD_SECONDS
from tests.acceptance.commands import read_json, succeed
from tests.acceptance.conftest import IN_MEMORY
from tests.running import API_KEY, FACT_SECONDS, Phones, Server, Watch, klien_key, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "Warung Rahasia"
SLACK_SECONDS = 1.5
CLOSED = {401, 404, 405}
"""Answers that tell and do nothing."""


@dataclass
class Stage:
    server: Server
    home: Path
    admin_key: str
    secret_id: int
    secret_key: str
    other_id: int
    other_key: str
    stranger: httpx.AsyncClient
    """Without a credential."""

    def log(self) -> str:
        return self.server.process.errors.read_text()

    async def show_qr(self) -> str:
        """The code on show of the klien with the secret."""
        return str((await self.server.connect(self.secret_id))["qr"]["code"])


@pytest_asyncio.fixture(name="stage", scope="module", loop_scope="module")
async def _stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    settings = {"api_key": "", "trusted_proxies": "127.0.0.1", "login_limit": "off", "log_level": "debug"}
    with _home(tmp_path_factory) as home:
        async with serving(home, "--sandbox", pairing_seconds="160", **settings) as server:
            found = next(line for line in server.process.lines if line.startswith("admin key: "))
            admin_key = found.removeprefix("admin key: ")
            server.http.headers["Authorization"] = f"Bearer {admin_key}"
            secret_id, other_id = await server.add_klien(NAME), await server.add_klien("Toko Bulan")
            keys = [await klien_key(home, klien_id) for klien_id in (secret_id, other_id)]
            once = httpx.Limits(max_keepalive_connections=0)  # the answer may be there before all of the request is
            async with httpx.AsyncClient(
                base_url=server.base_url, timeout=30, trust_env=False, limits=once
            ) as stranger:
                yield Stage(server, home, admin_key, secret_id, keys[0], other_id, keys[1], stranger)
            assert await server.process.end() == 0


@contextmanager
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if not os.access(IN_MEMORY, os.W_OK):
        yield tmp_path_factory.mktemp("holes")
        return
    with tempfile.TemporaryDirectory(dir=IN_MEMORY, prefix="talkabiz-test-") as directory:
        yield Path(directory)


# --- credentials that everybody knows, or nobody needs ----------------------------------------------------------------

PUBLISHED = (
    *("BQYHJGJHJ", "429683C4C977415CAAFCCE10F7D57E11", "THISISMYSECURETOKEN", "secret", "waha", "admin", API_KEY),
    *("changeme", "123456", "password", "null", "undefined", "None", "true", "*", "Bearer", "tkb_", "0", "yoursecret"),
)
ACCOUNTS = (
    *(("waha", "waha"), ("admin", "admin"), ("admin", "password"), ("admin", ""), ("operator", "operator")),
    *(("operator", ""), ("operator", "talkabiz"), ("root", "root"), ("", ""), ("user", "password")),
)


async def test_no_default_or_published_key_is_accepted(stage: Stage) -> None:
    """WAHA: waha/waha, admin/admin; Evolution: BQYHJGJHJ and the key of its example; WPPConnect: THISISMYSECURETOKEN;
    GOWA: the secret `secret` (research: quality 3.4, peers 1.4).
    """
    for key in PUBLISHED:
        for headers in ({"Authorization": f"Bearer {key}"}, {"X-Api-Key": key}, {"apikey": key}, {"token": key}):
            assert await is_refused(stage, headers), headers
        assert await socket_is_refused(stage, {"token": key}), key


async def test_no_default_account_is_accepted(stage: Stage) -> None:
    """WAHA had logins that everybody knew."""
    for name, password in ACCOUNTS:
        basic = base64.b64encode(f"{name}:{password}".encode()).decode()
        assert await is_refused(stage, {"Authorization": f"Basic {basic}"}), name
        answer = await stage.stranger.post("/login", data={"name": name, "password": password})
        assert answer.status_code == 401, name
        assert "Set-Cookie" not in answer.headers


NO_KEYS: tuple[dict[str, str], ...] = (
    *({}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"X-Api-Key": ""}, {"Cookie": "talkabiz_session="}),
    *({"Authorization": "Bearer", "X-Api-Key": ""}, {"Cookie": "talkabiz_session"}, {"Cookie": "=; talkabiz_session"}),
)
NO_TOKENS: tuple[object, ...] = (
    None,
    {},
    {"token": ""},
    {"token": None},
    {"token": " "},
    {"token": []},
    {"token": 0},
    {"token": False},
)


async def test_an_admin_key_that_is_unset_opens_nothing(stage: Stage) -> None:
    """WuzAPI: without WUZAPI_ADMIN_TOKEN the token was empty, and equal to a header that isn't there."""
    for headers in NO_KEYS:
        assert await is_refused(stage, headers), headers
    for blank in (" ", "\t"):
        assert (await raw(stage, "GET", "/api/v1/kliens", blank))[0] == 401
    for auth in NO_TOKENS:
        assert await socket_is_refused(stage, auth), auth


async def test_no_address_host_or_origin_stands_for_a_key(stage: Stage) -> None:
    """Evolution: sockets from allowed hosts, by default this machine, needed no key; behind a proxy nobody's did."""
    base_url = stage.server.base_url
    friendly = {"Host": urlsplit(base_url).netloc, "Origin": base_url, "Sec-Fetch-Site": "same-origin"}
    for headers in (
        *({"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "::1"}, {"Forwarded": "for=127.0.0.1"}),
        *({"X-Real-IP": "127.0.0.1"}, {"Host": "localhost"}, {"X-Forwarded-Host": "localhost"}, {"Referer": base_url}),
        *(friendly, {"User-Agent": "kube-probe/1.29"}, {"X-Original-URL": "/health"}, {"X-Rewrite-URL": "/health"}),
    ):
        assert await is_refused(stage, headers), headers
        assert await socket_is_refused(stage, None, headers), headers


async def is_refused(stage: Stage, headers: dict[str, str]) -> bool:
    """Of everything that an operator or a klien may see, start or end."""
    session = f"/api/v1/kliens/{stage.secret_id}/session"
    told = [
        await stage.stranger.get("/api/v1/kliens", headers=headers),
        await stage.stranger.get("/metrics", headers=headers),
        await stage.stranger.post("/whatsapp/connect", json={"klien_id": stage.secret_id}, headers=headers),
        await stage.stranger.delete(session, headers=headers),
    ]
    return [(answer.status_code, answer.json()["code"]) for answer in told] == [(401, "unauthorized")] * len(told)


async def socket_is_refused(stage: Stage, auth: object, headers: dict[str, str] | None = None) -> bool:
    refusals: list[object] = []
    client = socketio.AsyncClient(reconnection=False)
    client.on("connect_error", refusals.append)
    try:
        await client.connect(
            stage.server.base_url, auth=auth, headers=headers or {}, transports=["websocket"], wait_timeout=FACT_SECONDS
        )
    except socketio.exceptions.ConnectionError:
        return refusals in ([{"message": "unauthorized"}], ["Unexpected status code 403 in server response"])
    await client.disconnect()
    return False


# --- keys in places where they are read by others ---------------------------------------------------------------------


async def test_a_key_in_an_address_is_neither_taken_nor_logged(stage: Stage) -> None:
    """WPPConnect: the secret in the path; WAHA: x-api-key in the query; GOWA: /ws?authorization=; WuzAPI: ?token=."""
    key = stage.admin_key
    names = ("token", "key", "apikey", "x-api-key", "api_key", "access_token", "authorization", "secret", "auth")
    for name in names:
        for path in ("/api/v1/kliens", f"/api/v1/kliens/{stage.secret_id}/session", "/metrics", "/openapi.json"):
            answer = await stage.stranger.get(path, params={name: key})
            assert answer.status_code == (200 if path == "/openapi.json" else 401), (path, name)
            assert key not in answer.text
        url = f"{stage.server.base_url}/socket.io/?{name}={key}"
        client = socketio.AsyncClient(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(url, transports=["websocket"], wait_timeout=FACT_SECONDS)
    for path in (f"/api/{key}/generate-token", f"/{key}", f"/api/1/{key}/start-all", f"/link/{key}", f"/login/{key}"):
        answer = await stage.stranger.get(path)
        assert answer.status_code in {401, 404, 410}, path
    log = stage.log()
    assert "request" in log
    assert key not in log
    assert key.rpartition("_")[2] not in log


async def test_keys_and_logins_are_stored_as_hashes_alone(stage: Stage) -> None:
    """WuzAPI and Evolution: tokens as they are in the database."""
    made = await stage.server.call("POST", "/api/v1/keys", {"kind": "admin", "label": "kasir"}, expect=201)
    link = await stage.server.call("POST", f"/api/v1/kliens/{stage.secret_id}/link-tokens", {}, expect=201)
    login_link = (await read_json(stage.home, "login-link"))["url"]
    async with httpx.AsyncClient(base_url=stage.server.base_url, trust_env=False) as browser:
        assert (await browser.post(urlsplit(login_link).path)).is_redirect
        (cookie,) = browser.cookies.values()
    tokens = [made["token"], link["token"], stage.admin_key, stage.secret_key, login_link.rpartition("/")[2], cookie]
    secrets = [token.rpartition("_")[2] if token.startswith("tk") else token for token in tokens]
    assert all(len(secret) > 20 for secret in secrets)
    files = [path for path in stage.home.rglob("*") if path.is_file()]
    assert {"talkabiz.db", "talkabiz.db-wal"} <= {path.name for path in files}
    held = {path.name: path.read_bytes() for path in files}
    assert [name for name, data in held.items() if b"kasir" in data], "what is there is found"
    found = [(name, token) for name, data in held.items() for token in secrets if token.encode() in data]
    assert found == []


async def test_nothing_that_everybody_may_see_shows_a_setting(stage: Stage) -> None:
    """WAHA: GET /api/server/environment?all=true gave the environment away, keys and all."""
    for path in ("/api/server/environment?all=true", "/env", "/.env", "/config", "/actuator/env", "/debug/vars"):
        assert (await stage.stranger.get(path)).status_code == 404, path
    secrets = [str(stage.home), "talkabiz.db", stage.admin_key, "TALKABIZ_", "sqlite://", os.environ["PATH"], NAME]
    for path in (
        "/health",
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/docs",
        "/login",
        "/nowhere",
        "/static/",
    ):
        for accept in ("text/html", "application/json"):
            answer = await stage.stranger.get(path, headers={"Accept": accept})
            assert [secret for secret in secrets if secret in answer.text] == [], path


# --- who hears what ---------------------------------------------------------------------------------------------------


async def test_a_qr_goes_to_nobody_without_a_right_to_it(stage: Stage) -> None:
    """WPPConnect: `req.io.emit('qrCode')` to all sockets, which needed no key; GOWA: /ws told everybody everything;
    WAHA: events of other sessions, after a close that didn't return.
    """
    refused = [Watch(), Watch()]
    for watch, key in zip(refused, ("", "tkb_nobody"), strict=True):
        with pytest.raises(socketio.exceptions.ConnectionError):
            await watch.open(stage.server.base_url, key)
    async with (
        stage.server.watch(key=stage.other_key) as other,
        stage.server.watch(key=stage.admin_key) as quiet,
        stage.server.watch(stage.secret_id, stage.secret_key) as own,
    ):
        await stage.server.disconnect(stage.secret_id)
        own.forget()
        code = await stage.show_qr()
        assert (await own.wait_for("qr_ready"))["qr"]["code"] == code
        assert (await other.ask("subscribe", klien_id=stage.secret_id))["error"]["code"] == "not_found"
        assert (await other.ask("start", klien_id=stage.secret_id))["error"]["code"] == "not_found"
        await quiet.ask("unsubscribe", klien_id=stage.other_id)  # whatever was on its way has arrived by the answer
        assert {data["klien_id"] for _, data in other.events} == {stage.other_id}
        assert quiet.events == []
        assert [watch.events for watch in refused] == [[], []]


async def test_no_namespace_but_the_one_that_is_checked(stage: Stage) -> None:
    """Evolution: any key let a socket into any namespace, and every instance had one."""
    for namespace in ("/admin", f"/klien:{stage.secret_id}", f"/{stage.secret_id}", f"/{NAME}", "/*"):
        for key in (stage.other_key, stage.admin_key):
            client = socketio.AsyncClient(reconnection=False)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await client.connect(
                    stage.server.base_url,
                    auth={"token": key},
                    namespaces=[namespace],
                    transports=["websocket"],
                    wait_timeout=FACT_SECONDS,
                )


async def test_no_other_path_becomes_a_websocket(stage: Stage) -> None:
    """wwebjs-api: /ws/:sessionId was upgraded without a key; GOWA: /ws."""
    paths = ("/ws", f"/ws/{stage.secret_id}", "/websocket", "/", "/api/v1/kliens", "/whatsapp/connect", "/socket.iox")
    headers = {"Authorization": f"Bearer {stage.admin_key}"}
    async with aiohttp.ClientSession() as http:
        for path in paths:
            for given in ({}, headers):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await http.ws_connect(stage.server.base_url + path, headers=given)
                assert refused.value.status == 403, path
    assert "Exception on websocket" not in stage.log()


async def test_an_upgraded_socket_that_shows_no_key_is_told_nothing(stage: Stage) -> None:
    """wwebjs-api: the upgrade was all it took."""
    url = f"{stage.server.base_url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as silent, http.ws_connect(url) as loud:
        await loud.send_str(f'421["subscribe",{{"klien_id":{stage.secret_id}}}]')
        await loud.send_str(f'422["start",{{"klien_id":{stage.secret_id}}}]')
        await stage.server.disconnect(stage.secret_id)
        await stage.show_qr()
        for client in (silent, loud):
            assert (await client.receive_str()).startswith("0{")
            await client.send_str("40")
            assert await client.receive_str() == '44{"message":"unauthorized"}', "the next thing that it hears"


async def test_a_key_that_is_revoked_by_another_process_loses_its_sockets(stage: Stage) -> None:
    """WAHA: a socket outlived the check of its key."""
    token = await klien_key(stage.home, stage.other_id)
    listed = (await read_json(stage.home, "key", "list"))["keys"]
    async with stage.server.watch(key=stage.secret_key) as kept, stage.server.watch(key=token) as watch:
        await succeed(stage.home, "key", "revoke", str(listed[-1]["id"]))
        revoked_at = time.monotonic()
        async with asyncio.timeout(GUARD_SECONDS + SLACK_SECONDS):
            await watch.client.wait()
        assert time.monotonic() - revoked_at < GUARD_SECONDS + SLACK_SECONDS
        heard = list(watch.events)
        await stage.server.connect(stage.other_id)
        assert (await kept.ask("unsubscribe", klien_id=stage.secret_id))["klien_id"] == stage.secret_id
        assert watch.events == heard
        assert await socket_is_refused(stage, {"token": token})
    await stage.server.disconnect(stage.other_id)


# --- files ------------------------------------------------------------------------------------------------------------


async def test_a_qr_is_in_no_file_and_at_no_address_that_needs_no_key(stage: Stage) -> None:
    """GOWA: /statics/qrcode/scan-qr-….png, before the check of the password."""
    before = set(static_dir().rglob("*"))
    code = await stage.show_qr()
    session = f"/api/v1/kliens/{stage.secret_id}/session"
    for accept in ("image/png", "image/svg+xml", "text/plain", "application/json"):
        answer = await stage.server.http.get(f"{session}/qr", headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
    assert set(static_dir().rglob("*")) == before
    files = [path for path in stage.home.rglob("*") if path.is_file()]
    bare = code.rpartition("#")[2].encode()
    signs = (b"\x89PNG\r\n", b"<svg", bare, bare.split(b",")[0])
    assert [(path.name, sign) for path in files for sign in signs if sign in path.read_bytes()] == []
    assert {path.suffix for path in files} & {".png", ".svg", ".jpg", ".webp", ".gif"} == set()
    tops = ("/static", "/statics", "/statics/qrcode", "/qr", "/qrcode", "/files", "/media", "/sessions")
    names = (str(stage.secret_id), "qr.png", f"{stage.secret_id}.png", f"scan-qr-{stage.secret_id}.png", "talkabiz.db")
    for path in (
        *(f"{top}/{name}" for top in tops for name in names),
        *(f"{session}/qr", session, f"/api/screenshot?session={stage.secret_id}", f"/api/{stage.secret_id}/auth/qr"),
        *(f"/sessions/{stage.secret_id}/device.db", "/talkabiz.db", "/serve.err", "/.git/config"),
    ):
        answer = await stage.stranger.get(path)
        assert answer.status_code in CLOSED, path
        assert not answer.headers["Content-Type"].startswith("image/")


CANARY = "a canary that must not sing"
UP = ("..", "%2e%2e", "%2E.", "..%2f..", "..%5c..", "%252e%252e", "..;", "....//..", "%c0%ae%c0%ae", "..%00", "..\\..")
PLACES = (
    *("/static/{}", "/static/js/{}", "/login/{}", "/link/{}", "/kliens/{}", "/api/v1/kliens/{}/session", "/docs/{}"),
    *("/{}", "/socket.io/{}"),
)


async def test_no_path_is_built_from_a_request(stage: Stage) -> None:
    """WPPConnect: clearSessionData ran `rm -r` on a path from the request, after a check that didn't stop it; its
    `path` of a status was read from the disk.
    """
    (stage.home / "canary.txt").write_text(CANARY)
    before = {path: path.stat().st_size for path in _outside_the_database(stage.home)}
    depth = len(static_dir().parts)
    targets = [f"{'/'.join([up] * n)}/{to}" for up in UP for n in (1, 2, depth) for to in _targets(stage.home)]
    targets += [f"/{to}" for to in _targets(stage.home)] + [f"%2f{to}" for to in _targets(stage.home)]
    for place in PLACES:
        for target in targets[:: 1 if place.startswith("/static") else 5]:
            status, text = await raw(stage, "GET", place.format(target))
            assert status in CLOSED | {400, 308, 303, 410}, (status, place, target)
            assert [sign for sign in (CANARY, "SQLite format", "root:x:", "{% block") if sign in text] == [], target
    for method, to in (("POST", f"{stage.secret_id}/session"), ("DELETE", f"{stage.secret_id}"), ("DELETE", "..")):
        assert (await raw(stage, method, f"/api/v1/kliens/..%2f{to}", stage.admin_key))[0] == 404
    for wrong in ("../canary.txt", "/etc/passwd", "..", "a/../../b", "x\x00y", "..\\x", "%2e%2e%2fx", str(stage.home)):
        for body in ({"klien_id": wrong}, {"klien_id": stage.other_id, "session_id": wrong}):
            for path in ("/api/session/start", "/api/session/logout", "/api/session/stop", "/whatsapp/disconnect"):
                await stage.server.call("POST", path, body, expect=422)
    assert {path: path.stat().st_size for path in _outside_the_database(stage.home)} == before
    assert (stage.home / "canary.txt").read_text() == CANARY


def _targets(home: Path) -> list[str]:
    return ["etc/passwd", str(home / "canary.txt").lstrip("/"), "templates/base.html", "talkabiz.db", "pyproject.toml"]


def _outside_the_database(home: Path) -> list[Path]:
    """What a request could have made, changed or removed. The log grows."""
    return [path for path in home.rglob("*") if not path.name.startswith("talkabiz.db") and path.suffix != ".err"]


async def raw(stage: Stage, method: str, target: str, key: str = "") -> tuple[int, str]:
    """A request as it is written here: clients would tidy the path up."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", urlsplit(stage.server.base_url).port, family=socket.AF_INET
    )
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n"
    writer.write(f"{head}{authorization}\r\n".encode())
    try:
        async with asyncio.timeout(FACT_SECONDS):
            answer = (await reader.read()).decode("utf-8", "replace")
    finally:
        writer.close()
        await writer.wait_closed()
    return int(answer.split(" ", 2)[1]), answer


# --- what everybody could break ---------------------------------------------------------------------------------------


async def test_nobody_without_a_key_stops_the_process(stage: Stage) -> None:
    """WPPConnect: GET /unhealthy, for everybody, ended the process."""
    pid = stage.server.app_pid
    for path in (
        *("/unhealthy", "/healthz", "/health/unhealthy", "/shutdown", "/exit", "/kill", "/restart", "/quit", "/reload"),
        *("/api/server/stop", "/api/server/restart", "/app/reconnect", "/app/logout", "/instance/logout"),
    ):
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = await stage.stranger.request(method, path)
            assert answer.status_code in CLOSED, (method, path)
    assert (await stage.stranger.get("/health")).json()["status"] == "ok"
    assert stage.server.app_pid == pid


async def test_an_account_that_is_opened_elsewhere_stops_no_other(stage: Stage) -> None:
    """GOWA: the program ended when one account was opened elsewhere; WuzAPI: a panic when one couldn't connect."""
    phones, pid = Phones(stage.server.http), stage.server.app_pid
    numbers = ("628111000081", "628111000082")
    ids = [await stage.server.add_klien(f"Toko {number}") for number in numbers]
    for klien_id, number in zip(ids, numbers, strict=True):
        await stage.server.link(phones, klien_id, number)
    async with stage.server.watch(ids[1], stage.admin_key) as other:
        await phones.fault("replaced", number=numbers[0])
        assert (await stage.server.wait_for(ids[0], "error"))["reason"] == "replaced"
        assert (await other.ask("subscribe", klien_id=ids[1]))["snapshot"]["status"] == "connected"
        assert other.events == []
    await stage.server.link(phones, stage.other_id, "628111000083")
    assert (await stage.server.snapshot(ids[1]))["status"] == "connected"
    assert stage.server.app_pid == pid


async def test_a_fault_of_ours_shows_nothing_of_the_inside(stage: Stage) -> None:
    """Debug is off: no traceback, no console."""
    klien_id = await stage.server.add_klien("Toko Rusak")
    write(stage, "UPDATE kliens SET created_at = 'never' WHERE id = ?", klien_id)
    try:
        for path in ("/api/v1/kliens", f"/api/v1/kliens/{klien_id}", f"/kliens/{klien_id}", "/"):
            for accept in ("application/json", "text/html"):
                for query in ("", "?__debugger__=yes&cmd=resource&f=debugger.js"):
                    answer = await stage.server.http.get(path + query, headers={"Accept": accept})
                    assert answer.status_code in {404, 422, 500}, path
                    _shows_nothing_inside(answer.text)
        assert (await stage.server.http.get(f"/api/v1/kliens/{klien_id}")).json()["code"] == "internal"
    finally:
        write(stage, "DELETE FROM kliens WHERE id = ?", klien_id)
    assert "Traceback" in stage.log(), "there was something to show"
    for path in ("/console", "/__debug__/", "/debug", "/_debug_toolbar/"):
        assert (await stage.stranger.get(path)).status_code == 404


def _shows_nothing_inside(text: str) -> None:
    inside = ("Traceback", 'File "', ".py", "sqlite", "tortoise", "ParseError", "ValueError", "never", "werkzeug")
    assert [word for word in inside if word in text] == []


def write(stage: Stage, statement: str, klien_id: int) -> None:
    with closing(sqlite3.connect(stage.home / "talkabiz.db", timeout=10)) as database, database:
        database.execute("PRAGMA foreign_keys = ON")
        database.execute(statement, (klien_id,))


# --- what browsers are told -------------------------------------------------------------------------------------------


async def test_no_origin_is_reflected(stage: Stage) -> None:
    """GOWA: any origin by default; WPPConnect: `cors: '*'`. With credentials, every page could read everything."""
    base_url = stage.server.base_url
    origins = ("https://evil.example", "null", f"{base_url}.evil.example", "http://localhost:1")
    for path in ("/api/v1/kliens", "/whatsapp/status", "/health", "/openapi.json", "/login", "/nowhere", "/static/x"):
        for origin in (*origins, base_url):
            for method in ("GET", "OPTIONS"):
                answer = await ask_from(stage, origin, method, path)
                assert not any(name.startswith("access-control") for name in answer.headers), (path, origin)
    polling = "/socket.io/?EIO=4&transport=polling"
    for method in ("GET", "OPTIONS", "POST"):
        for origin in origins:
            answer = await ask_from(stage, origin, method, polling)
            assert answer.status_code == 400, (method, origin)
            assert "access-control-allow-origin" not in answer.headers
    own = await ask_from(stage, base_url, "GET", polling)
    assert (own.status_code, own.headers.get("access-control-allow-origin")) == (200, base_url)
    assert "access-control-allow-credentials" not in own.headers


async def ask_from(stage: Stage, origin: str, method: str, path: str) -> httpx.Response:
    """With an admin key, so that there would be something to read."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "X-Api-Key": stage.admin_key}
    return await stage.stranger.request(method, path, headers=headers)


TELLTALE = {"server", "x-powered-by", "via", "x-aspnet-version"}


async def test_no_answer_says_what_it_is_made_of(stage: Stage) -> None:
    """A version in a header tells which of its holes to try."""
    polling = "/socket.io/?EIO=4&transport=polling"
    pages = ("/", "/login", "/health", "/nowhere", "/static/css/talkabiz.css", "/socket.io/", polling)
    answers = [
        *[await stage.stranger.get(path) for path in (*pages, "/sandbox/api/phones")],
        await stage.stranger.post("/whatsapp/connect", content=b"{"),
        await stage.stranger.post("/whatsapp/connect", content=b"x" * 100_000),
        await stage.stranger.request("TRACE", "/"),
    ]
    for answer in answers:
        assert not TELLTALE & set(answer.headers), answer.url
        assert "hypercorn" not in str(answer.headers)
    for target in ("/%zz", "/" + "x" * 70_000, "/ HTTP/9.9"):
        head = (await raw(stage, "GET", target))[1].lower().partition("\r\n\r\n")[0]
        assert "\r\nserver:" not in head
    url = f"{stage.server.base_url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as upgraded:
        assert "Server" not in upgraded._response.headers
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{stage.server.base_url}/ws")
        assert "Server" not in (refused.value.headers or {})


async def test_blanks_without_end_hold_up_nobody(stage: Stage) -> None:
    """The parser of requests took quadratic time for them: ten seconds for 60 KB, in which nobody else was heard."""
    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(stage.server.base_url).port, family=socket.AF_INET)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nA:" + b" " * 60_000 + b"\x0b\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(0.2)  # it is being read
    began = time.monotonic()
    assert (await stage.stranger.get("/health/live")).status_code == 200
    assert time.monotonic() - began < SLACK_SECONDS
    writer.close()
