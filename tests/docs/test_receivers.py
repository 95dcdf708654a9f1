"""docs/webhooks.md: its receivers, run, believe what is signed and nothing else."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import itertools
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.docs.pages import FILE, blocks, read
from tests.running import CHECKOUT, serving

EXAMPLES = Path(CHECKOUT, "docs", "examples")
NODE = Path(CHECKOUT, "build", "independent", "node")
"""`make` writes there which one it found, or brought."""
RECEIVERS = ["receiver.py", "receiver.mjs"]
SECONDS = 10
PIPE_BYTES = 4096
_ids = itertools.count(1)


def make_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def command(name: str) -> list[str]:
    runs = sys.executable if name.endswith(".py") else NODE.read_text(encoding="utf-8").strip()
    return [runs, str(EXAMPLES / name)]


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **more}


@dataclass
class Sent:
    """A delivery as Talkabiz makes it; `sign` is with each of these secrets."""

    body: str = ""
    id: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = next(_ids)
        self.id = self.id or f"evt_{number:026}"
        self.body = self.body or (
            f'{{"id":"{self.id}","type":"message.received","timestamp":"2026-11-24T03:04:05.123Z","klien_id":7,'
            f'"seq":{number},"data":{{"text":"Halo, apa kabar? \\u00e9 é 😀"}}}}'
        )
        self.headers = {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(int(self.at.timestamp())),
        }

    def sign(self, *keys: str) -> Sent:
        signed = (Webhook(key).sign(self.id, self.at, self.body) for key in keys)
        self.headers["webhook-signature"] = " ".join(signed)
        return self

    @property
    def line(self) -> str:
        """What the receivers print of it."""
        return f"message.received 7 {int(self.id.removeprefix('evt_'))}"


@dataclass
class Receiver:
    process: subprocess.Popen[str]
    url: str

    def post(self, sent: Sent) -> int:
        with httpx.Client(trust_env=False) as client:
            return client.post(self.url, content=sent.body.encode(), headers=sent.headers, timeout=SECONDS).status_code

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")


@pytest.fixture(name="secret")
def _secret() -> str:
    return make_secret()


@contextmanager
def running(name: str, secret: str, port: int = 0) -> Iterator[Receiver]:
    given = environment(WEBHOOK_SECRET=secret, PORT=str(port))
    with subprocess.Popen(command(name), env=given, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()
            assert said.startswith("listening on "), said
            yield Receiver(process, said.split()[-1])
        finally:
            process.kill()


@pytest.fixture(name="receiver", params=RECEIVERS)
def _receiver(request: pytest.FixtureRequest, secret: str) -> Iterator[Receiver]:
    with running(request.param, secret) as receiver:
        yield receiver


def test_the_page_shows_the_receivers_as_they_are() -> None:
    shown = {block.name: block.text for block in blocks("docs/webhooks.md") if block.mark == FILE}
    assert shown == {name: read(f"docs/examples/{name}") for name in RECEIVERS}


def test_what_is_genuine_is_handled_once_however_often_it_comes(receiver: Receiver, secret: str) -> None:
    first, second = Sent().sign(secret), Sent().sign(secret)
    assert [receiver.post(each) for each in (first, first, second, first)] == [204] * 4
    again = Sent(first.body, first.id, datetime.now(UTC) + timedelta(seconds=2)).sign(secret)
    assert again.headers != first.headers, "another try has another time and another signature"
    assert receiver.post(again) == 204
    last = Sent().sign(secret)
    receiver.post(last)
    assert [receiver.line() for _ in range(3)] == [first.line, second.line, last.line]


def _none(sent: Sent, _: str) -> None:
    del sent.headers["webhook-signature"]


def _other_key(sent: Sent, _: str) -> None:
    sent.sign(make_secret())


def _body(sent: Sent, _: str) -> None:
    sent.body = sent.body.replace('"klien_id":7', '"klien_id":8')


def _space(sent: Sent, _: str) -> None:
    sent.body = sent.body.replace(":", ": ", 1)


def _id(sent: Sent, _: str) -> None:
    sent.headers["webhook-id"] = "evt_another"


def _time(sent: Sent, _: str) -> None:
    sent.headers["webhook-timestamp"] = str(int(time.time()) - 7)


def _no_time(sent: Sent, _: str) -> None:
    sent.headers["webhook-timestamp"] = "now"


def _version(sent: Sent, _: str) -> None:
    sent.headers["webhook-signature"] = sent.headers["webhook-signature"].replace("v1,", "v2,")


def _no_comma(sent: Sent, _: str) -> None:
    sent.headers["webhook-signature"] = "v1"


def _no_base64(sent: Sent, _: str) -> None:
    sent.headers["webhook-signature"] = "v1,====="


def _cut_off(sent: Sent, _: str) -> None:
    sent.headers["webhook-signature"] = sent.headers["webhook-signature"][:-8]


@pytest.mark.parametrize(
    "spoil",
    [_none, _other_key, _body, _space, _id, _time, _no_time, _version, _no_comma, _no_base64, _cut_off],
    ids=lambda spoil: spoil.__name__.strip("_"),
)
def test_what_is_not_genuine_is_refused(receiver: Receiver, secret: str, spoil: Callable[[Sent, str], Any]) -> None:
    forged, genuine = Sent().sign(secret), Sent().sign(secret)
    spoil(forged, secret)
    assert receiver.post(forged) == 401
    assert receiver.post(genuine) == 204
    assert receiver.line() == genuine.line, "nothing was done for the other one"


@pytest.mark.parametrize(
    ("minutes", "status"), [(-6, 401), (6, 401), (-4, 204), (4, 204)], ids=["old", "early", "late", "fast clock"]
)
def test_a_delivery_that_somebody_kept_is_refused_though_it_was_genuine(
    receiver: Receiver, secret: str, minutes: int, status: int
) -> None:
    assert receiver.post(Sent(at=datetime.now(UTC) + timedelta(minutes=minutes)).sign(secret)) == status


def test_while_a_secret_is_rotated_the_old_and_the_new_one_both_fit(receiver: Receiver, secret: str) -> None:
    """The receiver's own is one of them; which one comes first doesn't matter, nor what a later version may add."""
    other = make_secret()
    assert receiver.post(Sent().sign(secret, other)) == 204, "it has the old one, or already the new one"
    assert receiver.post(Sent().sign(other, secret)) == 204
    later = Sent().sign(other, secret)
    later.headers["webhook-signature"] = f"v1a,c2lnbmVk {later.headers['webhook-signature']}"
    assert receiver.post(later) == 204
    assert receiver.post(Sent().sign(other)) == 401, "after a day the old one is no use"


def test_what_nobody_of_ours_would_send_stops_no_receiver(receiver: Receiver, secret: str) -> None:
    bytes_that_are_no_text = Sent("\x00").sign(secret)
    with httpx.Client(trust_env=False) as client:
        answer = client.post(receiver.url, content=b"\xff\xfe", headers=bytes_that_are_no_text.headers, timeout=SECONDS)
        assert answer.status_code == 401
        assert client.get(receiver.url, timeout=SECONDS).status_code in {405, 501}
    assert receiver.post(Sent().sign(secret)) == 204


def test_who_connects_and_says_nothing_or_half_of_it_holds_up_nobody(receiver: Receiver, secret: str) -> None:
    with connected(receiver), connected(receiver) as stuck:
        stuck.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\n{")
        assert receiver.post(Sent().sign(secret)) == 204


def test_a_length_that_is_none_or_too_much_is_refused_at_once(secret: str) -> None:
    """And nothing is read until whoever sends it has enough."""
    with running("receiver.py", secret) as receiver:
        for length in ("-1", "+1", "1e3", "\xb2", "", "1000001", "9" * 5000):
            with connected(receiver) as sender:
                sender.sendall(f"POST / HTTP/1.1\r\ncontent-length: {length}\r\n\r\n".encode("latin-1"))
                assert sender.recv(100).split(b" ")[1] == b"413", length
        assert receiver.post(Sent().sign(secret)) == 204


def test_what_comes_again_while_it_is_being_handled_is_handled_once(receiver: Receiver, secret: str) -> None:
    """Nobody reads what the receiver prints, and nothing more fits in between: it is in the midst of it."""
    sent, last = Sent().sign(secret), Sent().sign(secret)
    fill(receiver.process)
    with ThreadPoolExecutor(2) as senders:
        answers = senders.map(receiver.post, [sent, sent])
        time.sleep(0.5)
        assert set(receiver.line()) == {"."}
        assert list(answers) == [204, 204]
    receiver.post(last)
    assert [receiver.line() for _ in range(2)] == [sent.line, last.line]


def fill(process: subprocess.Popen[str]) -> None:
    """The pipe that its output goes into, with a line."""
    assert process.stdout
    size = fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    Path(f"/proc/{process.pid}/fd/1").write_bytes(b"." * (size - 1) + b"\n")


def connected(receiver: Receiver) -> socket.socket:
    host, _, port = receiver.url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=SECONDS)


@pytest.mark.parametrize("name", RECEIVERS)
@pytest.mark.parametrize("given", [{}, {"WEBHOOK_SECRET": ""}, {"WEBHOOK_SECRET": "whsec_"}])
def test_without_a_secret_it_does_not_start(name: str, given: dict[str, str]) -> None:
    done = subprocess.run(
        command(name), env=environment(**given), capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 1
    assert "ecret" in done.stderr or "SECRET" in done.stderr


async def test_what_the_program_sends_is_taken(home: Path) -> None:
    """Also in the day after its secret was rotated, by a receiver that has the old one."""
    async with serving(home, webhook_allow_hosts="127.0.0.1") as server:
        hooks = f"/api/v1/kliens/{await server.add_klien('Toko Sinar')}/webhooks"
        for name in RECEIVERS:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            hook = await server.call("POST", hooks, {"url": f"http://127.0.0.1:{port}/"}, expect=201)
            for _ in range(2):
                with running(name, hook["secret"], port) as receiver:
                    await server.call("POST", f"{hooks}/{hook['id']}/test", {}, expect=202)
                    assert await asyncio.to_thread(receiver.line) == "ping 1 0"
                await server.call("POST", f"{hooks}/{hook['id']}/rotate-secret", {})
