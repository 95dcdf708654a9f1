"""Groups of sessions of the real library: sender keys and all."""

from __future__ import annotations

import asyncio
from typing import Any

from talkabiz.sandbox.world import Sandbox
from tests.sandbox.client import Client
from tests.sandbox.conftest import NUMBER, Linked

BUDI, CICI, DEWI = "628111111111", "628222222222", "628333333333"


def at(number: str) -> str:
    return f"{number}@s.whatsapp.net"


def address(jid: dict[str, Any]) -> str:
    return f"{jid['User']}@{jid['Server']}"


async def create(client: Client, name: str, *numbers: str) -> str:
    """The new group's address."""
    answer = await client.ask("create_group", name=name, members=[at(number) for number in numbers])
    assert "Error" not in answer, answer
    return address(answer["GroupInfo"]["JID"])


async def members(client: Client, group: str) -> dict[str, bool]:
    """Numbers, and whether they are admins."""
    answer = await client.ask("group", group=group)
    assert "Error" not in answer, answer
    found = answer["GroupInfo"]["Participants"]
    return {member["PhoneNumber"]["User"]: bool(member.get("IsAdmin")) for member in found}


async def test_three_write_in_a_group_and_one_who_joins_later_reads_what_comes_then(linked: Linked) -> None:
    shop, budi, cici, dewi = await asyncio.gather(
        linked(), linked(number=BUDI), linked(number=CICI), linked(number=DEWI)
    )
    group = await create(shop, "Arisan", BUDI, CICI)
    joined = await budi.event("JoinedGroup")
    assert joined["GroupInfo"]["GroupName"]["Name"] == "Arisan"
    assert await members(shop, group) == {NUMBER: True, BUDI: False, CICI: False}

    await shop.send(group, "satu")
    for reader in (budi, cici):
        source = (await reader.message("satu"))["Info"]["MessageSource"]
        assert (address(source["Chat"]), source["SenderAlt"]["User"]) == (group, NUMBER)
    await cici.send(group, "dua")
    await asyncio.gather(shop.message("dua"), budi.message("dua"))

    answer = await shop.ask("change_group", group=group, change="add", members=[at(DEWI)])
    assert [member["PhoneNumber"]["User"] for member in answer["participants"]] == [DEWI]
    await dewi.event("GroupInfoEvent")
    await asyncio.gather(*(reader.event("GroupInfoEvent") for reader in (shop, budi, cici)))
    for number, writer in enumerate((shop, budi, cici)):
        await writer.send(group, f"tiga {number}")
        await dewi.message(f"tiga {number}")
    assert dewi.texts() == ["tiga 0", "tiga 1", "tiga 2"]
    await dewi.send(group, "empat")
    await asyncio.gather(*(reader.message("empat") for reader in (shop, budi, cici)))


async def test_a_member_that_the_sender_does_not_know_yet_asks_for_the_message_again(
    sandbox: Sandbox, linked: Linked
) -> None:
    """It has no key for it; the receipt that says so brings it."""
    shop, budi = await asyncio.gather(linked(), linked(number=BUDI))
    group = await create(shop, "Arisan")
    await shop.send(group, "sendiri")
    found = sandbox._exchange.groups.all()[0]
    sandbox._exchange.groups.add(found, sandbox.phones.get(BUDI))  # nobody is told
    await shop.send(group, "masuk")
    await budi.event("UndecryptableMessage")
    assert (await budi.message("masuk"))["RetryCount"]


async def test_members_are_promoted_removed_and_leave(linked: Linked) -> None:
    shop, budi, cici = await asyncio.gather(linked(), linked(number=BUDI), linked(number=CICI))
    group = await create(shop, "Arisan", BUDI, CICI)
    refused = await budi.ask("change_group", group=group, change="remove", members=[at(CICI)])
    assert "403" in refused["Error"]
    await shop.ask("change_group", group=group, change="promote", members=[at(BUDI)])
    assert await members(cici, group) == {NUMBER: True, BUDI: True, CICI: False}
    answer = await budi.ask("change_group", group=group, change="remove", members=[at(CICI), at(DEWI)])
    assert [member.get("Error", 0) for member in answer["participants"]] == [0, 404]
    assert "not participating" in (await cici.ask("group", group=group))["Error"]
    assert await shop.ask("leave_group", group=group) == ""
    assert await members(budi, group) == {BUDI: True}
    assert await budi.ask("name_group", group=group, name="Sepi ☕") == ""
    (listed,) = (await budi.ask("groups"))["Group"]
    assert listed["GroupName"]["Name"] == "Sepi ☕"
    assert "Group" not in await shop.ask("groups")


async def test_who_is_not_on_whatsapp_cannot_be_added(linked: Linked) -> None:
    shop = await linked()
    answer = await shop.ask("create_group", name="Arisan", members=[at(DEWI)])
    errors = {member["JID"]["User"]: member.get("Error") for member in answer["GroupInfo"]["Participants"]}
    assert errors[DEWI] == 404
    assert list(await members(shop, address(answer["GroupInfo"]["JID"]))) == [NUMBER]
