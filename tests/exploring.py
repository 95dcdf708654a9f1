"""Every path of a running server, asked for what its OpenAPI document promises, and for what it doesn't."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

from talkabiz.domain import inputs as i
from tests.edges import House

Statuses = dict[str, Counter[int]]

# All documented: nothing to do with a fault of ours. 500 and all others are one.
FORESEEN = ["2xx", "3xx", "4xx", "502", "503", "504"]
# A body and a query that name different kliens, or a name of blanks, fit the schema and mean nothing.
REFUSED_RIGHTLY = ["2xx", "401", "403", "404", "406", "409", "422", "429", "502", "503", "504"]


@dataclass
class Exploration:
    faults: list[str] = field(default_factory=list)
    statuses: Statuses = field(default_factory=dict)
    """`GET /health` -> how often it answered what."""

    @property
    def requests(self) -> int:
        return sum(sum(counts.values()) for counts in self.statuses.values())

    def unanswered(self) -> set[str]:
        """Operations that never did what they are for."""
        return {name for name, counts in self.statuses.items() if not any(status < 300 for status in counts)}


def explore(address: str, key: str, *, paths: str = "", seconds: int | None = None) -> Exploration:
    """Blocks. Every operation whose path matches `paths` gets each limit, each wrong type, each wrong method, and more.

    With `seconds`, it goes on for so long with requests and chains of requests that are others each time.
    """
    config = SchemathesisConfig(seed=None if seconds else 1, max_time=seconds)
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", config=config)
    schema.config.update(headers={"Authorization": f"Bearer {key}"}, continue_on_failure=True, request_timeout=30)
    schema.config.generation.max_examples = None if seconds else 10
    schema.config.phases.stateful.enabled = bool(seconds)
    schema.config.generation.no_shrink = True
    schema.config.generation.database = "none"
    schema.config.checks.not_a_server_error.expected_statuses = FORESEEN
    schema.config.checks.positive_data_acceptance.expected_statuses = REFUSED_RIGHTLY
    found = Exploration()
    for event in from_schema(schema.include(path_regex=paths)).execute():
        if isinstance(event, ScenarioFinished):
            _take_in(found, event)
        elif isinstance(event, NonFatalError):
            found.faults.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, FatalError):
            found.faults.append(repr(event.exception))
    return found


def _take_in(found: Exploration, event: ScenarioFinished) -> None:
    recorder = event.recorder
    for case_id, interaction in recorder.interactions.items():
        case = recorder.cases[case_id].value
        method = case.operation.method.upper()
        if interaction.response is not None and interaction.request.method == method:
            counts = found.statuses.setdefault(f"{method} {case.operation.path}", Counter())
            counts[interaction.response.status_code] += 1
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                case = recorder.cases[case_id].value
                sample = check.failure_info.code_sample
                found.faults.append(f"{case.method} {case.path}: {check.name}: {check.failure_info.failure}\n{sample}")


@asynccontextmanager
async def answering(house: House) -> AsyncIterator[None]:
    """WhatsApp answers every start at once: a code, a code that is scanned, no route, or a phone that is told off."""
    task = asyncio.create_task(_answer(house))
    try:
        yield
    finally:
        task.cancel()


async def _answer(house: House) -> None:
    whatsapp, chance = house.whatsapp, random.Random(1)
    for number in itertools.count():
        await whatsapp.be_asked(number + 1)
        what, klien_id, *_ = whatsapp.asked[number]
        if not isinstance(klien_id, int) or what not in {"start_pairing", "start_session"}:
            continue
        whatsapp.enter(klien_id)
        if what == "start_session":
            whatsapp.link_up(klien_id)
            continue
        match chance.randrange(4):
            case 0:
                whatsapp.show_code(klien_id)
            case 1:
                whatsapp.show_code(klien_id)
                whatsapp.pair(klien_id, phone=f"62812{klien_id:07}")
                whatsapp.link_up(klien_id)
            case 2:
                whatsapp.say(klien_id, i.NoRoute(whatsapp.attempts[klien_id]))
            case _:
                whatsapp.show_code(klien_id)
                whatsapp.say(klien_id, i.OldPhoneScanned(whatsapp.attempts[klien_id]))
