"""Who is next, where many want a few places: by turns, so that nobody's backlog or slowness is paid for by others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from talkabiz.domain.webhooks import PLACES_OF_KLIEN


@dataclass(frozen=True, slots=True)
class Line:
    """What is due of one endpoint, in its order. `places`: how many of it may be on their way at once."""

    klien_id: int
    webhook_id: int
    places: int
    due: tuple[int, ...]


def by_turns(lines: Iterable[Line], on_way: Mapping[int, int], limit: int, after_klien: int = 0) -> list[int]:
    """Whom to send next, at most `limit`: first of the klien with the fewest on their way, then of its endpoint with
    the fewest.

    `on_way`: how many each endpoint has there. Among equals the turn goes round by id, from the klien after
    `after_klien` on; among a klien's endpoints, in the order of `lines`.
    """
    places: list[tuple[int, bool, int, int]] = []
    for klien_id, lines_of in _by_klien(lines).items():
        used = sum(on_way.get(line.webhook_id, 0) for line in lines_of)
        free = max(0, PLACES_OF_KLIEN - used)
        for number, delivery in enumerate(_of_klien(lines_of, on_way)[:free], used):
            places.append((number, klien_id <= after_klien, klien_id, delivery))
    return [delivery for *_, delivery in sorted(places)[: max(0, limit)]]


def _by_klien(lines: Iterable[Line]) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = {}
    for line in lines:
        found.setdefault(line.klien_id, []).append(line)
    return found


def _of_klien(lines: Iterable[Line], on_way: Mapping[int, int]) -> list[int]:
    turns: list[tuple[int, int, int]] = []
    for order, line in enumerate(lines):
        used = on_way.get(line.webhook_id, 0)
        free = max(0, line.places - used)
        turns += [(used + number, order, delivery) for number, delivery in enumerate(line.due[:free])]
    return [delivery for *_, delivery in sorted(turns)]
