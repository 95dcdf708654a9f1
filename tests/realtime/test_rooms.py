"""Who hears what, in which order, and who counts as watching."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.access import Kind, Principal, Scope
from talkabiz.domain.errors import MissingScope, NotFound
from talkabiz.domain.events import Event
from talkabiz.realtime.relay import Relay
from talkabiz.realtime.rooms import Rooms, Visitor
from tests.edges import FACT_SECONDS, House
from tests.fakes import NOW, QR_TEXT
from tests.realtime.conftest import Open


async def test_a_room_hears_its_own_klien_alone(house: House, connect: Open, klien_id: int) -> None:
    other = await house.add_klien("Warung Bulan")
    mine, theirs, own = await connect(), await connect(), await connect(await house.key_of(klien_id))
    await mine.ask("subscribe", klien_id=klien_id)
    await theirs.ask("subscribe", klien_id=other)
    await asyncio.gather(house.link(klien_id, "628111111111"), house.link(other, "628222222222"))
    for socket, klien, phone in ((mine, klien_id, "628111111111"), (theirs, other, "628222222222")):
        assert (await socket.wait_for("connected"))["me"]["phone"] == phone
        assert {data["klien_id"] for _, data in socket.events} == {klien}
        assert socket.names() == ["qr_requested", "qr_ready", "scanning", "connected"]
    await own.wait_for("connected")
    assert {data["klien_id"] for _, data in own.events} == {klien_id}


async def test_a_socket_that_asked_for_nothing_hears_nothing(house: House, connect: Open, klien_id: int) -> None:
    quiet, listening = await connect(), await connect()
    await listening.ask("subscribe", klien_id=klien_id)
    await house.link(klien_id)
    await listening.wait_for("connected")
    await quiet.ask("unsubscribe", klien_id=klien_id)  # whatever was on its way has arrived by the answer
    assert quiet.events == []


async def test_after_unsubscribing_a_socket_hears_nothing(house: House, connect: Open, klien_id: int) -> None:
    socket, other = await connect(), await connect()
    await other.ask("subscribe", klien_id=klien_id)
    await socket.ask("subscribe", klien_id=klien_id)
    assert (await socket.ask("unsubscribe", klien_id=klien_id))["klien_id"] == klien_id
    await house.link(klien_id)
    await other.wait_for("connected")
    await socket.ask("unsubscribe", klien_id=klien_id)
    assert socket.events == []


async def test_every_code_is_pushed_in_order(house: House, connect: Open, klien_id: int) -> None:
    socket = await connect()
    await socket.ask("subscribe", klien_id=klien_id)
    await house.show_qr(klien_id)
    for n in range(2, 5):
        house.whatsapp.show_code(klien_id, f"{QR_TEXT}{n}")
    house.whatsapp.pair(klien_id)
    await socket.wait_for("scanning")
    codes = [data["qr"]["n"] for name, data in socket.events if name == "qr_ready"]
    assert codes == [1, 2, 3, 4]
    assert [data["seq"] for _, data in socket.events] == sorted(data["seq"] for _, data in socket.events)
    assert socket.events[-1][1]["qr"] is None


async def test_an_error_is_told_as_session_error(house: House, connect: Open, klien_id: int) -> None:
    socket = await connect()
    await socket.ask("subscribe", klien_id=klien_id)
    await socket.ask("start", klien_id=klien_id)
    house.whatsapp.say(klien_id, i.NoRoute(house.whatsapp.attempts[klien_id]))
    told = await socket.wait_for("session_error")
    assert (told["status"], told["reason"]) == ("error", "unreachable")


async def test_the_list_hears_every_klien_without_the_qr(house: House, connect: Open, klien_id: int) -> None:
    other = await house.add_klien("Warung Bulan")
    socket = await connect()
    await socket.ask("subscribe", klien_id="*")
    await house.link(klien_id, "628111111111")
    await house.link(other, "628222222222")
    await socket.wait_for("connected", klien_id)
    await socket.wait_for("connected", other)
    assert all(data["qr"] is None for _, data in socket.events)
    assert QR_TEXT not in str(socket.events)
    before = len(socket.events)
    await socket.ask("unsubscribe", klien_id="*")
    await house.desk.sessions.stop(klien_id)
    await socket.ask("unsubscribe", klien_id="*")
    assert len(socket.events) == before


async def test_what_happens_between_joining_and_reading_is_heard(
    house: House, connect: Open, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket is in the room before its snapshot is read."""
    watch = house.desk.sessions.watch

    async def change_while_reading(klien_id: int) -> dict[str, Any]:
        snapshot = await watch(klien_id)
        await house.desk.sessions.start(klien_id)
        return snapshot

    socket = await connect()
    with monkeypatch.context() as patch:
        patch.setattr(house.desk.sessions, "watch", change_while_reading)
        answer = await socket.ask("subscribe", klien_id=klien_id)
    assert answer["snapshot"]["status"] == "disconnected"
    assert (await socket.wait_for("qr_requested"))["seq"] > answer["snapshot"]["seq"]


# --- watching ---------------------------------------------------------------------------------------------------------


async def test_watchers_are_counted_until_they_go(house: House, connect: Open, klien_id: int) -> None:
    first, second = await connect(), await connect()
    for socket in (first, second, second):
        await socket.ask("subscribe", klien_id=klien_id)
    await (await connect()).ask("subscribe", klien_id="*")
    assert house.rooms.count(klien_id) == 2
    await first.ask("unsubscribe", klien_id=klien_id)
    assert house.rooms.count(klien_id) == 1
    await second.client.disconnect()
    async with asyncio.timeout(FACT_SECONDS):
        while house.rooms.count(klien_id):
            await asyncio.sleep(0.005)
    assert len(house.rooms.visitors()) == 2


async def test_a_round_is_followed_by_the_next_while_somebody_watches(
    house: House, connect: Open, klien_id: int
) -> None:
    socket = await connect()
    await socket.ask("subscribe", klien_id=klien_id)
    await house.show_qr(klien_id)
    attempt = house.whatsapp.attempts[klien_id]
    house.whatsapp.say(klien_id, i.CodesRanOut(attempt))
    await socket.wait_for("expired")
    await socket.wait_for("qr_requested")
    async with asyncio.timeout(FACT_SECONDS):
        await house.whatsapp.be_asked(2)  # the second round begins beside the first attempt, which lives on
    assert [what for what, *_ in house.whatsapp.asked] == ["start_pairing", "start_pairing"]
    assert house.whatsapp.attempts[klien_id] != attempt


def visitor(principal: Principal) -> Visitor:
    async def check_again() -> Principal:
        return principal

    return Visitor(principal, check_again, "credential")


def test_rooms_are_for_those_who_may() -> None:
    rooms = Rooms()
    rooms.arrive("admin", visitor(Principal(Kind.ADMIN, 0)))
    rooms.arrive("operator", visitor(Principal(Kind.OPERATOR, 1)))
    rooms.arrive("own", visitor(Principal(Kind.KLIEN, 2, 7)))
    rooms.arrive("sender", visitor(Principal(Kind.KLIEN, 3, 7, frozenset({Scope.MESSAGE}))))
    rooms.arrive("linking", visitor(Principal(Kind.KLIEN, 4, 7, frozenset({Scope.SESSION}))))
    assert [rooms.watch(sid, 7) for sid in ("admin", "operator", "own")] == [("klien:7", "chats:7")] * 3
    assert rooms.watch("linking", 7) == ("klien:7",)
    assert rooms.count(7) == 4
    with pytest.raises(MissingScope):
        rooms.watch("sender", 7)
    for sid in ("own", "sender", "gone"):
        with pytest.raises(NotFound):
            rooms.watch(sid, 8)
        with pytest.raises(NotFound):
            rooms.watch_list(sid)
    assert (rooms.count(7), rooms.count(8)) == (4, 0)


def test_who_is_gone_watches_nobody() -> None:
    rooms = Rooms()
    rooms.arrive("a", visitor(Principal(Kind.ADMIN, 0)))
    rooms.watch("a", 1)
    rooms.watch("a", 2)
    rooms.leave("a")
    assert (rooms.count(1), rooms.count(2), rooms.visitors()) == (0, 0, {})
    with pytest.raises(NotFound):
        rooms.watch("a", 1)  # a command that was still running when it went
    rooms.look_away("a", 1)


# --- the relay --------------------------------------------------------------------------------------------------------


class Wire:
    """Where the relay sends; one room's wire may be cut."""

    def __init__(self, cut: str = "", delay_seconds: float = 0) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.noted = asyncio.Event()
        self._cut = cut
        self._delay_seconds = delay_seconds

    async def emit(self, name: str, data: dict[str, Any], room: str) -> None:
        await asyncio.sleep(self._delay_seconds)
        if room == self._cut:
            raise OSError("cut")
        self.sent.append((room, name, data))
        self.noted.set()


def event(klien_id: int, seq: int) -> Event:
    return Event(seq, klien_id, seq, "qr_ready", NOW, {"klien_id": klien_id, "seq": seq, "qr": {"code": QR_TEXT}})


async def test_one_rooms_fault_keeps_nothing_from_the_others() -> None:
    wire = Wire(cut="klien:1")
    relay = Relay(wire)
    await relay.pass_on(event(1, 1))
    await relay.pass_on(event(2, 2))
    assert [(room, data["seq"], bool(data["qr"])) for room, _, data in wire.sent] == [
        ("kliens", 1, False),
        ("klien:2", 2, True),
        ("kliens", 2, False),
    ]


async def test_nothing_is_ever_sent_to_everybody() -> None:
    wire = Wire()
    with pytest.raises(ValueError, match="everybody"):
        await Relay(wire).greet("", {"klien_id": 1})
    assert wire.sent == []


async def test_a_slow_wire_costs_no_event(house: House) -> None:
    """Slower than the journal's look at its table, which must not interrupt who reads from it."""
    wire, journal = Wire(delay_seconds=0.06), house.desk.journal
    running = asyncio.create_task(Relay(wire).run(journal))
    async with asyncio.timeout(FACT_SECONDS):
        while journal.readers < 2:  # the outbox reads, too
            await asyncio.sleep(0)
        for seq in range(4):
            journal.publish(replace(event(1, seq), id=None))
        while len(wire.sent) < 8:
            wire.noted.clear()
            await wire.noted.wait()
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [data["seq"] for room, _, data in wire.sent if room == "klien:1"] == [0, 1, 2, 3]


async def test_the_relay_outlives_a_journal_that_fails(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkabiz.realtime.relay.RETRY_SECONDS", 0)

    class Journal:
        def __init__(self) -> None:
            self.readers = 0
            self.done = asyncio.Event()

        async def reader(self) -> Any:
            self.readers += 1
            yield event(1, self.readers)
            if self.readers == 1:
                raise OSError("the database went away")
            self.done.set()
            await asyncio.Event().wait()

    journal, wire = Journal(), Wire()
    running = asyncio.create_task(Relay(wire).run(journal))  # type: ignore[arg-type] # as much of it as counts here
    async with asyncio.timeout(FACT_SECONDS):
        await journal.done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [data["seq"] for room, _, data in wire.sent if room == "klien:1"] == [1, 2]
