"""The sandbox and the real WhatsApp stay apart: in what is loaded, in which paths exist, and by their devices."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.rows import Row, device_files, row
from tests.running import Phones, Server, finish, loopback, serving

NUMBER, OTHER = "628111000061", "628111000062"
PATHS = ("/sandbox", "/sandbox/", "/sandbox/api/phones", "/sandbox/api/faults", "/sandbox/api/phones/1/scan")


@dataclass
class Door:
    """A proxy that the library would take to the real WhatsApp, and that lets nobody through."""

    url: str
    asked: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def door() -> AsyncIterator[Door]:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    opened = Door(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield opened
    finally:
        server.close()
        await server.wait_closed()


# --- what is loaded ---------------------------------------------------------------------------------------------------


async def test_without_a_sandbox_nothing_of_it_is_loaded_and_no_path_of_it_exists(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    async with door() as way:
        monkeypatch.setenv("HTTPS_PROXY", way.url)
        async with serving(home, "--no-supervisor") as server:
            klien_id = await server.add_klien("Toko Sinar")
            await server.call("POST", "/whatsapp/connect", {"klien_id": klien_id}, expect=None)
            for path in PATHS:
                for method in ("GET", "POST", "DELETE"):
                    answer = await server.http.request(method, path)
                    assert answer.status_code == 404, f"{method} {path}"
            page = await server.http.get("/login")
            assert "sandbox" not in page.text.lower()
            loaded = _loaded(server)

    assert "talkabiz.whatsapp.local" in loaded, "this record shows nothing"
    assert {name for name in loaded if name.startswith(("talkabiz.sandbox", "trustme", "talkabiz.testing"))} == set()


async def test_with_a_sandbox_the_same_record_shows_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    async with serving(home, "--no-supervisor", "--sandbox") as server:
        assert (await server.http.get("/sandbox/api/phones")).status_code == 200
        assert "talkabiz.sandbox.world" in _loaded(server)


def _loaded(server: Server) -> set[str]:
    """The modules that the running process has imported, at whatever moment."""
    return set(re.findall(r"^import time:.*\| +(\S+)$", server.process.errors.read_text(), re.MULTILINE))


@pytest.mark.parametrize("given", [set(), {"wa_proxy_url"}, {"wa_ca_file"}], ids=str)
async def test_the_root_key_is_refused_without_proxy_and_ca(home: Path, given: set[str]) -> None:
    (ca_file := home / "ca.pem").touch()
    settings = {"wa_proxy_url": "http://127.0.0.1:9", "wa_ca_file": str(ca_file)}
    chosen = {name: value for name, value in settings.items() if name in given}

    done = await finish(home, "serve", "--no-supervisor", wa_root_key="ab" * 32, **chosen)

    assert done.code == 2
    assert "TALKABIZ_WA_ROOT_KEY needs TALKABIZ_WA_PROXY_URL and TALKABIZ_WA_CA_FILE" in done.errors
    assert not (home / "sessions").exists()


# --- devices ----------------------------------------------------------------------------------------------------------


@pytest.mark.soak
async def test_what_was_linked_in_a_sandbox_waits_for_it_and_the_real_whatsapp_never_hears_of_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(home, "--sandbox") as server:
        linked, fresh = await server.add_klien("Toko Sinar"), await server.add_klien("Toko Baru")
        await server.link(Phones(server.http), linked, NUMBER)
    kept = device_files(home, linked)

    async with door() as way:
        monkeypatch.setenv("HTTPS_PROXY", way.url)
        async with serving(home) as server:
            told = await server.wait_for(linked, "error")
            assert (told["reason"], told["detail"], told["retry_at"]) == ("engine", {"code": "sandbox_device"}, None)
            assert "linked in a sandbox" in told["message"]["en"]
            assert "sandbox" in told["message"]["id"]
            again = await server.connect(linked)  # pressing the button changes nothing
            assert again["status"] in {"reconnecting", "error"}
            assert (await server.wait_for(linked, "error"))["detail"] == {"code": "sandbox_device"}
            assert way.asked == []
            await server.call("POST", "/whatsapp/connect", {"klien_id": fresh}, expect=503)
            assert way.asked, "this test would not have seen it dial"
        assert "left alone" in server.process.errors.read_text()
        examined = await finish(home, "doctor")
        assert "1 stored device, 1 of which belongs to a sandbox" in examined.output
        assert "--sandbox" in examined.output
        assert row(home, linked) == Row(False, NUMBER, "error", "engine")

    monkeypatch.delenv("HTTPS_PROXY")
    assert device_files(home, linked) == kept
    async with serving(home, "--sandbox") as server:
        assert (await server.wait_for(linked, "connected"))["me"]["phone"] == NUMBER


@pytest.mark.soak
async def test_devices_of_two_sandboxes_stand_side_by_side_and_each_comes_back_in_its_own(
    home: Path, tmp_path: Path
) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    async with loopback(elsewhere) as world:
        async with serving(home, **world.settings) as server:
            theirs = await server.add_klien("Toko Sinar")
            await server.link(Phones(world.http), theirs, NUMBER)

        async with serving(home, "--sandbox") as server:
            ours = await server.add_klien("Toko Baru")
            await server.link(Phones(server.http), ours, OTHER)
            assert (await server.wait_for(theirs, "error"))["detail"] == {"code": "sandbox_device"}

        async with serving(home, **world.settings) as server:
            await server.wait_for(theirs, "connected")
            assert (await server.wait_for(ours, "error"))["detail"] == {"code": "sandbox_device"}
            given_up = await server.disconnect(ours)  # as its sentence proposes
            assert (given_up["status"], given_up["warning"]) == ("disconnected", "phone_keeps_device")
            await server.link(Phones(world.http), ours, OTHER)


@pytest.mark.soak
async def test_a_real_device_is_left_alone_while_a_sandbox_is_on(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        await server.link(Phones(server.http), klien_id, NUMBER)
    (store,) = (home / "sessions" / str(klien_id)).glob("*.db")
    with store.open("r+b") as file:  # as if it had been linked on the real one, whose devices bear no mark
        file.seek(68)
        file.write(bytes(4))
    before = store.read_bytes()

    async with serving(home, "--sandbox") as server:
        told = await server.wait_for(klien_id, "error")
        assert (told["reason"], told["detail"]) == ("engine", {"code": "real_device"})
        assert "the real WhatsApp" in told["message"]["en"]
        assert [device["online"] for device in await Phones(server.http).devices(NUMBER)] == [False]
    assert store.read_bytes() == before
