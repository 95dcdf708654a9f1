"""Searches text for every secret that a test has come across, however it may have been written down."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

SHORTEST = 8
"""A shorter text may stand somewhere by chance."""


@dataclass
class Scanner:
    secrets: dict[str, str] = field(default_factory=dict)
    """What it is, by the text."""
    not_in_tables: set[str] = field(default_factory=set)
    """Those that the database may not hold either."""

    def learn(self, what: str, text: str | None, *, in_tables: bool = False) -> None:
        """`in_tables`: the database may know it."""
        assert text, f"no {what} to look for"
        assert len(text) >= SHORTEST, f"{what} is too short to look for: {text}"
        self.secrets[text] = what
        if not in_tables:
            self.not_in_tables.add(text)

    def learn_code(self, code: str) -> None:
        """A code to scan, and each of its parts."""
        self.learn("QR text", code)
        bare = code.rpartition("#")[2]
        parts = [part for part in bare.split(",") if len(part) >= SHORTEST]
        assert len(parts) == 4, f"a reference and three keys: {code}"
        for part in (bare, *parts, parts[0].partition("@")[2]):
            self.learn("part of a QR text", part)

    def learn_pictures(self, snapshot: dict[str, Any]) -> None:
        """Their middle as well, where two pictures differ."""
        for name in ("svg", "image"):
            if picture := (snapshot["qr"] or {}).get(name):
                self.learn(f"QR as {name}", picture)
                middle = len(picture) // 2
                self.learn(f"piece of a QR as {name}", picture[middle : middle + 200])

    def find(self, text: str) -> list[str]:
        """What was found: each secret by its name, and where."""
        return [
            f"{what} in …{text[max(0, at - 80) : at + 40]!r}"
            for secret, what in self.secrets.items()
            for at in [_place(text, secret)]
            if at >= 0
        ]

    def find_in_tables(self, file: Path) -> list[str]:
        found = []
        for each in file.parent.glob(f"{file.name}*"):
            data = each.read_bytes()
            found += [
                f"{self.secrets[secret]} in {each.name}"
                for secret in self.not_in_tables
                for form in _forms(secret)
                if form.encode() in data
            ]
        return found


def _place(text: str, secret: str) -> int:
    return max(text.find(form) for form in _forms(secret))


def _forms(secret: str) -> set[str]:
    """As it is, and as JSON, Python, a URL, a page and Base64 write it."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        unquote(secret),
        html.escape(secret),
        base64.b64encode(secret.encode()).decode().rstrip("=")[:-2],
    }
