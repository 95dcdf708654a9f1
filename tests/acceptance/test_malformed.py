"""Ids that are none, sent to the real command: nothing of them is left on the disk."""

from __future__ import annotations

from pathlib import Path

from tests.running import serving
from tests.web.test_malformed import OLDER, WRONG_IDS, WRONG_PATHS


def files(home: Path) -> set[str]:
    """But the database's own, which come and go."""
    return {str(path.relative_to(home)) for path in home.rglob("*") if not path.name.startswith("talkabiz.db-")}


async def test_no_id_becomes_a_path(home: Path) -> None:
    within = home / "a" / "b" / "c"
    within.mkdir(parents=True)
    async with serving(within, "--sandbox") as server:
        await server.add_klien("Toko Sinar")
        before = files(home)
        for wrong in WRONG_IDS:
            for path in OLDER:
                body = f'{{"klien_id": {wrong}, "session_id": "../../x"}}'
                answer = await server.http.post(path, content=body)
                assert answer.status_code == 422, (path, wrong)
        for wrong in WRONG_PATHS:
            for path in (f"/api/v1/kliens/{wrong}/session", f"/whatsapp/connect?klien_id={wrong}"):
                assert (await server.http.post(path)).status_code == 404, path
        assert files(home) == before
        assert (await server.snapshot(1))["status"] == "disconnected"
