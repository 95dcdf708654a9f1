"""Coming in and going out, as a browser does it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from talkabiz.domain.quota import Quota
from talkabiz.services.allowances import Quotas
from tests.edges import API_KEY, Client, House, open_house
from tests.web.page import BROWSER, browser, cookie_of, page, read

PASSWORD = "kuda laut biru"


@pytest.fixture(name="name")
async def _name(house: House) -> str:
    """An operator's, who has a password."""
    return await with_password(house)


async def with_password(house: House, name: str = "budi") -> str:
    operators = house.desk.operators
    login = await operators.log_in_by_link(await operators.make_login_link(name))
    assert login
    principal = await operators.by_login(login)
    assert principal
    await operators.set_password(principal, PASSWORD, current="", keep=login)
    return name


# --- by password ------------------------------------------------------------------------------------------------------


async def test_the_form_is_what_password_managers_know(visitor: Client) -> None:
    shown = await page(visitor, "/login")
    fields = {each["name"]: each["autocomplete"] for each in shown.having("autocomplete")}
    assert fields == {"name": "username", "password": "current-password"}
    assert "talkabiz login-link" in shown.html


async def test_a_password_logs_in(house: House, visitor: Client, name: str) -> None:
    answer = await visitor.send("POST", "/login", form={"name": name, "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = cookie_of(answer, "talkabiz_session")
    for part in ("; HttpOnly", "; SameSite=Lax", "; Max-Age=1209600", "; Path=/"):
        assert part in cookie
    assert "Secure" not in cookie
    inside = browser(house, talkabiz_session=cookie.partition(";")[0].partition("=")[2])
    shown = await page(inside, "/account")
    assert ">budi<" in shown.html


async def test_each_login_has_a_cookie_of_its_own(house: House, name: str) -> None:
    planted = browser(house, talkabiz_session="planted-by-somebody")
    form = {"name": name, "password": PASSWORD}
    first, second = [
        cookie_of(await planted.send("POST", "/login", form=form), "talkabiz_session").partition(";")[0] for _ in "12"
    ]
    assert first != second
    assert "planted-by-somebody" not in first + second


async def test_over_https_the_cookie_belongs_to_this_host_alone(tmp_path: Path) -> None:
    async with open_house(tmp_path, base_url="https://wa.example.com") as house, house.app.test_app():
        form = {"name": await with_password(house), "password": PASSWORD}
        cookie = cookie_of(await browser(house).send("POST", "/login", form=form), "__Host-talkabiz_session")
        assert "; Secure" in cookie
        assert "; Path=/" in cookie
        assert "Domain" not in cookie
        value = cookie.partition(";")[0].partition("=")[2]
        await page(browser(house, **{"__Host-talkabiz_session": value}), "/")
        gone = await browser(house, **{"__Host-talkabiz_session": value}).send("POST", "/logout")
        assert "; Secure" in cookie_of(gone, "__Host-talkabiz_session")


@pytest.mark.parametrize(("given", "password"), [("budi", "wrong"), ("nobody", PASSWORD), ("budi", ""), ("", "")])
async def test_a_wrong_password_is_told_and_the_name_stays(
    visitor: Client, name: str, given: str, password: str
) -> None:
    answer = await visitor.send("POST", "/login", form={"name": given, "password": password, "next": "/kliens/3"})
    assert answer.status_code == 401
    assert answer.headers.getlist("Set-Cookie") == []
    shown = await read(answer)
    assert "Nama atau kata sandi salah." in shown.html
    fields = {each["name"]: each for each in shown.having("name")}
    assert fields["name"]["value"] == given
    assert fields["next"]["value"] == "/kliens/3"
    assert "value" not in fields["password"]
    assert [each["name"] for each in shown.having("autofocus")] == ["password" if given else "name"]


async def test_a_form_without_fields_logs_nobody_in(visitor: Client) -> None:
    assert (await visitor.send("POST", "/login")).status_code == 401
    assert (await visitor.send("POST", "/login", json={"name": "budi", "password": PASSWORD})).status_code == 401


async def test_guessing_has_an_end(tmp_path: Path) -> None:
    async with open_house(tmp_path, quotas=Quotas(logins=Quota(2, 900))) as house, house.app.test_app():
        visitor, name = browser(house), await with_password(house)
        for _ in range(2):
            assert (await visitor.send("POST", "/login", form={"name": name, "password": "x"})).status_code == 401
        answer = await visitor.send("POST", "/login", form={"name": name, "password": PASSWORD})
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "900"
        assert answer.headers.getlist("Set-Cookie") == []
        shown = await read(answer)
        assert "Terlalu banyak percobaan masuk. Coba lagi dalam 15 menit." in shown.html
        assert {each["name"]: each.get("value") for each in shown.having("name")}["name"] == name
        house.clock.advance(900)
        assert (await visitor.send("POST", "/login", form={"name": name, "password": PASSWORD})).status_code == 303


async def test_another_sites_page_logs_nobody_in_by_password(visitor: Client, name: str) -> None:
    form = {"name": name, "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert (await visitor.send("POST", "/login", headers=headers, form=form)).status_code == 403
    bare = Client(visitor.http, {})
    foreign = {"Origin": "http://evil.example"}
    await bare.refusal("POST", "/login", headers=foreign, form=form, expect=403, code="csrf")


async def test_a_password_in_the_address_counts_for_nothing(visitor: Client, name: str) -> None:
    path = f"/login?name={name}&password=kuda+laut+biru"
    assert (await visitor.send("GET", path)).status_code == 200
    assert (await visitor.send("POST", path)).status_code == 401


async def test_names_are_shown_as_text(visitor: Client) -> None:
    hostile = '"><script>alert(1)</script>'
    answer = await visitor.send("POST", "/login", form={"name": hostile, "password": "x"})
    shown = await read(answer)
    assert [tag for tag, attributes in shown.elements if tag == "script" and "nonce" not in attributes] == []
    assert {each["name"]: each.get("value") for each in shown.having("name")}["name"] == hostile


# --- from where, and back -------------------------------------------------------------------------------------------


async def test_without_a_login_pages_lead_to_it_and_back(
    house: House, visitor: Client, klien_id: int, name: str
) -> None:
    wanted = {
        "/": "/login",
        f"/kliens/{klien_id}": f"/login?next=%2Fkliens%2F{klien_id}",
        f"/kliens/{klien_id + 1}": f"/login?next=%2Fkliens%2F{klien_id + 1}",
        "/?after=50": "/login?next=%2F%3Fafter%3D50",
        "/account": "/login?next=%2Faccount",
    }
    for path, location in wanted.items():
        answer = await visitor.send("GET", path)
        assert (answer.status_code, answer.headers["Location"]) == (303, location)
        shown = await page(visitor, location)
        assert [each["value"] for each in shown.having("name") if each["name"] == "next"] == [path]
        form = {"name": name, "password": PASSWORD, "next": path}
        assert (await visitor.send("POST", "/login", form=form)).headers["Location"] == path


async def test_who_is_in_already_goes_on(operator: Client) -> None:
    for path, location in (("/login", "/"), ("/login?next=%2Faccount", "/account")):
        answer = await operator.send("GET", path)
        assert (answer.status_code, answer.headers["Location"]) == (303, location)


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\r\nX: y", "x"]
)
async def test_the_way_on_stays_here(visitor: Client, operator: Client, name: str, wanted: str) -> None:
    form = {"name": name, "password": PASSWORD, "next": wanted}
    assert (await visitor.send("POST", "/login", form=form)).headers["Location"] == "/"
    assert (await operator.send("GET", "/login", query_string={"next": wanted})).headers["Location"] == "/"


async def test_the_way_on_may_have_any_letters(visitor: Client, name: str) -> None:
    form = {"name": name, "password": PASSWORD, "next": "/kliens/é中"}
    assert (await visitor.send("POST", "/login", form=form)).headers["Location"] == "/kliens/%C3%A9%E4%B8%AD"


async def test_a_key_is_no_way_to_log_a_browser_in(visitor: Client) -> None:
    for form in ({"name": "operator", "password": API_KEY}, {"name": "admin", "password": API_KEY}):
        assert (await visitor.send("POST", "/login", form=form)).status_code == 401


# --- by link ----------------------------------------------------------------------------------------------------------


async def test_a_link_logs_one_browser_in_once(house: House, visitor: Client) -> None:
    path = f"/login/{await house.desk.operators.make_login_link()}"
    await page(visitor, path)
    shown = await page(visitor, path)  # opening it uses nothing up
    assert [form["action"] for form in shown.having("action") if form["action"] == path] == [path]
    answer = await visitor.send("POST", path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = cookie_of(answer, "talkabiz_session")
    assert re.search(r"; HttpOnly", cookie)
    assert re.search(r"; SameSite=Lax", cookie)
    assert re.search(r"; Max-Age=1209600", cookie)
    assert "Secure" not in cookie
    inside = Client(visitor.http, {**BROWSER, "Cookie": cookie.partition(";")[0]})
    await page(inside, "/")
    assert (await visitor.send("POST", path)).status_code == 410
    await page(visitor, path, expect=410)


async def test_the_cookie_is_secure_where_the_address_is(tmp_path: Path) -> None:
    async with open_house(tmp_path, base_url="https://wa.example.com") as house, house.app.test_app():
        path = f"/login/{await house.desk.operators.make_login_link()}"
        answer = await browser(house).send("POST", path)
        cookie = cookie_of(answer, "__Host-talkabiz_session")
        assert "; Secure" in cookie
        assert "; Path=/" in cookie
        assert "Domain" not in cookie


async def test_a_link_works_for_15_minutes(house: House, visitor: Client) -> None:
    path = f"/login/{await house.desk.operators.make_login_link()}"
    house.clock.advance(15 * 60 - 1)
    await page(visitor, path)
    house.clock.advance(1)
    await page(visitor, path, expect=410)
    assert (await visitor.send("POST", path)).status_code == 410


async def test_a_made_up_link_logs_nobody_in(visitor: Client) -> None:
    await page(visitor, "/login/made-up", expect=410)
    assert (await visitor.send("POST", "/login/made-up")).status_code == 410


async def test_another_sites_page_logs_nobody_in(house: House, visitor: Client) -> None:
    path = f"/login/{await house.desk.operators.make_login_link()}"
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert (await visitor.send("POST", path, headers=headers)).status_code == 403
    bare = Client(visitor.http, {})
    assert (await bare.send("POST", path, headers={"Origin": "http://evil.example"})).status_code == 403
    assert (await bare.send("POST", path, headers={"Origin": "null"})).status_code == 303


async def test_a_link_says_whom_it_logs_in(house: House, visitor: Client) -> None:
    shown = await page(visitor, f"/login/{await house.desk.operators.make_login_link('budi')}")
    assert "sebagai budi" in shown.html


# --- going out --------------------------------------------------------------------------------------------------------


async def test_logging_out_ends_the_login_itself(operator: Client) -> None:
    answer = await operator.send("POST", "/logout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "Max-Age=0" in cookie_of(answer, "talkabiz_session")
    assert (await operator.send("GET", "/")).headers["Location"] == "/login"


async def test_another_sites_page_cannot_log_out(operator: Client) -> None:
    assert (await operator.send("POST", "/logout", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    await page(operator, "/")
