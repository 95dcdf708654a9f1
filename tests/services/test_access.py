"""Who may do what, where the database can only be read."""

from __future__ import annotations

import pytest

from talkabiz.domain.access import Kind
from talkabiz.services.access import Access
from talkabiz.store.errors import StoreError
from tests.fakes import ManualClock


async def test_a_key_opens_also_while_its_use_cannot_be_noted(
    db_url: str, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = Access(ManualClock())
    key = await access.make_key(Kind.KLIEN, klien_id)

    def failing() -> object:
        raise StoreError

    monkeypatch.setattr("talkabiz.store.keys.transaction", failing)
    principal = await access.by_token(key)
    assert principal
    assert principal.klien_id == klien_id
