"""A code typed over the control API."""

from __future__ import annotations

import asyncio

from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NewWire
from tests.sandbox.test_codes import CODE, NUMBER, OTHER, asking, sign_back
from tests.sandbox.test_panel import Api, api

__all__ = ["api"]
ENTER = f"/phones/{NUMBER}/enter-code"


async def test_a_code_that_is_typed_links_its_client(api: Api, sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire)

    call = asyncio.create_task(api.call("POST", ENTER, {"code": "abcd efgh"}))
    await client.finish(await client.wire.receive())
    await sign_back(client)
    status, device = await call

    assert status == 200
    assert (device["number"], device["device"], device["klien_id"]) == (NUMBER, 1, 7)


async def test_a_code_that_links_nothing_says_why(api: Api, sandbox: Sandbox, new_wire: NewWire) -> None:
    sandbox.phones.add(NUMBER)
    client = await asking(new_wire, OTHER)

    assert await api.call("POST", ENTER, {"code": CODE}) == (404, "unknown_code")
    assert await api.call("POST", ENTER, {"code": "hello"}) == (422, "invalid_code")
    assert await api.call("POST", ENTER, {"code": 12345678}) == (422, "invalid_input")
    assert await api.call("POST", ENTER, {}) == (422, "invalid_input")
    assert await api.call("POST", f"/phones/{OTHER}/enter-code", {"code": CODE}) == (404, "not_found")
    await client.hello(NUMBER)
    call = asyncio.create_task(api.call("POST", ENTER, {"code": "2222-2222"}))
    await client.finish(await client.wire.receive())
    assert await call == (409, "wrong_code")
    await sandbox.stop()
    assert await api.call("POST", ENTER, {"code": CODE}) == (410, "code_expired")
