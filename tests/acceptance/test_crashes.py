"""The application is killed while people link, use and unlink: each finds what they left, no phone a device too many.

The supervisor makes those who die early wait, so after three kills it is replaced in order, as by a new version: that
is one more thing that nobody may notice.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio

from tests.acceptance.rows import rows, told
from tests.running import API_KEY, Phones, Server, Snapshot, loopback, serving, until

PEOPLE = 5
BACK_WITHIN_SECONDS = 10.0
KILLS_OF_ONE_SUPERVISOR = 3
LONGEST_LIFE_SECONDS = 6.0
RETRY_SECONDS = 0.1
LEFT = {
    "new": ("disconnected", None),
    "pairing": ("qr_ready", None),
    "linked": ("connected", None),
    "stopped": ("disconnected", "stopped"),
    "unlinked": ("disconnected", "by_user"),
}
"""Where a person may leave a klien, and what its state has to be then."""


class Page:
    """A socket that comes back by itself, subscribes again and keeps the newer of two snapshots, as the page does."""

    def __init__(self, klien_id: int) -> None:
        self.klien_id = klien_id
        self.shown: Snapshot = {}
        self.arrivals = 0
        self.client = socketio.AsyncClient(reconnection_delay=0.5, reconnection_delay_max=5)
        self.client.on("connect", self._arrive)
        self.client.on("*", self._hear)

    async def close(self) -> None:
        """Also where it is on its way back: the client itself forgets to end if it has just begun to come."""
        self.client.reconnection = False
        if coming_back := self.client._reconnect_task:
            coming_back.cancel()
            await asyncio.gather(coming_back, return_exceptions=True)
        await self.client.disconnect()

    async def _arrive(self) -> None:
        answer = await self.client.call("subscribe", {"klien_id": self.klien_id}, timeout=BACK_WITHIN_SECONDS)
        if snapshot := answer.get("snapshot"):
            self._show(snapshot)
        self.arrivals += 1

    async def _hear(self, _: str, snapshot: Snapshot) -> None:
        self._show(snapshot)

    def _show(self, snapshot: Snapshot) -> None:
        if not self.shown or _age(snapshot) >= _age(self.shown):
            self.shown = snapshot


def _age(snapshot: Snapshot) -> tuple[int, str]:
    return snapshot["seq"], snapshot["server_now"]


@dataclass
class Person:
    """Links, uses and unlinks one klien, over and over. Tries again when the server is away, and never gives up."""

    klien_id: int
    number: str
    page: Page
    phones: Phones
    http: httpx.AsyncClient
    chance: random.Random
    pause: asyncio.Event
    """Set while nobody may begin anything new."""
    left: str = "new"
    resting: asyncio.Event = field(default_factory=asyncio.Event)
    doing: str = ""
    done: list[str] = field(default_factory=list)

    async def live(self) -> None:
        while True:
            await self._do(self._begin)
            await self._do(self._dawdle)
            await self._do(self._scan)
            await self._do(self._dawdle)
            if self.chance.random() < 0.5:
                await self._do(self._stop)
                await self._do(self._begin_again)
                await self._do(self._dawdle)
            await self._do(self._unlink)
            await self._do(self._dawdle)

    async def _do(self, step: Callable[[], Awaitable[None]]) -> None:
        while self.pause.is_set():
            self.resting.set()
            await asyncio.sleep(0.02)
        self.resting.clear()
        self.doing = step.__name__
        await step()
        self.done.append(step.__name__)

    async def _dawdle(self) -> None:
        until_then = time.monotonic() + self.chance.uniform(0, 2.5)
        while time.monotonic() < until_then and not self.pause.is_set():
            await asyncio.sleep(0.02)

    async def _begin(self) -> None:
        await self._ask("POST", "session", {"wait": 0})
        self.left = "pairing"

    async def _scan(self) -> None:
        """What is on the page, until the phone says that it is linked."""
        while True:
            shown = self.page.shown
            if shown.get("qr") and await self._point_phone_at(shown["qr"]["code"]):
                self.left = "linked"
                return
            if shown.get("status") == "disconnected" and shown.get("reason") == "logged_out":
                await self._begin()  # the phone had given up when the application came back as its device
            await asyncio.sleep(RETRY_SECONDS)

    async def _point_phone_at(self, code: str) -> bool:
        answer = await self.phones._http.post(f"/sandbox/api/phones/{self.number}/scan", json={"qr": code})
        return answer.status_code == 200

    async def _stop(self) -> None:
        await self._ask("POST", "session/stop")
        self.left = "stopped"

    async def _begin_again(self) -> None:
        await self._ask("POST", "session", {"wait": 0})
        self.left = "linked"

    async def _unlink(self) -> None:
        await self._ask("DELETE", "session")
        self.left = "unlinked"

    async def _ask(self, method: str, what: str, json: object = None) -> None:
        while True:
            try:
                answer = await self.http.request(method, f"/api/v1/kliens/{self.klien_id}/{what}", json=json)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code in {200, 202}:
                return
            assert answer is None or answer.status_code == 503, answer.text
            await asyncio.sleep(RETRY_SECONDS)

    # --- what they find -----------------------------------------------------------------------------------------------

    async def wrong(self, home: Path) -> str | None:
        """What isn't as this person left it."""
        expected = LEFT[self.left]
        row, shown = rows(home).get(self.klien_id), self.page.shown
        if row and (row.status, row.reason) != expected:
            return f"the database says {row.status}({row.reason})"
        if not self.page.client.connected or (shown["status"], shown["reason"]) != expected:
            return f"the page shows {shown.get('status')}({shown.get('reason')}), {self.page.client.connected=}"
        if (shown["qr"] is not None) != (self.left == "pairing"):
            return "a code is on the page" if shown["qr"] else "no code is on the page"
        online = [device["online"] for device in await self.phones.devices(self.number)]
        right = {"linked": [True], "stopped": [False]}.get(self.left, [])
        return None if online == right else f"the phone shows devices: {online}"


@dataclass
class Town:
    """Everybody, and the server that gets killed."""

    home: Path
    people: list[Person]
    pause: asyncio.Event
    figures: list[float] = field(default_factory=list)

    async def kill(self, server: Server) -> None:
        """At any moment; then everybody finishes what they are at, and looks."""
        before = {
            person.klien_id: len(told(self.home, person.klien_id)) for person in self.people if self._runs(person)
        }
        arrivals = self._arrivals()
        os.kill(server.app_pid, signal.SIGKILL)
        killed = time.monotonic()
        await self.is_as_left(killed, arrivals)
        self.figures.append(time.monotonic() - killed)
        for klien_id, known in before.items():
            since = told(self.home, klien_id)[known:]
            assert not [each for each in since if each.startswith("qr_")], f"klien {klien_id} was shown a code: {since}"
        self._go_on()

    def _runs(self, person: Person) -> bool:
        """Linked, and not about to end that."""
        return person.left == "linked" and (person.doing == "_dawdle" or person.resting.is_set())

    async def replace(self, server: Server, start: Callable[[], Awaitable[Server]]) -> Server:
        """Ends the server and its supervisor in order, and starts others."""
        arrivals = self._arrivals()
        self.pause.set()
        assert await server.process.end() == 0
        ended = time.monotonic()
        another = await start()
        await self.is_as_left(ended, arrivals)
        self._go_on()
        return another

    async def is_as_left(self, since: float, arrivals: dict[int, int]) -> None:
        """Soon after that moment, once each page has come back to the server."""
        for person in self.people:
            person.resting.clear()
        self.pause.set()
        wrong: dict[int, str] = {}
        try:
            async with asyncio.timeout(since + BACK_WITHIN_SECONDS - time.monotonic()):
                for person in self.people:
                    while why := self._busy(person, arrivals) or await person.wrong(self.home):
                        wrong[person.klien_id] = f"left {person.left}, but {why}; {person.page.shown}"
                        await asyncio.sleep(0.05)
                    wrong.pop(person.klien_id, None)
        except TimeoutError:
            raise AssertionError(f"not as it was left after {BACK_WITHIN_SECONDS} s: {wrong}") from None

    def _busy(self, person: Person, arrivals: dict[int, int]) -> str | None:
        if person.page.arrivals <= arrivals[person.klien_id]:
            return "the page hasn't come back"
        return None if person.resting.is_set() else f"{person.doing} isn't done"

    def _arrivals(self) -> dict[int, int]:
        return {person.klien_id: person.page.arrivals for person in self.people}

    def _go_on(self) -> None:
        self.pause.clear()


@asynccontextmanager
async def _town(home: Path, server: Server, phones: Phones, chance: random.Random) -> AsyncIterator[Town]:
    pause = asyncio.Event()
    async with AsyncExitStack() as stack:
        people = []
        for each in range(PEOPLE):
            klien_id, number = await server.add_klien(f"Toko {each}"), f"62811100010{each}"
            await phones.call("POST", "phones", {"number": number, "name": "Ibu Sari"})
            page = Page(klien_id)
            await page.client.connect(server.base_url, auth={"token": API_KEY}, transports=["websocket"])
            stack.push_async_callback(page.close)
            headers = {"Authorization": f"Bearer {API_KEY}"}
            http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=server.base_url, headers=headers, timeout=15, trust_env=False)
            )
            people.append(Person(klien_id, number, page, phones, http, random.Random(chance.random()), pause))
        lives = [asyncio.create_task(person.live()) for person in people]
        try:
            yield Town(home, people, pause)
        finally:
            for life in lives:
                life.cancel()
            ended = await asyncio.gather(*lives, return_exceptions=True)
        assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []


async def _go_through(home: Path, kills: int, report: Callable[[str, object], None]) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    report("seed", seed)
    chance = random.Random(seed)
    async with loopback(home) as world, AsyncExitStack() as servers:

        async def start(*arguments: str) -> Server:
            return await servers.enter_async_context(serving(home, *arguments, **world.settings))

        server = await start()
        port = server.base_url.rpartition(":")[2]
        async with _town(home, server, Phones(world.http), chance) as town:
            for number in range(1, kills + 1):
                await asyncio.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))
                await town.kill(server)
                if number % KILLS_OF_ONE_SUPERVISOR == 0:
                    server = await town.replace(server, lambda: start("--port", port))
            seconds = [round(each, 2) for each in town.figures]
            report("seconds from each kill to everything as it was left", seconds)
            report("median and longest", (statistics.median(seconds), max(seconds)))
            report("steps taken", {person.klien_id: len(person.done) for person in town.people})
            assert all(len(person.done) > kills // 2 for person in town.people), "they did hardly anything"
            await town.is_as_left(time.monotonic(), dict.fromkeys(town._arrivals(), -1))  # and nobody goes on
            await _phones_show_what_is_stored(town)


async def _phones_show_what_is_stored(town: Town) -> None:
    """Device by device. What is being logged out, of an unlinking that was cut off, may take its moment."""
    seen: dict[int, tuple[set[str], set[str], set[str]]] = {}

    async def is_so() -> bool:
        for person in town.people:
            shown = {str(device["jid"]) for device in await person.phones.devices(person.number)}
            seen[person.klien_id] = shown, *_stored(town.home, person.klien_id)
        return all(shown == on_disk == in_rows for shown, on_disk, in_rows in seen.values())

    try:
        await until(is_so, BACK_WITHIN_SECONDS)
    except TimeoutError:
        raise AssertionError(f"devices on the phone, on the disk and in the row of each klien: {seen}") from None


def _stored(home: Path, klien_id: int) -> tuple[set[str], set[str]]:
    """The JIDs of the devices in the klien's store files, and of that alone which its row names."""
    with closing(sqlite3.connect(f"file:{home / 'talkabiz.db'}?mode=ro", uri=True)) as database:
        (device,) = database.execute("SELECT device FROM sessions WHERE klien_id = ?", (klien_id,)).fetchone()
    found = {}
    for path in (home / "sessions" / str(klien_id)).glob("*.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            found[path.stem] = {str(jid) for (jid,) in store.execute("SELECT jid FROM whatsmeow_device")}
    return set().union(*found.values()), found.get(device, set())


async def test_three_kills_among_five_people_who_link_and_unlink(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    await _go_through(home, 3, _printing(record_property))


@pytest.mark.soak
@pytest.mark.alone
async def test_twenty_kills_among_five_people_who_link_and_unlink(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    await _go_through(home, 20, _printing(record_property))


def _printing(record: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """Into the report of the run, and onto the screen where that isn't caught."""

    def report(name: str, value: Any) -> None:
        record(name, value)
        print(f"{name}: {value}")  # noqa: T201 - the figures are what the test is run for

    return report
