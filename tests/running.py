"""The real command as a process of its own, and how tests and benches talk to it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import socketio

from talkabiz import bootstrap
from talkabiz.config import Settings
from talkabiz.domain.access import Kind

CHECKOUT = str(Path(__file__).resolve().parent.parent)
API_KEY = "an-admin-key-for-tests-only"
START_SECONDS = 30
STOP_SECONDS = 15
LIMITS = httpx.Limits(keepalive_expiry=2)
"""hypercorn closes what rested for 5 s, as httpx does: a request at that moment would meet a closed connection."""
FACT_SECONDS = 20

Snapshot = dict[str, Any]


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float = FACT_SECONDS) -> None:
    """Wait for a fact that nobody tells of: it is looked at again and again."""
    async with asyncio.timeout(seconds):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.02)


@dataclass
class Process:
    """A running `talkabiz …`. `lines` is what it has printed so far; its stderr goes into a file beside its data."""

    process: asyncio.subprocess.Process
    errors: Path
    lines: list[str] = field(default_factory=list)

    async def read_until(self, is_enough: Callable[[list[str]], bool]) -> None:
        assert self.process.stdout
        async with asyncio.timeout(START_SECONDS):
            while not is_enough(self.lines):
                line = await self.process.stdout.readline()
                if not line:
                    raise AssertionError(f"it ended: {self.lines} {self.errors.read_text()[-3000:]}")
                self.lines.append(line.decode().rstrip("\n"))

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(how)
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()

    @property
    def pid(self) -> int:
        return self.process.pid


@asynccontextmanager
async def talkabiz(
    home: Path, *arguments: str, module: str = "talkabiz", package: str = CHECKOUT, **settings: str
) -> AsyncIterator[Process]:
    """`talkabiz …` started in a directory of its own; ended, if it still runs, by SIGKILL.

    `module` is what is run instead, if it isn't the command itself; `package` the folder that the program lies in.
    """
    errors = home / f"{arguments[0]}.err".replace("/", "_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TALKABIZ_")}
    environment |= {f"TALKABIZ_{name.upper()}": value for name, value in settings.items()}
    environment["PYTHONPATH"] = package
    with errors.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            cwd=home,
            env=environment,
        )
    try:
        yield Process(process, errors)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined] # else its pipe is closed late, with a warning


def find_app(pid: int) -> int | None:
    """The process id of the application in or under this `talkabiz serve`."""
    if "--no-supervisor" in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
        return pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


@dataclass(frozen=True)
class Finished:
    """A command that has run to its end."""

    code: int
    output: str
    errors: str


async def finish(home: Path, *arguments: str, **settings: str) -> Finished:
    """`talkabiz …` run to its end, which it has to find by itself."""
    async with talkabiz(home, *arguments, **settings) as process:
        before = process.errors.stat().st_size
        assert process.process.stdout
        async with asyncio.timeout(START_SECONDS):
            output = await process.process.stdout.read()
            code = await process.process.wait()
        return Finished(code, output.decode(), process.errors.read_bytes()[before:].decode())


async def klien_key(home: Path, klien_id: int) -> str:
    """An API key of one klien, put into the database beside the server that runs on it."""
    settings = Settings(database_url=f"sqlite://{home / 'talkabiz.db'}")
    async with bootstrap.office(settings) as office:
        return (await office.access.make_key(Kind.KLIEN, klien_id, label="test")).token


@dataclass
class Server:
    """`talkabiz serve`, ready."""

    process: Process
    base_url: str
    home: Path
    login_link: str | None
    http: httpx.AsyncClient

    @property
    def app_pid(self) -> int:
        """The application itself, not its supervisor. Nothing between a death and the next start: AssertionError."""
        found = find_app(self.process.pid)
        assert found, "it isn't running just now"
        return found

    async def call(self, method: str, path: str, json: object = None, *, expect: int | None = 200) -> Any:
        answer = await self.http.request(method, path, json=json)
        assert expect is None or answer.status_code == expect, f"{answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    async def add_klien(self, nama: str) -> int:
        klien = await self.call("POST", "/api/v1/kliens", {"nama": nama}, expect=201)
        return int(klien["id"])

    async def snapshot(self, klien_id: int) -> Snapshot:
        return dict(await self.call("GET", f"/api/v1/kliens/{klien_id}/session"))

    async def connect(self, klien_id: int) -> Snapshot:
        return dict(await self.call("POST", "/whatsapp/connect", {"klien_id": klien_id}))

    async def disconnect(self, klien_id: int) -> Snapshot:
        return dict(await self.call("POST", "/whatsapp/disconnect", {"klien_id": klien_id}))

    async def link(self, phones: Phones, klien_id: int, number: str, name: str = "Ibu Sari") -> Snapshot:
        """The snapshot once this phone has scanned the klien's code and all is done."""
        snapshot = await self.connect(klien_id)
        await phones.scan(number, snapshot["qr"]["code"], name)
        return await self.wait_for(klien_id, "connected")

    async def wait_for(self, klien_id: int, status: str, seconds: float = FACT_SECONDS) -> Snapshot:
        """The snapshot once the klien is in this status. Looked at over REST; `Watch` gets it pushed."""
        last: Snapshot = {}
        try:
            async with asyncio.timeout(seconds):
                while last.get("status") != status:
                    last = await self.snapshot(klien_id)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"still {last.get('status')}({last.get('reason')}), not {status}") from None
        return last

    @asynccontextmanager
    async def watch(self, klien_id: int | None = None, key: str = API_KEY) -> AsyncIterator[Watch]:
        """A socket like a browser's; subscribed to the klien, if one is named."""
        watch = Watch()
        await watch.open(self.base_url, key)
        try:
            if klien_id is not None:
                watch.first = await watch.ask("subscribe", klien_id=klien_id)
            yield watch
        finally:
            await watch.close()


class Watch:
    """A Socket.IO client that keeps every event in order."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, Snapshot]] = []
        self.look: Callable[[str, Snapshot], None] = lambda _name, _data: None
        """Called with each event the moment it arrives."""
        self.first: dict[str, Any] = {}
        self._arrived = asyncio.Condition()
        self.refusals: list[object] = []
        """What the server said instead of letting it in; the client's exception doesn't."""
        self.client.on("*", self._keep)
        self.client.on("connect_error", self.refusals.append)

    async def open(self, base_url: str, key: str) -> None:
        await self.client.connect(base_url, auth={"token": key}, transports=["websocket"], wait_timeout=10)

    async def close(self) -> None:
        await self.client.disconnect()

    async def ask(self, command: str, **data: object) -> dict[str, Any]:
        return dict(await self.client.call(command, data, timeout=FACT_SECONDS))

    async def wait_for(
        self, name: str, is_right: Callable[[Snapshot], bool] = lambda _: True, seconds: float = FACT_SECONDS
    ) -> Snapshot:
        """The first event of this name that is right, among those that came and those that come."""
        try:
            async with asyncio.timeout(seconds), self._arrived:
                while True:
                    for event, data in self.events:
                        if event == name and is_right(data):
                            return data
                    await self._arrived.wait()
        except TimeoutError:
            raise AssertionError(f"no {name} among {self.names()}") from None

    async def wait_until(self, is_enough: Callable[[list[str]], bool], seconds: float = FACT_SECONDS) -> None:
        """Until the names of the events, in order, are as they should be."""
        try:
            async with asyncio.timeout(seconds), self._arrived:
                await self._arrived.wait_for(lambda: is_enough(self.names()))
        except TimeoutError:
            raise AssertionError(f"only {self.names()}") from None

    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def forget(self) -> None:
        self.events.clear()

    async def _keep(self, event: str, data: Snapshot) -> None:
        self.look(event, data)
        async with self._arrived:
            self.events.append((event, data))
            self._arrived.notify_all()


@asynccontextmanager
async def serving(home: Path, *arguments: str, **settings: str) -> AsyncIterator[Server]:
    """`talkabiz serve` on a free port, ready to be asked. Its data lie in `home`, and stay there."""
    settings = {"api_key": API_KEY, "start_limit": "off", "request_limit": "off", **settings}
    async with talkabiz(home, "serve", "--port", "0", *arguments, **settings) as process:
        await process.read_until(lambda lines: any(line.startswith(("login:", "A new login link")) for line in lines))
        found = (re.match(r"Talkabiz runs at (\S+)", line) for line in process.lines)
        base_url = next(match[1] for match in found if match)
        link = next((line.removeprefix("login: ") for line in process.lines if line.startswith("login: ")), None)
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with httpx.AsyncClient(
            base_url=base_url, headers=headers, limits=LIMITS, timeout=30, trust_env=False
        ) as http:
            yield Server(process, base_url, home, link, http)


@dataclass
class Loopback:
    """`talkabiz sandbox`, ready: the other side of the wire in a process of its own."""

    process: Process
    settings: dict[str, str]
    """What a server needs to use it."""
    http: httpx.AsyncClient


@asynccontextmanager
async def loopback(home: Path, *arguments: str) -> AsyncIterator[Loopback]:
    async with talkabiz(home, "sandbox", "--json", *arguments) as process:
        await process.read_until(bool)
        facts = json.loads(process.lines[0])
        settings = {
            "wa_proxy_url": facts["proxy_url"],
            "wa_ca_file": facts["ca_file"],
            "wa_root_key": facts["root_key"],
        }
        async with httpx.AsyncClient(base_url=facts["control_url"], limits=LIMITS, timeout=30, trust_env=False) as http:
            yield Loopback(process, settings, http)


class Phones:
    """The virtual phones and faults of a sandbox, wherever it runs (CONTRACT.md section 8)."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(
        self, method: str, path: str, json: object = None, *, expect: tuple[int, ...] = (200, 201, 204)
    ) -> Any:
        answer = await self._http.request(method, f"/sandbox/api/{path}", json=json)
        assert answer.status_code in expect, f"{answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    async def scan(self, number: str, qr: str, name: str = "Ibu Sari", *, expect: int = 200) -> Any:
        await self.call("POST", "phones", {"number": number, "name": name})
        return await self.call("POST", f"phones/{number}/scan", {"qr": qr}, expect=(expect,))

    async def enter_code(self, number: str, code: str, *, expect: int = 200) -> Any:
        await self.call("POST", "phones", {"number": number, "name": "Ibu Sari"})
        return await self.call("POST", f"phones/{number}/enter-code", {"code": code}, expect=(expect,))

    async def devices(self, number: str) -> list[dict[str, Any]]:
        return list((await self.call("GET", f"phones/{number}/devices"))["devices"])

    async def remove_device(self, number: str, device: int) -> None:
        await self.call("DELETE", f"phones/{number}/devices/{device}")

    async def fault(self, fault: str, **options: object) -> dict[str, Any]:
        return dict(await self.call("POST", "faults", {"fault": fault, **options}))

    async def heal(self) -> None:
        await self.call("DELETE", "faults")
