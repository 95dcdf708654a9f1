"""What the centre needs of whoever posts to other people's addresses. Bootstrap fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from talkabiz.domain.webhooks import Answer


class Post(Protocol):
    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Whatever comes of it is in the answer. It takes 15 seconds at most."""


class Judge(Protocol):
    async def __call__(self, url: str) -> None:
        """Whether one may post there. Raises UrlRefused."""
