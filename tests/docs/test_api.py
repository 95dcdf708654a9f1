"""docs/api.md and README.md: their examples, run as they stand."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from talkabiz.domain import errors as e, message_errors
from talkabiz.domain.content import Kind
from talkabiz.domain.message import Status
from talkabiz.web.errors import FRAMEWORK, REFUSED, STATUSES
from tests.docs.pages import FILE, blocks, indented, read, tables
from tests.docs.reader import PRINTED_ADDRESS, Reader
from tests.edges import open_house
from tests.running import API_KEY, Phones, Server, serving, until

API = "docs/api.md"
NUMBER = "628111222333"


async def test_the_examples_run_as_written_and_show_what_the_page_says(home: Path) -> None:
    settings = {"start_limit": "10/hour", "request_limit": "600/minute", "webhook_allow_hosts": "127.0.0.1"}
    async with serving(home, "--sandbox", api_key="", **settings) as server:
        admin_key = next(line for line in server.process.lines if line.startswith("admin key: "))
        reader = Reader(home, URL=server.base_url, KEY=admin_key.removeprefix("admin key: "))
        await reader.follow(blocks(API))
        with Image.open(home / "qr.png") as picture:
            [read_off] = zxingcpp.read_barcodes(picture)
        assert read_off.text == reader.found["QR"]


@pytest.mark.parametrize("has_curl", [None, False], ids=["with what the machine has", "without curl"])
async def test_readmes_minute_without_a_phone_runs_as_written(home: Path, *, has_curl: bool | None) -> None:
    start, steps = indented("README.md", "One minute, without a phone")
    assert start == "make serve SANDBOX=1"
    async with serving(home, "--sandbox", start_limit="10/hour") as server:
        reader = Reader(home, has_curl=has_curl)
        typed = steps.replace("tkb_…", API_KEY).replace(PRINTED_ADDRESS, server.base_url)
        await reader.type(typed, "README.md")
        assert (await server.wait_for(1, "connected"))["me"]["phone"] == NUMBER


async def test_without_curl_the_options_of_the_page_mean_the_same(home: Path) -> None:
    async with serving(home) as server:
        typed = f"""
            K="X-Api-Key: {API_KEY}"
            U={server.base_url}/api/v1/kliens
            curl -s -o klien.json -w '%{{http_code}}\\n' -H "$K" --json '{{"nama": "Toko"}}' $U
            curl -s -D headers.txt -w ' %{{http_code}}\\n' -X DELETE -H "$K" $U/1
            grep -ic '^x-request-id: ' headers.txt
        """
        for has_curl in (None, False):
            assert (await Reader(home, has_curl=has_curl).type(typed, "curl")).split() == ["201", "204", "1"]
            assert '"Toko"' in (home / "klien.json").read_text()
            typed = typed.replace("$U/1", "$U/2")


async def test_the_watcher_of_the_page_loses_nothing_when_the_server_dies_under_it(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        reader = Reader(home, URL=server.base_url, KEY=API_KEY)
        await reader.follow([block for block in blocks(API) if block.mark == FILE])
        await reader.type(f"python3 watch.py {klien_id} 0 >seen.txt 2>watch.err & echo $! >watch.pid", "start")
        try:
            await _die_and_come_back(server, klien_id, home)
            await reader.type("while kill -0 $(cat watch.pid) 2>&-; do sleep 0.1; done", "end")
        finally:
            await reader.type("kill $(cat watch.pid) 2>&- || true", "clean up")
        seen = [line.split()[:2] for line in (home / "seen.txt").read_text().splitlines()]
        events = (await server.call("GET", f"/api/v1/kliens/{klien_id}/events"))["events"]
        assert seen == [[str(event["seq"]), event["type"]] for event in events]
        assert seen[-1][1] == "connected"


async def _die_and_come_back(server: Server, klien_id: int, home: Path) -> None:
    """While a code is on show. What happens then, the watcher can only have by asking for it."""
    await server.connect(klien_id)

    async def has_seen() -> bool:
        return "qr_ready" in (home / "seen.txt").read_text()

    await until(has_seen)
    before = server.app_pid
    os.kill(before, signal.SIGKILL)

    async def has_changed() -> bool:
        try:
            return server.app_pid != before and (await server.snapshot(klien_id))["status"] != "reconnecting"
        except AssertionError:
            return False

    await until(has_changed)
    snapshot = await server.connect(klien_id)
    await Phones(server.http).scan(NUMBER, snapshot["qr"]["code"])


def test_every_block_of_the_page_is_run_or_compared() -> None:
    assert [block.line for block in blocks(API) if not block.mark] == []


def test_the_table_of_codes_is_the_programs_own() -> None:
    [table] = [table for table in tables(API) if table[0][:2] == ["status", "code"]]
    shown = {(row[1].strip("`"), int(row[0])) for row in table[1:]}
    ours = {(code, int(status)) for code, status in STATUSES.items()}
    framework = {(code, status) for status, (code, _) in FRAMEWORK.items()}
    assert shown == ours | framework | {(e.TalkabizError.code, 500)}
    assert REFUSED[0] == "refused"  # for what no code is documented: nothing that a program could do


def test_the_table_of_what_went_wrong_with_messages_is_the_programs_own() -> None:
    [table] = [table for table in tables(API) if table[0][:1] == ["`error.code`"]]
    shown = {code.strip("`"): said for code, said in table[1:]}
    assert shown.keys() == message_errors.SENTENCES.keys()
    assert all(said.startswith(message_errors.SENTENCES[code].en) for code, said in shown.items())


def test_the_tables_of_messages_have_every_type_and_status() -> None:
    by_title = {table[0][0]: " ".join(row[0] for row in table[1:]) for table in tables(API)}
    statuses, types = (set(re.findall(r"`(\w+)`", by_title[title])) for title in ("`status`", "`type`"))
    assert statuses == {status.value for status in Status}
    assert types <= {kind.value for kind in Kind} - {"unknown"}
    every = [set(re.findall(r"`(\w+)`", " ".join(row[0] for row in t[1:]))) for t in tables(API) if t[0][0] == "`type`"]
    assert max(every, key=len) == {kind.value for kind in Kind} - {"unknown"} | {"forward"}


async def test_the_page_names_every_older_path_and_none_that_isnt(home: Path) -> None:
    async with open_house(home) as house, house.app.test_app():
        paths = (await house.client(None).ask("GET", "/openapi.json", expect=200))["paths"]
    older = {
        path
        for path, item in paths.items()
        for operation in item.values()
        if "Older paths" in operation.get("tags", [])
    }
    [table] = [table for table in tables(API) if table[0] == ["older", "today"]]
    named = re.findall(r"`(?:[A-Z]+ )?(/[^`]+)`", "\n".join(row[0] for row in table))
    assert set(named) == older
    whole = {re.sub(r"\{\w+\}", "{}", path) for path in paths}
    mentioned = {re.sub(r"\{\w+\}", "{}", path) for path in re.findall(r"[A-Z]+ (/(?:api|wa)[^` ?]*)", read(API))}
    assert mentioned - whole == set()
