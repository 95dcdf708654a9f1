"""`talkabiz send` and a server that goes away: one message comes of it, whatever was heard of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from talkabiz.cli import sending, server
from talkabiz.cli.printing import EXIT_NO_SERVER, Failed

Json = dict[str, Any]

ACCEPTED: Json = {"id": 7, "status": "sent", "to": {"phone": "628111111111"}}
STARTING: Json = {"code": "starting", "message": {"id": "Sedang dinyalakan.", "en": "It is starting."}}


@dataclass
class Desk:
    """Answers each request as the next line of its script says; the last one again and again."""

    script: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0))).decode()
        self.asked.append((handler.command, body, handler.headers.get("Idempotency-Key")))
        (self.script.pop(0) if len(self.script) > 1 else self.script[0])(handler)


def say(status: int, body: Json | str) -> Callable[[BaseHTTPRequestHandler], None]:
    data = (body if isinstance(body, str) else json.dumps(body)).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def break_off(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n{")
    handler.close_connection = True


def reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()


def be_silent(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.recv(1)


@pytest.fixture(name="desk")
def _desk() -> Iterator[Desk]:
    desk = Desk()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            desk.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.handle_error = lambda *_: None  # type: ignore[method-assign] # of a connection that was broken here
        desk.url = f"http://127.0.0.1:{http.server_port}"
        thread = Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield desk
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(sending, "GONE_SECONDS", 0.3)
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.2)


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
