"""A process that hears messages and is killed: takes the database's URL and a number to begin with, and says how many
have been stored, one number a line. Message number n is the text n, by WhatsApp's id `3EB0n`.
"""

from __future__ import annotations

import asyncio
import sys

from talkabiz.domain.heard import Heard
from talkabiz.store import database
from tests.services.hearing import Words, message, open_hearing, source


class Numbers(Words):
    """The bytes are a message's number."""

    def read(self, _number: int, data: bytes) -> Heard | None:
        return message(data.decode(), source(id_=f"3EB0{int(data):05}"))


async def main(url: str, klien_id: int, first: int) -> None:
    await database.open_database(url)
    async with open_hearing(Numbers()) as hearing:
        number = first
        while True:
            for _ in range(7):
                number += 1
                hearing.words.overhear(klien_id, "attempt", 17, str(number).encode())
            while hearing.inbound.figures.waiting:
                await asyncio.sleep(0)
            print(number, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
