"""A session of the npm package baileys: another client of the protocol, by other people, in a process of its own."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tests.running import CHECKOUT

WAIT_SECONDS = 20
END_SECONDS = 10
LONGEST_LINE = 16 << 20
INSTALLED = Path(CHECKOUT) / "build" / "independent"

LINKED = 515
"""The code of the end that every pairing has; the client comes back by itself."""
KNOWN_COMPLAINTS = {
    "stream errored out": "it was told why its link ends",
    "failed to assert sessions for newly mapped LIDs": "it asks for the keys of the phone itself, which has none here",
}

Fact: TypeAlias = dict[str, Any]
_asks = itertools.count(1)


class Refused(AssertionError):
    """What the package says when a call fails."""


class Session:
    """What it told stands in `facts`, oldest first: codes among them, which is why no failure shows what is in them."""

    def __init__(self, process: asyncio.subprocess.Process, errors: Path) -> None:
        self.facts: list[Fact] = []
        self.known = set(KNOWN_COMPLAINTS)
        """What it may complain of."""
        self._process = process
        self._errors = errors
        self._news = asyncio.Event()

    async def listen(self) -> None:
        """Until its process has ended."""
        assert self._process.stdout
        async for line in self._process.stdout:
            self.facts.append(json.loads(line))
            self._news.set()
        self._news.set()

    async def end(self) -> int:
        assert self._process.stdin
        self._process.stdin.close()
        async with asyncio.timeout(END_SECONDS):
            return await self._process.wait()

    # ── what it is told to do ─────────────────────────────────────────────────────────────────────────────────────────

    async def connect(self) -> None:
        """Shows a code first, if its directory holds no keys of a device."""
        await self._ask("start")

    async def call(self, method: str, *args: Any) -> Any:
        """A method of the package's socket, by its name there. Refused."""
        return await self._ask("call", method=method, args=args)

    async def send(self, to: str, content: Fact, options: Fact | None = None) -> str:
        """The message's id."""
        return str((await self.call("sendMessage", to, content, options or {}))["key"]["id"])

    async def download(self, id_: str) -> bytes:
        return read(await self._ask("download", id=id_))

    async def _ask(self, do: str, **details: Any) -> Any:
        assert self._process.stdin
        ask, seen = next(_asks), len(self.facts)
        self._process.stdin.write(json.dumps({"ask": ask, "do": do, **details}).encode() + b"\n")
        answer = await self.wait(lambda fact: fact["event"] == "answer" and fact["ask"] == ask, after=seen)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["value"]

    # ── what it tells ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def qr(self) -> str:
        return str((await self.event("connection.update", lambda data: "qr" in data))["qr"])

    async def opened(self, after: int = 0) -> None:
        await self.event("connection.update", lambda data: data.get("connection") == "open", after)

    async def closed(self, after: int = 0) -> int | None:
        """The code that it was given, or that the package has for it."""
        fact = await self.wait(lambda fact: fact["event"] == "closed" and fact["code"] != LINKED, after)
        code: int | None = fact["code"]
        return code

    async def message(self, id_: str) -> Fact:
        """Once it could be read."""
        return await self._item("messages.upsert", id_, lambda item: "message" in item)

    async def updated(self, id_: str, wanted: Callable[[Fact], bool]) -> Fact:
        """What has become of a message: another status, another text."""
        return await self._item("messages.update", id_, lambda item: wanted(item["update"]))

    async def event(self, name: str, wanted: Callable[[Any], bool] = lambda _: True, after: int = 0) -> Any:
        return (await self.wait(lambda fact: fact["event"] == name and wanted(fact["data"]), after))["data"]

    async def wait(self, wanted: Callable[[Fact], bool], after: int = 0) -> Fact:
        """The first fact of the kind, from that index on."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    self._news.clear()
                    for fact in self.facts[after:]:
                        if wanted(fact):
                            return fact
                    if self._process.returncode is not None:
                        raise AssertionError(f"it ended: {self._errors.read_text()[-2000:]}")
                    await self._news.wait()
        except TimeoutError:
            names = [fact["event"] for fact in self.facts[after:]]
            raise AssertionError(f"not among {names}; complaints: {self.complaints()}") from None

    def texts(self) -> list[str]:
        """Of the messages of others, in the order in which it got them."""
        batches = [fact["data"]["messages"] for fact in self.facts if fact["event"] == "messages.upsert"]
        return [text_of(item) for batch in batches for item in batch if not item["key"]["fromMe"]]

    def complaints(self) -> list[str]:
        return [fact["text"] for fact in self.facts if fact["event"] == "complaint"]

    async def _item(self, name: str, id_: str, wanted: Callable[[Fact], bool]) -> Fact:
        """One of those that come in batches."""

        def found(fact: Fact) -> list[Fact]:
            data = fact["data"] if fact["event"] == name else []
            items = data["messages"] if isinstance(data, dict) else data
            return [item for item in items if item["key"]["id"] == id_ and wanted(item)]

        return found(await self.wait(lambda fact: bool(found(fact))))[0]


@asynccontextmanager
async def session(directory: Path, proxy_url: str, ca_file: Path | str, root_key: str) -> AsyncIterator[Session]:
    """`directory` keeps its keys; the same one again is the same device again. It has to end by itself, without a
    complaint that isn't known.
    """
    node = INSTALLED / "node"
    assert node.exists(), "make build/independent/node"
    directory.mkdir(exist_ok=True)
    environment = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    errors = directory.with_suffix(".err")
    with errors.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(node.read_text().strip(), str(Path(__file__).with_name("client.mjs"))),
            *(str(directory), proxy_url, root_key),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env=environment | {"NODE_EXTRA_CA_CERTS": str(ca_file)},
            limit=LONGEST_LINE,
        )
    made = Session(process, errors)
    listening = asyncio.create_task(made.listen())
    try:
        await made.wait(lambda fact: fact["event"] == "ready")
        yield made
        assert await made.end() == 0, errors.read_text()[-2000:]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await listening
        process._transport.close()  # type: ignore[attr-defined] # else its pipe is closed late, with a warning
    unknown = set(made.complaints()) - made.known
    assert not unknown, unknown


def text_of(item: Fact) -> str:
    message = item.get("message") or {}
    return str(message.get("conversation") or message.get("extendedTextMessage", {}).get("text", ""))


def give(data: bytes) -> Fact:
    """Bytes as the package reads them in JSON."""
    return {"type": "Buffer", "data": base64.b64encode(data).decode()}


def read(value: Fact) -> bytes:
    assert value["type"] == "Buffer"
    return base64.b64decode(value["data"])
