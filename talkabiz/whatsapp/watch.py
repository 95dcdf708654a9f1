"""The net under the events: some changes the library never reports, so it is asked from time to time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from talkabiz.domain import inputs as i
from talkabiz.whatsapp.attempt import Attempt
from talkabiz.whatsapp.devices import Devices
from talkabiz.whatsapp.engine import Engine
from talkabiz.whatsapp.pool import Pool
from talkabiz.whatsapp.run import RunClosed

log = structlog.get_logger(__name__)

WATCH_SECONDS = 15.0
ANSWER_SECONDS = 5.0
SURE_AFTER = 2
"""Rounds in a row in which the library says otherwise than we told; one may be a change whose event is on its way."""
QUIET_SECONDS = 30.0
"""A run whose link is lost and that neither dials nor has anything to say for longer isn't trying any more."""
GIVEN_UP = "the library stopped dialling"
MOST_UNANSWERED = 2
"""The library answers only after a dial that is under way: such questions may take so many threads of the pool."""


class Watch:
    """Asks one run after the other."""

    def __init__(self, engine: Engine, pool: Pool, devices: Devices) -> None:
        self._engine = engine
        self._pool = pool
        self._devices = devices
        self._unanswered: set[Attempt] = set()

    async def run(self, seconds: float = WATCH_SECONDS) -> None:
        while True:
            await asyncio.sleep(seconds)
            self._engine.start_next()
            for attempt in self._engine.all():
                try:
                    await self._look_at(attempt)
                except Exception:
                    log.exception("a session couldn't be looked at", klien_id=attempt.klien_id)

    async def _look_at(self, attempt: Attempt) -> None:
        before = attempt.told
        differs = await self._find(attempt)
        if differs is None or attempt.told is not before or attempt.muted:
            attempt.doubts = 0
            return
        attempt.doubts += 1
        if attempt.doubts >= SURE_AFTER:
            self._engine.tell(attempt, differs)

    async def _find(self, attempt: Attempt) -> i.Fact | None:
        """What would have to be told, if it is still so in the next round."""
        if attempt.told is not None:
            is_up = await self._is_up(attempt)
            if is_up and attempt.told and attempt.recovered:
                attempt.recovered = False
                self._engine.tell(attempt, i.Connected(attempt.name))
            if is_up is False and self._has_given_up(attempt):
                return i.EngineFailed(attempt.name, GIVEN_UP)
            if is_up is None or is_up == attempt.told:
                return None
            return i.Connected(attempt.name) if is_up else i.LinkLost(attempt.name)
        if attempt.run and not attempt.pairing and not attempt.decided.is_set():
            # Refused before its events began, a log-in ends without a word; but the library has emptied the store.
            store = Path(attempt.store)
            has_device = await self._pool.call(lambda: self._devices.has_device(store), seconds=ANSWER_SECONDS)
            return i.LoggedOut(attempt.name, i.LogoutCause.LOGGED_OUT) if has_device is False else None
        return None

    def _has_given_up(self, attempt: Attempt) -> bool:
        """A link that is lost in the instant in which its handshake ends, the library never dials again: nothing tells
        it of the loss, and its keepalive has ended with the connection (whatsmeow: Finish sets OnDisconnect too late).
        While it dials, it doesn't answer; between two tries it is silent for no longer than its pause.
        """
        answers = attempt not in self._unanswered
        return answers and attempt.told is False and attempt.quiet_seconds() > QUIET_SECONDS

    async def _is_up(self, attempt: Attempt) -> bool | None:
        """None: not known now. No answer in time is an answer: it dials, so the link isn't up."""
        run = attempt.run
        if run is None:
            return None
        if attempt in self._unanswered:
            return False
        if len(self._unanswered) >= MOST_UNANSWERED:
            return None

        def ask() -> bool:
            self._unanswered.add(attempt)
            try:
                # That it is gone can be seen; that it is back has to be proved.
                return run.is_up() and ((attempt.told and not attempt.recovered) or run.is_heard())
            finally:
                self._unanswered.discard(attempt)

        try:
            return await self._pool.call(ask, seconds=ANSWER_SECONDS)
        except TimeoutError:
            return False
        except RunClosed:
            return None
