"""All checks, at the same time, each with its deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from talkabiz.config import Settings
from talkabiz.doctor.database import DATABASE, check_database, places_of
from talkabiz.doctor.deadline import begin
from talkabiz.doctor.files import DISK, SESSIONS, check_disk, check_sessions, is_in_use
from talkabiz.doctor.findings import Check, fail
from talkabiz.doctor.library import LIBMAGIC, LIBRARY, LOAD_SECONDS, check_library
from talkabiz.doctor.machine import (
    DESCRIPTORS,
    FFMPEG,
    MEMORY,
    check_descriptors,
    check_ffmpeg,
    check_memory,
)
from talkabiz.doctor.media import MEDIA, check_media
from talkabiz.doctor.network import CLOCK, DNS, STEP_SECONDS, TCP, TLS, check_network
from talkabiz.doctor.port import PORT, check_port
from talkabiz.doctor.settings import read_settings
from talkabiz.whatsapp.network import REAL, mark_of

SECONDS = 4.0
SPARE_SECONDS = 2.0
"""A check that has its own deadline is given so much more to say what came of it."""


@dataclass(frozen=True, slots=True)
class Look:
    """One piece of work, and the names of the checks that come of it."""

    names: tuple[str, ...]
    work: Callable[[], Sequence[Check]]
    seconds: float = SECONDS


def examine() -> list[Check]:
    """In the order in which an operator would look."""
    settings, first = read_settings()
    looks = _of_the_installation(settings) + (_of_the_settings(settings) if settings else [])
    return [first, *carry_out(looks)]


def carry_out(looks: Sequence[Look]) -> list[Check]:
    """All at once. What they found, in their order."""
    began = time.monotonic()
    waits = [begin(look.work) for look in looks]
    found: list[Check] = []
    for look, wait in zip(looks, waits, strict=True):
        try:
            found += wait(look.seconds - (time.monotonic() - began))
        except TimeoutError:
            found += [_unanswered(name, look.seconds) for name in look.names]
        except Exception as error:  # noqa: BLE001 - a check that breaks must not hide the others
            found += [_broken(name, error) for name in look.names]
    return found


def _of_the_installation(settings: Settings | None) -> list[Look]:
    ca_file, root_key = (settings.wa_ca_file, settings.wa_root_key) if settings else (None, None)
    return [
        Look((LIBMAGIC, LIBRARY), lambda: check_library(ca_file, root_key), LOAD_SECONDS + SPARE_SECONDS),
        Look((FFMPEG,), lambda: [check_ffmpeg()]),
        Look((DESCRIPTORS,), lambda: [check_descriptors()]),
    ]


def _of_the_settings(s: Settings) -> list[Look]:
    network = mark_of(bytes.fromhex(s.wa_root_key)) if s.wa_root_key else REAL
    places = [s.sessions_dir, s.media_dir, *places_of(s.database_url)]
    return [
        Look((MEMORY,), lambda: [check_memory(s.max_memory)]),
        Look((DISK,), lambda: [check_disk(*places)]),
        Look((SESSIONS,), lambda: [check_sessions(s.sessions_dir, network)]),
        Look((MEDIA,), lambda: [check_media(s.media_dir)]),
        Look((DATABASE,), lambda: [check_database(s.database_url)], SECONDS + SPARE_SECONDS),
        Look((PORT,), lambda: [check_port(s.host, s.port, is_in_use=is_in_use(s.sessions_dir))]),
        Look(
            (DNS, TCP, TLS, CLOCK),
            lambda: check_network(s.wa_proxy_url, s.wa_ca_file),
            3 * STEP_SECONDS + SPARE_SECONDS,
        ),
    ]


def _unanswered(name: str, seconds: float) -> Check:
    return fail(name, f"the check got no answer within {seconds:g} s", "See what holds the machine up: top, dmesg")


def _broken(name: str, error: Exception) -> Check:
    return fail(name, f"the check itself broke: {type(error).__name__}: {error}", "Please report it.")
