"""What the OpenAPI document promises, asked of the application over HTTP: by an admin's program and by a klien's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from talkabiz.domain.access import Scope
from talkabiz.domain.klien import Klien
from talkabiz.domain.limits import Limits
from tests.edges import API_KEY, House, open_house, serving
from tests.exploring import Exploration, answering, explore
from tests.web.test_matrix import hook, talk

pytestmark = pytest.mark.soak

NEEDS_A_LINE = {
    "POST /api/message/send",
    "POST /api/v1/kliens/{klien_id}/messages",
    "POST /api/v1/kliens/{klien_id}/messages/{message_id}/cancel",
    "POST /api/v1/kliens/{klien_id}/messages/{message_id}/read",
    "GET /api/v1/kliens/{klien_id}/messages/{message_id}",
    "POST /api/v1/kliens/{klien_id}/chats/{chat}/typing",
    "POST /api/v1/kliens/{klien_id}/chats/{chat}/presence",
    "GET /api/v1/kliens/{klien_id}/contacts/check",
}
"""Asked of a klien that stays linked, too; the others come and go."""
HOOKS = "/(webhooks|deliveries|incoming-secret)"
INCOMING = "/api/v1/kliens/{klien_id}/incoming-secret"
NEEDS_A_WEBHOOK = {
    "DELETE /api/v1/kliens/{klien_id}/webhooks/{webhook_id}",
    "POST /api/v1/kliens/{klien_id}/webhooks/{webhook_id}/replay",
    "POST /api/v1/kliens/{klien_id}/deliveries/{delivery_id}/replay",
}
"""Asked of a klien that has one, too; of the others the webhook is often gone, or the delivery was never there."""
MAY_BE_MISSED = {
    *NEEDS_A_LINE,
    *NEEDS_A_WEBHOOK,
    "POST /api/v1/kliens/{klien_id}/session/pairing-code",  # made-up texts are hardly ever a number
    "GET /api/v1/kliens/{klien_id}/session/qr",
}
"""A QR is there now and then."""


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, Limits(qr_request_seconds=0.05)) as house:
        yield house


@pytest.fixture(name="address")
async def _address(house: House) -> AsyncIterator[str]:
    async with serving(house) as address, answering(house):
        yield address


async def exploration(address: str, key: str, **how: Any) -> Exploration:
    found = await asyncio.to_thread(explore, address, key, **how)
    assert not found.faults, "\n\n".join(found.faults[:20])
    return found


async def test_an_admins_program_gets_what_is_documented(house: House, address: str) -> None:
    for nama in ("Toko Sinar", "Warung Bulan", "Kedai Fajar"):
        await house.add_klien(nama)
    found = await exploration(address, API_KEY)
    assert found.unanswered() <= MAY_BE_MISSED
    assert found.requests > 1000


async def test_a_kliens_program_gets_what_is_documented(house: House, address: str) -> None:
    await house.add_klien()
    own = await house.add_klien("Warung Bulan")
    found = await exploration(address, await house.key_of(own))
    document = await house.client(None).ask("GET", "/openapi.json", expect=200)
    others = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["x-who"] == "operators"
    }
    assert others <= found.unanswered() <= others | MAY_BE_MISSED
    assert found.requests > 1000


async def test_the_program_of_a_klien_that_stays_linked_gets_what_is_documented(house: House, address: str) -> None:
    own = await house.add_klien()
    await house.link(own)
    await talk(house, own)
    house.conversations.may_send.set()
    paths = "/(messages|media|chats|contacts|pace|message|events)"
    found = await exploration(address, await house.key_of(own), paths=paths)
    assert found.unanswered() == set()
    assert found.statuses.keys() >= NEEDS_A_LINE
    assert found.requests > 1000


async def test_a_program_that_looks_after_webhooks_gets_what_is_documented(house: House, address: str) -> None:
    own = await house.add_klien()
    await house.link(own)
    await hook(house, own)
    found = await exploration(address, await house.key_of(own, Scope.WEBHOOK), paths=HOOKS)
    assert found.unanswered() == {f"{method} {INCOMING}" for method in ("GET", "POST")}
    assert found.statuses.keys() >= NEEDS_A_WEBHOOK
    assert found.requests > 300


async def test_an_answer_that_is_not_documented_is_found(
    house: House, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.add_klien()
    shown = Klien.as_dict
    monkeypatch.setattr(Klien, "as_dict", lambda klien: {**shown(klien), "secret": 1})
    found = await asyncio.to_thread(explore, address, API_KEY, paths="^/api/v1/kliens$")
    assert "response_schema_conformance" in str(found.faults)


async def test_a_fault_of_ours_is_found(house: House, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Klien) -> None:
        raise RuntimeError

    await house.add_klien()
    monkeypatch.setattr(Klien, "as_dict", fail)
    found = await asyncio.to_thread(explore, address, API_KEY, paths="^/api/v1/kliens$")
    assert "not_a_server_error" in str(found.faults)
