"""The bare library, for comparison: neonize's own asyncio client, as its documentation uses it, and nothing of ours but
the loopback's root key.

Started as a process by `tests.bench.linking`. Reads the names of pairings from stdin, one a line; for each prints
`asked SECONDS`, `qr SECONDS TEXT` and, once it has been scanned, `connected SECONDS` (time.monotonic: one clock for the
whole machine).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from talkabiz.whatsapp import binding

SESSIONS = 64
"""neonize keeps a thread of the default executor for each; the executor's own size would end the bench early."""


async def main(directory: Path, proxy_url: str, ca_file: str, root_key: str) -> None:
    binding.load(ca_file=Path(ca_file), root_key=bytes.fromhex(root_key))
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(SESSIONS))
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    clients: list[Any] = []
    say("ready")
    while line := await lines.readline():
        clients.append(await pair(directory / f"{line.decode().strip()}.db", proxy_url))


async def pair(store: Path, proxy_url: str, prepare: Callable[[Any], None] = lambda _: None) -> Any:
    """The client, connecting. `prepare` gets it before: handlers can't be added later."""
    from neonize._binder import ProxySettings
    from neonize.aioze.client import NewAClient
    from neonize.aioze.events import ConnectedEv

    shown = False

    async def on_qr(_: object, text: bytes) -> None:
        nonlocal shown
        if not shown:
            shown = True
            say("qr", text.decode())

    async def on_connected(_: object, __: object) -> None:
        say("connected")

    client = NewAClient(str(store), uuid=store.stem)
    client.event.qr(on_qr)
    client.event(ConnectedEv)(on_connected)
    prepare(client)
    say("asked")
    await client.connect(ProxySettings(proxy_address=proxy_url))
    return client


def say(what: str, text: str = "") -> None:
    # Descriptor 1 was taken away from the library, but sys.stdout still leads to the parent.
    print(f"{what} {time.monotonic()} {text}".rstrip(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:5]))
