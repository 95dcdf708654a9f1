"""`talkabiz send` and a server that goes away: one message comes of it, whatever was heard of it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from talkabiz.cli import sending
from talkabiz.cli.printing import EXIT_NO_SERVER, Failed
from tests.cli.conftest import Desk, be_silent, break_off, hang_up, reset, say

Json = dict[str, Any]

ACCEPTED: Json = {"id": 7, "status": "sent", "to": {"phone": "628111111111"}}
STARTING: Json = {"code": "starting", "message": {"id": "Sedang dinyalakan.", "en": "It is starting."}}


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(sending, "GONE_SECONDS", 0.3)


def send(desk: Desk) -> None:
    sending.send(1, "628111111111", "Halo", url=desk.url, key="tkb_x")


@pytest.mark.parametrize(
    "away",
    [
        [hang_up],
        [break_off],
        [reset],
        [be_silent],
        [say(502, "<h1>Bad Gateway</h1>")],
        [hang_up, say(503, STARTING), say(504, ""), hang_up],
    ],
    ids=["hangs up", "breaks off", "resets", "is silent", "is behind a proxy", "is starting"],
)
def test_what_was_asked_and_not_answered_is_asked_again_by_its_key(
    desk: Desk, away: list[Callable[[BaseHTTPRequestHandler], None]], capsys: pytest.CaptureFixture[str]
) -> None:
    desk.script = [*away, say(202, ACCEPTED)]
    send(desk)
    assert capsys.readouterr().out == "sent: message 7 to 628111111111\n"
    assert len(desk.asked) == len(away) + 1
    assert len(set(desk.asked)) == 1, "the same, with the same key"
    assert desk.asked[0][2]


def test_who_stays_away_is_not_waited_for_longer_than_others(desk: Desk) -> None:
    desk.script = [hang_up]
    with pytest.raises(Failed) as failed:
        send(desk)
    assert (failed.value.code, failed.value.exit_code) == ("no_server", EXIT_NO_SERVER)
    assert "may have been accepted" in failed.value.message.en
    assert len({key for _, _, key in desk.asked}) == 1 < len(desk.asked)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (say(200, "<h1>It works!</h1>"), "no_server"),
        (say(404, "<h1>Not Found</h1>"), "no_server"),
        (say(302, ""), "no_server"),
        (say(503, STARTING), "starting"),
        (say(422, {"code": "invalid_input", "message": {"id": "x", "en": "x"}}), "invalid_input"),
    ],
)
def test_what_is_answered_at_first_is_final(
    desk: Desk, said: Callable[[BaseHTTPRequestHandler], None], code: str
) -> None:
    desk.script = [said]
    with pytest.raises(Failed) as failed:
        send(desk)
    assert (failed.value.code, len(desk.asked)) == (code, 1)


def test_where_nobody_listens_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RETRY_SECONDS", 60)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = Desk(url=f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(Failed) as failed:
        send(nowhere)
    assert failed.value.exit_code == EXIT_NO_SERVER
