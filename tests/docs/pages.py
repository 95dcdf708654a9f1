"""The examples of a page: what a reader would type, and what the page says comes of it.

In the page an HTML comment, which nobody sees, stands before each fenced block that counts:

    <!-- given -->          what the reader has already: an address, a key
    <!-- run -->            typed into a shell
    <!-- file: NAME -->     written into a file of that name
    <!-- shows -->          what the block before it prints
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.running import CHECKOUT

GIVEN, RUN, FILE, SHOWS = "given", "run", "file", "shows"
_BLOCK = re.compile(r"^(?:<!-- (\w+)(?:: ([\w.]+))? -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    mark: str
    """Empty: nothing is said of it."""
    name: str
    language: str
    text: str
    line: int


def read(page: str) -> str:
    return Path(CHECKOUT, page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """All fenced ones, in order."""
    text = read(page)
    return [
        Block(found[1] or "", found[2] or "", found[3], found[4], text.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(text)
    ]


def indented(page: str, heading: str) -> list[str]:
    """The indented blocks of one section, as README.md has them."""
    section = read(page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = [match[0] for match in _INDENTED.finditer(section) if match[0].strip()]
    return ["\n".join(line[4:] for line in block.strip("\n").splitlines()) for block in found]


def tables(page: str) -> list[list[list[str]]]:
    """The rows of each table, its titles first, each cell as it is written."""
    found: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\|\n)+", read(page), re.MULTILINE):
        titles, _, *rows = block.splitlines()
        found.append([[cell.strip() for cell in row[1:-1].split(" | ")] for row in (titles, *rows)])
    return found
