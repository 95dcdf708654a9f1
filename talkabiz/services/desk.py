"""The desk: all that an edge is handed. Web and realtime ask here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from talkabiz.services.access import Access
from talkabiz.services.health import Health
from talkabiz.services.journal import Journal
from talkabiz.services.kliens import Kliens
from talkabiz.services.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Desk:
    sessions: Sessions
    kliens: Kliens
    access: Access
    journal: Journal
    health: Health
