"""The bare library in chats, for comparison: neonize's own asyncio client, as its documentation uses it.

Started as a process by `tests.bench.messages`. Reads commands from stdin, one a line:

- `pair NAME`: answers as `tests.bench.bare` does;
- `send COUNT NAME=NUMBER …`: each of these sends so many texts to that number, one after the other, all of them at
  once. Answers `sent SECONDS` when all are, or `failed SECONDS WHY`.

Of each text that comes in it prints `heard SECONDS TEXT` (time.monotonic: one clock for the whole machine).
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from talkabiz.whatsapp import binding
from tests.bench.bare import SESSIONS, pair, say


async def main(directory: Path, proxy_url: str, ca_file: str, root_key: str) -> None:
    binding.load(ca_file=Path(ca_file), root_key=bytes.fromhex(root_key))
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2 * SESSIONS))
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    clients: dict[str, Any] = {}
    say("ready")
    while line := await lines.readline():
        match line.decode().split():
            case ["pair", name]:
                clients[name] = await pair(directory / f"{name}.db", proxy_url, listen)
            case ["send", count, *ways]:
                await send(clients, int(count), ways)


def listen(client: Any) -> None:
    """Before it connects."""
    from neonize.aioze.events import MessageEv

    async def on_message(_: object, message: Any) -> None:
        say("heard", message.Message.conversation or message.Message.extendedTextMessage.text)

    client.event(MessageEv)(on_message)


async def send(clients: dict[str, Any], count: int, ways: list[str]) -> None:
    async def from_one(name: str, number: str) -> None:
        for n in range(count):
            await clients[name].send_message(number, f"Pesan {n}")

    try:
        await asyncio.gather(*(from_one(*way.split("=")) for way in ways))
    except Exception as error:  # noqa: BLE001 - whatever it is, the bench has to be told
        say("failed", repr(error))
    else:
        say("sent")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:5]))
