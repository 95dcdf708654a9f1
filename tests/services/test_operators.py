"""People of the operator's: how they come in, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from talkabiz.domain.access import Caller, Kind, Principal
from talkabiz.domain.errors import InvalidInput, RateLimited
from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Allowances, Quotas
from talkabiz.services.audit import Audit
from talkabiz.services.operators import IDLE_DAYS, LOGIN_DAYS, Operators, WrongPassword, cookie_name
from tests.fakes import ManualClock

DAY_SECONDS = 86_400
PASSWORD = "kuda laut biru"
ADDRESS = "203.0.113.7"


@pytest.fixture(name="clock")
def _clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(name="operators")
def _operators(db_url: str, clock: ManualClock) -> Iterator[Operators]:
    quotas = Quotas(logins=Quota(5, 900))
    operators = Operators(clock, Allowances(clock, quotas), Audit(clock))
    yield operators
    operators.close()


async def log_in(operators: Operators, name: str = "budi") -> tuple[str, Principal]:
    login = await operators.log_in_by_link(await operators.make_login_link(name), ADDRESS)
    assert login
    principal = await operators.by_login(login)
    assert principal
    return login, principal


async def with_password(operators: Operators, name: str = "budi") -> tuple[str, Principal]:
    login, principal = await log_in(operators, name)
    await operators.set_password(principal, PASSWORD, current="", keep=login)
    return login, principal


async def test_a_link_logs_in_the_operator_that_it_was_made_for_once(operators: Operators, clock: ManualClock) -> None:
    token = await operators.make_login_link("budi", Caller("command-line"))
    assert await operators.peek_link(token) == "budi"
    login = await operators.log_in_by_link(token, ADDRESS)
    assert login
    principal = await operators.by_login(login)
    assert principal
    assert (principal.kind, principal.name, principal.actor) == (Kind.OPERATOR, "budi", "operator:budi")
    assert await operators.log_in_by_link(token) is None
    assert await operators.peek_link(token) is None
    assert [(entry.action, entry.actor, entry.address) for entry in await Audit(clock).page()] == [
        ("login", "operator:budi", ADDRESS),
        ("login_link_made", "command-line", None),
    ]


@pytest.mark.parametrize("name", ["", "Budi", "budi santoso", "-budi", "b" * 65, "bu\ndi", "../x"])
async def test_an_operator_needs_a_name_that_can_be_typed(operators: Operators, name: str) -> None:
    with pytest.raises(InvalidInput):
        await operators.make_login_link(name)


async def test_a_password_logs_in_and_a_wrong_one_does_not(operators: Operators, clock: ManualClock) -> None:
    await with_password(operators)
    login = await operators.log_in(" Budi ", PASSWORD, ADDRESS)
    found = await operators.by_login(login)
    assert found
    assert found.name == "budi"
    for name, password in (("budi", "kuda laut hijau"), ("ani", PASSWORD), ("budi", ""), ("", "")):
        with pytest.raises(WrongPassword):
            await operators.log_in(name, password, ADDRESS)
    assert [entry.action for entry in await Audit(clock).page(limit=4)] == ["login_failed"] * 4


async def test_who_has_no_password_can_not_log_in_by_one(operators: Operators) -> None:
    _, principal = await log_in(operators)
    assert not await operators.has_password(principal)
    with pytest.raises(WrongPassword):
        await operators.log_in("budi", "", ADDRESS)


async def test_guessing_ends_after_a_few_tries_also_with_the_right_password(
    operators: Operators, clock: ManualClock
) -> None:
    await with_password(operators)
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await operators.log_in("budi", "wrong", ADDRESS)
    with pytest.raises(RateLimited) as refusal:
        await operators.log_in("budi", PASSWORD, ADDRESS)
    assert refusal.value.retry_after == 900
    assert await operators.log_in("budi", PASSWORD, "203.0.113.8")  # whose own tries are counted apart
    clock.advance(900)
    assert await operators.log_in("budi", PASSWORD, ADDRESS)


async def test_guessing_one_name_from_many_addresses_ends_too(operators: Operators) -> None:
    for tail in range(50):
        with pytest.raises(WrongPassword):
            await operators.log_in("ani", "wrong", f"203.0.113.{tail}")
    with pytest.raises(RateLimited):
        await operators.log_in("ani", "wrong", "203.0.113.99")
    with pytest.raises(WrongPassword):
        await operators.log_in("budi", "wrong", "203.0.113.99")


async def test_a_new_password_ends_the_other_logins(operators: Operators) -> None:
    first, principal = await with_password(operators)
    other, _ = await log_in(operators)
    stranger, _ = await log_in(operators, "ani")
    await operators.set_password(principal, "gajah terbang 7", current=PASSWORD, keep=first)
    assert await operators.by_login(first)
    assert await operators.by_login(other) is None
    assert await operators.by_login(stranger)
    with pytest.raises(WrongPassword):
        await operators.log_in("budi", PASSWORD, ADDRESS)
    assert await operators.log_in("budi", "gajah terbang 7", ADDRESS)


async def test_a_password_is_changed_only_by_who_knows_the_old_one(operators: Operators) -> None:
    login, principal = await with_password(operators)
    with pytest.raises(WrongPassword):
        await operators.set_password(principal, "gajah terbang 7", current="a guess", keep=login)
    assert await operators.log_in("budi", PASSWORD, ADDRESS)


@pytest.mark.parametrize("password", ["short", "x" * 257, "aaaaaaaaaaaa", "password123", "08123456789", "budibudi1945"])
async def test_a_password_that_is_guessed_first_is_refused(operators: Operators, password: str) -> None:
    login, principal = await log_in(operators)
    with pytest.raises(InvalidInput) as refusal:
        await operators.set_password(principal, password, current="", keep=login)
    assert list(refusal.value.fields) == ["password"]
    assert not await operators.has_password(principal)


async def test_a_login_ends_after_its_time_or_when_it_lies_idle(operators: Operators, clock: ManualClock) -> None:
    login, _ = await log_in(operators)
    idle, _ = await log_in(operators)
    for _ in range(LOGIN_DAYS - 1):
        clock.advance(DAY_SECONDS)
        assert await operators.by_login(login)
    assert IDLE_DAYS < LOGIN_DAYS
    assert await operators.by_login(idle) is None
    clock.advance(DAY_SECONDS)
    assert await operators.by_login(login) is None


async def test_logging_out_ends_one_login_and_everywhere_all_of_them(operators: Operators, clock: ManualClock) -> None:
    (first, principal), (second, _), (third, _) = [await log_in(operators) for _ in range(3)]
    other, _ = await log_in(operators, "ani")
    await operators.log_out(first)
    assert [await operators.by_login(each) is None for each in (first, second, third)] == [True, False, False]
    assert len(await operators.logins(principal)) == 2
    assert await operators.log_out_everywhere(principal, ADDRESS) == 2
    assert await operators.logins(principal) == []
    assert await operators.by_login(other)
    [last] = await Audit(clock).page(limit=1)
    assert (last.action, last.detail) == ("logout_everywhere", {"count": 2})


async def test_nonsense_is_nobodys_login(operators: Operators) -> None:
    for login in ("", "x", "x" * 600, "\ud800", "\0"):
        assert await operators.by_login(login) is None


def test_over_https_the_cookie_can_be_set_by_this_host_alone() -> None:
    assert cookie_name("https://wa.example.com") == "__Host-talkabiz_session"
    assert cookie_name("http://127.0.0.1:8000") == "talkabiz_session"
