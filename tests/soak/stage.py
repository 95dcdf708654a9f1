"""An edge in this process, against a loopback WhatsApp in another."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from talkabiz.domain import inputs as i
from talkabiz.whatsapp.binding import Binding, load
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.local import LocalWhatsApp
from tests.running import Loopback, Phones
from tests.whatsapp.ear import Ear, fresh_attempt


def load_for(world: Loopback) -> Binding:
    settings = world.settings
    return load(ca_file=Path(settings["wa_ca_file"]), root_key=bytes.fromhex(settings["wa_root_key"]))


class Stage:
    """An edge, and what it told."""

    def __init__(self, binding: Binding, folder: Path, world: Loopback, proxy_url: str | None = None) -> None:
        """Without a `proxy_url` of its own it reaches the loopback."""
        loop = asyncio.get_running_loop()
        proxy_url = proxy_url or world.settings["wa_proxy_url"]
        self.edge = LocalWhatsApp(binding, Devices.open(folder), proxy_url=proxy_url, loop=loop)
        self.phones = Phones(world.http)
        self.ear = Ear()
        self.edge.connect_facts(self.ear)

    async def show_code(self, klien_id: int) -> tuple[str, str]:
        """The attempt, and its first code."""
        attempt = fresh_attempt()
        self.edge.start_pairing(klien_id, attempt)
        return attempt, (await self.ear.wait(attempt, i.CodeIssued)).text

    async def link(self, klien_id: int, number: str) -> str:
        """The attempt, which is the device now, connected."""
        attempt, code = await self.show_code(klien_id)
        await self.phones.scan(number, code)
        await self.ear.wait(attempt, i.Connected)
        return attempt

    async def come_back(self, klien_id: int, device: str) -> str:
        """The attempt, connected."""
        attempt = fresh_attempt()
        self.edge.start_session(klien_id, attempt, device)
        await self.ear.wait(attempt, i.Connected)
        return attempt


def play(act: Callable[[Path], Coroutine[Any, Any, None]]) -> None:
    """Runs it with a folder for its files, and ends the process without waiting for the library's threads.

    The folder is in memory where that can be had: a pairing writes 800 keys, and waits for a disk after each.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        asyncio.run(act(Path(folder)))
    os._exit(0)
