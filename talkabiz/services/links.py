"""Which kliens are linked and connected at this moment, for whoever has something to ask of WhatsApp; and what is told
to a session of what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from talkabiz.domain.holds import by_session
from talkabiz.domain.inputs import ReachoutLimited
from talkabiz.domain.states import Session
from talkabiz.services.runner import Runner, fresh_attempt


class Links:
    """Over the runners, as they come and go."""

    def __init__(self, runners: Mapping[int, Runner]) -> None:
        self._runners = runners

    def session_of(self, klien_id: int) -> Session | None:
        """None: it was never started."""
        runner = self._runners.get(klien_id)
        return runner.session if runner else None

    def attempt_of(self, klien_id: int) -> str | None:
        """The attempt that is connected; None: there is none."""
        return _attempt(self.session_of(klien_id))

    def connected(self) -> dict[int, str]:
        """The attempts that are connected, by klien."""
        attempts = {klien_id: _attempt(runner.session) for klien_id, runner in self._runners.items()}
        return {klien_id: attempt for klien_id, attempt in attempts.items() if attempt}

    def limit(self, klien_id: int, until: datetime | None) -> None:
        """WhatsApp takes no messages to somebody new until then; None: it does again. It is stored already: a session
        that nobody has asked for yet reads it there.
        """
        if runner := self._runners.get(klien_id):
            runner.tell(ReachoutLimited(fresh_attempt(), until))


def _attempt(session: Session | None) -> str | None:
    return session.attempt if session and by_session(session) is None else None
