from __future__ import annotations

import pytest

from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import Klien
from talkabiz.store import kliens, paces
from talkabiz.store.database import transaction
from talkabiz.store.paces import Pace
from tests.store.conftest import NOW, later


async def test_settings_and_pauses_are_kept_apart(klien: Klien) -> None:
    assert await paces.get(klien.id) == Pace(klien.id)
    settings = {"per_minute": 20, "quiet": {"from": "21:00", "to": "06:00"}, "daily_cap": None}
    async with transaction():
        assert await paces.pause(klien.id, later(900), "new_contact_limited", NOW) == Pace(
            klien.id, {}, later(900), "new_contact_limited"
        )
        await paces.set_settings(klien.id, settings, NOW)
    assert await paces.get(klien.id) == Pace(klien.id, settings, later(900), "new_contact_limited")
    async with transaction():
        await paces.pause(klien.id, None, None, NOW)
        await paces.set_settings(klien.id, {"per_minute": 1}, NOW)
    assert await paces.get(klien.id) == Pace(klien.id, {"per_minute": 1})


async def test_those_that_wait_are_known(klien: Klien) -> None:
    other, third = await kliens.add("Toko Lain"), await kliens.add("Toko Terang")
    async with transaction():
        paused = [await paces.pause(each.id, later(1), "temporary_ban", NOW) for each in (klien, third)]
        await paces.set_settings(other.id, {}, NOW)
    assert await paces.all_paused() == paused
    assert await paces.get(other.id) == Pace(other.id)


async def test_a_klien_that_does_not_exist_has_no_pace(klien: Klien) -> None:
    async with transaction():
        with pytest.raises(NotFound):
            await paces.set_settings(klien.id + 1, {}, NOW)
        with pytest.raises(NotFound):
            await paces.pause(klien.id + 1, NOW, "x", NOW)
