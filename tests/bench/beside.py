"""The process of `tests.bench.bare_chats`, as the bench talks to it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.running import CHECKOUT, Loopback, Phones

ANSWER_SECONDS = 120.0


class Bare:
    """`heard`: when each text came in, by `time.monotonic`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.heard: dict[str, float] = {}
        self._process = process
        self._answers: asyncio.Queue[list[str]] = asyncio.Queue()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def pair(self, name: str, phones: Phones, number: str) -> None:
        self._say(f"pair {name}")
        _, _, code = await self.wait_for("qr")
        await phones.scan(number, code, f"Toko {name}")
        await self.wait_for("connected")

    async def send(self, count: int, ways: Mapping[str, str]) -> float:
        """Seconds until all are sent; `ways`: from whom to which number, `count` each."""
        began = time.monotonic()
        self._say(f"send {count} {' '.join(f'{name}={number}' for name, number in ways.items())}")
        return float((await self.wait_for("sent"))[1]) - began

    async def wait_for(self, what: str) -> Sequence[str]:
        async with asyncio.timeout(ANSWER_SECONDS):
            while (words := await self._answers.get())[0] != what:
                assert words[0] != "failed", words
            return words

    async def read(self) -> None:
        """Until it ends."""
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            words = line.decode().strip().split(maxsplit=2)
            if words[0] == "heard":
                self.heard[words[2]] = float(words[1])
            else:
                self._answers.put_nowait(words)
        self._answers.put_nowait(["failed", "", "the bare library's process ended"])

    def _say(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n".encode())


@asynccontextmanager
async def bare_library(home: Path, other_side: Loopback) -> AsyncIterator[Bare]:
    wa, folder = other_side.settings, home / "bare"
    folder.mkdir()
    with (home / "bare.err").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.bare_chats", str(folder)),
            *(wa["wa_proxy_url"], wa["wa_ca_file"], wa["wa_root_key"]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=CHECKOUT,
        )
    bare = Bare(process)
    reading = asyncio.create_task(bare.read())
    try:
        await bare.wait_for("ready")
        yield bare
    finally:
        process.kill()
        await process.wait()
        await reading
