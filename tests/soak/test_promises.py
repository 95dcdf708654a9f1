"""Random requests and chains of them, others each time: nothing but what the OpenAPI document promises."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from talkabiz.domain.limits import Limits
from tests.edges import API_KEY, open_house, serving
from tests.exploring import answering, explore
from tests.running import API_KEY as REAL_API_KEY, serving as real_serving

SECONDS = 30


@pytest.mark.parametrize("who", ["admin", "klien"])
async def test_every_answer_is_documented(tmp_path: Path, who: str) -> None:
    limits = Limits(qr_request_seconds=0.05)
    async with open_house(tmp_path, limits) as house, serving(house) as address, answering(house):
        klien_id = await house.add_klien()
        key = API_KEY if who == "admin" else await house.key_of(klien_id)
        found = await asyncio.to_thread(explore, address, key, seconds=SECONDS)
    print(f"{found.requests} requests")
    assert not found.faults, "\n\n".join(found.faults[:20])
    assert found.requests > 300


async def test_the_real_command_answers_as_documented(tmp_path: Path) -> None:
    async with real_serving(tmp_path, "--sandbox") as server:
        await server.add_klien("Toko Sinar")
        found = await asyncio.to_thread(explore, server.base_url, REAL_API_KEY, seconds=SECONDS)
        assert (await server.call("GET", "/health"))["status"] == "ok"
    print(f"{found.requests} requests")
    assert not found.faults, "\n\n".join(found.faults[:20])
    assert found.requests > 300
