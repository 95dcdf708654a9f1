"""What the centre needs of whoever fetches other people's addresses. Bootstrap fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

FETCH_SECONDS = 20.0

Sink = Callable[[bytes], Awaitable[None]]
"""Takes the next piece of what is fetched."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an answer says of itself; neither has to be true. `content_type` is in small letters, without parameters."""

    content_type: str | None
    filename: str | None
    size: int


class Fetch(Protocol):
    async def __call__(self, url: str, into: Sink, *, most_bytes: int, seconds: float = FETCH_SECONDS) -> Fetched:
        """Ask for `url` and hand what is there to `into`, piece by piece. If it raises, `into` may have had a part.

        Raises:
            UrlRefused, UrlUnreachable, UrlTooLarge, UrlTimeout, UrlBadType.
        """
