"""How messages end through the real command where something is wrong: with which status, and with which code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.shops import ANI, BUDI, NOBODY, SHOP, Person, Shop, pairs, person, shop_and_ani
from tests.running import until


async def test_what_whatsapp_refuses_fails_with_its_code(home: Path) -> None:
    async with shop_and_ani(home) as (shop, ani):
        await person(shop.phones, BUDI, "Budi")
        group = await shop.phones.call("POST", f"phones/{ANI}/groups", {"name": "Tanpa kami", "participants": [BUDI]})
        for to, code in (
            (NOBODY, "not_on_whatsapp"),
            (group["jid"], "not_in_group"),
            ("120363999999999999@g.us", "group_not_found"),
        ):
            failed = await shop.becomes(await shop.post(to=to, text="x"), "failed")
            assert (failed["error"]["code"], set(failed["error"]["message"])) == (code, {"id", "en"})
            assert failed["wa_id"] is None
        await shop.phones.fault("error_463", number=SHOP, count=1)
        limited, waiting = await shop.post(to=BUDI, text="satu"), await shop.post(to=BUDI, text="dua")
        assert (await shop.becomes(limited, "failed"))["error"]["code"] == "new_contact_limited"
        held = await shop.becomes(waiting, "queued", fits=lambda told: told["held"])
        assert (held["held"]["reason"], held["position"]) == ("new_contact_limited", 0)
        assert held["held"]["until"]
        assert (await shop.shown(waiting))["held"]["reason"] == "new_contact_limited"
        await shop.server.call("PUT", f"{shop.path}/pace", {"paused": False})
        await shop.becomes(waiting, "sent", "delivered")
        assert await ani.texts() == []


async def test_a_session_that_ends_keeps_what_waits_or_fails_it(home: Path) -> None:
    async with pairs(home, 2) as (first, second), asyncio.TaskGroup() as at_once:
        at_once.create_task(_a_ban_keeps_what_waits(*first))
        at_once.create_task(_a_removed_device_fails_it(*second))


async def _a_ban_keeps_what_waits(shop: Shop, ani: Person) -> None:
    await shop.phones.fault("temporary_ban", number=shop.number, seconds=4)
    await shop.watch.wait_for("session_error")
    message = await shop.post(to=ani.number, text="sesudah larangan")
    assert (message["status"], message["held"]["reason"]) == ("queued", "temporary_ban")
    assert message["held"]["until"]
    await shop.becomes(message, "delivered")
    assert await ani.texts() == ["sesudah larangan"]
    assert "held" not in await shop.shown(message)


async def _a_removed_device_fails_it(shop: Shop, ani: Person) -> None:
    """And leaves open what is under way."""
    under_way, *waiting = [*await _is_stuck(shop, ani), await shop.post(to=ani.number, text="terakhir")]
    (device,) = await shop.phones.devices(shop.number)
    await shop.phones.remove_device(shop.number, device["device"])
    assert (await shop.becomes(under_way, "uncertain"))["error"]["code"] == "unanswered"
    for message in waiting:
        assert (await shop.becomes(message, "failed"))["error"]["code"] == "logged_out"
    refused = await shop.post(to=ani.number, text="lagi", expect=409)
    assert refused["code"] == "illegal_state"


async def test_a_link_that_is_lost_mid_send_costs_nothing_or_leaves_it_open(home: Path) -> None:
    async with pairs(home, 4) as (first, second, third, fourth):
        async with asyncio.TaskGroup() as at_once:
            at_once.create_task(_it_comes_back(*first, "cut_off"))
            at_once.create_task(_it_comes_back(*second, "drop"))
            at_once.create_task(_it_stays_away(*third, who=third[0].number))
            at_once.create_task(_it_stays_away(*fourth, who=fourth[1].number))
        for shop, _ in (first, second, third, fourth):
            assert {data["klien_id"] for _, data in shop.watch.events} == {shop.klien_id}


async def _it_comes_back(shop: Shop, ani: Person, fault: str) -> None:
    """Within the library's patience: nobody notices."""
    await shop.becomes(await shop.post(to=ani.number, text="kenalan"), "delivered")
    await shop.phones.fault("cut_off" if fault == "cut_off" else "no_ack", number=shop.number, count=1)
    message, behind = [await shop.post(to=ani.number, text=text) for text in ("di jalan", "di belakang")]
    if fault == "drop":
        await ani.gets("di jalan")
        assert (await shop.shown(message))["status"] == "sending"
        await shop.phones.fault("drop", number=shop.number, count=1)
    await shop.becomes(message, "delivered")
    await shop.becomes(behind, "delivered")
    assert await ani.texts() == ["kenalan", "di jalan", "di belakang"]


async def _it_stays_away(shop: Shop, ani: Person, who: str) -> None:
    """It is uncertain until a phone tells: theirs, or the klien's own, which gets a copy."""
    message, behind = await _is_stuck(shop, ani)
    await shop.phones.fault("drop", number=shop.number, seconds=6)
    uncertain = await shop.becomes(message, "uncertain")
    assert (uncertain["error"]["code"], uncertain["wa_id"]) == ("unanswered", None)
    held = await shop.shown(behind)
    assert (held["status"], held["held"]["reason"]) == ("queued", "link_lost")
    await shop.becomes(behind, "sent")
    assert shop.told(message) == ["queued", "sending", "uncertain"], "never repeated by the program"
    await shop.phones.call("POST", f"phones/{who}/online", {})
    assert (await shop.becomes(message, "sent", "delivered"))["error"] is None
    await shop.phones.call("POST", f"phones/{ani.number}/online", {})
    arrived = await shop.becomes(message, "delivered")
    await shop.becomes(behind, "delivered")
    assert await ani.texts() == ["kenalan", "di jalan", "di belakang"]
    assert (await ani.gets("di jalan"))["id"] == arrived["wa_id"]


async def _is_stuck(shop: Shop, ani: Person) -> tuple[dict[str, Any], dict[str, Any]]:
    """One that nobody acknowledges, with no phone there to say that it has it, and one that waits behind it."""
    await shop.becomes(await shop.post(to=ani.number, text="kenalan"), "delivered")
    for number in (shop.number, ani.number):
        await shop.phones.call("POST", f"phones/{number}/offline", {})
    await shop.phones.fault("no_ack", number=shop.number, count=1)
    message, behind = [await shop.post(to=ani.number, text=text) for text in ("di jalan", "di belakang")]
    await shop.becomes(message, "sending")
    await until(lambda: _has_struck(shop))
    return message, behind


async def _has_struck(shop: Shop) -> bool:
    """Its message has come to the server: all that the fault counts is gone."""
    faults = (await shop.phones.call("GET", "faults"))["faults"]
    return not [fault for fault in faults if fault["number"] == shop.number]


@pytest.mark.soak
async def test_an_acknowledgement_that_is_withheld_leaves_it_uncertain_and_what_is_behind_goes_on(home: Path) -> None:
    """The library waits 75 s for it."""
    async with shop_and_ani(home) as (shop, ani):
        message, behind = await _is_stuck(shop, ani)
        uncertain = await shop.becomes(message, "uncertain", seconds=100)
        assert uncertain["error"]["code"] == "unanswered"
        await shop.becomes(behind, "sent", seconds=100)
        await shop.phones.call("POST", f"phones/{ANI}/online", {})
        await shop.becomes(message, "delivered")
        await shop.becomes(behind, "delivered")
        assert await ani.texts() == ["kenalan", "di jalan", "di belakang"]
