"""`talkabiz link`: the live QR and the state in the terminal, over the same Socket.IO as the browser."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer

from talkabiz.cli.kliens import no_klien
from talkabiz.cli.options import AsJson, KlienId
from talkabiz.cli.printing import EXIT_USAGE, Failed, complain, say, say_json
from talkabiz.cli.server import ANSWER_SECONDS, Key, Server, Url, no_server, refused
from talkabiz.domain.errors import IllegalState, InvalidInput, NotFound, Unauthorized
from talkabiz.domain.phones import parse_phone

CODE_SECONDS = 15.0
"""For a code to type, which the server waits for itself."""
GONE_SECONDS = 20.0
"""How long a server that has gone away is waited for: it may only be restarting."""
RETRY_SECONDS = 1.0
NEXT_ROUND_SECONDS = 5.0
"""If a round of codes is followed by another, then at once. The rest is for a scan in the last moment."""

Snapshot = dict[str, Any]


class _Gone(Exception):
    """The server is, or the way to it. It may come back."""


def link(
    klien_id: KlienId,
    phone: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Show a code to type into that phone as well, e.g. 0812….")
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Link a klien: the live QR in this terminal.

    Shows each new code and state as a browser would, and ends when connected. With --phone there is also a code to type
    into that phone: WhatsApp, Linked devices, Link with phone number. With --json, one snapshot a line.
    """
    server = Server.of(url, key)
    try:
        number = parse_phone(phone, "--phone") if phone is not None else None
    except InvalidInput as error:
        raise Failed(error.code, error.message.id, error.message.en, EXIT_USAGE) from None
    asyncio.run(_Follower(klien_id, server.url, server.token, number, as_json=as_json).follow())


class _Follower:
    """Follows one klien until it is connected. Whatever else it comes to is raised as Failed."""

    def __init__(self, klien_id: int, url: str, token: str, phone: str | None, *, as_json: bool) -> None:
        self._klien_id = klien_id
        self._url = url
        self._token = token
        self._phone = phone
        self._asked: object = None
        """The round that a code to type was asked for in."""
        self._as_json = as_json
        self._seq = 0
        """Of the last snapshot shown: an older one may still be on its way."""

    async def follow(self) -> None:
        gone_at: float | None = None
        was_there = False
        while True:
            try:
                async with self._connected() as (client, told):
                    gone_at, was_there = None, True
                    return await self._follow(client, told)
            except _Gone:
                if gone_at is None:
                    gone_at = time.monotonic()
                    if was_there:
                        complain("The server is gone. Waiting for it to come back …")
                if not was_there or time.monotonic() - gone_at > GONE_SECONDS:
                    raise no_server(self._url) from None
            await asyncio.sleep(RETRY_SECONDS)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Any, asyncio.Queue[Snapshot | None]]]:
        """A client of the server, and what the server tells it; None: the connection has ended."""
        import socketio

        told: asyncio.Queue[Snapshot | None] = asyncio.Queue()
        reasons: list[object] = []  # the exception itself only says that there was one
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        client.on("*", lambda _event, data=None: told.put_nowait(data) if isinstance(data, dict) else None)
        client.on("connect_error", reasons.append)
        client.on("disconnect", lambda *_: told.put_nowait(None))
        try:
            auth = {"token": self._token}
            await client.connect(self._url, auth=auth, transports=["websocket"], wait_timeout=ANSWER_SECONDS)
        except socketio.exceptions.ConnectionError:
            await _close_session(client)
            if any(isinstance(reason, dict) and reason.get("message") == Unauthorized.code for reason in reasons):
                raise refused() from None
            raise _Gone from None
        try:
            yield client, told
        except socketio.exceptions.SocketIOError:
            raise _Gone from None
        finally:
            await client.disconnect()
            await _close_session(client)

    async def _follow(self, client: Any, told: asyncio.Queue[Snapshot | None]) -> None:
        await self._ask(client, "subscribe")
        snapshot = await self._ask(client, "start")
        while not self._is_over(snapshot):
            await self._ask_for_code(client, snapshot)
            snapshot = await self._next(told, None if snapshot["status"] != "expired" else NEXT_ROUND_SECONDS)

    async def _ask_for_code(self, client: Any, snapshot: Snapshot) -> None:
        """Once in each round. The code itself is pushed, as everything is."""
        current = snapshot["pairing"] if snapshot["status"] == "qr_ready" else None
        if self._phone is None or current is None or current["closes_at"] == self._asked:
            return
        self._asked = current["closes_at"]
        # In the wrong state it was linked by its QR meanwhile, or has ended: what is pushed says so.
        await self._ask(client, "pairing_code", CODE_SECONDS, but=IllegalState.code, phone=self._phone)

    async def _ask(
        self, client: Any, command: str, seconds: float = ANSWER_SECONDS, *, but: str = "", **more: str
    ) -> Snapshot:
        """`but`: the code of a refusal that is no failure."""
        answer: dict[str, Any] = await client.call(command, {"klien_id": self._klien_id, **more}, timeout=seconds)
        if (error := answer.get("error")) and error["code"] != but:
            message = error["message"]
            raise no_klien(self._klien_id) if error["code"] == NotFound.code else Failed(error["code"], **message)
        return answer

    async def _next(self, told: asyncio.Queue[Snapshot | None], seconds: float | None) -> Snapshot:
        """The next snapshot of this klien that isn't older than the last."""
        try:
            async with asyncio.timeout(seconds):
                while (data := await told.get()) is not None:
                    if data.get("klien_id") == self._klien_id and "status" in data and data["seq"] >= self._seq:
                        return data
        except TimeoutError:
            raise _not_scanned() from None
        raise _Gone

    def _is_over(self, snapshot: Snapshot) -> bool:
        """Shows it, too."""
        status = snapshot["status"]
        self._seq = snapshot["seq"]
        has_failed = status == "disconnected" or (status == "error" and not snapshot["retry_at"])
        if self._as_json:
            say_json(snapshot)
        elif not has_failed:
            _draw(snapshot)
        if has_failed:
            raise Failed(snapshot["reason"] or status, **snapshot["message"])
        return bool(status == "connected")


async def _close_session(client: Any) -> None:
    """The client leaves it open when it couldn't connect."""
    if session := client.eio.http:
        await session.close()


def _draw(snapshot: Snapshot) -> None:
    qr = snapshot["qr"]
    if qr:
        from qrcode.main import QRCode

        if sys.stdout.isatty():
            print("\x1b[2J\x1b[H", end="")
        code = QRCode(border=2)
        code.add_data(qr["code"])
        code.print_ascii(out=sys.stdout, invert=True)
        print(f"QR {qr['n']}/{qr['of']}, until {qr['expires_at']}")
    if qr and snapshot["pairing"]["code"]:
        print(f"Or type into the phone: {snapshot['pairing']['code']}, until {snapshot['pairing']['code_expires_at']}")
    say(f"{snapshot['status']}: {snapshot['message']['en']}")


def _not_scanned() -> Failed:
    return Failed(
        "qr_timeout",
        "Kode tidak dipindai pada waktunya. Jalankan perintah ini lagi untuk kode baru.",
        "No code was scanned in time. Run the command again for new ones.",
    )
