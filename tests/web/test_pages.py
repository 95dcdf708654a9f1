"""The pages, as a browser gets them: kliens, languages, the hooks that the script and tests hold on to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from talkabiz.domain.access import Caller
from tests.edges import Client, House, open_house
from tests.web.page import Page, browser, cookie_of, page

# --- kliens -----------------------------------------------------------------------------------------------------------


async def test_the_empty_list_says_what_to_do(operator: Client) -> None:
    shown = await page(operator, "/")
    assert "Tambahkan klien pertama" in shown.html
    assert shown.having("data-klien") == []


async def test_the_list_shows_each_klien_and_its_state(house: House, operator: Client, klien_id: int) -> None:
    other = await house.add_klien("Warung Bulan")
    await house.link(other)
    states = [(each["data-klien"], each["data-status"]) for each in (await page(operator, "/")).having("data-klien")]
    assert states == [(str(klien_id), "disconnected"), (str(other), "connected")]


async def test_numbers_are_masked_in_the_list(house: House, operator: Client, klien_id: int) -> None:
    await house.link(klien_id)
    shown = await page(operator, "/")
    assert "+6281*****789" in shown.html
    assert "628123456789" not in shown.html


async def test_the_list_goes_on_page_by_page(house: House, operator: Client) -> None:
    ids = [str(await house.add_klien(f"Klien {n}")) for n in range(51)]
    first = await page(operator, "/")
    assert [each["data-klien"] for each in first.having("data-klien")] == ids[:50]
    following = [each["href"] for each in first.having("href") if (each["href"] or "").startswith("/?after=")]
    second = await page(operator, following[0] or "")
    assert [each["data-klien"] for each in second.having("data-klien")] == ids[50:]


async def test_a_klien_is_added_by_the_form(operator: Client) -> None:
    answer = await operator.send("POST", "/kliens", form={"nama": "Toko Sinar"})
    assert answer.status_code == 303
    shown = await page(operator, answer.headers["Location"])
    assert "Toko Sinar" in shown.html


async def test_a_name_that_cannot_be_one_is_told_beside_the_field(operator: Client) -> None:
    answer = await operator.send("POST", "/kliens", form={"nama": "<i>" + "x" * 100})
    shown = Page(await answer.get_data(as_text=True))
    assert answer.status_code == 422
    assert "1 sampai 100 karakter" in shown.html
    assert [each["value"] for each in shown.having("aria-invalid")] == ["<i>" + "x" * 100]


async def test_a_kliens_page_has_the_hooks(operator: Client, klien_id: int) -> None:
    shown = await page(operator, f"/kliens/{klien_id}")
    states = [(each["data-klien"], each["data-status"]) for each in shown.having("data-klien")]
    assert states == [(str(klien_id), "disconnected")]
    actions = {each["data-action"] for each in shown.having("data-action")}
    assert actions == {"connect", "refresh", "disconnect", "confirm", "make-link"}


async def test_no_page_holds_a_qr_when_it_loads(house: House, operator: Client, klien_id: int) -> None:
    await house.show_qr(klien_id)
    for path in ("/", f"/kliens/{klien_id}"):
        shown = await page(operator, path)
        assert shown.having("data-qr") == []
        assert "linked_devices" not in shown.html
        assert "data:image" not in shown.html


async def test_a_klien_that_does_not_exist_is_told_in_words(operator: Client, klien_id: int) -> None:
    for path in (f"/kliens/{klien_id + 1}", "/kliens/x", "/kliens/01", "/nowhere"):
        shown = await page(operator, path, expect=404)
        assert "Tidak ditemukan." in shown.html


async def test_one_kliens_key_has_no_pages(house: House, klien_id: int) -> None:
    own = house.client(await house.key_of(klien_id))
    for path in ("/", f"/kliens/{klien_id}"):
        await own.refusal("GET", path, expect=404, code="not_found")


async def test_names_are_text_and_nothing_else(house: House, operator: Client) -> None:
    nama = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    klien_id = await house.add_klien(nama)
    for path in ("/", f"/kliens/{klien_id}"):
        shown = await page(operator, path)
        assert not shown.having("onerror")
        assert [tag for tag, attributes in shown.elements if tag == "script" and "nonce" not in attributes] == []


# --- every page -------------------------------------------------------------------------------------------------------


async def test_nothing_is_written_into_the_page_that_the_policy_forbids(
    house: House, operator: Client, visitor: Client, klien_id: int
) -> None:
    link = (await house.desk.access.make_link_token(klien_id, caller=Caller("test"))).token
    inside = ("/", f"/kliens/{klien_id}", "/account", "/nowhere", f"/link/{link}", "/link/x")
    for client, path in (*((operator, each) for each in inside), (visitor, "/login"), (visitor, "/login/x")):
        answer = await client.send("GET", path)
        shown = Page(await answer.get_data(as_text=True))
        assert shown.having("style") == []
        assert [tag for tag, _ in shown.elements if tag == "style"] == []
        assert not re.search(r"\son\w+=", shown.html)
        scripts = [attributes for tag, attributes in shown.elements if tag == "script"]
        assert all(f"'nonce-{each['nonce']}'" in answer.headers["Content-Security-Policy"] for each in scripts)
        assert all((each["src"] or "").startswith("/static/") for each in scripts)


async def test_the_language_is_remembered(visitor: Client) -> None:
    shown = await page(visitor, "/login")
    assert shown.elements[0] == ("html", {"lang": "id"}) or ("html", {"lang": "id"}) in shown.elements
    answer = await visitor.send("POST", "/language", form={"language": "en", "back": "/login"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    cookie = cookie_of(answer, "talkabiz_language").partition(";")[0]
    english = await page(Client(visitor.http, {**visitor.headers, "Cookie": cookie}), "/login")
    assert ("html", {"lang": "en"}) in english.elements
    assert "Log in" in english.html


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "", "/\r\nSet-Cookie: a=b"]
)
async def test_the_way_back_stays_here(visitor: Client, back: str) -> None:
    answer = await visitor.send("POST", "/language", form={"language": "en", "back": back})
    assert answer.headers["Location"] == "/"


async def test_an_unknown_language_changes_nothing(house: House, visitor: Client) -> None:
    answer = await visitor.send("POST", "/language", form={"language": "xx", "back": "/login"})
    assert answer.headers.getlist("Set-Cookie") == []
    assert ("html", {"lang": "id"}) in (await page(browser(house, talkabiz_language="xx"), "/login")).elements


async def test_the_first_language_is_a_setting(tmp_path: Path) -> None:
    async with open_house(tmp_path, language="en") as house, house.app.test_app():
        shown = await page(browser(house), "/login")
        assert ("html", {"lang": "en"}) in shown.elements


async def test_a_sandbox_says_so_on_every_page(tmp_path: Path) -> None:
    async with open_house(tmp_path, sandbox=True) as house, house.app.test_app():
        klien_id = await house.add_klien()
        operator = browser(house, talkabiz_session=await house.login())
        link = await house.desk.access.make_link_token(klien_id, caller=Caller("test"))
        login = await house.desk.operators.make_login_link()
        found = ("/", f"/kliens/{klien_id}", "/account", "/docs", f"/login/{login}", f"/link/{link.token}")
        gone = [("/nowhere", 404), ("/kliens/0", 404), ("/link/x", 410), ("/login/x", 410)]
        for path, status in (*((each, 200) for each in found), *gone):
            shown = await page(operator, path, expect=status)
            assert len(shown.having("data-sandbox")) == 1, path
            # A klien's own person has no business there.
            assert shown.html.count('<a href="/sandbox">') == (not path.startswith("/link/")), path
        assert len((await page(browser(house), "/login")).having("data-sandbox")) == 1


async def test_a_fault_of_ours_in_a_sandbox_says_that_it_is_one(tmp_path: Path) -> None:
    async with open_house(tmp_path, sandbox=True) as house:

        @house.app.get("/broken")
        async def break_down() -> str:
            raise ZeroDivisionError

        async with house.app.test_app():
            assert len((await page(browser(house), "/broken", expect=500)).having("data-sandbox")) == 1


async def test_without_a_sandbox_no_page_speaks_of_it(operator: Client, visitor: Client, klien_id: int) -> None:
    for path in ("/", f"/kliens/{klien_id}", "/account"):
        assert "sandbox" not in (await page(operator, path)).html.lower()
    assert "sandbox" not in (await page(visitor, "/login")).html.lower()
