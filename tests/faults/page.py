"""docs/faults.md: what every fault does in every state, as it was played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.faults.gateway import SHORT
from tests.faults.matrix import STATES, Case, Outcome

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
COMMAND = "python -m tests.faults --write"

HEAD = f"""\
# Faults, and what becomes of a session

Every fault of the sandbox that strikes sessions meets every state, through the real library and the real services;
those that strike messages change no state (docs/sandbox.md). This page is what came of it; a test plays it all again
and fails when something else comes of it. `{COMMAND}`
plays and writes it.

What is told stands as `status(reason)`, each word once, in the order of its first coming; a dash: nothing new. The last
column is how it ends, some seconds after the fault: `connected` by itself; or it waits for a person, who has to press
`connect` (the device is still there, no code is needed), or to `scan` a new code.

Times are shortened for this: a round of codes takes {{pairing:g}} s instead of 120, the library is run anew after
{{reconnect:g}} s of reconnecting instead of 300, three minutes of silence are {{keepalive:g}} s, and so on.
"""

SAYS: Mapping[str, str] = {
    "no_qr": "WhatsApp gives no codes",
    "slow_qr": "codes come late, but in time",
    "one_qr": "there is a single code",
    "http_503": "WhatsApp refuses connections with 503",
    "bad_hmac": "the seal of a pairing doesn't fit its code",
    "lost_515": "the order to come again after the pairing never comes",
    "silence": "nothing is answered, while links stand",
    "drop": "links are lost, and no new one stands",
    "drop, once": "links are lost, once",
    "device_removed": "the phone removes the device, and each that is linked anew",
    "device_removed, once": "the phone removes the device",
    "replaced": "the device is in use elsewhere, and takes the session back each time",
    "replaced, once": "the device was used elsewhere",
    "temporary_ban": "logins are refused with 402, and the time left",
    "client_outdated": "logins are refused with 405",
    "account_locked": "logins are refused with 403",
    "account_banned": "logins are refused with 406",
}


def draw(played: Mapping[Case, Mapping[str, Outcome]]) -> str:
    head = HEAD.format(
        pairing=SHORT.pairing_seconds, reconnect=SHORT.reconnect_seconds, keepalive=SHORT.keepalive_seconds
    )
    return "\n".join([head, *_states(), *(line for case in played for line in _table(case, played[case]))])


def tables(page: str) -> dict[str, str]:
    """The table of each fault, by its heading."""
    parts = page.split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}


def _states() -> Iterator[str]:
    yield from ("| state | what is under way |", "|---|---|")
    yield from (f"| {state} | {what} |" for state, (what, _) in STATES.items())
    yield ""


def _table(case: Case, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    yield from (f"## {case}: {SAYS[str(case)]}", "")
    yield from ("| state | told while it lasts | told when it has ended | in the end |", "|---|---|---|---|")
    for state in STATES:
        outcome = outcomes[state]
        yield f"| {state} | {_words(outcome.during)} | {_words(outcome.after)} | {outcome.in_the_end} |"
    yield ""


def _words(told: tuple[str, ...]) -> str:
    return ", ".join(told) or "–"
