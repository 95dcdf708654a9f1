"""The command line, beside a server and without one."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.acceptance.commands import is_refusal, read_json, succeed
from tests.acceptance.rows import rows
from tests.running import API_KEY, Phones, finish, serving, talkabiz

NUMBER = "628111000007"


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
    is_refusal(await finish(home, "serve", **{"port": "0", **settings}), code, word)
    assert not (home / "talkabiz.db").exists()


async def test_a_taken_port_is_refused_and_changes_nothing(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        is_refusal(await finish(home, "serve", "--port", port), 1, port)
    assert os.listdir(home) == ["serve.err"]  # noqa: PTH208 - its names are all that is wanted


async def test_sessions_that_can_not_be_written_are_refused(home: Path) -> None:
    (home / "sessions").write_text("a file where the folder should be")
    is_refusal(await finish(home, "serve", "--port", "0"), 1, "sessions")


async def test_sessions_that_others_may_read_are_made_private_or_refused(home: Path) -> None:
    sessions = home / "sessions"
    sessions.mkdir(mode=0o755)
    async with talkabiz(home, "serve", "--port", "0", api_key=API_KEY) as process:
        await process.read_until(lambda lines: any(line.startswith("login:") for line in lines))
        assert stat.S_IMODE(sessions.stat().st_mode) == 0o700
