"""docs/security.md: what it says of starts is what they do, and its way out of a lost key is one."""

from __future__ import annotations

from pathlib import Path

from talkabiz.services.sealing import FILE
from talkabiz.whatsapp import devices
from tests.docs.pages import RUN, blocks, read
from tests.docs.reader import Reader
from tests.running import finish, serving

PAGE = "docs/security.md"
KEY = "2c8f0d1e4b7a69533dfe1a0b9c8d7e6f5a4b3c2d1e0f99887766554433221100"


def test_the_codes_and_names_are_ours() -> None:
    refusals = (devices.SessionsUnsafe, devices.SessionsNotWritable, devices.SessionsLocked)
    for name in (*(each.code for each in refusals), "secret_key_wrong", f"sessions/{FILE}", "sessions_closed"):
        assert f"`{name}`" in read(PAGE), name


async def test_after_the_loss_of_the_key_the_page_leads_to_a_start_and_new_webhooks(home: Path) -> None:
    hook = {"url": "https://receiver.invalid/talkabiz"}
    async with serving(home) as server:
        await server.add_klien("Toko Sinar")
        await server.call("POST", "/api/v1/kliens/1/webhooks", hook, expect=201)
        await server.call("POST", "/api/v1/kliens/1/incoming-secret", {}, expect=201)
    key = (home / "sessions" / FILE).read_text().strip()
    (home / "sessions" / FILE).unlink()

    refused = await finish(home, "serve", "--port", "0", secret_key=KEY)
    assert (refused.code, refused.output, refused.errors.count("\n")) == (1, "", 1)
    assert "sealed with another key" in refused.errors
    async with serving(home, secret_key=key) as server:
        [kept] = (await server.call("GET", "/api/v1/kliens/1/webhooks"))["webhooks"]
        assert kept["url"] == hook["url"], "the setting does what the file did"
    assert not (home / "sessions" / FILE).exists()

    await Reader(home).follow([block for block in blocks(PAGE) if block.mark == RUN])
    async with serving(home, secret_key=KEY) as server:
        assert (await server.call("GET", "/api/v1/kliens/1/webhooks"))["webhooks"] == []
        assert not (await server.call("GET", "/api/v1/kliens/1/incoming-secret"))["is_set"]
        await server.call("POST", "/api/v1/kliens/1/webhooks", hook, expect=201)
