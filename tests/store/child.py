"""A second process at the database. First it says "ready", and waits for a line; then it does what its arguments say.

child.py URL migrate           prints the names of the steps it took
child.py URL add NAMA TIMES    adds kliens, each in a transaction of its own
child.py URL count_up TIMES    reads the name of klien 1 as a number and writes the next, each time in a transaction
"""

from __future__ import annotations

import asyncio
import sys

from talkabiz.store import kliens
from talkabiz.store.database import close_database, migrate, open_database, transaction


async def count_up() -> None:
    async with transaction():
        klien = await kliens.find(1)
        assert klien is not None
        await kliens.rename(1, str(int(klien.nama) + 1))


async def main(url: str, what: str, *arguments: str) -> None:
    if what == "migrate":
        say_ready()
        say(" ".join(await migrate(url)))
        return
    await open_database(url)
    say_ready()
    try:
        for n in range(int(arguments[-1])):
            if what == "add":
                await kliens.add(f"{arguments[0]} {n}")
            else:
                await count_up()
    finally:
        await close_database()
    say("done")


def say_ready() -> None:
    say("ready")
    sys.stdin.readline()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
