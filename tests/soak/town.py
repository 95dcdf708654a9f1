"""A hundred kliens and their people, the faults that strike them, and those who look on."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from tests.running import Phones, Server, Snapshot

BUSY_SECONDS, CALM_SECONDS = 20.0, 20.0
"""Turns: only in busy times something happens that makes the library start anew, so that what a start leaves behind can
be told apart from what time does."""
STRIKE_SECONDS = 0.7
WISH_SECONDS = 1.0
LOOK_SECONDS = 2.0
MOVERS = 20
"""Kliens whose people change their mind."""
ONLOOKERS = 30

PASSING = [
    ("drop", {}),
    ("drop", {"seconds": 4}),
    ("silence", {"seconds": 6}),
]
LASTING = [
    ("device_removed", {}),
    ("replaced", {}),
    ("temporary_ban", {"seconds": 5}),
    ("account_locked", {"count": 1}),
    ("account_banned", {"count": 1}),
    ("client_outdated", {"count": 1}),
    ("lost_515", {"count": 1}),
    ("bad_hmac", {"count": 1}),
]
FOR_ALL = [
    ("drop", {}),
    ("drop", {"seconds": 2}),
    ("http_503", {"seconds": 5}),
    ("no_qr", {"seconds": 5}),
    ("slow_qr", {"seconds": 2, "count": 3}),
    ("one_qr", {"seconds": 20}),
]
CAUSES: Mapping[str, set[str]] = {
    "logged_out": {"device_removed"},
    "account_locked": {"account_locked"},
    "account_banned": {"account_banned"},
    "replaced": {"replaced"},
    "temporary_ban": {"temporary_ban"},
    "client_outdated": {"client_outdated"},
    "pair_failed": {"bad_hmac"},
    "pair_stalled": {"lost_515", "silence", "drop", "http_503"},
    "qr_request_timeout": {"no_qr", "slow_qr", "http_503", "drop"},
    "qr_timeout": {"one_qr"},
    "unreachable": {"http_503", "drop"},
}
"""Which fault may bring a session, that is to be linked, to where it waits for a person."""


@dataclass
class Klien:
    """`wish` is what its people last asked for: to be linked, stopped or unlinked."""

    id: int
    number: str
    wish: str = "unlinked"
    struck: set[str] = field(default_factory=set)
    """By which faults, so far."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)


@dataclass
class Town:
    server: Server
    phones: Phones
    chance: random.Random
    kliens: list[Klien] = field(default_factory=list)
    states: dict[int, Snapshot] = field(default_factory=dict)
    """What was last pushed of each klien."""
    done: Counter[str] = field(default_factory=Counter)
    lags: list[float] = field(default_factory=list)
    """Milliseconds from the server's decision to the receipt of what it pushed."""
    puzzles: list[str] = field(default_factory=list)
    """Ends that no fault explains."""
    is_busy: bool = True
    is_over: bool = False

    async def settle(self, count: int) -> None:
        """They come, and link."""
        for n in range(count):
            klien = Klien(await self.server.add_klien(f"Toko {n}"), f"628144{n:06}")
            self.kliens.append(klien)
            await self.phones.call("POST", "phones", {"number": klien.number, "name": "Ibu Sari"})
            await self.link(klien)
            await self.server.wait_for(klien.id, "connected")

    def hear(self, event: str, snapshot: Snapshot) -> None:
        """Everything that is pushed about anybody."""
        self.lags.append((datetime.now(UTC) - datetime.fromisoformat(snapshot["server_now"])).total_seconds() * 1000)
        self.states[snapshot["klien_id"]] = snapshot
        self.done[event] += 1

    # --- what people do -----------------------------------------------------------------------------------------------

    async def link(self, klien: Klien) -> None:
        """As far as it goes: who finds it undone tries again."""
        klien.wish = "linked"
        answer = await self._ask("POST", "/whatsapp/connect", {"klien_id": klien.id})
        if answer.status_code == 200 and (qr := answer.json().get("qr")):
            await self._scan(klien, qr["code"])

    async def _scan(self, klien: Klien, code: str) -> None:
        answer = await self.phones._http.post(f"/sandbox/api/phones/{klien.number}/scan", json={"qr": code})
        self.done["scans" if answer.status_code == 200 else "scans refused"] += 1

    async def stop(self, klien: Klien) -> None:
        await self._ask("POST", f"/api/v1/kliens/{klien.id}/session/stop")
        klien.wish = "stopped" if klien.wish == "linked" else klien.wish  # there is nothing to stop else

    async def unlink(self, klien: Klien) -> None:
        await self._ask("DELETE", f"/api/v1/kliens/{klien.id}/session")
        klien.wish = "unlinked"

    async def cut_off(self, klien: Klien) -> None:
        """Looks at a code, and thinks better of it."""
        await self.unlink(klien)
        await self._ask("POST", "/whatsapp/connect", {"klien_id": klien.id})
        await self.unlink(klien)

    async def _ask(self, method: str, path: str, json: object = None) -> httpx.Response:
        self.done[f"{method} {path.rpartition('/')[2]}"] += 1
        answer = await self.server.http.request(method, path, json=json)
        assert answer.status_code in {200, 202, 409, 503, 504}, f"{path}: {answer.status_code} {answer.text}"
        return answer

    # --- roles: each goes on until it is over -------------------------------------------------------------------------

    async def take_turns(self) -> None:
        while not self.is_over:
            self.is_busy = True
            await asyncio.sleep(BUSY_SECONDS)
            self.is_busy = False
            await asyncio.sleep(CALM_SECONDS)

    async def strike(self) -> None:
        while not self.is_over:
            await asyncio.sleep(self.chance.uniform(0, 2 * STRIKE_SECONDS))
            if self.chance.random() < 0.05:
                await self._strike_all(*self.chance.choice(FOR_ALL))
            elif self.is_busy and self.chance.random() < 0.25:
                await self._strike_one(*self.chance.choice(LASTING))
            else:
                await self._strike_one(*self.chance.choice(PASSING))

    async def bear_the_weather(self) -> None:
        """Faults that the library gets over by itself."""
        while not self.is_over:
            await asyncio.sleep(self.chance.uniform(0, 2 * STRIKE_SECONDS))
            if self.chance.random() < 0.03:
                await self._strike_all("drop", {"seconds": 2})
            else:
                await self._strike_one(*self.chance.choice(PASSING))

    async def _strike_one(self, fault: str, options: Mapping[str, int]) -> None:
        klien = self.chance.choice(self.kliens)
        klien.struck.add(fault)
        self.done[f"fault {fault}"] += 1
        await self.phones.fault(fault, number=klien.number, **options)

    async def _strike_all(self, fault: str, options: Mapping[str, int]) -> None:
        for klien in self.kliens:
            klien.struck.add(fault)
        self.done[f"fault {fault} for all"] += 1
        await self.phones.fault(fault, **options)

    async def change_minds(self) -> None:
        movers = self.kliens[:MOVERS]
        while not self.is_over:
            await asyncio.sleep(self.chance.uniform(0, 2 * WISH_SECONDS))
            klien = self.chance.choice(movers)
            if not self.is_busy or klien.busy.locked():
                continue
            async with klien.busy:
                await self.chance.choice([self.link, self.link, self.stop, self.unlink, self.cut_off])(klien)

    async def look_after(self) -> None:
        """Whoever finds a klien of theirs waiting for a person does what it waits for."""
        while not self.is_over:
            await asyncio.sleep(LOOK_SECONDS)
            waiting = [klien for klien in self.kliens if self._waits(klien) and not klien.busy.locked()]
            await asyncio.gather(*(self._help(klien) for klien in waiting))

    def _waits(self, klien: Klien) -> bool:
        state = self.states.get(klien.id)
        if klien.wish != "linked" or not state:
            return False
        return state["status"] in {"disconnected", "expired", "qr_ready"} or (
            state["status"] == "error" and not state["retry_at"]
        )

    async def _help(self, klien: Klien) -> None:
        async with klien.busy:
            if not self._waits(klien):
                return
            state = self.states[klien.id]
            if state["status"] != "qr_ready" and not _is_explained(klien, state):
                self.puzzles.append(f"{klien} is {_words(state)}")
            self.done["helped"] += 1
            await self.link(klien)

    async def look_on(self, chance: random.Random) -> None:
        """One of the onlookers: comes, looks at some klien, and goes."""
        while not self.is_over:
            await asyncio.sleep(chance.uniform(0, 4))
            async with self.server.watch(chance.choice(self.kliens).id):
                self.done["visits"] += 1
                await asyncio.sleep(chance.uniform(0, 8))

    # --- the end ------------------------------------------------------------------------------------------------------

    def unlike_wished(self) -> list[str]:
        """Kliens that aren't as their people want them."""
        unlike = [klien for klien in self.kliens if not _is_as_wished(klien, self.states[klien.id])]
        return [f"{klien} is {_words(self.states[klien.id])}" for klien in unlike]


def _is_as_wished(klien: Klien, state: Snapshot) -> bool:
    status, reason = state["status"], state["reason"]
    if klien.wish == "linked":
        return (status, reason) == ("connected", None)
    asked_for = reason == ("stopped" if klien.wish == "stopped" else "by_user")
    return status == "disconnected" and (asked_for or _is_explained(klien, state))


def _is_explained(klien: Klien, state: Snapshot) -> bool:
    return bool(CAUSES.get(str(state["reason"]), set()) & klien.struck)


def _words(state: Snapshot) -> str:
    return f"{state['status']}({state['reason']}) since {state['since']}, to be tried at {state['retry_at']}"
