from __future__ import annotations

import asyncio

from talkabiz.store import models, operators
from talkabiz.store.database import transaction
from talkabiz.store.operators import LoginRow, OperatorRow
from tests.store.conftest import NOW, later


async def add_link(hashed: str = "link") -> OperatorRow:
    operator = await operators.find_or_add("budi")
    await operators.add_link(hashed, operator.id, later(60))
    return operator


async def test_an_operator_is_added_once_and_found_by_name_and_id(database: str) -> None:
    added = await asyncio.gather(*(operators.find_or_add("budi") for _ in range(5)))
    assert len(set(added)) == 1
    assert added[0].password_hash is None
    await operators.set_password_hash(added[0].id, "hash")
    found = OperatorRow(added[0].id, "budi", "hash")
    assert await operators.find_by_name("budi") == await operators.find(found.id) == found
    assert await operators.find_by_name("Budi") is None
    assert await operators.find(found.id + 1) is None


async def test_a_link_can_be_used_once_however_many_ask_at_the_same_time(database: str) -> None:
    operator = await add_link()
    used = await asyncio.gather(*(operators.use_link("link", NOW) for _ in range(20)))
    assert [each for each in used if each] == [operator]
    assert await operators.peek_link("link", NOW) is None


async def test_looking_at_a_link_does_not_use_it_up(database: str) -> None:
    operator = await add_link()
    assert await operators.peek_link("link", NOW) == operator
    assert await operators.peek_link("link", NOW) == operator
    assert await operators.use_link("link", NOW) == operator


async def test_a_link_that_expired_or_never_was_cannot_be_used(database: str) -> None:
    operator = await add_link()
    assert await operators.peek_link("link", later(60)) is None
    assert await operators.use_link("link", later(60)) is None
    assert await operators.use_link("other", NOW) is None
    assert await operators.use_link("link", later(59.999)) == operator


async def test_a_login_is_found_until_it_expires_ends_or_lies_idle(database: str) -> None:
    assert await operators.any_login() is False
    budi = await operators.find_or_add("budi")
    await operators.add_login("cookie", budi.id, NOW, later(60))
    found = await operators.find_login("cookie", later(59.999), later(-1))
    assert found
    assert found == LoginRow(found.id, "cookie", budi, NOW, NOW, later(60))
    assert await operators.find_login("cookie", later(60), later(-1)) is None
    assert await operators.find_login("cookie", later(30), NOW) is None
    assert await operators.find_login("other", NOW, later(-1)) is None
    await operators.end_login("cookie", later(1))
    assert await operators.find_login("cookie", later(2), later(-1)) is None
    assert await operators.any_login() is True


async def test_the_last_use_of_a_login_is_kept_to_the_minute(database: str) -> None:
    budi = await operators.find_or_add("budi")
    await operators.add_login("cookie", budi.id, NOW, later(6000))
    [login] = await operators.logins_of(budi.id, NOW, later(-1))
    await operators.touch_login(login.id, later(59))
    await operators.touch_login(login.id, later(61))
    await operators.touch_login(login.id, later(90))
    [login] = await operators.logins_of(budi.id, NOW, later(-1))
    assert login.last_used_at == later(61)


async def test_all_logins_of_one_operator_end_but_one(database: str) -> None:
    budi, ani = await operators.find_or_add("budi"), await operators.find_or_add("ani")
    for cookie, operator in (("a", budi), ("b", budi), ("c", budi), ("d", ani)):
        await operators.add_login(cookie, operator.id, NOW, later(60))
    assert await operators.end_logins(budi.id, later(1), but="b") == 2
    assert [login.hash for login in await operators.logins_of(budi.id, later(2), later(-1))] == ["b"]
    assert [login.hash for login in await operators.logins_of(ani.id, later(2), later(-1))] == ["d"]
    assert await operators.end_logins(budi.id, later(2)) == 1


async def test_what_names_no_operator_logs_nobody_in(database: str) -> None:
    async with transaction():
        await models.LoginLink.create(hash="old", expires_at=later(60), created_at=NOW)
        await models.Login.create(hash="old", expires_at=later(60), created_at=NOW)
    assert await operators.peek_link("old", NOW) is None
    assert await operators.use_link("old", NOW) is None
    assert await operators.find_login("old", NOW, later(-1)) is None
