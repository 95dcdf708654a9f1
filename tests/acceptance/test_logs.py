"""Everything that the real command prints during a whole linking, searched for every secret of that linking."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import socketio

from tests.acceptance.scanner import Scanner
from tests.running import Phones, Process, Server, Watch, finish, klien_key, talkabiz, until

NUMBER = "628111000077"
OTHER_NUMBER = "628111000078"
PUSH_NAME = "Bu \x1b[31mSari\n2026-11-24T00:00:00.000000Z [info     ] forged \u202e<script>alert(1)</script>"
CHOSEN_KEY = "chosen-by-the-operator-like-no-other"
FIRST = ["timestamp", "level", "event", "logger"]
TOLD_ONCE = ("admin key: ", "login: ")
"""What CONTRACT.md section 1 has printed, once and on stdout."""


class Story:
    """One linking, and whoever listens at the door."""

    def __init__(self, home: Path, log_format: str, module: str = "talkabiz", api_key: str | None = None) -> None:
        self.scanner = Scanner()
        self.stdout: list[str] = []
        self.stderr = ""
        self._home = home
        self._settings = {"log_format": log_format, "log_level": "debug", "start_limit": "off"}
        self._settings |= {"api_key": api_key} if api_key else {}
        self._module = module
        self._admin_key = api_key
        if api_key:
            self.scanner.learn("chosen key", api_key)

    async def tell(self) -> None:
        async with self._serving() as server:
            klien_id = await server.add_klien("Toko Sinar")
            key = await klien_key(self._home, klien_id)
            self.scanner.learn("klien key", key)
            await self._log_in(server, klien_id)
            await self._be_refused(server)
            await self._hand_out_a_link(server, klien_id)
            await self._link(server, klien_id, key)
            await self._make_mistakes(server)
            await self._crash(server)
            await server.wait_for(klien_id, "connected")
        async with self._serving() as server:
            await server.wait_for(klien_id, "connected")
            await self._end(server, klien_id)

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[Server]:
        arguments = ("serve", "--port", "0", "--sandbox")
        async with talkabiz(self._home, *arguments, module=self._module, **self._settings) as process:
            await process.read_until(lambda lines: any(line.startswith(("login:", "A new login")) for line in lines))
            found = {name: text for line in process.lines for name, _, text in [line.partition(": ")]}
            self._admin_key = self._admin_key or found["admin key"]
            self.scanner.learn("admin key", self._admin_key)
            base_url = process.lines[0].rpartition(" ")[2]
            headers = {"Authorization": f"Bearer {self._admin_key}"}
            async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30, trust_env=False) as http:
                yield Server(process, base_url, self._home, found.get("login"), http)
            assert await process.end() == 0
            await self._listen(process)

    async def _listen(self, process: Process) -> None:
        assert process.process.stdout
        self.stdout += process.lines + (await process.process.stdout.read()).decode().splitlines()
        self.stderr = process.errors.read_text()  # of all runs in this home

    async def _log_in(self, server: Server, klien_id: int) -> None:
        assert server.login_link
        self.scanner.learn("login token", server.login_link.rpartition("/")[2])
        async with httpx.AsyncClient(base_url=server.base_url, headers={"Accept": "text/html"}, trust_env=False) as web:
            assert (await web.get(server.login_link)).is_success
            assert (await web.post(server.login_link)).is_redirect
            [cookie] = [value for name, value in web.cookies.items() if "session" in name]
            self.scanner.learn("cookie", cookie)
            for path in ("/", f"/kliens/{klien_id}", "/login", "/nowhere"):
                await web.get(path)
            assert (await web.post(server.login_link)).is_client_error, "used up"
            client = socketio.AsyncClient(reconnection=False)
            await client.connect(
                server.base_url, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in web.cookies.items())}
            )
            await client.disconnect()

    async def _hand_out_a_link(self, server: Server, klien_id: int) -> None:
        """What the klien's own person gets."""
        made = await server.call("POST", f"/api/v1/kliens/{klien_id}/link-tokens", {"minutes": 15}, expect=201)
        self.scanner.learn("link token", made["token"])
        async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as web:
            await web.get(f"/link/{made['token']}", headers={"Accept": "text/html"})
            await web.get(f"/link/{made['token']}/nowhere")
        async with server.watch(klien_id, made["token"]) as watch:
            assert watch.first["snapshot"]["klien_id"] == klien_id

    async def _be_refused(self, server: Server) -> None:
        """By header, socket, query and link; whoever mistypes a secret is still close to it."""
        wrong = {
            "refused key": "tkb_Zz9yXw8v_Refused0Refused1Refused2Refused3",
            "refused bearer": "no-shape-at-all-but-refused",
            "refused login token": "q7Xk-3aB_9dEfGhIjKlMnOpQrStUvWxYz0123456789",
            "refused link token": "tkl_r8Yl-4bC_0eFgHiJkLmNoPqRsTuVwXyZ123456789",
        }
        for what, secret in wrong.items():
            self.scanner.learn(what, secret)
            for headers in ({"Authorization": f"Bearer {secret}"}, {"X-Api-Key": secret}, {"Cookie": f"a={secret}"}):
                await server.http.get("/api/v1/kliens", headers=headers)
            for path in ("/login/", "/link/", "/whatsapp/status?token=", "/socket.io/?EIO=4&transport=polling&token="):
                await server.http.get(path + secret)
                await server.http.post(path + secret)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await Watch().open(server.base_url, secret)

    async def _link(self, server: Server, klien_id: int, key: str) -> None:
        phones, scanner = Phones(server.http), self.scanner
        async with server.watch(klien_id, self._admin_key or "") as watch, server.watch(klien_id, key):
            shown = [await server.connect(klien_id)]
            scanner.learn_pictures(shown[0] | {"qr": {"image": shown[0]["qr_code"]}})
            path = f"/api/v1/kliens/{klien_id}/session/pairing-code"
            code = (await server.call("POST", path, {"phone": NUMBER}))["code"]
            scanner.learn("pairing code", code)
            scanner.learn("pairing code as it is typed", code.replace("-", ""))
            await phones.enter_code(OTHER_NUMBER, code, expect=HTTPStatus.NOT_FOUND)
            for _ in range(2):
                await server.call("POST", f"/api/v1/kliens/{klien_id}/session/stop")
                watch.forget()
                assert "error" not in await watch.ask("refresh", klien_id=klien_id)
                await watch.wait_for("qr_ready")
                shown.append(await server.snapshot(klien_id))
            assert len({snapshot["qr"]["code"] for snapshot in shown}) == len(shown)
            for snapshot in shown:
                scanner.learn_code(snapshot["qr"]["code"])
                scanner.learn_pictures(snapshot)
            await phones.scan(NUMBER, shown[0]["qr"]["code"], PUSH_NAME, expect=HTTPStatus.GONE)
            await phones.scan(NUMBER, "2@" + "c2VjcmV0" * 9 + ",bm9uc2Vuc2U=", expect=HTTPStatus.UNPROCESSABLE_ENTITY)
            await phones.scan(NUMBER, shown[-1]["qr"]["code"], PUSH_NAME)
            me = (await watch.wait_for("connected"))["me"]
        scanner.learn("phone number", NUMBER, in_tables=True)
        scanner.learn("LID", me["lid"].partition("@")[0], in_tables=True)
        scanner.learn("push name", me["name"], in_tables=True)
        scanner.learn("push name as it was", PUSH_NAME)

    async def _make_mistakes(self, server: Server) -> None:
        """Bodies that hold secrets and can't be read, and a row that nobody foresaw."""
        word, text = "correct-horse-battery", "meet me at the old bridge"
        self.scanner.learn("password", word)
        self.scanner.learn("message", text)
        for body in (
            f'{{"password": "{word}", ',
            f'{{"klien_id": "{word}"}}',
            f'{{"text": "{text}", "to": "{NUMBER}"}}',
        ):
            for path in ("/whatsapp/connect", "/api/v1/kliens", "/api/session/start", f"/{word}"):
                answer = await server.http.post(path, content=body, headers={"Content-Type": "application/json"})
                assert answer.is_client_error
        await self._stumble_over_a_login_link(server)
        row = f"tkb_Rr1sTt2u_ARowThatHoldsASecret0123456789 {NUMBER} password={word}"
        self.scanner.learn("row", row, in_tables=True)
        self.scanner.learn("key in a row", row.partition(" ")[0], in_tables=True)
        self._write("kliens", "created_at", row)
        assert (await server.http.get("/api/v1/kliens")).status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        self._write("kliens", "created_at", "2026-11-24 00:00:00.000000+00:00")

    async def _stumble_over_a_login_link(self, server: Server) -> None:
        link = json.loads((await finish(self._home, "login-link", "--json")).output)["url"]
        token = link.rpartition("/")[2]
        self.scanner.learn("login token in a path that failed", token)
        self._write("login_links", "expires_at", "9999-never")
        assert (await server.http.get(f"/login/{token}")).status_code == HTTPStatus.INTERNAL_SERVER_ERROR

    def _write(self, table: str, column: str, text: str) -> None:
        """What no program of ours would write there."""
        with closing(sqlite3.connect(self._home / "talkabiz.db", timeout=10)) as database, database:
            database.execute(f"UPDATE {table} SET {column} = ?", (text,))  # noqa: S608 - our own words

    async def _crash(self, server: Server) -> None:
        """And the supervisor says so, and starts it again."""
        before = server.app_pid
        os.kill(before, signal.SIGKILL)

        async def is_back() -> bool:
            try:
                return server.app_pid != before and (await server.http.get("/health/ready")).is_success
            except (AssertionError, httpx.TransportError):
                return False

        await until(is_back)

    async def _end(self, server: Server, klien_id: int) -> None:
        await server.disconnect(klien_id)
        await server.wait_for(klien_id, "disconnected")
        await server.call("DELETE", f"/api/v1/kliens/{klien_id}", expect=None)

    def printed(self) -> str:
        """All of both, but for what is told once."""
        return "\n".join([*(line for line in self.stdout if not line.startswith(TOLD_ONCE)), self.stderr])


@pytest.mark.soak
async def test_a_whole_linking_leaves_no_secret_in_a_console_log(home: Path) -> None:
    story = Story(home, "console")
    await story.tell()
    assert story.scanner.find(story.printed()) == []
    assert story.scanner.find_in_tables(home / "talkabiz.db") == []
    assert [sum(line.startswith(each) for line in story.stdout) for each in TOLD_ONCE] == [1, 1]
    told = "session_changed", "request_failed", "app_restarts", "ParseError", "Traceback"
    assert [each for each in told if each not in story.stderr] == [], "there was something to be found"
    lines = [line for line in story.stderr.splitlines() if " forged " in line]
    assert [line for line in lines if line.startswith("2026-11-24T00:00")] == []


@pytest.mark.soak
async def test_a_whole_linking_leaves_no_secret_in_a_json_log_and_each_line_is_an_object(home: Path) -> None:
    story = Story(home, "json", api_key=CHOSEN_KEY)
    await story.tell()
    assert story.scanner.find(story.printed()) == []
    assert story.scanner.find_in_tables(home / "talkabiz.db") == []
    lines = [json.loads(line) for line in story.stderr.splitlines()]
    assert [line for line in lines if list(line)[:4] != FIRST] == []
    assert {line["event"] for line in lines} >= {"session_changed", "request_failed", "app_restarts"}
    assert {line["logger"] for line in lines} >= {"talkabiz.services.runner", "talkabiz.supervisor", "hypercorn.error"}
    moment = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    assert [line for line in lines if not moment.fullmatch(line["timestamp"])] == []


@pytest.mark.parametrize(
    ("argument", "settings"),
    [
        ("--port=99999", {}),
        ("--nonsense", {}),
        ("--port=0", {"max_memory": "much"}),
        ("--port=0", {"api_key": "tkb_short"}),
    ],
)
async def test_a_start_that_is_refused_is_told_in_json_too(home: Path, argument: str, settings: dict[str, str]) -> None:
    done = await finish(home, "serve", argument, log_format="json", **settings)
    assert done.code
    lines = [json.loads(line) for line in done.errors.splitlines()]
    assert lines
    assert [line for line in lines if list(line) != FIRST] == []


@pytest.mark.soak
async def test_the_same_story_without_redaction_is_found_out(home: Path) -> None:
    """The search can fail: what the two above don't find stands in the log of a program that hides nothing."""
    story = Story(home, "console", module="tests.unredacted")
    await story.tell()
    found = {each.partition(" in …")[0] for each in story.scanner.find(story.printed())}
    assert found >= {"phone number", "LID", "password", "row", "key in a row", "login token in a path that failed"}


def test_the_search_finds_a_secret_in_each_form_in_which_it_may_be_written(tmp_path: Path) -> None:
    scanner = Scanner()
    secret = '2@a/b+c d"e\n,<f>=='
    scanner.learn("planted", secret)
    assert scanner.find("nothing here") == []
    for form in (secret, json.dumps(secret), repr(secret), "2%40a%2Fb%2Bc%20d%22e%0A%2C%3Cf%3E%3D%3D", f"x{secret}y"):
        assert [each.partition(" in ")[0] for each in scanner.find(f"a line with {form}.")] == ["planted"], form
    (tmp_path / "talkabiz.db-wal").write_bytes(b"\0\1" + secret.encode() + b"\2")
    assert scanner.find_in_tables(tmp_path / "talkabiz.db") == ["planted in talkabiz.db-wal"]
