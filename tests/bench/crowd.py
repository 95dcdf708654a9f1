"""Many idle sockets in a process of their own: connected, authenticated, subscribed to another klien, answering pings.

Started by `tests.bench.push`: `crowd URL KEY KLIEN COUNT`. Prints `ready` when all are in.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp

AT_ONCE = 50


async def main(url: str, key: str, klien_id: int, count: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    address = f"{url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
    messages = ("40" + json.dumps({"token": key}), "420" + json.dumps(["subscribe", {"klien_id": klien_id}]))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as crowd:
        entered = [asyncio.Event() for _ in range(count)]
        for event in entered:
            crowd.create_task(sit(session, gate, address, messages, event))
        for event in entered:
            await event.wait()
        print("ready", flush=True)


async def sit(
    session: aiohttp.ClientSession,
    gate: asyncio.Semaphore,
    address: str,
    messages: tuple[str, str],
    entered: asyncio.Event,
) -> None:
    """`messages`: the Socket.IO packets that connect and subscribe."""
    async with gate:
        socket = await session.ws_connect(address, max_msg_size=0)
        await socket.receive_str()  # the Engine.IO handshake
        await socket.send_str(messages[0])
        while not (await socket.receive_str()).startswith("40"):
            pass
        await socket.send_str(messages[1])
        while not (await socket.receive_str()).startswith("430"):
            pass
    entered.set()
    async for message in socket:
        if message.data == "2":
            await socket.send_str("3")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
