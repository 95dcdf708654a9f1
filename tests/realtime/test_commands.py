"""What sockets ask for: strict, one klien at a time, and never fatal."""

from __future__ import annotations

import pytest

from talkabiz.domain.access import Scope
from tests.edges import House
from tests.fakes import QR_TEXT
from tests.realtime.conftest import Open


async def test_subscribe_answers_how_things_are(house: House, connect: Open, klien_id: int) -> None:
    await house.show_qr(klien_id)
    answer = await (await connect()).ask("subscribe", klien_id=klien_id)
    assert answer.keys() == {"snapshot", "events", "gap"}
    assert (answer["events"], answer["gap"]) == ([], False)
    assert answer["snapshot"]["qr"]["code"] == QR_TEXT
    assert answer["snapshot"]["qr"]["svg"].startswith("<svg")
    assert "image" not in answer["snapshot"]["qr"]


async def test_subscribe_since_answers_what_was_missed(house: House, connect: Open, klien_id: int) -> None:
    await house.link(klien_id)
    socket = await connect()
    all_of_it = await socket.ask("subscribe", klien_id=klien_id, since=0)
    assert [event["type"] for event in all_of_it["events"]] == ["qr_requested", "qr_ready", "scanning", "connected"]
    assert all_of_it["events"][0].keys() == {"seq", "type", "klien_id", "at", "data"}
    assert all_of_it["events"][1]["data"]["qr"] is None
    later = await socket.ask("subscribe", klien_id=klien_id, since=all_of_it["events"][2]["seq"])
    assert [event["type"] for event in later["events"]] == ["connected"]
    assert later["snapshot"]["seq"] == later["events"][-1]["seq"]


async def test_start_refresh_and_disconnect_answer_snapshots(house: House, connect: Open, klien_id: int) -> None:
    socket = await connect()
    assert (await socket.ask("start", klien_id=klien_id))["status"] == "qr_requested"
    assert (await socket.ask("refresh", klien_id=klien_id))["status"] == "qr_requested"
    ended = await socket.ask("disconnect_wa", klien_id=klien_id)
    assert (ended["status"], ended["reason"]) == ("disconnected", "by_user")


@pytest.mark.parametrize("command", ["subscribe", "unsubscribe", "start", "refresh", "pairing_code", "disconnect_wa"])
async def test_a_klien_id_is_a_whole_number(house: House, connect: Open, klien_id: int, command: str) -> None:
    socket = await connect()
    for wrong in (str(klien_id), True, 1.5, None, -1, 0, [klien_id], {"id": 1}, 2**64):
        error = await socket.refusal(command, klien_id=wrong, code="invalid_input")
        assert error["fields"].keys() == {"klien_id"}
    await socket.refusal(command, code="invalid_input")
    await socket.refusal(command, klien_id=klien_id, extra=1, code="invalid_input")
    for payload in ("x", 1, None, [klien_id], True):
        await socket.refusal(command, payload, code="invalid_input")
    await socket.refusal(command, {"klien_id": klien_id}, {"klien_id": klien_id}, code="invalid_input")
    assert house.whatsapp.asked == []
    assert house.rooms.count(klien_id) == 0


@pytest.mark.parametrize("since", ["0", -1, True, 1.5, [], 2**64])
async def test_since_is_a_whole_number(connect: Open, klien_id: int, since: object) -> None:
    error = await (await connect()).refusal("subscribe", klien_id=klien_id, since=since, code="invalid_input")
    assert error["fields"].keys() == {"since"}


@pytest.mark.parametrize("command", ["subscribe", "start", "refresh", "disconnect_wa", "unsubscribe"])
async def test_a_klien_that_does_not_exist_is_not_found(
    house: House, connect: Open, klien_id: int, command: str
) -> None:
    await (await connect()).refusal(command, klien_id=klien_id + 1, code="not_found")
    assert house.rooms.count(klien_id + 1) == 0


@pytest.mark.parametrize("command", ["subscribe", "start", "refresh", "disconnect_wa", "unsubscribe"])
async def test_another_kliens_things_are_not_found(house: House, connect: Open, klien_id: int, command: str) -> None:
    other = await house.add_klien("Warung Bulan")
    socket = await connect(await house.key_of(klien_id))
    await socket.refusal(command, klien_id=other, code="not_found")
    await socket.refusal("subscribe", klien_id="*", code="not_found")
    assert house.rooms.count(other) == 0
    assert house.whatsapp.asked == []


async def test_a_key_for_reading_may_look_and_not_touch(house: House, connect: Open, klien_id: int) -> None:
    socket = await connect(await house.key_of(klien_id, Scope.READ))
    await socket.ask("subscribe", klien_id=klien_id)
    for command in ("start", "refresh", "disconnect_wa"):
        await socket.refusal(command, klien_id=klien_id, code="missing_scope")
    assert house.whatsapp.asked == []


async def test_an_unknown_command_is_answered(connect: Open, klien_id: int) -> None:
    await (await connect()).refusal("subscibe", klien_id=klien_id, code="not_found")


async def test_a_fault_of_ours_costs_no_socket(
    house: House, connect: Open, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    socket = await connect()
    with monkeypatch.context() as patch:
        patch.setattr(house.desk.sessions, "start", fail)
        error = await socket.refusal("start", klien_id=klien_id, code="internal")
    assert "secret" not in str(error)
    assert (await socket.ask("start", klien_id=klien_id))["status"] == "qr_requested"


async def test_the_list_comes_in_pages_without_qr(
    house: House, connect: Open, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkabiz.realtime.commands.LIST_PAGE", 2)
    ids = [klien_id] + [await house.add_klien(f"Klien {n}") for n in range(4)]
    await house.show_qr(klien_id)
    socket = await connect()
    seen = []
    answer = await socket.ask("subscribe", klien_id="*")
    while True:
        assert all(snapshot["qr"] is None for snapshot in answer["snapshots"])
        seen += [(snapshot["klien_id"], snapshot["status"]) for snapshot in answer["snapshots"]]
        if answer["next"] is None:
            break
        answer = await socket.ask("subscribe", klien_id="*", after=answer["next"])
    assert seen == [(each, "qr_ready" if each == klien_id else "disconnected") for each in ids]
