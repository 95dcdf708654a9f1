"""Starts, stops and calls at once, as fast as they go: `python -m tests.whatsapp.hazard [seconds] [--no-gate]`.

With the gate the process lives. Without it, it tends to die of `fatal error: concurrent map read and map write` within
seconds: how soon is chance, so that is not a test.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import structlog

from talkabiz.domain import inputs as i
from talkabiz.sandbox.certificates import Certificates
from talkabiz.whatsapp import library
from talkabiz.whatsapp.binding import Binding, load
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.gate import Gate, Lease
from talkabiz.whatsapp.local import LocalWhatsApp
from talkabiz.whatsapp.run import Run, RunClosed
from tests.whatsapp.ear import Ear, fresh_attempt, link
from tests.whatsapp.proxies import refusing_proxy

SESSIONS = 3
STARTERS = 3
CALLERS = 4


class OpenGate(Gate):
    """Lets everybody in."""

    def shared(self) -> Lease:
        return Lease(self, shared=True, until=0)

    def exclusive(self) -> Lease:
        return Lease(self, shared=False, until=0)


def run_of(edge: LocalWhatsApp, name: str) -> Run:
    attempt = edge._engine.find(name)
    assert attempt is not None
    assert attempt.run is not None
    return attempt.run


def call(run: Run, over: threading.Event, counts: Counter[str]) -> None:
    while not over.is_set():
        with suppress(RunClosed):
            run.is_up()
            counts["calls"] += 2


async def start_and_fail(edge: LocalWhatsApp, ear: Ear, over: threading.Event, counts: Counter[str]) -> None:
    while not over.is_set():
        attempt = fresh_attempt()
        edge.start_pairing(1, attempt)
        await ear.wait(attempt, i.NoRoute)
        counts["starts that failed"] += 1


async def come_and_go(edge: LocalWhatsApp, ear: Ear, device: str, over: threading.Event, counts: Counter[str]) -> None:
    while not over.is_set():
        attempt = fresh_attempt()
        edge.start_session(1, attempt, device)
        await ear.wait(attempt, i.Connected)
        edge.close(attempt)
        counts["log-ins"] += 1


def open_edge(binding: Binding, folder: Path, proxy_url: str) -> tuple[LocalWhatsApp, Ear]:
    edge = LocalWhatsApp(binding, Devices.open(folder), proxy_url=proxy_url, loop=asyncio.get_running_loop())
    ear = Ear()
    edge.connect_facts(ear)
    return edge, ear


async def rush(binding: Binding, folder: Path, certificates: Certificates, seconds: float) -> Counter[str]:
    from talkabiz.sandbox.tokens import read_tokens
    from talkabiz.sandbox.world import Sandbox

    sandbox = Sandbox(read_tokens(library.regions()), certificates)
    await sandbox.start()
    library.swap_root_key(bytes.fromhex(sandbox.root_key))
    edge, ear = open_edge(binding, folder / "up", sandbox.proxy_url)
    devices = [
        await link(edge, sandbox, ear, klien_id, f"62812000000{klien_id}") for klien_id in range(1, SESSIONS + 1)
    ]
    edge.close(devices[0])

    counts: Counter[str] = Counter()
    over = threading.Event()
    for number in range(CALLERS):
        run = run_of(edge, devices[1 + number % (SESSIONS - 1)])
        threading.Thread(target=call, args=(run, over, counts), daemon=True).start()
    failing = [open_edge(binding, folder / f"down{number}", refusing_proxy()) for number in range(STARTERS)]
    asyncio.get_running_loop().call_later(seconds, over.set)
    await asyncio.gather(
        come_and_go(edge, ear, devices[0], over, counts),
        *(start_and_fail(down, its_ear, over, counts) for down, its_ear in failing),
    )
    counts["connected at the end"] = sum(run_of(edge, device).is_up() for device in devices[1:])
    await edge.shutdown(10)
    return counts


def main(seconds: float, *, gate: bool, out: TextIO) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        folder = Path(directory)
        certificates = Certificates.create(folder / "certificates")
        loaded = load(ca_file=certificates.ca_file)
        binding = loaded if gate else Binding(loaded.neonize, OpenGate(), loaded.device_props, loaded.authority)
        counts = asyncio.run(rush(binding, folder, certificates, seconds))
    print(json.dumps(counts), file=out, flush=True)


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--no-gate"]
    # The stream as it was before the library came, for nothing that has kept it may lose its output.
    main(float(arguments[0]) if arguments else 10, gate="--no-gate" not in sys.argv, out=sys.stdout)
    os._exit(0)
