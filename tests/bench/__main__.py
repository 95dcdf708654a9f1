"""`make bench`: the figures that we promise, measured in one run against the loopback WhatsApp."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.bench import hundred, linking, memory, messages, push, sandbox, webhooks
from tests.bench.figures import Figure

SECTIONS = {
    "linking": linking.measure,
    "push": push.measure,
    "memory": memory.measure,
    "hundred": hundred.measure,
    "messages": messages.measure,
    "webhooks": webhooks.measure,
    "sandbox": sandbox.measure,
}


async def main(names: list[str]) -> int:
    cpus = os.cpu_count()
    print(f"Python {platform.python_version()}, {platform.machine()}, {cpus} CPUs, load {os.getloadavg()[0]:.1f}")
    figures: list[Figure] = []
    for name in names or list(SECTIONS):
        print(f"\n{name}: {(SECTIONS[name].__doc__ or '').splitlines()[0]}", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"talkabiz-bench-{name}-") as home:
            async for figure in SECTIONS[name](Path(home)):
                figures.append(figure)
                print(f"  {figure}", flush=True)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")
    missed = [figure.name for figure in figures if not figure.is_met]
    print("All aims met." if not missed else f"Aims missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measures what is named; by default all."
    )
    parser.add_argument("section", nargs="*", help=", ".join(SECTIONS))
    wanted: list[str] = parser.parse_args().section
    if unknown := sorted(set(wanted) - set(SECTIONS)):
        parser.error(f"{', '.join(unknown)}: there is no such section; there are {', '.join(SECTIONS)}")
    sys.exit(asyncio.run(main(wanted)))
