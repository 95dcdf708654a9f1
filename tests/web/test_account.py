"""An operator's own page: who I am, my password, my logins."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkabiz.domain.access import Kind
from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Quotas
from talkabiz.web.auth import form_token
from tests.edges import Client, House, open_house
from tests.web.page import Page, browser, cookie_of, page, read

PASSWORD = "kuda laut biru"
OTHER = "sembilan naga emas"


async def set_password(client: Client, **fields: str) -> tuple[int, Page | None]:
    """The status, and the page if one was shown."""
    answer = await client.send("POST", "/account/password", form=fields)
    return answer.status_code, None if answer.status_code == 303 else await read(answer)


def names(shown: Page) -> set[str | None]:
    return {each["name"] for each in shown.having("name")}


async def test_the_page_says_who_i_am(house: House) -> None:
    login = await house.desk.operators.log_in_by_link(await house.desk.operators.make_login_link("budi"))
    assert login
    shown = await page(browser(house, talkabiz_session=login), "/account")
    assert shown.having("data-operator")
    assert ">budi<" in shown.html


async def test_the_first_password_needs_no_other(operator: Client, visitor: Client) -> None:
    shown = await page(operator, "/account")
    assert "current" not in names(shown)
    answer = await operator.send("POST", "/account/password", form={"password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account?changed=password")
    told = await page(operator, answer.headers["Location"])
    assert "Kata sandi tersimpan." in told.html
    assert "current" in names(told)
    form = {"name": "operator", "password": PASSWORD}
    assert (await visitor.send("POST", "/login", form=form)).status_code == 303


async def test_the_fields_are_what_password_managers_know(operator: Client) -> None:
    await set_password(operator, password=PASSWORD)
    shown = await page(operator, "/account")
    fields = {each["name"]: each["autocomplete"] for each in shown.having("autocomplete")}
    assert fields == {"username": "username", "current": "current-password", "password": "new-password"}


async def test_a_change_needs_the_current_password(operator: Client, visitor: Client) -> None:
    await set_password(operator, password=PASSWORD)
    for fields in ({}, {"current": ""}, {"current": "wrong"}, {"current": OTHER}):
        status, shown = await set_password(operator, password=OTHER, **fields)
        assert status == 401
        assert shown
        assert "Kata sandi sekarang salah." in shown.html
        assert [each["name"] for each in shown.having("aria-invalid")] == ["current"]
    assert await set_password(operator, password=OTHER, current=PASSWORD) == (303, None)
    form = {"name": "operator", "password": OTHER}
    assert (await visitor.send("POST", "/login", form=form)).status_code == 303


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", "Kata sandi: 10 sampai 256 karakter."),
        ("", "Kata sandi: 10 sampai 256 karakter."),
        ("x" * 257, "Kata sandi: 10 sampai 256 karakter."),
        ("password123", "Kata sandi ini mudah ditebak."),
        ("operator2026", "Kata sandi ini mudah ditebak."),
    ],
)
async def test_a_password_that_will_not_do_is_told_at_its_field(
    house: House, operator: Client, password: str, sentence: str
) -> None:
    status, shown = await set_password(operator, password=password)
    assert status == 422
    assert shown
    assert sentence in shown.html
    assert [each["name"] for each in shown.having("aria-invalid")] == ["password"]
    assert not password or password not in shown.html
    assert "current" not in names(await page(operator, "/account"))


async def test_trying_the_current_one_has_an_end(tmp_path: Path) -> None:
    async with open_house(tmp_path, quotas=Quotas(logins=Quota(2, 900))) as house, house.app.test_app():
        operator = browser(house, talkabiz_session=await house.login())
        await set_password(operator, password=PASSWORD)
        for _ in range(2):
            assert (await set_password(operator, password=OTHER, current="wrong"))[0] == 401
        answer = await operator.send("POST", "/account/password", form={"password": OTHER, "current": PASSWORD})
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "900"
        assert "Coba lagi dalam 15 menit." in (await read(answer)).html


async def test_a_new_password_ends_the_other_logins(house: House, operator: Client) -> None:
    other = browser(house, talkabiz_session=await house.login())
    await page(other, "/account")
    await set_password(operator, password=PASSWORD)
    assert (await other.send("GET", "/account")).status_code == 303
    await page(operator, "/account")


# --- logins -----------------------------------------------------------------------------------------------------------


async def test_my_logins_are_listed_and_this_browser_is_marked(house: House, operator: Client) -> None:
    house.clock.advance(3600)
    await house.login()
    await house.desk.operators.log_in_by_link(await house.desk.operators.make_login_link("budi"))
    shown = await page(operator, "/account")
    assert [("data-own" in each) for each in shown.having("data-login")] == [False, True]
    assert shown.html.count("peramban ini<") == 1


async def test_logging_out_everywhere_ends_all_of_mine(house: House, operator: Client) -> None:
    mine = browser(house, talkabiz_session=await house.login())
    budi = await house.desk.operators.log_in_by_link(await house.desk.operators.make_login_link("budi"))
    answer = await operator.send("POST", "/account/logout-everywhere")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "Max-Age=0" in cookie_of(answer, "talkabiz_session")
    for client in (operator, mine):
        assert (await client.send("GET", "/")).status_code == 303
    await page(browser(house, talkabiz_session=budi or ""), "/")


# --- who else ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/account/password", "/account/logout-everywhere"])
async def test_another_sites_page_changes_nothing(operator: Client, login: str, path: str) -> None:
    form = {"password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert (await operator.send("POST", path, headers=headers, form=form)).status_code == 403
    plain = Client(operator.http, {"Cookie": operator.headers["Cookie"], "Origin": "null"})
    await plain.refusal("POST", path, form=form, expect=403, code="csrf")
    await plain.refusal("POST", path, form={**form, "token": form_token("another")}, expect=403, code="csrf")
    assert "current" not in names(await page(operator, "/account"))
    assert (await plain.send("POST", path, form={**form, "token": form_token(login)})).status_code == 303


async def test_programs_have_no_account(house: House, klien_id: int) -> None:
    """An admin key and an operator may have the same number."""
    await house.login()
    admin = await house.desk.access.make_key(Kind.ADMIN)
    for key in (admin.token, await house.key_of(klien_id)):
        program = house.client(key)
        for method, path in (
            ("GET", "/account"),
            ("POST", "/account/password"),
            ("POST", "/account/logout-everywhere"),
        ):
            await program.refusal(method, path, expect=404, code="not_found")
    assert not await house.desk.operators.log_in_by_link("x")


async def test_without_a_password_the_list_says_gently_that_one_can_be_set(
    house: House, operator: Client, admin: Client
) -> None:
    shown = await page(operator, "/")
    assert [each["data-hint"] for each in shown.having("data-hint")] == ["password"]
    assert "/account" in [each["href"] for each in shown.having("href")]
    await set_password(operator, password=PASSWORD)
    assert (await page(operator, "/")).having("data-hint") == []
    assert Page(await admin.ask("GET", "/", expect=200)).having("data-hint") == []


async def test_a_reload_of_what_was_sent_shows_the_account(operator: Client) -> None:
    answer = await operator.send("GET", "/account/password")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")


async def test_the_language_is_chosen_from_a_form_that_was_wrong(operator: Client) -> None:
    _, shown = await set_password(operator, password="short")
    assert shown
    assert [each["value"] for each in shown.having("name") if each["name"] == "back"] == ["/account"]
