"""/api/v1/kliens."""

from __future__ import annotations

import pytest

from tests.edges import Client, House


async def test_a_klien_is_added_listed_renamed_and_erased(house: House, admin: Client) -> None:
    added = await admin.ask("POST", "/api/v1/kliens", json={"nama": "Toko Sinar"}, expect=201)
    assert added.keys() == {"id", "nama", "wa_terhubung", "wa_nomor", "created_at"}
    assert (added["nama"], added["wa_terhubung"], added["wa_nomor"]) == ("Toko Sinar", False, None)
    path = f"/api/v1/kliens/{added['id']}"
    assert await admin.ask("GET", path, expect=200) == added
    assert await admin.ask("GET", "/api/v1/kliens", expect=200) == {"kliens": [added], "next": None}
    renamed = await admin.ask("PATCH", path, json={"nama": "Toko Bulan"}, expect=200)
    assert renamed == {**added, "nama": "Toko Bulan"}
    assert await admin.ask("DELETE", path, expect=204) == ""
    await admin.refusal("GET", path, expect=404, code="not_found")
    assert ("forget_klien", added["id"]) in house.whatsapp.asked


async def test_adding_says_where_the_klien_is(admin: Client) -> None:
    answer = await admin.send("POST", "/api/v1/kliens", json={"nama": "Toko Sinar"})
    assert answer.headers["Location"] == f"/api/v1/kliens/{(await answer.get_json())['id']}"


async def test_a_linked_klien_says_so(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    klien = await admin.ask("GET", f"/api/v1/kliens/{klien_id}", expect=200)
    assert (klien["wa_terhubung"], klien["wa_nomor"]) == (True, "628123456789")


async def test_erasing_a_linked_klien_logs_it_out_first(house: House, admin: Client, klien_id: int) -> None:
    await house.link(klien_id)
    await admin.ask("DELETE", f"/api/v1/kliens/{klien_id}", expect=204)
    assert [what for what, *_ in house.whatsapp.asked][-2:] == ["log_out", "forget_klien"]


async def test_the_list_goes_on_where_the_cursor_says(house: House, admin: Client) -> None:
    ids = [await house.add_klien(f"Klien {n}") for n in range(5)]
    seen: list[int] = []
    cursor: int | None = 0
    while cursor is not None:
        page = await admin.ask("GET", f"/api/v1/kliens?cursor={cursor}&limit=2", expect=200)
        seen += [klien["id"] for klien in page["kliens"]]
        cursor = page["next"]
    assert seen == ids


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "limit=-1", "cursor=-1", "cursor=1&cursor=2", "page=2"]
)
async def test_a_query_that_means_nothing_is_refused(admin: Client, query: str) -> None:
    problem = await admin.refusal("GET", f"/api/v1/kliens?{query}", expect=422, code="invalid_input")
    assert problem["fields"].keys() == {query.partition("=")[0]}


@pytest.mark.parametrize(
    "body", [{}, {"nama": None}, {"nama": 1}, {"nama": ["x"]}, {"nama": ""}, {"nama": " \u200b "}, {"nama": "x" * 101}]
)
async def test_a_name_is_one_line_of_1_to_100_characters(admin: Client, klien_id: int, body: object) -> None:
    for method, path in (("POST", "/api/v1/kliens"), ("PATCH", f"/api/v1/kliens/{klien_id}")):
        problem = await admin.refusal(method, path, json=body, expect=422, code="invalid_input")
        assert problem["fields"].keys() == {"nama"}
    assert (await admin.ask("GET", f"/api/v1/kliens/{klien_id}", expect=200))["nama"] == "Toko Sinar"
    assert len((await admin.ask("GET", "/api/v1/kliens", expect=200))["kliens"]) == 1


async def test_an_unknown_field_is_a_mistake(admin: Client) -> None:
    body = {"nama": "Toko", "wa_terhubung": True}
    problem = await admin.refusal("POST", "/api/v1/kliens", json=body, expect=422, code="invalid_input")
    assert problem["fields"].keys() == {"wa_terhubung"}


async def test_a_klien_that_does_not_exist_is_not_found(admin: Client, klien_id: int) -> None:
    path = f"/api/v1/kliens/{klien_id + 1}"
    await admin.refusal("GET", path, expect=404, code="not_found")
    await admin.refusal("PATCH", path, json={"nama": "x"}, expect=404, code="not_found")
    await admin.refusal("DELETE", path, expect=404, code="not_found")


async def test_a_name_is_kept_as_its_owner_wrote_it(admin: Client) -> None:
    nama = "<b>Toko</b> “Ibu” & Anak 🌙"
    assert (await admin.ask("POST", "/api/v1/kliens", json={"nama": nama}, expect=201))["nama"] == nama
