"""`talkabiz send`: one message, and what became of it."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from ulid import ULID

from talkabiz.cli.kliens import no_klien
from talkabiz.cli.options import AsJson, KlienId
from talkabiz.cli.printing import EXIT_NO_SERVER, Failed, complain, say, say_json
from talkabiz.cli.server import Broken, Key, Server, Silence, Url, no_server
from talkabiz.domain.errors import NotFound, Starting

LOOK_SECONDS = 0.5
GONE_SECONDS = 20.0
"""How long a server that has gone away is waited for: it may only be restarting."""
RETRY_SECONDS = 1.0
WAIT_SECONDS = 120

Message = dict[str, Any]

_WAITS = {"queued", "sending"}
_ARRIVED = {"sent", "delivered", "read", "played"}


def send(
    klien_id: KlienId,
    to: Annotated[str, typer.Argument(metavar="TO", help="A phone's number, e.g. 0812…, or a WhatsApp address.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say; quote it.")],
    wait: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="How long to wait for it to be sent; 0: not at all.")
    ] = WAIT_SECONDS,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Send a text from a klien's number, and wait until it has left.

    It goes out in its turn, at the klien's pace. If it hasn't left by then, it stays in the queue. With --json the
    message is printed, as it is then.
    """
    sending = _Sending(Server.of(url, key), klien_id)
    message = sending.accepted(to, text)
    until = time.monotonic() + wait
    told = None
    while message["status"] in _WAITS and time.monotonic() < until:
        held = message.get("held")
        if held and held["reason"] != told:
            told = held["reason"]
            complain(f"waits: {held['message']['en']}")
        time.sleep(LOOK_SECONDS)
        message = sending.looked_at(message["id"])
    _tell(message, waited=wait > 0, as_json=as_json)


class _Sending:
    """A server that is away for a moment is asked again: by its key, a message is accepted once."""

    def __init__(self, server: Server, klien_id: int) -> None:
        self._server = server
        self._klien_id = klien_id
        self._path = f"/api/v1/kliens/{klien_id}/messages"
        self._was_there = False

    def accepted(self, to: str, text: str) -> Message:
        body, headers = {"to": to, "text": text}, {"Idempotency-Key": str(ULID())}
        return self._ask("POST", self._path, body, headers)

    def looked_at(self, message_id: int) -> Message:
        return self._ask("GET", f"{self._path}/{message_id}")

    def _ask(self, *what: Any) -> Message:
        gone_at: float | None = None
        while True:
            try:
                answer = self._server.ask(*what)
            except Silence as silence:
                self._was_there |= isinstance(silence, Broken)
                failure = (_in_doubt if self._was_there else no_server)(self._server.url)
            except Failed as refusal:
                if refusal.code != Starting.code:
                    raise no_klien(self._klien_id) if refusal.code == NotFound.code else refusal from None
                failure = refusal
            else:
                self._was_there = True
                return answer
            gone_at = gone_at or time.monotonic()
            if not self._was_there or time.monotonic() - gone_at > GONE_SECONDS:
                raise failure
            time.sleep(RETRY_SECONDS)


def _tell(message: Message, *, waited: bool, as_json: bool) -> None:
    status, whom = message["status"], message["to"]["phone"] or message["to"]["jid"]
    if status not in _ARRIVED and (waited or status not in _WAITS):
        raise _failure(message)
    if as_json:
        say_json(message)
    else:
        say(f"{status}: message {message['id']} to {whom}")


def _in_doubt(url: str) -> Failed:
    return Failed(
        "no_server",
        f"Server di {url} tidak menjawab lagi. Pesan mungkin sudah diterima: periksa dulu sebelum mengirim lagi.",
        f"The server at {url} doesn't answer any more. The message may have been accepted: look before you send again.",
        EXIT_NO_SERVER,
    )


def _failure(message: Message) -> Failed:
    number, status, error = message["id"], message["status"], message["error"]
    if error:
        said = error["message"]
        return Failed(error["code"], f"Pesan {number}: {said['id']}", f"Message {number}: {said['en']}")
    if status in _WAITS:
        return Failed(
            "still_waiting",
            f"Pesan {number} belum terkirim; tetap dalam antrean.",
            f"Message {number} hasn't left yet; it stays in the queue.",
        )
    return Failed(status, f"Pesan {number} tidak terkirim: {status}.", f"Message {number} was not sent: {status}.")
