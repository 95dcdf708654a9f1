"""The command line, beside a server and without one."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import zxingcpp
from PIL import Image

from tests.acceptance.rows import rows
from tests.running import API_KEY, Finished, Phones, finish, serving, talkabiz

NUMBER = "628111000007"


async def succeed(home: Path, *arguments: str, **settings: str) -> str:
    done = await finish(home, *arguments, **settings)
    assert (done.code, done.errors) == (0, ""), done
    return done.output


async def read_json(home: Path, *arguments: str, **settings: str) -> Any:
    return json.loads(await succeed(home, *arguments, "--json", **settings))


# --- without a server -------------------------------------------------------------------------------------------------


async def test_kliens_are_added_listed_and_shown_in_words_and_in_json(home: Path) -> None:
    empty = await succeed(home, "klien", "list")
    assert "klien add" in empty
    added = await read_json(home, "klien", "add", "Toko Sinar")
    assert set(added) == {"id", "nama", "wa_terhubung", "wa_nomor", "created_at"}
    assert (added["id"], added["nama"], added["wa_terhubung"], added["wa_nomor"]) == (1, "Toko Sinar", False, None)
    assert "Toko Bulan" in await succeed(home, "klien", "add", "Toko Bulan")

    listed = (await read_json(home, "klien", "list"))["kliens"]
    assert [(klien["id"], klien["nama"], klien["session"]["status"]) for klien in listed] == [
        (1, "Toko Sinar", "disconnected"),
        (2, "Toko Bulan", "disconnected"),
    ]
    shown = await read_json(home, "klien", "show", "2")
    assert (shown["nama"], shown["session"]["klien_id"]) == ("Toko Bulan", 2)
    assert "Toko Bulan" in await succeed(home, "klien", "show", "2")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("klien", "show", "7"), 1),
        (("klien", "show", "x"), 2),
        (("klien", "add", " "), 1),
        (("klien", "add", "x" * 101), 1),
        (("nonsense",), 2),
    ],
)
async def test_a_wrong_wish_ends_in_a_sentence_and_a_failing_exit(
    home: Path, arguments: tuple[str, ...], code: int
) -> None:
    done = await finish(home, *arguments)
    assert (done.code, done.output) == (code, "")
    assert done.errors.strip()
    assert "Traceback" not in done.errors


async def test_migrate_makes_the_database_once_and_nobody_else_may_read_it(home: Path) -> None:
    assert len((await read_json(home, "migrate"))["applied"]) >= 1
    assert (await read_json(home, "migrate"))["applied"] == []
    assert (await succeed(home, "migrate")).strip()
    assert rows(home) == {}


async def test_the_sandbox_alone_says_in_its_first_line_how_to_use_it(home: Path) -> None:
    async with talkabiz(home, "sandbox", "--json") as process:
        await process.read_until(bool)
        facts = json.loads(process.lines[0])
        assert set(facts) == {"proxy_url", "ca_file", "root_key", "control_url"}
        assert (home / facts["ca_file"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
        assert len(bytes.fromhex(facts["root_key"])) == 32
        assert urlsplit(facts["proxy_url"]).hostname == "127.0.0.1"
        async with httpx.AsyncClient(base_url=facts["control_url"], trust_env=False) as http:
            await Phones(http).call("POST", "phones", {"number": NUMBER, "name": "Ibu Sari"})
            assert await Phones(http).devices(NUMBER) == []
        assert await process.end() == 0


# --- beside a server --------------------------------------------------------------------------------------------------


async def test_kliens_added_beside_a_server_are_there_at_once_and_show_their_state(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        added = await read_json(home, "klien", "add", "Toko Sinar")
        await server.link(Phones(server.http), added["id"], NUMBER)
        shown = await read_json(home, "klien", "show", str(added["id"]))
        assert (shown["wa_terhubung"], shown["wa_nomor"]) == (True, NUMBER)
        assert (shown["session"]["status"], shown["session"]["wa_terhubung"]) == ("connected", True)
        assert NUMBER in await succeed(home, "klien", "list")


async def test_a_login_link_made_beside_a_server_opens_it_once(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        url = (await read_json(home, "login-link", base_url=server.base_url))["url"]
        async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as browser:
            assert (await browser.post(url)).status_code in {302, 303}
            assert (await browser.get("/")).status_code == 200
        assert (await succeed(home, "login-link")).startswith("login: http://127.0.0.1:8000/login/")


async def test_link_shows_the_live_qr_in_the_terminal_and_ends_when_connected(home: Path) -> None:
    """Read off the terminal as a camera would."""
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        async with talkabiz(home, "link", str(klien_id), "--url", server.base_url, "--key", API_KEY) as process:
            await process.read_until(lambda lines: any(line.startswith("qr_ready") for line in lines))
            code = _read_off(process.lines)
            assert code == (await server.snapshot(klien_id))["qr"]["code"]
            await Phones(server.http).scan(NUMBER, code)
            await process.read_until(lambda lines: any(line.startswith("connected") for line in lines))
            assert await asyncio.wait_for(process.process.wait(), 10) == 0


def _read_off(lines: list[str]) -> str:
    """A QR drawn with block characters, each of them two modules above each other."""
    halves = {" ": (0, 0), "\xa0": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    drawn = [line for line in lines if line and set(line) <= set(halves)]
    image = Image.new("L", (max(map(len, drawn)), 2 * len(drawn)))
    for y, line in enumerate(drawn):
        for x, character in enumerate(line):
            for below, light in enumerate(halves[character]):
                image.putpixel((x, 2 * y + below), 255 * light)
    [found] = zxingcpp.read_barcodes(image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST))
    return found.text


async def test_link_json_prints_one_snapshot_a_line(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        arguments = ("link", str(klien_id), "--url", server.base_url, "--json")
        async with talkabiz(home, *arguments, api_key=API_KEY) as process:
            await process.read_until(lambda lines: json.loads(lines[-1])["qr"] is not None if lines else False)
            await Phones(server.http).scan(NUMBER, json.loads(process.lines[-1])["qr"]["code"])
            assert process.process.stdout
            rest = (await asyncio.wait_for(process.process.stdout.read(), 20)).decode().splitlines()
            assert await process.process.wait() == 0
        snapshots = [json.loads(line) for line in (*process.lines, *rest)]
        assert {snapshot["klien_id"] for snapshot in snapshots} == {klien_id}
        assert snapshots[-1]["status"] == "connected"
        seen = list(dict.fromkeys(snapshot["status"] for snapshot in snapshots))
        assert seen == ["qr_requested", "qr_ready", "scanning", "connected"]


async def test_link_says_what_is_wrong_by_its_exit_code(home: Path) -> None:
    nobody = await finish(home, "link", "1", "--url", f"http://127.0.0.1:{_free_port()}", "--key", API_KEY)
    _is_refusal(nobody, 3, "answers")
    _is_refusal(await finish(home, "link", "1"), 2, "key")
    async with serving(home, "--sandbox") as server:
        _is_refusal(await finish(home, "link", "1", "--url", server.base_url, "--key", "tkb_no"), 1, "key")
        _is_refusal(await finish(home, "link", "7", "--url", server.base_url, "--key", API_KEY), 1, "")


# --- a server that can't be -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "code", "word"),
    [
        ({"api_key": "too-short"}, 2, "24"),
        ({"engines": "1"}, 2, "ENGINES"),
        ({"port": "70000"}, 2, "PORT"),
        ({"wa_root_key": "00"}, 2, "WA_ROOT_KEY"),
        ({"wa_root_key": "00" * 32}, 2, "WA_ROOT_KEY"),
        ({"database_url": "mysql://x"}, 1, "sqlite"),
    ],
    ids=lambda value: " ".join(f"{name}={it}" for name, it in value.items()) if isinstance(value, dict) else None,
)
async def test_a_setting_that_can_not_be_is_refused(
    home: Path, settings: Mapping[str, str], code: int, word: str
) -> None:
    _is_refusal(await finish(home, "serve", **{"port": "0", **settings}), code, word)
    assert not (home / "talkabiz.db").exists()


async def test_a_taken_port_is_refused_and_changes_nothing(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        _is_refusal(await finish(home, "serve", "--port", port), 1, port)
    assert os.listdir(home) == ["serve.err"]  # noqa: PTH208 - its names are all that is wanted


async def test_sessions_that_can_not_be_written_are_refused(home: Path) -> None:
    (home / "sessions").write_text("a file where the folder should be")
    _is_refusal(await finish(home, "serve", "--port", "0"), 1, "sessions")


async def test_sessions_that_others_may_read_are_made_private_or_refused(home: Path) -> None:
    sessions = home / "sessions"
    sessions.mkdir(mode=0o755)
    async with talkabiz(home, "serve", "--port", "0", api_key=API_KEY) as process:
        await process.read_until(lambda lines: any(line.startswith("login:") for line in lines))
        assert stat.S_IMODE(sessions.stat().st_mode) == 0o700


def _is_refusal(done: Finished, code: int, word: str) -> None:
    assert (done.code, done.output) == (code, ""), done
    assert word in done.errors
    assert len(done.errors.strip().splitlines()[-1].split()) > 3, "a sentence"
    assert "Traceback" not in done.errors


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
