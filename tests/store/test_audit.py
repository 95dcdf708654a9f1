from __future__ import annotations

from datetime import datetime

from talkabiz.domain.klien import Klien, iso
from talkabiz.store import audit, kliens
from tests.store.conftest import NOW, later


async def add(at: datetime, action: str = "login", klien_id: int | None = None) -> None:
    await audit.append(at, actor="key:0", address=None, action=action, klien_id=klien_id, detail={})


async def test_entries_come_newest_first_and_page_backwards(database: str) -> None:
    for seconds in range(5):
        await add(later(seconds))
    newest = await audit.page(None, 2)
    assert [entry.at for entry in newest] == [later(4), later(3)]
    assert [entry.at for entry in await audit.page(newest[-1].id, 10)] == [later(2), later(1), later(0)]


async def test_an_entry_outlives_its_klien(klien: Klien) -> None:
    await add(NOW, "klien_deleted", klien.id)
    await kliens.erase(klien.id)
    [entry] = await audit.page(None, 10)
    assert entry.as_dict() == {
        "id": entry.id,
        "at": iso(NOW),
        "actor": "key:0",
        "address": None,
        "action": "klien_deleted",
        "klien_id": klien.id,
        "detail": {},
    }


async def test_old_entries_can_be_forgotten(database: str) -> None:
    for seconds in (0, 10):
        await add(later(seconds))
    assert await audit.forget(later(10)) == 1
    assert [entry.at for entry in await audit.page(None, 10)] == [later(10)]
