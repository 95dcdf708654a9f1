"""/api/v1/kliens/{id}/media: files go in as they are, and come out as files, to the right key alone."""

from __future__ import annotations

import asyncio
import gc
import io
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from quart import request
from quart.datastructures import FileStorage
from quart.formparser import FormDataParser
from werkzeug.datastructures import Headers

from talkabiz.domain.access import Scope
from talkabiz.web.uploads import HELD, LARGEST_BODY, LARGEST_MESSAGE, LARGEST_UPLOAD, HeldBody
from tests.edges import API_KEY, Client, House, open_house, serving
from tests.web.test_messages import PNG, form

Json = dict[str, Any]

HTML = b"<script>alert(document.cookie)</script>"


@pytest.fixture(name="path")
async def _path(klien_id: int) -> str:
    return f"/api/v1/kliens/{klien_id}/media"


def upload(data: bytes, filename: str, type_: str = "application/octet-stream", **fields: str) -> Json:
    return {"form": fields, "files": {"file": FileStorage(io.BytesIO(data), filename, content_type=type_)}}


async def test_a_file_comes_back_as_it_went_in(admin: Client, path: str) -> None:
    answer = await admin.send("POST", path, **form(type="image"))
    stored = await answer.get_json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{path}/{stored['id']}")
    assert (stored["mimetype"], stored["size"], stored["filename"]) == ("image/png", len(PNG), "nota.png")
    answer = await admin.send("GET", stored["url"])
    assert (answer.status_code, await answer.get_data()) == (200, PNG)
    assert answer.content_type == "image/png"
    assert answer.headers["Content-Length"] == str(len(PNG))


async def test_what_others_sent_is_never_shown_by_a_browser(admin: Client, path: str) -> None:
    stored = await admin.ask("POST", path, **upload(HTML, '..\\"../a;b/x.html', "text/html"), expect=201)
    answer = await admin.send("GET", stored["url"])
    assert await answer.get_data() == HTML
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert not set("/\\\r\n") & set(disposition)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not {"ETag", "Last-Modified", "Expires"} & set(answer.headers)


async def test_a_name_of_other_letters_goes_along(admin: Client, path: str) -> None:
    stored = await admin.ask("POST", path, **upload(b"isi", "faktur é 請求書.txt", "text/plain"), expect=201)
    answer = await admin.send("GET", stored["url"])
    assert "filename*=UTF-8''" in answer.headers["Content-Disposition"]
    assert (await admin.send("HEAD", stored["url"])).status_code == 200


async def test_another_kliens_file_is_not_there(house: House, klien_id: int, path: str) -> None:
    stored = await house.client().ask("POST", path, **form(), expect=201)
    other = await house.add_klien("Toko Bulan")
    stranger = house.client(await house.key_of(other))
    await stranger.refusal("GET", stored["url"], expect=404, code="not_found")
    await stranger.refusal("GET", f"/api/v1/kliens/{other}/media/{stored['id']}", expect=404, code="not_found")
    linking = house.client(await house.key_of(klien_id, Scope.SESSION))
    await linking.refusal("GET", stored["url"], expect=403, code="missing_scope")
    for scope in (Scope.READ, Scope.MESSAGE):
        assert (await house.client(await house.key_of(klien_id, scope)).send("GET", stored["url"])).status_code == 200
    await house.client(None).refusal("GET", stored["url"], expect=401, code="unauthorized")


async def test_a_file_that_is_gone_says_so(admin: Client, path: str, tmp_path: Path) -> None:
    stored = await admin.ask("POST", path, **form(), expect=201)
    for file in (tmp_path / "media").rglob("*"):
        if file.is_file():
            file.unlink()
    await admin.refusal("GET", stored["url"], expect=404, code="media_gone")
    await admin.refusal("GET", f"{path}/99", expect=404, code="not_found")


@pytest.mark.parametrize(
    ("how", "code", "fields"),
    [
        ({"form": {}, "files": {}}, "invalid_input", {"file"}),
        ({"json": {}}, "invalid_input", {"file"}),
        (form(kind="image"), "invalid_input", {"kind"}),
        (form(type="text"), "invalid_input", {"type"}),
        (form(b"no picture", type="image"), "media_refused", None),
        (form(b"", type="document"), "media_refused", None),
    ],
)
async def test_what_is_no_file_is_refused(
    admin: Client, path: str, how: Json, code: str, fields: set[str] | None, *, tmp_path: Path
) -> None:
    problem = await admin.refusal("POST", path, **how, expect=422, code=code)
    assert fields is None or problem["fields"].keys() == fields
    assert [file for file in (tmp_path / "media").rglob("*") if file.is_file()] == []


async def test_a_kliens_files_go_with_it(admin: Client, klien_id: int, path: str, tmp_path: Path) -> None:
    await admin.ask("POST", path, **form(), expect=201)
    await admin.ask("DELETE", f"/api/v1/kliens/{klien_id}", expect=204)
    assert [file for file in (tmp_path / "media").rglob("*") if file.is_file()] == []


async def test_what_is_no_form_is_not_read_as_one(admin: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: Any, **__: Any) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(FormDataParser, "parse", parse)
    for type_ in ("application/x-www-form-urlencoded", "application/x-url-encoded", "text/plain", ""):
        problem = await admin.refusal(
            "POST", path, data=b"a=1&" * 1000, headers={"Content-Type": type_}, expect=422, code="invalid_input"
        )
        assert problem["fields"].keys() == {"file"}


# --- how much ---------------------------------------------------------------------------------------------------------


async def test_a_large_file_passes_and_a_larger_one_does_not(tmp_path: Path) -> None:
    """Over a real connection: the test client knows no pressure."""
    async with open_house(tmp_path) as house, serving(house) as address:
        path = f"{address}/api/v1/kliens/{await house.add_klien()}"
        async with aiohttp.ClientSession(headers={"X-Api-Key": API_KEY}) as http:
            data = bytes(20 * 1024 * 1024)
            async with http.post(f"{path}/media", data={"file": io.BytesIO(data)}) as answer:
                assert answer.status == 201
                stored = await answer.json()
            async with http.get(f"{address}{stored['url']}") as answer:
                assert len(await answer.read()) == len(data)
            body = b'{"to": "628111111111", "text": "' + b"x" * LARGEST_MESSAGE + b'"}'
            async with http.post(f"{path}/messages", data=io.BytesIO(body)) as answer:
                assert (answer.status, (await answer.json())["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("where", "type_", "most"),
    [
        ("media", "multipart/form-data; boundary=x", LARGEST_UPLOAD),
        ("media", "Multipart/Form-Data ;boundary=x", LARGEST_UPLOAD),
        ("media", "multipart/form-datax", LARGEST_BODY),
        ("media", "application/x-www-form-urlencoded", LARGEST_BODY),
        ("messages", "multipart/form-data; boundary=x", LARGEST_UPLOAD),
        ("messages", "multipart/form-datax; boundary=x", LARGEST_MESSAGE),
        ("messages", "multipart/form-data-x", LARGEST_MESSAGE),
        ("messages", "application/json", LARGEST_MESSAGE),
    ],
)
async def test_only_a_form_may_be_as_large_as_one(house: House, where: str, type_: str, most: int) -> None:
    path, headers = f"/api/v1/kliens/1/{where}", Headers({"Content-Type": type_})
    async with house.app.test_request_context(path, method="POST", headers=headers):
        assert request.max_content_length == most


@pytest.mark.parametrize(
    ("many", "size"), [(1000, 1), (1000, 100_000), (20, 100_000)], ids=["many", "many and large", "large"]
)
@pytest.mark.parametrize("name", ['"type"', '"file"; filename="x"'], ids=["fields", "files"])
async def test_what_a_form_has_in_memory_is_little(tmp_path: Path, name: str, many: int, size: int) -> None:
    part = f"--x\r\nContent-Disposition: form-data; name={name}\r\n\r\n".encode() + b"x" * size + b"\r\n"

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(many):
            yield part
        yield b"--x--\r\n"

    async with open_house(tmp_path) as house, serving(house) as address:
        headers = {"X-Api-Key": API_KEY, "Content-Type": "multipart/form-data; boundary=x"}
        path = f"{address}/api/v1/kliens/{await house.add_klien()}/media"
        async with aiohttp.ClientSession(headers=headers) as http, http.post(path, data=parts()) as answer:
            assert (answer.status, (await answer.json())["code"]) == (413, "too_large")


async def test_a_form_that_breaks_off_leaves_no_file_open(admin: Client, path: str) -> None:
    begun = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + bytes(1000)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem = await admin.refusal("POST", path, data=begun, headers=headers, expect=422, code="invalid_input")
        gc.collect()
    assert problem["fields"].keys() == {"file"}


async def test_a_stranger_uploads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what comes all the same isn't taken into memory."""
    kept, append = [0], HeldBody.append

    def note(body: HeldBody, data: bytes) -> None:
        append(body, data)
        kept.append(len(body._data))

    monkeypatch.setattr(HeldBody, "append", note)
    async with open_house(tmp_path) as house, serving(house) as address, aiohttp.ClientSession() as http:
        path = f"{address}/api/v1/kliens/{await house.add_klien()}/media"
        async with http.post(path, data={"file": io.BytesIO(bytes(30 * 1024 * 1024))}) as answer:
            assert answer.status == 401
    assert HELD < max(kept) + HELD < 4 * HELD
    assert [file for file in (tmp_path / "media").rglob("*") if file.is_file()] == []


async def test_of_a_body_that_nobody_reads_little_is_kept() -> None:
    body = HeldBody(None, 1024 * 1024)
    body.append(bytes(HELD + 1))
    waiting = asyncio.create_task(body.room())
    await asyncio.sleep(0.01)
    assert not waiting.done(), "until somebody reads"
    assert len(await anext(body)) == HELD + 1
    await asyncio.wait_for(waiting, 1)
    body.append(bytes(HELD + 1))
    waiting = asyncio.create_task(body.room())
    reading = asyncio.ensure_future(_all_of(body))
    await asyncio.wait_for(waiting, 1)
    body.append(b"end")
    body.set_complete()
    assert len(await reading) == HELD + 4


async def _all_of(body: HeldBody) -> bytes:
    found: bytes = await body
    return found


async def test_a_body_without_a_length_is_measured_all_the_same() -> None:
    body = HeldBody(None, 1000)
    body.append(bytes(900))
    assert len(await anext(body)) == 900
    body.append(bytes(101))
    with pytest.raises(Exception, match="413"):
        await anext(body)
