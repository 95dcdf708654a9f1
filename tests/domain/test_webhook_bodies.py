"""What an event is told as, byte by byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from talkabiz.domain.events import Event
from talkabiz.domain.webhook_bodies import SESSION_TYPES, Connection, body, connection, exhausted, older_body, told
from talkabiz.domain.webhooks import Type
from talkabiz.services.snapshot import EVENT_TYPES
from tests.domain.test_webhooks import DELIVERY

NOW = datetime(2026, 11, 24, 3, 4, 5, 123456, tzinfo=UTC)
SNAPSHOT = {
    "klien_id": 1,
    "session_id": "01J",
    "status": "qr_ready",
    "wa_terhubung": False,
    "qr": {"code": "https://wa.me/settings/linked_devices#2@secret"},
    "pairing": {"round": 1, "code": "ABCD-EFGH"},
    "me": None,
}


def event(type_: str, data: dict[str, Any]) -> Event:
    return Event(id=7, klien_id=1, seq=812, type=type_, at=NOW, data=data)


def linked(phone: str | None, *, is_connected: bool) -> Event:
    me = {"phone": phone} if phone else None
    return event("connected", {"session_id": "test_123", "wa_terhubung": is_connected, "me": me})


def test_every_transition_is_known() -> None:
    assert set(EVENT_TYPES.values()) == SESSION_TYPES


@pytest.mark.parametrize(
    ("type_", "direction", "told_as"),
    [
        ("message", "in", Type.MESSAGE_RECEIVED),
        ("message", "out", Type.MESSAGE_STATUS),
        ("message_status", "out", Type.MESSAGE_STATUS),
        ("message_status", "in", Type.MESSAGE_STATUS),
        *((name, "", Type.SESSION_STATUS) for name in sorted(SESSION_TYPES)),
        ("presence", "in", None),
        ("something_new", "in", None),
    ],
)
def test_each_event_has_a_type(type_: str, direction: str, told_as: Type | None) -> None:
    what = told(event(type_, {"direction": direction}))
    assert (what[0] if what else None) == told_as


def test_what_was_said_is_told_as_it_stands_in_the_journal() -> None:
    message = {"id": 3, "direction": "in", "text": "Halo", "qr": "is a word"}
    assert told(event("message", message)) == (Type.MESSAGE_RECEIVED, message)


@pytest.mark.parametrize("type_", sorted(SESSION_TYPES))
def test_no_way_to_link_a_device_is_told(type_: str) -> None:
    what = told(event(type_, SNAPSHOT))
    assert what is not None
    assert what[1] == {"klien_id": 1, "session_id": "01J", "status": "qr_ready", "wa_terhubung": False, "me": None}


def test_a_body_is_compact_json_in_utf8() -> None:
    content = body("evt_01J", Type.MESSAGE_RECEIVED, NOW, 1, 812, {"text": "Halo — dunia"})
    assert (
        content
        == (
            '{"id":"evt_01J","type":"message.received","timestamp":"2026-11-24T03:04:05.123Z","klien_id":1,"seq":812,'
            '"data":{"text":"Halo — dunia"}}'
        ).encode()
    )


@given(st.text(st.characters(codec=None), max_size=50))
def test_whatever_strangers_write_has_a_body(text: str) -> None:
    content = body("evt_01J", Type.MESSAGE_RECEIVED, NOW, 1, 812, {"text": text})
    assert json.loads(content.decode())["data"]["text"] == text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("now", "key"),
    [
        (Connection(is_connected=True, phone="628111"), "connected 628111"),
        (Connection(is_connected=True, phone=None), "connected "),
        (Connection(is_connected=False, phone="628111"), "disconnected"),
        (Connection(is_connected=False, phone=None), "disconnected"),
    ],
)
def test_a_connection_differs_by_being_there_and_by_its_number(now: Connection, key: str) -> None:
    assert now.key == key
    assert connection(linked(now.phone, is_connected=now.is_connected)) == now


@pytest.mark.parametrize("type_", ["message", "message_status", "presence"])
def test_what_is_said_is_no_connection(type_: str) -> None:
    assert connection(event(type_, {"wa_terhubung": True})) is None


@pytest.mark.parametrize(("is_connected", "status"), [(True, "connected"), (False, "disconnected")])
def test_the_older_body_is_the_older_designs(*, is_connected: bool, status: str) -> None:
    happened = linked("628111", is_connected=is_connected)
    assert json.loads(older_body(happened, Connection(is_connected, "628111"))) == {
        "event": "connection.update",
        "klien_id": 1,
        "session_id": "test_123",
        "status": status,
        "phone_number": "628111",
    }


def test_a_dead_delivery_is_told_by_its_ids_and_its_end() -> None:
    assert exhausted(DELIVERY) == {
        "webhook_id": 3,
        "delivery_id": 9,
        "event_id": "evt_01J",
        "type": "message.status",
        "last_status": 503,
        "last_error": "http_503",
    }
