from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from talkabiz.parent import Parent
from talkabiz.process import listen
from talkabiz.sandbox.app import serve
from talkabiz.sandbox.world import Sandbox


async def test_the_control_api_is_served_alone_until_it_is_told_to_stop(sandbox: Sandbox) -> None:
    stopping, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    listener = listen("127.0.0.1", 0, Parent())
    serving = asyncio.create_task(serve(sandbox, listener, stopping=stopping, started=address.set_result))
    url = await address
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        made = await client.post("/sandbox/api/phones", json={"number": "628123456789", "name": "Toko"})
        assert made.status_code == 201
        lost = await client.get("/nowhere")
        assert (lost.status_code, lost.headers["content-type"]) == (404, "application/problem+json")
        assert lost.json()["code"] == "not_found"
        assert (await client.put("/sandbox/api/phones")).json()["code"] == "method_not_allowed"
    stopping.set()
    await asyncio.wait_for(serving, 5)
    assert json.dumps(sandbox.describe(url))
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(url)
