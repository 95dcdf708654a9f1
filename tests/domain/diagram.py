"""Draws docs/session-machine.md: runs every rule on the example sessions and writes down what comes of it.

`python -m tests.domain.diagram` shows the page, `python -m tests.domain.diagram --write` writes it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from talkabiz.domain import effects as e
from talkabiz.domain.session import decide, is_transition
from talkabiz.domain.states import Session, Status, Step
from tests.domain.examples import INPUTS, SESSIONS, make, moment, told_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "session-machine.md"
COMMAND = "python -m tests.domain.diagram --write"

HEAD = f"""\
# The session machine

How one klien's link to WhatsApp changes. The theory stands in `talkabiz/domain/session.py`, the table in the same
file, the rules in `talkabiz/domain/rules.py`. This page is drawn by running the rules; a test fails when it is out of
date, and `{COMMAND}` draws it anew.

What isn't listed changes nothing. Whoever reports from outside, or asks for a code to type, is then told that it is
refused (409 `illegal_state`, or 429 `rate_limited` where a round had its share of codes).
"""

CASES = {
    "new": "disconnected, nothing linked",
    "stopped": "disconnected, a device stored",
    "qr_requested": "qr_requested",
    "qr_ready": "qr_ready",
    "asked": "qr_ready, a code to type asked for",
    "typed": "qr_ready, with a code to type",
    "scanning": "scanning",
    "restarted": "scanning, restarted once",
    "connected": "connected",
    "doubted": "connected, the link or an answer missing",
    "limited": "connected, no messages to somebody new",
    "reconnecting": "reconnecting, a run under way",
    "waiting": "reconnecting, waiting for the next try",
    "outside": "connected, told by a gateway outside",
    "expired": "expired",
    "refused": "error, nothing linked",
    "replaced": "error, a device stored",
}

LIKE = {
    "asked": "qr_ready",
    "typed": "qr_ready",
    "restarted": "scanning",
    "doubted": "connected",
    "limited": "connected",
}
"""Of these only the rows that differ are drawn."""


@dataclass(frozen=True)
class Arrow:
    """What one input does to one session; only those are drawn that do something."""

    words: str
    before: Session
    after: Session
    becomes: str
    done: str


def draw() -> str:
    return "\n".join([HEAD, *_diagram(), "", *(line for name in CASES for line in _table(name))])


def _diagram() -> Iterator[str]:
    labels: dict[tuple[Status, Status], dict[str, None]] = {}
    for name in CASES:
        for arrow in _arrows(name):
            if is_transition(arrow.before, arrow.after):
                ends = (arrow.before.status, arrow.after.status)
                labels.setdefault(ends, {})[arrow.words.partition(" (")[0]] = None
    yield from ("```mermaid", "stateDiagram-v2", "    [*] --> disconnected")
    for (before, after), words in labels.items():
        yield f"    {before} --> {after} : {', '.join(words)}"
    yield "```"


def _table(name: str) -> Iterator[str]:
    like = LIKE.get(name)
    yield from (f"## {CASES[name]}", "")
    if like:
        yield from (f"As {CASES[like]}, but:", "")
    yield from ("| input | becomes | done |", "|---|---|---|")
    known = _rows(like) if like else {}
    for what, words in _rows(name).items():
        if words != known.get(what):
            yield f"| {', '.join(words)} | {what[0]} | {what[1]} |"
    yield ""


def _rows(name: str) -> dict[tuple[str, str], list[str]]:
    """Inputs by what comes of them."""
    rows: dict[tuple[str, str], list[str]] = {}
    for arrow in _arrows(name):
        row = rows.setdefault((arrow.becomes, arrow.done), [])
        if arrow.words.removesuffix(" (another run)").removesuffix(" (lasting)") not in row:
            row.append(arrow.words)
    return rows


def _arrows(name: str) -> Iterator[Arrow]:
    before = SESSIONS[name]
    for label in INPUTS:
        what = make(label, before)
        step = decide(before, what, moment())
        if step and step != Step(before) and not label.endswith(" own"):
            yield Arrow(_words(label), before, step.session, _becomes(before, step), _done(before, step.effects))


def _words(label: str) -> str:
    """`Paired old` is `paired (another run)`, `StopAsked` is `stop asked`."""
    kind, _, variant = label.partition(" ")
    spaced = re.sub(r"(?<!^)([A-Z])", r" \1", kind).lower()
    variant = "another run" if variant == "old" else variant
    return f"{spaced} ({variant})" if variant else spaced


def _becomes(before: Session, step: Step) -> str:
    if step.session == before:
        return "–"
    if not is_transition(before, step.session):
        return "remembers, tells nobody"
    return told_of(step.session) + (", tries again by itself" if step.session.retry_at else "")


def _done(before: Session, effects: Iterable[e.Effect]) -> str:
    return ", ".join(_deed(before, effect) for effect in effects) or "–"


def _deed(before: Session, effect: e.Effect) -> str:
    match effect:
        case e.StartPairing():
            return "start pairing"
        case e.StartSession():
            return "start the stored device"
        case e.AskPairingCode():
            return "ask for a code to type"
        case e.CloseAttempt():
            return "close the run"
        case e.ForgetDevice():
            return "forget the device"
        case e.LogOut(device=device):
            return "log the device out" if device == before.device else "log the newcomer out"
    raise TypeError(effect)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(draw())
    else:
        sys.stdout.write(draw())
