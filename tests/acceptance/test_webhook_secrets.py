"""One whole story, with everything secret that occurs in it: none of it leaves by webhook, and none of it stands in the
database or in the log, whatever is logged.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from talkabiz.services.sealing import FILE
from tests.running import API_KEY, Phones, Server, klien_key, serving, until

NUMBER, FRIEND = "628111000301", "628111000302"
SHORTEST = 8


class Receiver:
    """Takes all, and keeps it as it came: the address, headers and body."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, bytes]] = []
        self.url = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        self.taken.append((head, await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    def told(self, path: str) -> list[Any]:
        return [json.loads(body) for head, body in self.taken if head.startswith(b"POST " + path.encode())]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with await asyncio.start_server(receiver.take, "127.0.0.1") as server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield receiver


def pieces(qr: str) -> set[str]:
    """A code to scan: whole, and each key in it."""
    return {qr, qr.partition("#")[2], *(part for part in qr.replace("@", ",").split(",") if len(part) > SHORTEST)}


def forms(secrets: Iterable[str]) -> set[bytes]:
    """As they are, and of webhook secrets also what is in them."""
    found = {secret.encode() for secret in secrets if len(secret) >= SHORTEST}
    bare = {secret.removeprefix(b"whsec_") for secret in found if secret.startswith(b"whsec_")}
    return found | bare | {base64.b64decode(secret) for secret in bare}


async def _story(server: Server, receiver: Receiver, home: Path) -> set[str]:
    """A klien's whole life, told to a webhook of each kind; every secret that there was."""
    phones, klien = Phones(server.http), f"/api/v1/kliens/{await server.add_klien('Toko Sinar')}"
    hook = await server.call("POST", f"{klien}/webhooks", {"url": f"{receiver.url}/standard"}, expect=201)
    rotated = await server.call("POST", f"{klien}/webhooks/{hook['id']}/rotate-secret", {})
    incoming = await server.call("POST", f"{klien}/incoming-secret", {}, expect=201)
    token = await server.call("POST", f"{klien}/link-tokens", {}, expect=None)
    secrets = {hook["secret"], rotated["secret"], incoming["secret"], token["token"], await klien_key(home, 1), API_KEY}
    secrets |= {(server.login_link or "").rpartition("/")[2], (home / "sessions" / FILE).read_text().strip()}

    await server.call("POST", "/api/session/start", {"klien_id": 1, "webhook_url": f"{receiver.url}/older"})
    paired = await server.call("POST", f"{klien}/session/pairing-code", {"phone": NUMBER})
    snapshot = await server.connect(1)
    secrets |= {paired["code"], paired["code"].replace("-", "")} | pieces(snapshot["qr"]["code"])
    await phones.scan(NUMBER, snapshot["qr"]["code"])
    await server.wait_for(1, "connected")
    await phones.call("POST", "phones", {"number": FRIEND, "name": "Pak Budi"})
    await phones.call("POST", f"phones/{FRIEND}/messages", {"to": NUMBER, "text": "Buka jam berapa?"})
    await server.call("POST", f"{klien}/messages", {"to": FRIEND, "type": "text", "text": "Jam 9."}, expect=202)

    async def all_is_told() -> bool:
        types = {told["type"] for told in receiver.told("/standard")}
        return {"session.status", "message.received", "message.status"} <= types

    await until(all_is_told)
    await server.disconnect(1)

    async def its_end_is_told() -> bool:
        ends = [told["data"]["status"] for told in receiver.told("/standard") if told["type"] == "session.status"]
        older = [told["status"] for told in receiver.told("/older")]
        return "disconnected" in ends and older == ["connected", "disconnected"]

    await until(its_end_is_told)
    return secrets


async def test_nothing_secret_leaves_by_webhook_or_stands_in_the_database_or_the_log(home: Path) -> None:
    async with receiving() as receiver:
        settings = {"webhook_allow_hosts": "127.0.0.1", "log_level": "debug"}
        async with serving(home, "--sandbox", **settings) as server:
            secrets = await _story(server, receiver, home)
            log = server.process.errors
            assert await server.process.end() == 0
    assert len(secrets) > SHORTEST, "there were some of each kind"

    database = b"".join(path.read_bytes() for path in home.glob("talkabiz.db*"))
    assert b"Buka jam berapa?" in database, "what is in clear can be found in it"
    for secret in forms(secrets):
        assert not [body for sent in receiver.taken for body in sent if secret in body], secret
        assert secret not in database, secret
        assert secret not in log.read_bytes(), secret
    for word in (b'"qr"', b'"pairing"', b"<svg", b"data:image", b"linked_devices"):
        assert not [body for _, body in receiver.taken if word in body], word
    assert b"Buka jam berapa?" not in log.read_bytes()
