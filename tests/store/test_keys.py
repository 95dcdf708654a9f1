from __future__ import annotations

import pytest

from talkabiz.domain.access import Kind, Scope
from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import Klien
from talkabiz.store import keys
from talkabiz.store.keys import KeyRow
from tests.store.conftest import NOW, later


async def add_admin_key(hashed: str = "a") -> int:
    return (await keys.add_key(hashed, Kind.ADMIN, None, Scope, "first", None)).id


async def find(hashed: str) -> KeyRow:
    row = await keys.find_key(hashed)
    assert row is not None
    return row


async def test_a_key_is_found_by_its_hash_as_it_was_added(klien: Klien) -> None:
    added = await keys.add_key("b", Kind.KLIEN, klien.id, [Scope.READ, Scope.SESSION], "kasir", later(60))
    row = await find("b")
    assert row == added
    assert row == KeyRow(
        id=row.id,
        kind=Kind.KLIEN,
        klien_id=klien.id,
        scopes=frozenset({Scope.READ, Scope.SESSION}),
        label="kasir",
        expires_at=later(60),
        last_used_at=None,
        revoked_at=None,
        created_at=row.created_at,
    )
    assert await keys.find_key("c") is None


async def test_a_key_without_scopes_may_nothing(klien: Klien) -> None:
    await keys.add_key("b", Kind.KLIEN, klien.id, [], "", None)
    assert (await find("b")).scopes == frozenset()


async def test_a_key_needs_a_klien_that_exists(klien: Klien) -> None:
    with pytest.raises(NotFound):
        await keys.add_key("b", Kind.KLIEN, klien.id + 1, [Scope.READ], "", None)
    assert await keys.find_key("b") is None


async def test_a_key_is_valid_until_it_expires(klien: Klien) -> None:
    await keys.add_key("b", Kind.KLIEN, klien.id, Scope, "", later(60))
    assert (await find("b")).is_valid(later(59.999))
    assert not (await find("b")).is_valid(later(60))


async def test_a_revoked_key_is_found_but_not_valid_and_revoked_once(database: str) -> None:
    key_id = await add_admin_key()
    assert (await find("a")).is_valid(NOW)
    assert await keys.revoke_key(key_id, NOW) == await find("a")
    assert await keys.revoke_key(key_id, later(60)) is None
    assert (await find("a")).revoked_at == NOW
    assert not (await find("a")).is_valid(NOW)
    assert await keys.revoke_key(key_id + 1, NOW) is None


async def test_the_last_use_of_a_key_is_kept_to_the_minute(database: str) -> None:
    key_id = await add_admin_key()
    await keys.touch_key(key_id, NOW)
    await keys.touch_key(key_id, later(59))
    assert (await find("a")).last_used_at == NOW
    await keys.touch_key(key_id, later(61))
    assert (await find("a")).last_used_at == later(61)


async def test_an_admin_key_counts_also_when_it_is_revoked(klien: Klien) -> None:
    await keys.add_key("b", Kind.KLIEN, klien.id, Scope, "", None)
    assert await keys.any_admin_key() is False
    key_id = await add_admin_key()
    assert await keys.any_admin_key() is True
    await keys.revoke_key(key_id, NOW)
    assert await keys.any_admin_key() is True


async def test_keys_are_paged_by_id_by_klien_and_by_kind(klien: Klien) -> None:
    admin = await keys.add_key("a", Kind.ADMIN, None, Scope, "first", None)
    own = [await keys.add_key(name, Kind.KLIEN, klien.id, [Scope.READ], "", None) for name in "bc"]
    link = await keys.add_key("d", Kind.LINK, klien.id, [Scope.READ], "", later(60))

    assert await keys.page([Kind.ADMIN, Kind.KLIEN], None, 0, 10) == [admin, *own]
    assert await keys.page([Kind.ADMIN, Kind.KLIEN], None, admin.id, 1) == own[:1]
    assert await keys.page([Kind.ADMIN, Kind.KLIEN], klien.id, 0, 10) == own
    assert await keys.page([Kind.LINK], None, 0, 10) == [link]
