"""Faults on demand: which there are, which are set, and how often each has struck.

A fault stays until it was cleared, has struck `count` times or `seconds` have passed. Without either of the last two,
one that acts on links alone (drop, device_removed, replaced) strikes those that are up and is gone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from talkabiz.sandbox.errors import SandboxError


@dataclass(frozen=True, slots=True)
class Kind:
    """`by_number`: may be limited to a number. `cuts`: also acts on links that are up, at once. `lasts`: stays until it
    is cleared, if neither count nor seconds say otherwise. `delays`: seconds are its delay and not its end.
    `by_message`: strikes messages and no session; the number is the sender's or the receiver's, messages are counted.
    """

    by_number: bool = True
    cuts: bool = False
    lasts: bool = True
    delays: bool = False
    by_message: bool = False


KINDS: Mapping[str, Kind] = {
    "no_qr": Kind(by_number=False),  # a client that wants to pair gets no codes
    "slow_qr": Kind(by_number=False, delays=True),  # it gets them late
    "one_qr": Kind(by_number=False),  # it gets a single one
    "http_503": Kind(by_number=False),  # the WebSocket is refused with that status
    "bad_hmac": Kind(),  # the pairing's seal doesn't fit the code
    "lost_515": Kind(),  # the order to come again after pairing is never sent
    "silence": Kind(),  # nothing is answered any more, while the link stands
    "drop": Kind(cuts=True, lasts=False),  # the link is lost; while it lasts no new one stands
    "device_removed": Kind(cuts=True, lasts=False),  # the phone removes the device
    "replaced": Kind(cuts=True, lasts=False),  # the same device is said to be in use elsewhere
    "temporary_ban": Kind(cuts=True),  # login is refused with 402 and the time left
    "client_outdated": Kind(cuts=True),  # ... with 405
    "account_locked": Kind(cuts=True),  # ... with 403
    "account_banned": Kind(cuts=True),  # ... with 406
    # What the number sends:
    "no_ack": Kind(by_message=True),  # its acknowledgement never comes, though it is delivered
    "error_463": Kind(by_message=True),  # it is refused with that error, and delivered to nobody
    "cut_off": Kind(by_message=True),  # the link is lost with it, and it is delivered to nobody
    # What is sent to the number:
    "undecryptable": Kind(by_message=True),  # it comes damaged; what is sent again for that is another message
    "duplicate": Kind(by_message=True),  # it comes twice
    "reorder": Kind(by_message=True),  # it comes behind the next one, or at the next login if there is none
    # It is kept as if nobody were there, and comes with all the others when the fault has ended, or at the next login:
    "offline_backlog": Kind(by_message=True),
}

LONGEST_SECONDS = 24 * 3600
LARGEST_COUNT = 1_000_000


@dataclass(slots=True)
class Fault:
    """`count` is what is left of it; `until` is a monotonic time; `hit` says how often it has struck."""

    id: int
    name: str
    number: str | None
    count: int | None
    seconds: float | None
    until: float | None
    hit: int = 0


class Faults:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self._set: list[Fault] = []
        self.ended: Callable[[], None] = lambda: None
        """Called when faults were cleared. What ends by count or time, its user notices."""
        self.changed: Callable[[], None] = lambda: None
        """Called when a fault was set, has struck, or was cleared; not when its time is over."""

    def add(
        self, name: str, number: str | None = None, count: int | None = None, seconds: float | None = None
    ) -> Fault:
        """SandboxError `invalid_input`; nothing is set then."""
        kind = _kind(name)
        _check(name, kind, number, count, seconds)
        until = None if seconds is None or kind.delays else self._clock() + seconds
        fault = Fault(next(self._ids), name, number, count, seconds, until)
        if kind.lasts or count is not None or until is not None:
            self._set.append(fault)
        self.changed()
        return fault

    def all(self) -> list[Fault]:
        now = self._clock()
        self._set = [fault for fault in self._set if fault.until is None or fault.until > now]
        return list(self._set)

    def clear(self) -> None:
        self._set.clear()
        self.ended()
        self.changed()

    def strike(self, name: str, number: str | None = None) -> Fault | None:
        """The fault of that name that is due, if one is; it has then struck once more.

        A fault with a number strikes that number alone.
        """
        if not self._set:
            return None
        for fault in self.all():
            if fault.name == name and fault.number in (None, number):
                self._count(fault)
                return fault
        return None

    def stands(self, name: str, number: str | None = None) -> bool:
        """Whether it would strike, without a strike."""
        return any(fault.name == name and fault.number in {None, number} for fault in self.all())

    def seconds_left(self, fault: Fault) -> float | None:
        return None if fault.until is None else max(0.0, fault.until - self._clock())

    def _count(self, fault: Fault) -> None:
        fault.hit += 1
        if fault.count is not None:
            fault.count -= 1
            if fault.count == 0:
                self._set.remove(fault)
        self.changed()


def _kind(name: str) -> Kind:
    kind = KINDS.get(name)
    if kind is not None:
        return kind
    raise _invalid(f"fault harus salah satu dari: {', '.join(KINDS)}.", f"fault must be one of: {', '.join(KINDS)}.")


def _check(name: str, kind: Kind, number: str | None, count: int | None, seconds: float | None) -> None:
    if number is not None and not kind.by_number:
        raise _invalid(
            f"{name} terjadi sebelum nomor diketahui; kosongkan number.",
            f"{name} strikes before a number is known; leave number out.",
        )
    if count is not None and not 1 <= count <= LARGEST_COUNT:
        raise _invalid("count harus bilangan bulat mulai dari 1.", "count must be an integer from 1 on.")
    if seconds is not None and not 0 < seconds <= LONGEST_SECONDS:  # also refuses NaN
        raise _invalid(
            f"seconds harus di atas 0 dan paling banyak {LONGEST_SECONDS}.",
            f"seconds must be above 0 and at most {LONGEST_SECONDS}.",
        )
    if kind.delays and seconds is None:
        raise _invalid(f"{name} butuh seconds.", f"{name} needs seconds.")


def _invalid(id_: str, en: str) -> SandboxError:
    return SandboxError("invalid_input", id_, en)
