"""Bodies as JSON: what would be much work or much memory is refused, and few large ones are read at once."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from talkabiz.domain.media_errors import UrlTimeout
from talkabiz.web import json_bodies
from talkabiz.web.json_bodies import LARGE, MOST_NAMES, MOST_PARTS, PLACES
from talkabiz.web.reading import LONGEST_NAME, MOST_FAULTS
from tests.edges import API_KEY, Client, House, open_house, serving
from tests.web.test_messages import ANI, PNG

Json = dict[str, Any]

MB = 1024 * 1024
LARGE_FILE = {"base64": base64.b64encode(bytes(2 * LARGE)).decode()}


@pytest.fixture(name="path")
async def _path(house: House) -> str:
    return await linked(house, 0)


async def linked(house: House, number: int) -> str:
    klien_id = await house.add_klien(f"Toko {number}")
    await house.link(klien_id, f"62815555555{number}")
    return f"/api/v1/kliens/{klien_id}/messages"


# --- how much of what -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * (7 * MB) + b"[]]",
        b"[" + b"{}," * (7 * MB) + b"{}]",
        b'{"to": "628111111111", "text": "x", "mentions": [' + b"1," * (10 * MB) + b"1]}",
        b'{"media": {' + b",".join(b'"%d":1' % n for n in range(MB)) + b"}}",
    ],
    ids=["lists", "objects", "numbers", "names"],
)
async def test_a_heap_of_small_parts_is_refused_unread(admin: Client, path: str, body: bytes) -> None:
    tracemalloc.start()
    try:
        problem = await admin.refusal("POST", path, data=body, expect=422, code="invalid_input")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert problem["fields"].keys() == {"body"}
    assert most < 6 * len(body)


async def test_as_many_parts_as_a_body_may_have_are_read(admin: Client, path: str) -> None:
    for many in (MOST_PARTS - 10, MOST_PARTS + 10):
        body = b"[" + b"1," * many + b"1]"
        problem = await admin.refusal("POST", path, data=body, expect=422, code="invalid_input")
        assert ("too many parts" in problem["fields"]["body"]) is (many > MOST_PARTS)
    text = "[{,}]" * 10_000
    assert (await admin.ask("POST", path, json={"to": ANI, "text": text}, expect=202))["text"] == text


@pytest.mark.parametrize("where", ["messages", "media", "older"])
async def test_an_object_of_very_many_names_is_refused(admin: Client, path: str, where: str) -> None:
    names = {f"x{n}": n for n in range(MOST_NAMES + 1)}
    said = {"to": ANI, "type": "image", "media": {"url": "https://example.com", **names}}
    to, body = ("/whatsapp/connect", names) if where == "older" else (path, names if where == "messages" else said)
    problem = await admin.refusal("POST", to, json=body, expect=422, code="invalid_input")
    assert problem["fields"] == {"body": f"An object has {MOST_NAMES} names at most."}


async def test_of_many_faults_some_are_told_and_of_long_names_the_beginning(admin: Client, path: str) -> None:
    names = {f"x{n}": n for n in range(MOST_NAMES - 2)}
    problem = await admin.refusal(
        "POST", path, json={"to": ANI, "text": "x", **names}, expect=422, code="invalid_input"
    )
    assert len(problem["fields"]) == MOST_FAULTS
    problem = await admin.refusal(
        "POST", path, json={"to": ANI, "text": "x", "y" * MB: 1}, expect=422, code="invalid_input"
    )
    assert problem["fields"].keys() == {"y" * LONGEST_NAME}


# --- how many at once -------------------------------------------------------------------------------------------------


async def test_few_large_bodies_are_read_at_once_and_small_ones_meanwhile(
    house: House, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [await linked(house, number) for number in range(PLACES + 2)]
    begun: list[int] = []
    may_end = asyncio.Event()
    from_base64 = house.desk.media.from_base64

    async def slowly(klien_id: int, text: str, **how: Any) -> Any:
        begun.append(klien_id)
        if len(text) > LARGE:
            await may_end.wait()
        return await from_base64(klien_id, text, **how)

    monkeypatch.setattr(house.desk.media, "from_base64", slowly)
    large = {"to": ANI, "type": "document", "media": LARGE_FILE}
    asking = [
        asyncio.create_task(admin.ask("POST", path, json=large, expect=202)) for path in (paths[0], paths[0], *paths)
    ]
    async with asyncio.timeout(5):
        while len(begun) < PLACES:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert len(set(begun)) == len(begun) == PLACES, "one of each klien"
    small = {**large, "media": {"base64": base64.b64encode(PNG).decode()}}
    await admin.ask("POST", paths[0], json=small, expect=202)
    may_end.set()
    await asyncio.gather(*asking)


async def test_a_large_body_that_names_its_file_keeps_no_place_for_it(
    house: House, admin: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_bodies, "LARGE", 100)
    is_asked, may_end = asyncio.Event(), asyncio.Event()

    async def fetch(*_: Any, **__: Any) -> Any:
        is_asked.set()
        await may_end.wait()
        raise UrlTimeout

    monkeypatch.setattr(house.desk.media, "from_url", fetch)
    body = {"to": ANI, "type": "document", "media": {"url": "https://example.com/" + "x" * 200}}
    asking = asyncio.create_task(admin.refusal("POST", path, json=body, expect=504, code="url_timeout"))
    async with asyncio.timeout(5):
        await is_asked.wait()
        await admin.ask("POST", path, json={"to": ANI, "text": "x" * 200}, expect=202)
    may_end.set()
    await asking


async def test_who_sends_slowly_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Over a real connection. Not even itself, and what has come isn't in memory."""
    body = json.dumps({"to": ANI, "type": "document", "media": LARGE_FILE}).encode()
    come, may_end = asyncio.Semaphore(0), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[: 2 * LARGE]
        come.release()
        await may_end.wait()
        yield body[2 * LARGE :]

    async with open_house(tmp_path) as house, serving(house) as address:
        path = address + await linked(house, 0)
        async with aiohttp.ClientSession(headers={"X-Api-Key": API_KEY}) as http, asyncio.timeout(20):

            async def post(data: Any) -> int:
                async with http.post(path, data=data) as answer:
                    return answer.status

            slow = [asyncio.create_task(post(slowly())) for _ in range(PLACES + 1)]
            for _ in slow:
                await come.acquire()
            assert await post(io.BytesIO(body)) == 202
            may_end.set()
            assert set(await asyncio.gather(*slow)) == {202}
