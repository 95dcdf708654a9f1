"""The end of the real command while messages are on their way out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.shops import ANI, AT_ONCE, SHOP, person
from tests.running import Phones, Server, loopback, serving

DRAIN_SECONDS = 10
"""What is under way gets so long."""


@pytest.mark.soak
@pytest.mark.parametrize("fault", [None, "no_ack"])
async def test_a_server_that_is_told_to_stop_waits_for_what_is_under_way_and_no_longer(
    home: Path, fault: str | None
) -> None:
    (home / "far").mkdir()
    async with loopback(home / "far") as far:
        phones = Phones(far.http)
        ani = await person(phones, ANI, "Ani")
        async with serving(home, **far.settings) as server:
            klien_id = await server.add_klien("Toko Sinar")
            path = f"/api/v1/kliens/{klien_id}"
            await server.link(phones, klien_id, SHOP)
            await server.call("PUT", f"{path}/pace", AT_ONCE)
            if fault:
                await phones.fault(fault, number=SHOP)
            async with server.watch(klien_id) as watch:
                ids = [(await _send(server, path, f"pesan {n}"))["id"] for n in range(30)]
                await watch.wait_for(
                    "message_status", lambda told: told["id"] == ids[0] and told["status"] == "sending"
                )
            since = time.monotonic()
            assert await server.process.end() == 0
            assert time.monotonic() - since < DRAIN_SECONDS + 4
        await phones.heal()
        async with serving(home, **far.settings) as server:
            await server.wait_for(klien_id, "connected")
            await ani.gets("pesan 29")
            found = {each["id"]: each for each in (await server.call("GET", f"{path}/messages"))["messages"]}
            uncertain = [each for each in ids if (found[each]["error"] or {}).get("code") == "interrupted"]
        assert uncertain in ([], ids[:1]) if fault else uncertain == []
        assert sorted(await ani.texts()) == sorted(f"pesan {n}" for n in range(30))


async def _send(server: Server, path: str, text: str) -> dict[str, Any]:
    return dict(await server.call("POST", f"{path}/messages", {"to": ANI, "text": text}, expect=202))
