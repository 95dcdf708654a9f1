"""Every fault of the sandbox meets every state, and what is told of it is written down.

One gateway with a WhatsApp of its own for each fault, and in it one klien for each state. The fault is set for all of
them at once, stays for some seconds, and ends; what a person would do next in that state is done while it lasts.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from talkabiz.domain.states import Session, Status
from talkabiz.whatsapp.binding import Binding
from tests.faults.gateway import SHORT, Gateway, gateway, number_of, opened_database, sandboxed
from tests.whatsapp.keepalive import hurried_keepalive

if TYPE_CHECKING:
    from talkabiz.sandbox.tokens import Tokens  # needs the library

FAULT_SECONDS = 13.0
SLOW_QR_SECONDS = 1.5
SETTLE_SECONDS = 20.0
SIDE_BY_SIDE = 4
"""So many gateways are being set up at a time; the others wait for the end of their fault."""
PATIENCE_SECONDS = 5.0
"""Of a phone that scans, and then cuts the link."""
SET_UPS = 3
"""On a machine that was too busy, one state has passed before the last is reached; so often it is tried."""
SILENCE = "silence"
QUEUED = "qr_requested(queued)"
"""Left out of what was told: who is started first isn't decided here."""


@dataclass(frozen=True)
class Case:
    """A fault that stays, or, `once`, one that strikes the links that are up and is gone."""

    fault: str
    once: bool = False

    def __str__(self) -> str:
        return f"{self.fault}, once" if self.once else self.fault


@dataclass(frozen=True)
class Outcome:
    """What was told while the fault lasted, and when it had ended; each word once, in the order of its first coming."""

    during: tuple[str, ...]
    after: tuple[str, ...]
    in_the_end: str
    """`connected`, or what it takes: `connect` by hand, or `scan`, for there is no device any more."""


def cases() -> Iterator[Case]:
    """Without those that strike messages: no session changes by them."""
    from talkabiz.sandbox.faults import KINDS

    for name, kind in KINDS.items():
        if kind.by_message:
            continue
        yield Case(name)
        if not kind.lasts:
            yield Case(name, once=True)


class Scene:
    """The kliens of one gateway, each brought into its state. What is named `meet_…` is done under the fault."""

    def __init__(self, at: Gateway) -> None:
        self.at = at
        self.klien: dict[str, int] = {}
        self.codes: dict[str, str] = {}

    async def set_up(self) -> None:
        """Those first whose state keeps, then those whose clock runs."""
        at = self.at
        self.klien = {state: await at.add() for state in STATES}
        self.codes["expired"] = await at.show_code(self.klien["expired"])
        for state in ("connected", "reconnecting", "error", "disconnected"):
            await at.link(self.klien[state])
        await at.sessions.stop(self.klien["disconnected"])
        at.sandbox.inject("drop", number_of(self.klien["reconnecting"]), seconds=60)
        await at.until(self.klien["reconnecting"], "reconnecting(unreachable)")
        await at.until(self.klien["expired"], "expired(qr_timeout)")
        self.codes["qr_ready"] = await at.show_code(self.klien["qr_ready"])
        code = await at.show_code(self.klien["scanning"])
        at.sandbox.inject("replaced", number_of(self.klien["error"]))
        await at.until(self.klien["error"], "error(replaced)")
        at.sandbox.inject("lost_515", number_of(self.klien["scanning"]), count=1)
        await at.scan(self.klien["scanning"], code)
        await at.until(self.klien["scanning"], "scanning")
        at.sandbox.faults.clear()

    def stands(self) -> bool:
        """Whether every klien is still where it was brought."""
        found = {state: self.at.session(klien).status.value for state, klien in self.klien.items() if state in BROUGHT}
        return all(state == status for state, status in found.items())

    async def scan(self, state: str) -> None:
        """The phone may not get through, which is the point."""
        from talkabiz.sandbox.errors import SandboxError

        with suppress(SandboxError):
            await self.at.scan(self.klien[state], self.codes[state], PATIENCE_SECONDS)

    async def connect(self, state: str) -> None:
        await self.at.sessions.start(self.klien[state])

    async def wait(self, state: str) -> None:
        """Nobody does anything."""


STATES: Mapping[str, tuple[str, Callable[[Scene, str], Awaitable[None]]]] = {
    "qr_requested": ("a code is asked for", Scene.connect),
    "qr_ready": ("the phone scans", Scene.scan),
    "scanning": ("the login after the scan was lost, and is tried once more", Scene.wait),
    "connected": ("the link stands", Scene.wait),
    "reconnecting": ("the link was lost, and is tried again", Scene.wait),
    "expired": ("the phone scans the last code, whose attempt still lives", Scene.scan),
    "error": ("replaced: it is about to take its session back", Scene.wait),
    "disconnected": ("stopped, and asked to connect", Scene.connect),
}
"""What is under way in each state, and what a person does then."""
BROUGHT = frozenset(STATES) - {"qr_requested"}


async def play(case: Case, at: Gateway, turn: asyncio.Semaphore) -> dict[str, Outcome]:
    async with turn:
        scene = await _set_up(at)
    before = {state: len(at.told[klien]) for state, klien in scene.klien.items()}
    _set(case, at)
    await asyncio.gather(asyncio.sleep(FAULT_SECONDS), *(act(scene, state) for state, (_, act) in STATES.items()))
    at.sandbox.faults.clear()
    ended = {state: len(at.told[klien]) for state, klien in scene.klien.items()}
    with suppress(TimeoutError):  # then what was told so far is compared
        await at.wait(lambda: all(_is_settled(at, klien) for klien in scene.klien.values()), SETTLE_SECONDS)
    return {
        state: Outcome(
            _once_each(at.told[klien][: ended[state]], before[state]),
            _once_each(at.told[klien], ended[state]),
            _what_it_takes(at.session(klien)),
        )
        for state, klien in scene.klien.items()
    }


async def _set_up(at: Gateway) -> Scene:
    for _ in range(SET_UPS):
        scene = Scene(at)
        await scene.set_up()
        if scene.stands():
            return scene
    raise AssertionError("This machine is too busy: states pass before the last is reached.")


def _set(case: Case, at: Gateway) -> None:
    from talkabiz.sandbox.faults import KINDS

    lasts = SLOW_QR_SECONDS if KINDS[case.fault].delays else FAULT_SECONDS
    at.sandbox.inject(case.fault, seconds=None if case.once else lasts)


def _is_settled(at: Gateway, klien_id: int) -> bool:
    session = at.session(klien_id)
    if session.status in {Status.DISCONNECTED, Status.EXPIRED, Status.ERROR}:
        return session.retry_at is None
    return session.status is Status.CONNECTED and session.reason is None and session.lost_since is None


def _once_each(told: list[str], since: int) -> tuple[str, ...]:
    """The words from that number on, each at its first coming; not the one that stood there already. The last word is
    last, also if it came before.
    """
    standing = told[since - 1] if since else ""
    words = [word for word in told[since:] if word != QUEUED]
    once = [word for word in dict.fromkeys(words) if word != standing]
    return (*once, words[-1]) if once and words[-1] != once[-1] else tuple(once)


def _what_it_takes(session: Session) -> str:
    if session.status is Status.CONNECTED:
        return "connected"
    return "connect" if session.device else "scan"


async def play_all(binding: Binding, tokens: Tokens, wanted: Sequence[Case]) -> dict[Case, dict[str, Outcome]]:
    """Silence comes last and alone: the library's pings are hurried for it, which a busy machine could miss."""
    memory = Path("/dev/shm")  # noqa: S108 - a pairing writes 800 keys, and waits for a disk after each
    with tempfile.TemporaryDirectory(prefix="talkabiz-test-", dir=memory if memory.is_dir() else None) as name:
        turn = asyncio.Semaphore(SIDE_BY_SIDE)

        async def stage(case: Case) -> dict[str, Outcome]:
            async with (
                sandboxed(tokens) as sandbox,
                gateway(binding, sandbox, Path(name) / f"{case.fault}-{case.once}") as at,
            ):
                return await play(case, at, turn)

        async with opened_database(Path(name)):
            loud = [case for case in wanted if case.fault != SILENCE]
            async with asyncio.TaskGroup() as group:  # if one fails, none goes on without its database
                tasks = {case: group.create_task(stage(case)) for case in loud}
            played = {case: task.result() for case, task in tasks.items()}
            for case in wanted:
                if case.fault == SILENCE:
                    with hurried_keepalive(1.0, 1.0, 1.2, SHORT.keepalive_seconds * 2.5):
                        played[case] = await stage(case)
    return {case: played[case] for case in wanted}
