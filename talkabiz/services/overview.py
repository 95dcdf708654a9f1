"""Kliens and their sessions as the database has them, for programs that don't run the gateway."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from talkabiz.domain.limits import Limits
from talkabiz.services.snapshot import make_snapshot
from talkabiz.store import kliens, sessions

PAGE = 500


async def overview(klien_id: int | None = None) -> list[dict[str, Any]]:
    """Every klien, or one, with its session."""
    now, after, found = datetime.now(UTC), (klien_id or 1) - 1, []
    while rows := await sessions.page(after, 1 if klien_id else PAGE):
        for row in rows:
            klien = await kliens.find(row.klien_id)
            shown = make_snapshot(
                row.klien_id, row.session, session_id=row.session_id, seq=row.seq, limits=Limits(), now=now
            )
            found += [{**klien.as_dict(), "session": shown}] if klien else []
        after = rows[-1].klien_id
        if klien_id:
            return [klien for klien in found if klien["id"] == klien_id]
    return found
