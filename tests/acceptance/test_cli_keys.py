"""`talkabiz key`, `login-link` and `audit`, beside a server and without one."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.commands import fail, read_json, succeed
from tests.running import serving

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes


async def test_a_key_is_shown_once_on_a_line_of_its_own_and_listed_without_itself(home: Path) -> None:
    await succeed(home, "klien", "add", "Toko Sinar")
    wish = ("--klien", "1", "--scope", "message", "--scope", "read", "--expires", "30d", "--label", "kasir")
    made = await succeed(home, "key", "create", *wish)
    [key] = re.findall(r"^key: (tkb_\w+)$", made, re.MULTILINE)
    assert made.count("tkb_") == 1
    await succeed(home, "key", "create", "--admin")

    for output in (await succeed(home, "key", "list"), await succeed(home, "key", "list", "--json")):
        assert key not in output
    [first, admin] = (await read_json(home, "key", "list"))["keys"]
    assert (first["id"], first["kind"], first["klien_id"], first["label"]) == (1, "klien", 1, "kasir")
    assert (first["scopes"], first["state"], first["last_used_at"]) == (["message", "read"], "active", None)
    lives = datetime.fromisoformat(first["expires_at"]) - datetime.fromisoformat(first["created_at"])
    assert abs(lives - timedelta(days=30)) < timedelta(seconds=5)
    assert (admin["kind"], admin["klien_id"], admin["expires_at"]) == ("admin", None, None)

    listed = await succeed(home, "key", "list")
    for title in ("id", "kind", "klien", "scopes", "label", "created", "last used", "expires", "state"):
        assert title in listed.splitlines()[0]
    assert "message read" in listed
    assert [key["id"] for key in (await read_json(home, "key", "list", "--klien", "1"))["keys"]] == [1]


async def test_an_empty_list_says_how_to_make_one(home: Path) -> None:
    assert "talkabiz key create" in await succeed(home, "key", "list")
    assert await read_json(home, "key", "list") == {"keys": []}


async def test_a_running_server_takes_a_new_key_and_drops_a_revoked_one_with_its_sockets(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        klien_id = await server.add_klien("Toko Sinar")
        made = await read_json(home, "key", "create", "--klien", str(klien_id))
        headers = {"Authorization": f"Bearer {made['token']}"}
        async with httpx.AsyncClient(base_url=server.base_url, headers=headers, trust_env=False) as http:
            assert (await http.get("/whatsapp/status")).status_code == 200
            [listed] = (await read_json(home, "key", "list", "--klien", str(klien_id)))["keys"]
            assert listed["last_used_at"]
            async with server.watch(klien_id, made["token"]) as watch:
                gone = asyncio.Event()
                watch.client.on("disconnect", lambda *_: gone.set())
                revoked = await read_json(home, "key", "revoke", str(made["id"]))
                assert (revoked["state"], bool(revoked["revoked_at"])) == ("revoked", True)
                await asyncio.wait_for(gone.wait(), 4)
            assert (await http.get("/whatsapp/status")).status_code == 401


async def test_an_expired_key_is_told_apart_in_the_list(home: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    await succeed(home, "key", "create", "--admin", "--expires", soon)

    async def state() -> str:
        return str((await read_json(home, "key", "list"))["keys"][0]["state"])

    assert await state() == "active"
    async with asyncio.timeout(20):
        while await state() != "expired":
            pass


@pytest.mark.parametrize(
    ("arguments", "code", "word", "error"),
    [
        (("create",), 2, "--admin", "usage"),
        (("create", "--admin", "--klien", "1"), 2, "--admin", "usage"),
        (("create", "--admin", "--scope", "read"), 2, "--scope", "usage"),
        (("create", "--klien", "1", "--scope", "all"), 2, "'session', 'message', 'webhook', 'read'", "usage"),
        (("create", "--admin", "--expires", "soon"), 2, "2027-01-31", "usage"),
        (("create", "--admin", "--expires", "0001-01-01T00:00+14:00"), 2, "2027-01-31", "usage"),
        (("create", "--admin", "--expires", "2020-01-01"), 1, "expired", "invalid_input"),
        (("create", "--admin", "--expires", "0d"), 1, "expired", "invalid_input"),
        (("create", "--admin", "--label", "x" * 101), 1, "label", "invalid_input"),
        (("create", "--klien", "7"), 1, "klien 7", "not_found"),
        (("list", "--klien", "7"), 1, "klien 7", "not_found"),
        (("revoke", "7"), 1, "key 7", "not_found"),
        (("revoke", "x"), 2, "KEY_ID", "usage"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
async def test_a_wrong_wish_makes_no_key(
    home: Path, arguments: tuple[str, ...], code: int, word: str, error: str
) -> None:
    assert await fail(home, code, word, "key", *arguments) == error
    assert await read_json(home, "key", "list") == {"keys": []}


async def test_a_key_is_revoked_once(home: Path) -> None:
    await succeed(home, "key", "create", "--admin")
    assert "revoked" in await succeed(home, "key", "revoke", "1")
    assert await fail(home, 1, "key 1", "key", "revoke", "1") == "not_found"


async def test_a_login_link_is_of_the_operator_who_is_named(home: Path) -> None:
    async with serving(home, "--sandbox") as server:
        made = await read_json(home, "login-link", "--operator", "budi", base_url=server.base_url)
        assert made["operator"] == "budi"
        async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as browser:
            assert (await browser.post(made["url"])).status_code in {302, 303}
    entries = (await read_json(home, "audit"))["entries"]
    assert ("operator:budi", "login") in [(entry["actor"], entry["action"]) for entry in entries]
    assert await fail(home, 1, "lower-case", "login-link", "--operator", "Budi!") == "invalid_input"


async def test_the_audit_log_is_printed_with_the_newest_last(home: Path) -> None:
    assert "Nothing" in await succeed(home, "audit")
    await succeed(home, "klien", "add", "Toko Sinar")
    await succeed(home, "key", "create", "--klien", "1")
    await succeed(home, "key", "revoke", "1")
    await succeed(home, "login-link")
    entries: list[dict[str, Any]] = (await read_json(home, "audit"))["entries"]
    did = ["klien_added", "key_made", "key_revoked", "login_link_made"]
    assert [entry["action"] for entry in entries] == did
    assert {entry["actor"] for entry in entries} == {"command-line"}
    assert [entry["action"] for entry in (await read_json(home, "audit", "--limit", "2"))["entries"]] == did[-2:]
    lines = (await succeed(home, "audit")).splitlines()
    assert [word in line for word, line in zip(did, lines[1:], strict=True)] == [True] * 4
