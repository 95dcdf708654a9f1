"""Translations: the library's messages in, facts out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from talkabiz.domain import inputs as i
from talkabiz.whatsapp import from_whatsapp as told
from talkabiz.whatsapp.binding import Binding

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
A = "attempt"


@pytest.fixture(autouse=True)
def _library(binding: Binding) -> None:
    """Its messages can be imported only where it is loaded."""


def message(name: str, **fields: Any) -> bytes:
    return bytes(getattr(told._messages(), name)(**fields).SerializePartialToString())


def jid(user: str, server: str = "s.whatsapp.net") -> Any:
    return told._messages().JID(User=user, RawAgent=0, Device=3, Integrator=0, Server=server)


def device(**fields: Any) -> bytes:
    whole = {"JID": jid("628123"), "LID": jid("99", "lid"), "Platform": "android", "Initialized": True}
    return message("Device", **(whole | {"BussinessName": "", "PushName": ""} | fields))


@pytest.mark.parametrize(
    ("number", "fact"),
    [
        (3, i.Connected(A)),
        (4, i.KeepaliveMissed(A)),
        (5, i.KeepaliveRestored(A)),
        (7, i.Replaced(A)),
        (10, i.Outdated(A)),
        (12, i.LinkLost(A)),
        (17, None),
    ],
)
def test_events_without_details(number: int, fact: i.Fact | None) -> None:
    assert told.fact_of_event(A, number, b"", NOW) == fact


@pytest.mark.parametrize(
    ("reason", "cause"),
    [("LOGGED_OUT", "logged_out"), ("MAIN_DEVICE_GONE", "account_locked"), ("UNKNOWN_LOGOUT", "account_banned")],
)
def test_a_log_out_says_why(reason: str, cause: str) -> None:
    data = message("LoggedOut", OnConnect=True, Reason=reason)

    assert told.fact_of_event(A, 6, data, NOW) == i.LoggedOut(A, i.LogoutCause(cause))


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("SEND_TO_TOO_MANY_PEOPLE", 101),
        ("BLOCKED_BY_USERS", 102),
        ("CREATED_TOO_MANY_GROUPS", 103),
        ("SENT_TOO_MANY_SAME_MESSAGE", 104),
        ("BROADCAST_LIST", 106),
    ],
)
def test_a_ban_says_why_and_until_when(code: str, number: int) -> None:
    data = message("TemporaryBan", Code=code, Expire=90)

    assert told.fact_of_event(A, 8, data, NOW) == i.Banned(A, NOW + timedelta(seconds=90), number)


def test_a_ban_of_unknown_length_has_no_end() -> None:
    data = message("TemporaryBan", Code="BROADCAST_LIST", Expire=0)

    assert told.fact_of_event(A, 8, data, NOW) == i.Banned(A, None, 106)


@pytest.mark.parametrize(
    ("reason", "code"), [("GENERIC", 400), ("BAD_USER_AGENT", 409), ("EXPERIMENTAL", 501), ("SERVICE_UNAVAILABLE", 503)]
)
def test_a_refusal_carries_whatsapps_code(reason: str, code: int) -> None:
    data = message("ConnectFailure", Reason=reason, Message="x")

    assert told.fact_of_event(A, 9, data, NOW) == i.ConnectRefused(A, code)


def test_every_reason_of_the_library_has_its_code() -> None:
    assert set(told._messages().ConnectFailureReason.values()) == set(told._REFUSALS)


def test_a_stream_error_carries_its_code() -> None:
    assert told.fact_of_event(A, 11, message("StreamError", Code="516"), NOW) == i.StreamErrored(A, "516")


def test_a_pairing_that_failed_after_the_scan_is_refused() -> None:
    status = told._messages().PairStatus.ERROR
    data = message("PairStatus", ID=jid("628123"), BusinessName="", Platform="", Status=status, Error="no")

    assert told.fact_of_event(A, 2, data, NOW) == i.PairingRefused(A, i.PairFailure.PAIR_FAILED)


def test_a_pairing_names_the_account() -> None:
    status = told._messages().PairStatus.SUCCESS
    data = message("PairStatus", ID=jid("628123"), BusinessName="Toko", Platform="smba", Status=status)

    assert told.fact_of_event(A, 2, data, NOW) == i.Paired(A, i.Me("628123", "", "Toko", "smba"))


# --- the account ------------------------------------------------------------------------------------------------------


def test_the_account_has_number_lid_name_and_platform() -> None:
    assert told.me_of(device(PushName="Budi")) == i.Me("628123", "99@lid", "Budi", "android")


def test_without_a_push_name_the_business_name_stands() -> None:
    assert told.me_of(device(BussinessName="Toko")).name == "Toko"


def test_an_account_without_a_lid_has_none() -> None:
    assert told.me_of(device(LID=jid("", "lid"))).lid == ""


def test_a_name_is_stripped_of_what_moves_a_cursor_and_cut() -> None:
    assert told.me_of(device(PushName="Bu\x1b[2J\r\n\x00di\x85" + "x" * 500)).name == "Bu[2Jdi" + "x" * 93


def test_a_name_that_is_no_text_is_none() -> None:
    good = device(PushName="Budi")

    assert told.me_of(good.replace(b"Budi", b"\xff\xfe\xfd\xfc")) == i.Me("628123", "99@lid", "", "android")


# --- statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fact"),
    [
        ("success", None),
        ("timeout", i.CodesRanOut(A)),
        ("err-scanned-without-multidevice", i.OldPhoneScanned(A)),
        ("error", i.PairingRefused(A, i.PairFailure.PAIR_FAILED)),
        ("passkey-request", i.PairingRefused(A, i.PairFailure.PASSKEY_REQUIRED)),
        ("passkey-confirmation", i.PairingRefused(A, i.PairFailure.PASSKEY_REQUIRED)),
        ("err-client-outdated", i.PairingRefused(A, i.PairFailure.CLIENT_OUTDATED)),
        ("err-unexpected-state", i.EngineFailed(A, "err-unexpected-state")),
        ("something new", i.EngineFailed(A, "something new")),
    ],
)
def test_statuses_of_a_pairing(status: str, fact: i.Fact | None) -> None:
    assert told.fact_of_status(A, status) == fact


# --- returns ----------------------------------------------------------------------------------------------------------

DIAL = 'failed to dial whatsapp web websocket: failed to WebSocket dial: Get "https://web.whatsapp.com/ws/chat": '


@pytest.mark.parametrize(
    "text",
    [
        DIAL + "proxyconnect tcp: dial tcp 127.0.0.1:1: connect: connection refused",
        DIAL + "dial tcp: lookup web.whatsapp.com: no such host",
        DIAL + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        DIAL + "EOF",
        DIAL + "net/http: TLS handshake timeout",
        "failed to dial whatsapp web websocket: expected handshake response status code 101 but got 503",
        "noise handshake failed: timed out waiting for handshake response",
        "noise handshake failed: failed to verify server cert: certificate expired",
    ],
)
def test_a_run_that_never_reached_whatsapp_had_no_route(text: str) -> None:
    assert told.fact_of_return(A, text) == i.NoRoute(A)


@pytest.mark.parametrize(
    "text",
    [
        "failed to open database: unable to open database file: no such file or directory",
        "failed to upgrade database: database disk image is malformed",
        "file is not a database",
        "disk I/O error: no space left on device",
        "attempt to write a readonly database",
    ],
)
def test_a_fault_of_the_store_lasts(text: str) -> None:
    assert told.fact_of_return(A, text) == i.EngineFailed(A, text, lasting=True)


@pytest.mark.parametrize("text", ["", "runtime error: something"])
def test_any_other_end_is_the_engines(text: str) -> None:
    assert told.fact_of_return(A, text) == i.EngineFailed(A, text)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("proto: required field neonize.TemporaryBan.Code not set", i.Banned(A, None)),
        ("proto: required field neonize.ConnectFailure.Reason not set", i.ConnectRefused(A, 0)),
    ],
)
def test_an_event_with_an_unknown_number_is_known_by_the_error_it_ends_in(text: str, fact: i.Fact) -> None:
    assert told.fact_of_return(A, text) == fact


# --- logs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        "https://wa.me/settings/linked_devices#2@abc,def,ghi,secret,1",
        "2@" + "Q1w/" * 30,
        "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
    ],
)
def test_codes_and_keys_never_reach_a_log(secret: str) -> None:
    assert told.redact(f"before {secret} after") == "before … after"


def test_a_log_line_is_one_line_and_not_long() -> None:
    assert told.redact("a\n\x1b[31mb\t" + "long " * 100) == ("a [31mb " + "long " * 100)[:200]


def test_what_the_library_logs_is_told_with_its_part() -> None:
    data = message("LogEntry", Message="Failed to pair device", Level="ERROR", Name="Client/Socket")

    assert told.log_line(data) == "Client/Socket: Failed to pair device"
