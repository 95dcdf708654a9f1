"""Clients that asked for a code to be typed into a phone, and what is said between the two (whatsmeow, pair-code.go).

client -> server   companion_hello: for which number, and a key that is wrapped with the code
server -> client   a reference; the code itself never leaves the client
phone  -> client   primary_hello, once a code was typed: the phone's key, wrapped with that code, and its identity
client -> phone    companion_finish: a bundle that only opens if both had the same code

The client makes itself a new secret before it finishes. So a wrong code spoils its QR codes; to type the right one
still works.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from talkabiz.sandbox.accounts import Account
from talkabiz.sandbox.attempt import Attempt
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.link_codes import BUNDLE_SIZE, WRAPPED_SIZE, PhoneSide, WrongCode
from talkabiz.sandbox.nodes import SERVER, Attribute, Node

STAGE = "link_code_companion_reg"
"""The tag of everything that is said about codes."""
REMEMBERED = 10_000
_REFERENCE_SIZE = 16
_NUMBER = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
# The real service refuses other names.
_DISPLAY = re.compile(
    r"(Chrome|Edge|Firefox|IE|Opera|Safari|Electron|UWP|Brave|Vivaldi|Chromium) \([A-Z][A-Za-z0-9_. -]{1,40}\)"
)
_WRAPPED = "link_code_pairing_wrapped_companion_ephemeral_pub"
_BUNDLE = "link_code_pairing_wrapped_key_bundle"
_REFERENCE = "link_code_pairing_ref"


class CodeRequest:
    """One client's wish to be linked to one number by a code that it shows."""

    def __init__(self, attempt: Attempt, number: str, wrapped: bytes) -> None:
        self.attempt = attempt
        self.number = number
        self.reference = os.urandom(_REFERENCE_SIZE).hex().encode()
        self._wrapped = wrapped
        self._finish: asyncio.Future[Node] | None = None

    async def agree(self, code: str, account: Account) -> bytes:
        """The secret that seals the pairing. SandboxError `wrong_code`, or `code_expired` if the client leaves."""
        side = await _on_a_thread(PhoneSide, code, self._wrapped)
        self._finish = asyncio.get_running_loop().create_future()
        self._greet(side.wrapped, account)
        query = await self._finish
        try:
            secret = side.secret(_data(query, _BUNDLE), account.secret, self.attempt.identity_key)
        except WrongCode:
            _answer(self.attempt, query, 400)
            raise _wrong() from None
        _answer(self.attempt, query)
        return secret

    def finish(self, query: Node) -> bool:
        """Whether the client's last word was waited for."""
        is_ours = _data(query, _REFERENCE) == self.reference and len(_data(query, _BUNDLE)) == BUNDLE_SIZE
        if not is_ours or self._finish is None or self._finish.done():
            return False
        self._finish.set_result(query)
        return True

    def end(self) -> None:
        """Nobody waits for the client any more."""
        if self._finish and not self._finish.done():
            self._finish.set_exception(_expired())

    def _greet(self, wrapped: bytes, account: Account) -> None:
        identity = X25519PrivateKey.from_private_bytes(account.secret).public_key().public_bytes_raw()
        hello = (
            Node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, wrapped),
            Node("primary_identity_pub", {}, identity),
            Node(_REFERENCE, {}, self.reference),
        )
        attrs: dict[str, Attribute] = {
            "from": SERVER,
            "type": STAGE,
            "id": os.urandom(8).hex().upper(),
            "t": str(int(time.time())),
        }
        self.attempt.link.send(Node("notification", attrs, (Node(STAGE, {"stage": "primary_hello"}, hello),)))


class CodeRequests:
    """A number has one request at a time, and so has a client: the newest counts."""

    def __init__(self) -> None:
        self._open: dict[str, CodeRequest] = {}
        self._closed: OrderedDict[str, None] = OrderedDict()

    def hear(self, attempt: Attempt, query: Node) -> None:
        """What a client asks about codes."""
        said = query.child(STAGE)
        stage = said.text("stage") if said else ""
        if stage == "companion_hello":
            self._hear_hello(attempt, query)
        elif stage != "companion_finish" or not any(
            request.finish(query) for request in self._open.values() if request.attempt is attempt
        ):
            _answer(attempt, query, 400)

    def find(self, number: str) -> CodeRequest:
        """SandboxError `unknown_code`, or `code_expired`."""
        request = self._open.get(number)
        if request is None:
            raise _expired() if number in self._closed else _unknown()
        return request

    def check(self, request: CodeRequest) -> None:
        """SandboxError `code_expired` if it isn't open any more."""
        if self._open.get(request.number) is not request:
            raise _expired()

    def close(self, attempt: Attempt) -> None:
        """The client has left, or was linked."""
        for request in [request for request in self._open.values() if request.attempt is attempt]:
            self._close(request)

    def _hear_hello(self, attempt: Attempt, query: Node) -> None:
        said = query.child(STAGE)
        number = said.text("jid").partition("@")[0] if said else ""
        display = _data(query, "companion_platform_display").decode(errors="replace")
        key, wrapped = _data(query, "companion_server_auth_key_pub"), _data(query, _WRAPPED)
        is_right = key == attempt.link.client_key and len(wrapped) == WRAPPED_SIZE
        if not is_right or not _NUMBER.fullmatch(number) or not _DISPLAY.fullmatch(display):
            _answer(attempt, query, 400)
            return
        self.close(attempt)
        if earlier := self._open.get(number):
            self._close(earlier)
        request = CodeRequest(attempt, number, wrapped)
        self._open[number] = request
        self._closed.pop(number, None)
        reference = Node(_REFERENCE, {}, request.reference)
        _answer(attempt, query, content=(Node(STAGE, {"stage": "companion_hello"}, (reference,)),))

    def _close(self, request: CodeRequest) -> None:
        del self._open[request.number]
        self._closed[request.number] = None
        while len(self._closed) > REMEMBERED:
            self._closed.popitem(last=False)
        request.end()


def _answer(attempt: Attempt, query: Node, error: int = 0, content: tuple[Node, ...] = ()) -> None:
    attrs: dict[str, Attribute] = {"from": SERVER, "type": "error" if error else "result", "id": query.text("id")}
    if error:
        content = (Node("error", {"code": str(error), "text": "bad-request"}),)
    attempt.link.send(Node("iq", attrs, content or None))


def _data(query: Node, name: str) -> bytes:
    said = query.child(STAGE)
    found = said.child(name) if said else None
    return found.data if found else b""


async def _on_a_thread(work: type[PhoneSide], code: str, wrapped: bytes) -> PhoneSide:
    """Of its own: the loop's are everybody's, and a code costs 0.1 s of a processor."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-code")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work, code, wrapped)
    finally:
        thread.shutdown(wait=False)


def _wrong() -> SandboxError:
    return SandboxError(
        "wrong_code",
        "Kode tidak cocok dengan yang ditampilkan perangkat; periksa lalu ketik lagi.",
        "This isn't the code that the device shows; check it and type it again.",
        409,
    )


def _expired() -> SandboxError:
    return SandboxError(
        "code_expired",
        "Kode untuk nomor ini sudah tidak berlaku; minta yang baru.",
        "The code for this number is no longer valid; ask for a new one.",
        410,
    )


def _unknown() -> SandboxError:
    return SandboxError(
        "unknown_code",
        "Tidak ada perangkat yang meminta kode untuk nomor ini.",
        "No device has asked for a code for this number.",
        404,
    )
