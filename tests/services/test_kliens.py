"""Erasing a klien that has much."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkabiz.services.audit import Audit
from talkabiz.services.kliens import Kliens
from talkabiz.store import webhook_retention
from tests.services.conftest import Bench
from tests.services.sending import make_post, serving
from tests.store.chatting import rows
from tests.store.hooking import endpoint, queued


async def test_what_waits_for_its_webhooks_goes_first_and_in_lots(
    bench: Bench, klien_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(await endpoint(klien_id), 5)
    real, left = webhook_retention.forget_events_of, list[int]()

    async def forget(klien_id: int) -> bool:
        is_more = await real(klien_id, 2)
        left.append(len(await rows("SELECT id FROM deliveries")))
        return is_more

    monkeypatch.setattr(webhook_retention, "forget_events_of", forget)
    async with serving(make_post(bench, tmp_path)) as post:
        await Kliens(bench.sessions, Audit(bench.clock), outbox=post.outbox, media=post.media).erase(klien_id)
    assert left == [3, 1, 0]
    assert await rows("SELECT id FROM webhooks") == []
