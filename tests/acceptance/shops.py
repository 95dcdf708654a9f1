"""Kliens that are linked and send as fast as it goes, and people who chat with them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running import FACT_SECONDS, Phones, Server, Snapshot, Watch, serving

SHOP = "628111000081"
ANI, BUDI, NOBODY = "628111000091", "628111000092", "628111000099"
AT_ONCE = {"per_minute": 0}

Fits = Callable[[dict[str, Any]], bool]


def jid(number: str) -> str:
    return f"{number}@s.whatsapp.net"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def anything(_: dict[str, Any]) -> bool:
    return True


@dataclass(frozen=True)
class Shop:
    """`watch` is an admin's socket that is subscribed to the klien."""

    server: Server
    phones: Phones
    klien_id: int
    number: str
    watch: Watch

    @property
    def path(self) -> str:
        return f"/api/v1/kliens/{self.klien_id}"

    async def post(self, *, expect: int = 202, **body: Any) -> dict[str, Any]:
        """A message to be sent, as JSON."""
        return dict(await self.server.call("POST", f"{self.path}/messages", body, expect=expect))

    async def upload(self, path: str, data: bytes, mimetype: str, filename: str, **fields: str) -> dict[str, Any]:
        """A form with a file, to `messages` or `media`."""
        file = {"file": (filename, data, mimetype)}
        answer = await self.server.http.post(f"{self.path}/{path}", data=fields, files=file)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def shown(self, message: int | dict[str, Any]) -> dict[str, Any]:
        number = message if isinstance(message, int) else message["id"]
        return dict(await self.server.call("GET", f"{self.path}/messages/{number}"))

    async def listed(self) -> list[dict[str, Any]]:
        return list((await self.server.call("GET", f"{self.path}/messages?limit=500"))["messages"])

    async def becomes(
        self, message: dict[str, Any], *statuses: str, fits: Fits = anything, seconds: float = FACT_SECONDS
    ) -> dict[str, Any]:
        """As its socket tells it, once it is in one of these."""

        def is_right(told: Snapshot) -> bool:
            return told["id"] == message["id"] and told["status"] in statuses and fits(told)

        try:
            return dict(await self.watch.wait_for("message_status", is_right, seconds))
        except AssertionError:
            raise AssertionError(f"not {statuses}, but {self.told(message)}, {await self.shown(message)}") from None

    def told(self, message: dict[str, Any]) -> list[str]:
        """The statuses that the socket was told of it, in order, each once."""
        found = [data["status"] for name, data in self.watch.events if _is_of(name, data, message["id"])]
        return list(dict.fromkeys(found))

    async def hears(self, wa_id: str) -> dict[str, Any]:
        """What the socket is told of a message of the phone's, when it comes in."""
        return dict(await self.watch.wait_for("message", lambda told: told["wa_id"] == wa_id))


def _is_of(name: str, data: Snapshot, number: int) -> bool:
    return name in {"message", "message_status"} and data["id"] == number


@dataclass(frozen=True)
class Person:
    """A virtual phone that chats."""

    phones: Phones
    number: str

    async def say(self, to: str, **body: Any) -> dict[str, Any]:
        return dict(await self.phones.call("POST", f"phones/{self.number}/messages", {"to": to, **body}))

    async def log(self) -> list[dict[str, Any]]:
        """All that stands in its chats."""
        return list((await self.phones.call("GET", f"phones/{self.number}/messages"))["messages"])

    async def sees(self, fits: Fits, seconds: float = FACT_SECONDS) -> dict[str, Any]:
        """The first message in its chats that is right, once there is one."""
        async with asyncio.timeout(seconds):
            while True:
                log = await self.log()
                if found := next(filter(fits, log), None):
                    return found
                after = f"&after={log[-1]['id']}" if log else ""
                await self.phones.call("GET", f"phones/{self.number}/messages?wait=0.5{after}")

    async def gets(self, text: str) -> dict[str, Any]:
        return await self.sees(lambda message: message["text"] == text and message["direction"] == "in")

    async def texts(self) -> list[str]:
        """What came in, in order."""
        return [str(message["text"]) for message in await self.log() if message["direction"] == "in"]

    async def file(self, message: str) -> bytes:
        answer = await self.phones._http.get(f"/sandbox/api/phones/{self.number}/messages/{message}/media")
        assert answer.status_code == 200, answer.text
        return answer.content


@asynccontextmanager
async def opened(server: Server, phones: Phones, nama: str, number: str) -> AsyncIterator[Shop]:
    """Linked to this phone."""
    klien_id = await server.add_klien(nama)
    await server.link(phones, klien_id, number, f"Pemilik {nama}")
    await server.call("PUT", f"/api/v1/kliens/{klien_id}/pace", AT_ONCE)
    async with server.watch(klien_id) as watch:
        yield Shop(server, phones, klien_id, number, watch)


async def person(phones: Phones, number: str, name: str) -> Person:
    await phones.call("POST", "phones", {"number": number, "name": name, "chats": True})
    return Person(phones, number)


@asynccontextmanager
async def pairs(home: Path, count: int) -> AsyncIterator[list[tuple[Shop, Person]]]:
    """So many shops, each with a customer of its own, to let things happen to them at the same time."""
    async with serving(home, "--sandbox") as server, AsyncExitStack() as stack:
        phones = Phones(server.http)
        made = []
        for each in range(count):
            customer = await person(phones, f"62811120010{each}", f"Pelanggan {each}")
            shop = await stack.enter_async_context(opened(server, phones, f"Toko {each}", f"62811120000{each}"))
            made.append((shop, customer))
        yield made


@asynccontextmanager
async def shop_and_ani(home: Path) -> AsyncIterator[tuple[Shop, Person]]:
    """The product with its sandbox, a shop, and somebody whom it can write to."""
    async with serving(home, "--sandbox") as server:
        phones = Phones(server.http)
        ani = await person(phones, ANI, "Ani")
        async with opened(server, phones, "Toko Sinar", SHOP) as shop:
            yield shop, ani
