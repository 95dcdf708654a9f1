"""Keys and link tokens: made, checked, ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from talkabiz.domain.access import Caller, Kind, Principal, Scope
from talkabiz.domain.errors import InvalidInput, NotFound
from talkabiz.services.access import LINK_SCOPES, Access
from talkabiz.services.audit import Audit
from talkabiz.store.errors import StoreError
from tests.fakes import ManualClock

API_KEY = "an-admin-key-of-the-operator"
CALLER = Caller("operator:budi", "10.0.0.1")


@pytest.fixture(name="clock")
def _clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(name="access")
def _access(db_url: str, clock: ManualClock) -> Access:
    return Access(clock, Audit(clock), API_KEY)


async def actions(clock: ManualClock) -> list[str]:
    return [entry.action for entry in await Audit(clock).page()]


async def test_a_key_opens_what_it_was_made_for(access: Access, klien_id: int) -> None:
    admin = await access.make_key(Kind.ADMIN, label="panel")
    klien = await access.make_key(Kind.KLIEN, klien_id, frozenset({Scope.READ}))
    assert await access.by_token(admin.token) == Principal(Kind.ADMIN, admin.row.id)
    assert await access.by_token(klien.token) == Principal(Kind.KLIEN, klien.row.id, klien_id, frozenset({Scope.READ}))


async def test_the_operators_own_key_is_an_admins(access: Access) -> None:
    assert await access.by_token(API_KEY) == Principal(Kind.ADMIN, 0)


@pytest.mark.parametrize("api_key", [None, ""])
async def test_without_a_key_of_the_operators_own_nothing_is_open(
    db_url: str, clock: ManualClock, api_key: str | None
) -> None:
    access = Access(clock, Audit(clock), api_key)
    for token in ("", "None", API_KEY, "tkb_", "\ud800"):
        assert await access.by_token(token) is None
        assert await access.by_link(token) is None


async def test_a_key_ends_when_it_expires(access: Access, clock: ManualClock) -> None:
    key = await access.make_key(Kind.ADMIN, expires_at=clock.now() + timedelta(minutes=1))
    clock.advance(59.9)
    assert await access.by_token(key.token)
    clock.advance(0.1)
    assert await access.by_token(key.token) is None


async def test_a_revoked_key_opens_nothing_and_is_revoked_once(access: Access, clock: ManualClock) -> None:
    key = await access.make_key(Kind.ADMIN, caller=CALLER)
    revoked = await access.revoke_key(key.row.id, caller=CALLER)
    assert revoked.revoked_at == clock.now()
    assert await access.by_token(key.token) is None
    for key_id in (key.row.id, key.row.id + 1):
        with pytest.raises(NotFound):
            await access.revoke_key(key_id, caller=CALLER)
    assert await actions(clock) == ["key_revoked", "key_made"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scopes": frozenset()}, "scopes"),
        ({"label": "x" * 101}, "label"),
        ({"label": "two\nlines"}, "label"),
        ({"expires_at": ManualClock().now()}, "expires_at"),
    ],
)
async def test_a_key_that_could_do_nothing_is_not_made(access: Access, wrong: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await access.make_key(Kind.ADMIN, **wrong)  # type: ignore[arg-type] # one of its arguments
    assert list(refusal.value.fields) == [field]
    assert await access.keys() == []


async def test_a_key_of_nobody_is_not_made_and_not_noted(access: Access, clock: ManualClock) -> None:
    with pytest.raises(NotFound):
        await access.make_key(Kind.KLIEN, 1, caller=CALLER)
    assert await actions(clock) == []


async def test_the_first_admin_key_is_made_once(access: Access, db_url: str, clock: ManualClock) -> None:
    assert await access.ensure_admin_key() is None  # the operator chose one
    alone = Access(clock, Audit(clock))
    key = await alone.ensure_admin_key()
    assert key
    assert await alone.ensure_admin_key() is None
    [row] = await alone.keys()
    await alone.revoke_key(row.id, caller=CALLER)
    assert await alone.ensure_admin_key() is None


async def test_a_link_token_is_for_one_klien_for_its_time_and_only_through_its_own_door(
    access: Access, clock: ManualClock, klien_id: int
) -> None:
    link = await access.make_link_token(klien_id, caller=CALLER)
    principal = await access.by_link(link.token)
    assert principal
    assert (principal.kind, principal.klien_id, principal.scopes) == (Kind.LINK, klien_id, LINK_SCOPES)
    assert await access.by_token(link.token) is None
    key = await access.make_key(Kind.KLIEN, klien_id)
    assert await access.by_link(key.token) is None
    assert [row.id for row in await access.keys()] == [key.row.id]
    assert link.expires_at == clock.now() + timedelta(minutes=15)
    clock.advance(15 * 60)
    assert await access.by_link(link.token) is None


@pytest.mark.parametrize("minutes", [0, -1, 24 * 60 + 1])
async def test_a_link_token_lasts_a_day_at_most(access: Access, klien_id: int, minutes: int) -> None:
    with pytest.raises(InvalidInput):
        await access.make_link_token(klien_id, minutes, caller=CALLER)


async def test_a_link_token_needs_a_klien(access: Access, clock: ManualClock) -> None:
    with pytest.raises(NotFound):
        await access.make_link_token(1, caller=CALLER)
    assert await actions(clock) == []


async def test_a_key_opens_also_while_its_use_cannot_be_noted(
    access: Access, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await access.make_key(Kind.KLIEN, klien_id)

    def failing() -> object:
        raise StoreError

    monkeypatch.setattr("talkabiz.store.keys.transaction", failing)
    principal = await access.by_token(key.token)
    assert principal
    assert principal.klien_id == klien_id
