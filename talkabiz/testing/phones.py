"""A virtual phone in the hand of a test."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from talkabiz.testing.control import Control

WAIT_SECONDS = 20.0
_LONGEST_LOOK_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Message:
    """One that stands in a phone's chat. Numbers are digits with the country code; `chat` is a number, or a group's
    address. `everything` is all that the sandbox tells of it (docs/sandbox.md).
    """

    id: str
    is_incoming: bool
    type: str
    text: str
    sender: str
    chat: str
    status: str
    everything: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        return cls(
            id=told["id"],
            is_incoming=told["direction"] == "in",
            type=told["type"],
            text=told["text"] or "",
            sender=told["from"]["phone"] or told["from"]["jid"],
            chat=told["chat"]["phone"] or told["chat"]["jid"],
            status=told["status"],
            everything=told,
        )


class VirtualPhone:
    """What it can't do is refused with SandboxRefused, which says why; nothing has changed then."""

    def __init__(self, control: Control, number: str, name: str) -> None:
        self.number = number
        self.name = name
        self._control = control
        self._last_seen = ""
        """The id of the last message that `wait_for_message` has looked at."""

    def __repr__(self) -> str:
        return f"<virtual phone {self.number}>"

    # --- linked devices -----------------------------------------------------------------------------------------------

    def scan(self, qr: str | bytes, *, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Scans a code: its text, or a picture of it as bytes. The device that is linked now, once it has logged in and
        can read what is sent to it; at once with `seconds=0`, as a test wants it whose fault prevents that.

        Raises:
            TimeoutError: it is linked and hasn't come so far.
        """
        if isinstance(qr, bytes):
            linked = self._control.upload(self._path("/scan"), "image", qr)
        else:
            linked = self.call("POST", "/scan", {"qr": qr.strip()})
        return self._wait_until_ready(linked["device"], seconds)

    def enter_code(self, code: str, *, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Types a pairing code. What it answers, and when: as `scan`."""
        linked = self.call("POST", "/enter-code", {"code": code.strip()})
        return self._wait_until_ready(linked["device"], seconds)

    def devices(self) -> list[dict[str, Any]]:
        """The linked devices: their number (`device`), whether they are `online`, and whether `ready` to read."""
        return list(self.call("GET", "/devices")["devices"])

    def remove_device(self, device: int) -> None:
        """Logs one out, as in the phone's list of linked devices."""
        self.call("DELETE", f"/devices/{device}")

    # --- chats --------------------------------------------------------------------------------------------------------

    def send(self, text: str, *, to: str, reply_to: str | None = None) -> Message:
        """`to` is a number with its country code, or a group's address; `reply_to` the id of a message."""
        body = {"to": to, "text": text} | ({"reply_to": reply_to} if reply_to else {})
        return Message.of(self.call("POST", "/messages", body))

    def read(self, message: Message) -> None:
        """Its sender is told so."""
        self.call("POST", f"/messages/{quote(message.id, safe='')}/read", {})

    def messages(self) -> list[Message]:
        """All that stands in its chats, both ways, newest last."""
        return [Message.of(told) for told in self.call("GET", "/messages")["messages"]]

    def wait_for_message(
        self,
        text: str | None = None,
        *,
        sender: str | None = None,
        matching: Callable[[Message], bool] = lambda _: True,
        seconds: float = WAIT_SECONDS,
    ) -> Message:
        """The next one that came to this phone and fits, be it here already or not. What came before it isn't looked
        at again by the next call.

        Raises:
            TimeoutError: it says what came instead.
        """
        passed: list[Message] = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for message in self._look(min(left, _LONGEST_LOOK_SECONDS)):
                self._last_seen = message.id
                fits = message.is_incoming and text in {None, message.text} and sender in {None, message.sender}
                if fits and matching(message):
                    return message
                passed.append(message)
        raise TimeoutError(f"no such message came to {self.number} within {seconds:g} s, only {passed}")

    # --- everything else ----------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One of its paths in the control API, e.g. `call("POST", "/typing", {"to": …, "state": "composing"})`."""
        return self._control.call(method, self._path(path), body)

    def _path(self, path: str) -> str:
        return f"/phones/{self.number}{path}"

    def _wait_until_ready(self, number: int, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while True:
            found = next((device for device in self.devices() if device["device"] == number), None)
            if found and (found["ready"] or not seconds):
                return found
            if time.monotonic() >= until:
                raise TimeoutError(f"device {number} of {self.number} isn't ready within {seconds:g} s: {found}")
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _look(self, seconds: float) -> list[Message]:
        """What stands behind the last one that was seen, as soon as something does."""
        after = f"&after={quote(self._last_seen, safe='')}" if self._last_seen else ""
        found = self.call("GET", f"/messages?wait={seconds:.1f}{after}")
        return [Message.of(told) for told in found["messages"]]
