"""Faults that strike messages, through the real library; and that they spare what stands for the phone itself."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from talkabiz.sandbox.world import Sandbox
from tests.sandbox.client import Client
from tests.sandbox.conftest import NUMBER, Linked
from tests.sandbox.waiting import until

OTHER = "628987654321"
TO = f"{OTHER}@s.whatsapp.net"


@pytest.fixture
async def pair(linked: Linked) -> tuple[Client, Client]:
    """Who sends and who receives; they have written to each other before."""
    sender, receiver = await asyncio.gather(linked(), linked(number=OTHER))
    await sender.send(TO, "kenalan")
    await receiver.message("kenalan")
    return sender, receiver


async def test_an_acknowledgement_that_never_comes_leaves_the_sender_waiting_though_the_message_arrived(
    sandbox: Sandbox, pair: tuple[Client, Client]
) -> None:
    sender, receiver = pair
    fault = sandbox.inject("no_ack", NUMBER, count=1)
    waiting = asyncio.create_task(sender.send(TO, "sampai?"))
    await receiver.message("sampai?")
    assert fault.hit == 1
    done, _ = await asyncio.wait([waiting], timeout=0.5)
    assert not done
    waiting.cancel()


async def test_error_463_is_told_to_the_sender_and_nothing_arrives(
    sandbox: Sandbox, pair: tuple[Client, Client]
) -> None:
    sender, receiver = pair
    sandbox.inject("error_463", NUMBER, count=1)
    refused = await sender.ask("send", to=TO, message={"conversation": "ditolak"})
    assert "463" in refused["Error"]
    await sender.send(TO, "boleh lagi")
    await receiver.message("boleh lagi")
    assert "ditolak" not in receiver.texts()


async def test_a_message_that_the_link_is_lost_with_is_said_again(
    sandbox: Sandbox, pair: tuple[Client, Client]
) -> None:
    sender, receiver = pair
    fault = sandbox.inject("cut_off", NUMBER, count=1)
    seen = len(sender.facts)
    await sender.send(TO, "putus")
    await sender.event("Disconnected", after=seen)
    await receiver.message("putus")
    assert (fault.hit, receiver.texts()) == (1, ["kenalan", "putus"])


async def test_a_message_that_is_cut_off_each_time_arrives_nowhere(
    sandbox: Sandbox, pair: tuple[Client, Client]
) -> None:
    sender, receiver = pair
    sandbox.inject("cut_off", NUMBER, count=2)
    failed = await sender.ask("send", to=TO, message={"conversation": "putus"})
    # Which of the two: whether the library has noticed by then.
    assert re.search("disconnected before message send|websocket not connected", failed["Error"])
    await sender.send(TO, "boleh lagi")
    await receiver.message("boleh lagi")
    assert receiver.texts() == ["kenalan", "boleh lagi"]


async def test_a_damaged_message_is_asked_for_again(sandbox: Sandbox, pair: tuple[Client, Client]) -> None:
    sender, receiver = pair
    sandbox.inject("undecryptable", OTHER, count=1)
    seen = len(receiver.facts)
    await sender.send(TO, "rusak")
    await receiver.event("UndecryptableMessage", after=seen)
    assert (await receiver.message("rusak"))["RetryCount"]
    await sender.send(TO, "terakhir")
    await receiver.message("terakhir")
    assert receiver.texts() == ["kenalan", "rusak", "terakhir"]


async def test_a_duplicate_is_noticed_by_the_library(sandbox: Sandbox, pair: tuple[Client, Client]) -> None:
    sender, receiver = pair
    sandbox.inject("duplicate", OTHER, count=1)
    await sender.send(TO, "dua kali")
    await sender.send(TO, "terakhir")
    await receiver.message("terakhir")
    assert receiver.texts() == ["kenalan", "dua kali", "terakhir"]
    await until(lambda: not len(sandbox.phones.get(OTHER).devices[1].mailbox))  # both were acknowledged


async def test_a_reordered_message_comes_behind_the_next(sandbox: Sandbox, pair: tuple[Client, Client]) -> None:
    sender, receiver = pair
    sandbox.inject("reorder", OTHER, count=1)
    for text in ("satu", "dua", "tiga"):
        await sender.send(TO, text)
    await receiver.message("tiga")
    assert receiver.texts() == ["kenalan", "dua", "satu", "tiga"]


async def test_a_backlog_comes_all_at_once_when_its_count_is_full(
    sandbox: Sandbox, pair: tuple[Client, Client]
) -> None:
    sender, receiver = pair
    sandbox.inject("offline_backlog", OTHER, count=3)
    for text in ("satu", "dua"):
        await sender.send(TO, text)
    assert receiver.texts() == ["kenalan"]
    seen = len(receiver.facts)
    await sender.send(TO, "tiga")
    assert (await receiver.event("OfflineSyncPreview", after=seen))["Message"] == 3
    await receiver.event("OfflineSyncCompleted", after=seen)
    await receiver.message("tiga")
    assert receiver.texts() == ["kenalan", "satu", "dua", "tiga"]


async def test_a_backlog_comes_when_its_time_is_over(sandbox: Sandbox, pair: tuple[Client, Client]) -> None:
    sender, receiver = pair
    began = time.monotonic()
    sandbox.inject("offline_backlog", OTHER, seconds=0.5)
    await sender.send(TO, "nanti")
    await receiver.message("nanti")
    assert time.monotonic() - began >= 0.5


async def test_a_backlog_comes_when_faults_are_cleared_or_the_device_logs_in_again(
    sandbox: Sandbox, pair: tuple[Client, Client]
) -> None:
    sender, receiver = pair
    sandbox.inject("offline_backlog", OTHER)
    await sender.send(TO, "satu")
    sandbox.faults.clear()
    await receiver.message("satu")
    sandbox.inject("offline_backlog", OTHER)
    await sender.send(TO, "dua")
    sandbox.inject("drop", OTHER)
    await receiver.message("dua")
    assert receiver.texts() == ["kenalan", "satu", "dua"]


async def test_what_stands_for_the_phone_itself_is_spared(sandbox: Sandbox, linked: Linked) -> None:
    sender, seen, hidden = await asyncio.gather(linked(), linked(number=OTHER), linked(number=OTHER, hidden=True))
    phone = sandbox.phones.get(OTHER)
    assert (sorted(phone.devices), [device.id for device in phone.shown_devices]) == ([1, 100], [1])
    sandbox.inject("offline_backlog", OTHER)
    await sender.send(TO, "halo")
    await hidden.message("halo")
    assert seen.texts() == []
    sandbox.inject("error_463", OTHER)
    await hidden.send(f"{NUMBER}@s.whatsapp.net", "dari telepon")
    await sender.message("dari telepon")
    sandbox.inject("device_removed", OTHER)
    assert list(phone.devices) == [100]
