"""The real library for a test: a child process that holds it, and its sessions one by one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEADLINE_SECONDS = 30.0
_asks = itertools.count(1)
_ROOT = Path(__file__).resolve().parents[2]


class Library:
    """Lines of JSON to and from tests/sandbox/driver.py."""

    def __init__(self, ca_file: Path, root_key: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sandbox.driver", root_key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=_ROOT,
            env=os.environ | {"SSL_CERT_FILE": str(ca_file)},
            text=True,
        )
        self._sessions: dict[str, Client] = {}
        self._ready = threading.Event()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        if not self._ready.wait(DEADLINE_SECONDS):
            raise RuntimeError("the library's process didn't start")

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # it has died
            self._process.stdin.close()
        self._process.wait(DEADLINE_SECONDS)
        self._reading.join(DEADLINE_SECONDS)
        self._process.stdout.close()
        self._errors.close()

    def client(self, name: str, store: Path, proxy_url: str) -> Client:
        client = Client(self, name, store, proxy_url)
        self._sessions[name] = client
        return client

    def forget(self, client: Client) -> None:
        """Stops a session; nothing that it still reports is heard."""
        del self._sessions[client.name]
        self.order(do="stop", id=client.name)

    def order(self, **order: Any) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(f"the library's process has died: {self._last_words()}") from None

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[:3000]

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            fact = json.loads(line)
            if fact["event"] == "ready":
                self._ready.set()
            elif session := self._sessions.get(fact["id"]):
                session.tell(fact)


class Client:
    """One session. What it reported stands in `facts`, oldest first."""

    def __init__(self, library: Library, name: str, store: Path, proxy_url: str) -> None:
        self.facts: list[dict[str, Any]] = []
        self._library = library
        self.name = name
        self._store = store
        self._proxy_url = proxy_url
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    def start(self) -> None:
        self._library.order(do="start", id=self.name, path=str(self._store), proxy=self._proxy_url)

    async def ask(self, do: str, **details: Any) -> Any:
        """Waits for the answer; others may be waited for meanwhile."""
        ask, seen = next(_asks), len(self.facts)
        self._library.order(do=do, id=self.name, ask=ask, **details)
        return (await self.wait_for(lambda fact: fact["event"] == "answer" and fact["ask"] == ask, after=seen))["value"]

    async def send(self, to: str, text: str) -> str:
        """The message's id. AssertionError if it couldn't be sent."""
        return await self.send_message(to, {"conversation": text})

    async def send_message(self, to: str, message: dict[str, Any]) -> str:
        answer = await self.ask("send", to=to, message=message)
        assert "Error" not in answer, answer
        return str(answer["SendResponse"]["ID"])

    async def message(self, text: str, after: int = 0) -> dict[str, Any]:
        """The event of a message with that text."""
        fact = await self.wait_for(lambda fact: fact.get("name") == "Message" and text_of(fact) == text, after)
        return dict(fact["data"])

    def texts(self, after: int = 0) -> list[str]:
        """Of the messages that came, in their order."""
        return [text for fact in self.facts[after:] if fact.get("name") == "Message" and (text := text_of(fact))]

    async def qr(self, after: int = 0) -> str:
        return str((await self.wait_for(lambda fact: fact["event"] == "qr", after=after))["code"])

    async def event(self, name: str, after: int = 0, within_seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """The data of an event of the library, by the name of its message."""
        return dict((await self.wait_for(lambda fact: fact.get("name") == name, after, within_seconds))["data"])

    async def wait_for(
        self, wanted: Callable[[dict[str, Any]], bool], after: int = 0, within_seconds: float = DEADLINE_SECONDS
    ) -> dict[str, Any]:
        """The first fact of the kind among those from index `after` on. TimeoutError, with what came instead."""
        try:
            async with asyncio.timeout(within_seconds):
                while True:
                    self._news.clear()
                    for fact in self.facts[after:]:
                        if wanted(fact):
                            return fact
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"only this came: {self.facts[after:]}") from None

    def tell(self, fact: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the test is over, and its loop with it
            self._loop.call_soon_threadsafe(self._take, fact)

    def _take(self, fact: dict[str, Any]) -> None:
        self.facts.append(fact)
        self._news.set()


def text_of(fact: dict[str, Any]) -> str:
    message = fact["data"].get("Message", {})
    return str(message.get("conversation", "") or message.get("extendedTextMessage", {}).get("text", ""))
