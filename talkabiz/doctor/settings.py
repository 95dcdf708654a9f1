"""Settings: readable, and not by everybody where a key stands among them."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from talkabiz.config import ENV_FILE, Settings, sentences
from talkabiz.doctor.findings import Check, fail, ok, warn

SETTINGS = "settings"
_OTHERS = 0o077


def read_settings() -> tuple[Settings | None, Check]:
    """None: they can't be read, so that what depends on them can't be looked at."""
    try:
        settings = Settings()
    except ValidationError as error:
        found = " ".join(sentences(error))
        return None, fail(SETTINGS, found, "Correct that, then run this again: most checks need the settings.")
    return settings, _check_secrecy(settings)


def _check_secrecy(settings: Settings) -> Check:
    file = Path(ENV_FILE)
    variables = sum(name.upper().startswith("TALKABIZ_") for name in os.environ)
    found = f"{variables} in the environment, {'and ' + ENV_FILE if file.is_file() else 'no ' + ENV_FILE}"
    if settings.api_key and file.is_file() and file.stat().st_mode & _OTHERS and _holds_key(file):
        return warn(SETTINGS, f"other users can read {ENV_FILE}, where a key stands", f"chmod 600 {ENV_FILE}")
    return ok(SETTINGS, found)


def _holds_key(file: Path) -> bool:
    return "API_KEY" in file.read_text(encoding="utf-8").upper()
