"""The media host, by the real library and by plain HTTP."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from talkabiz.sandbox import media
from talkabiz.sandbox.media import Shelf
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NUMBER, Linked

OTHER = "628987654321"
IMAGE = 0


def image_message(upload: dict[str, Any]) -> dict[str, Any]:
    return {
        "imageMessage": {
            "URL": upload["url"],
            "directPath": upload["DirectPath"],
            "mediaKey": upload["MediaKey"],
            "fileEncSHA256": upload["FileEncSHA256"],
            "fileSHA256": upload["FileSHA256"],
            "fileLength": upload["FileLength"],
            "mimetype": "image/png",
        }
    }


async def test_an_image_arrives_with_the_same_bytes_and_the_server_has_others(sandbox: Sandbox, linked: Linked) -> None:
    shop, buyer = await asyncio.gather(linked(), linked(number=OTHER))
    image = os.urandom(3_000_000)
    uploaded = await shop.ask("upload", data=base64.b64encode(image).decode(), kind=IMAGE)
    await shop.send_message(f"{OTHER}@s.whatsapp.net", image_message(uploaded["UploadResponse"]))
    event = await buyer.wait_for(lambda fact: "imageMessage" in fact.get("data", {}).get("Message", {}))
    assert event["data"]["Info"]["MediaType"] == "image"
    answer = await buyer.ask("download", message={"imageMessage": event["data"]["Message"]["imageMessage"]})
    assert hashlib.sha256(base64.b64decode(answer["Binary"])).digest() == hashlib.sha256(image).digest()
    (stored,) = sandbox._exchange.shelf.directory.iterdir()
    assert image[1000:1032] not in stored.read_bytes()


async def test_a_medium_that_is_gone_is_an_error(sandbox: Sandbox, linked: Linked) -> None:
    shop = await linked()
    uploaded = await shop.ask("upload", data=base64.b64encode(b"x" * 100).decode(), kind=IMAGE)
    (stored,) = sandbox._exchange.shelf.directory.iterdir()
    sandbox._exchange.shelf._sizes.clear()
    stored.unlink()
    answer = await shop.ask("download", message=image_message(uploaded["UploadResponse"]))
    assert "404" in answer["Error"]


# ── plain HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def request(sandbox: Sandbox, raw: bytes, host: str = "mmg.whatsapp.net") -> tuple[int, bytes]:
    """Status and body; the connection is closed by the request's own wish."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.proxy_url.rpartition(":")[2]))
    writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    await writer.start_tls(ssl.create_default_context(cafile=str(sandbox.ca_file)), server_hostname=host)
    writer.write(raw)
    async with asyncio.timeout(10):
        answer = await reader.read(-1)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


def post(sandbox: Sandbox, data: bytes, token: str | None = None, auth: str | None = None) -> bytes:
    token = token or base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()
    target = f"/mms/image/{token}?auth={auth or sandbox._exchange.shelf.auth}&token={token}"
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


async def test_what_was_uploaded_is_given_back(sandbox: Sandbox) -> None:
    status, body = await request(sandbox, post(sandbox, b"abc"))
    assert status == 200
    path = json.loads(body)["direct_path"]
    assert await request(sandbox, get(f"{path}&hash=x&mms-type=image&__wa-mms=")) == (200, b"abc")


async def test_a_body_in_pieces_is_taken_too(sandbox: Sandbox) -> None:
    whole = post(sandbox, b"abcdef").replace(b"Content-Length: 6", b"Transfer-Encoding: chunked")
    assert (await request(sandbox, whole.replace(b"abcdef", b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")))[0] == 200


@pytest.mark.parametrize("path", ["/", "/v/t62.7118-24/../../etc/passwd", "/v/t62.7118-24/", "/v/t62.7118-24/abc?x"])
async def test_an_unknown_path_is_not_found(sandbox: Sandbox, path: str) -> None:
    assert (await request(sandbox, get(path)))[0] == 404


async def test_an_upload_that_may_not_be_is_refused_and_leaves_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "LARGEST_FILE", 1000)
    assert (await request(sandbox, post(sandbox, b"abc", auth="wrong")))[0] == 401
    assert (await request(sandbox, post(sandbox, b"abc", token="AAAA")))[0] == 400
    assert (await request(sandbox, post(sandbox, bytes(1001))))[0] == 413
    assert (await request(sandbox, b"PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[0] == 405
    assert not list(sandbox._exchange.shelf.directory.iterdir())


async def test_garbage_costs_its_own_connection(sandbox: Sandbox) -> None:
    with pytest.raises((IndexError, ConnectionError)):
        await request(sandbox, b"\0\1\2 nonsense\r\n\r\n")
    assert (await request(sandbox, get("/")))[0] == 404


async def test_a_fault_of_the_service_is_one_of_the_media_too(sandbox: Sandbox) -> None:
    sandbox.inject("http_503", count=1)
    assert (await request(sandbox, get("/")))[0] == 503


def test_the_oldest_are_dropped_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "LARGEST_TOTAL", 10)
    shelf = Shelf(tmp_path / "media")
    names = [keep(shelf, bytes([number]) * 4) for number in range(3)]
    assert sorted(path.name for path in shelf.directory.iterdir()) == sorted(names[1:])
    assert Shelf(tmp_path / "media").find(f"/v/t62.7118-24/{names[2]}")[1] == 4


def test_what_is_kept_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        name = keep(Shelf(tmp_path / "media"), b"abc")
    finally:
        os.umask(before)
    assert [(tmp_path / path).stat().st_mode & 0o777 for path in ("media", f"media/{name}")] == [0o700, 0o600]


def keep(shelf: Shelf, data: bytes) -> str:
    upload = shelf.begin(base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode(), shelf.auth)
    upload.write(data)
    return upload.finish()


async def test_the_chat_is_not_at_the_media_host(sandbox: Sandbox) -> None:
    assert (await request(sandbox, get("/ws/chat")))[0] == 404
    assert NUMBER not in str(sandbox.online())
