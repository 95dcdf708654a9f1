"""What is said once the server runs."""

from __future__ import annotations

from collections.abc import Callable

Announce = Callable[[dict[str, str]], None]
"""Told the `url` once it runs, and on the first start the `admin_key` and the `login` link: `in_words` prints them."""


def in_words(told: dict[str, str]) -> str:
    """One fact a line."""
    begin = {"url": "Talkabiz runs at ", "admin_key": "admin key: ", "login": "login: "}
    lines = [begin[name] + value for name, value in told.items()]
    if "url" in told and "login" not in told:
        lines.append("A new login link: talkabiz login-link")
    return "\n".join(lines)
