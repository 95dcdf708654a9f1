from __future__ import annotations

import asyncio

import pytest

from talkabiz.domain.access import Kind, Scope
from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import Klien
from talkabiz.store import keys
from talkabiz.store.keys import KeyRow, LoginRow
from tests.store.conftest import NOW, later


async def add_admin_key(hashed: str = "a") -> int:
    return await keys.add_key(hashed, Kind.ADMIN, None, Scope, "first", None)


async def find(hashed: str) -> KeyRow:
    row = await keys.find_key(hashed)
    assert row is not None
    return row


async def test_a_key_is_found_by_its_hash_as_it_was_added(klien: Klien) -> None:
    key_id = await keys.add_key("b", Kind.KLIEN, klien.id, [Scope.READ, Scope.SESSION], "kasir", later(60))
    row = await find("b")
    assert row == KeyRow(
        id=key_id,
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
    assert await keys.revoke_key(key_id, NOW) is True
    assert await keys.revoke_key(key_id, later(60)) is False
    assert (await find("a")).revoked_at == NOW
    assert not (await find("a")).is_valid(NOW)
    assert await keys.revoke_key(key_id + 1, NOW) is False


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


async def test_a_link_can_be_used_once_however_many_ask_at_the_same_time(database: str) -> None:
    await keys.add_link("link", later(60))
    used = await asyncio.gather(*(keys.use_link("link", NOW) for _ in range(20)))
    assert sorted(used) == [False] * 19 + [True]
    assert await keys.peek_link("link", NOW) is False


async def test_looking_at_a_link_does_not_use_it_up(database: str) -> None:
    await keys.add_link("link", later(60))
    assert await keys.peek_link("link", NOW) is True
    assert await keys.peek_link("link", NOW) is True
    assert await keys.use_link("link", NOW) is True


async def test_a_link_that_expired_or_never_was_cannot_be_used(database: str) -> None:
    await keys.add_link("link", later(60))
    assert await keys.peek_link("link", later(60)) is False
    assert await keys.use_link("link", later(60)) is False
    assert await keys.use_link("other", NOW) is False
    assert await keys.use_link("link", later(59.999)) is True


async def test_a_login_is_found_until_it_expires_or_ends(database: str) -> None:
    assert await keys.any_login() is False
    login_id = await keys.add_login("cookie", NOW, later(60))
    assert await keys.find_login("cookie", later(59.999)) == LoginRow(login_id, NOW, later(60))
    assert await keys.find_login("cookie", later(60)) is None
    assert await keys.find_login("other", NOW) is None

    await keys.add_login("second", NOW, later(60))
    await keys.end_login("cookie", later(1))
    assert await keys.find_login("cookie", later(2)) is None
    assert await keys.find_login("second", later(2)) is not None
    await keys.end_login("second", later(2))
    assert await keys.any_login() is True
