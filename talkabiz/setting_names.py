"""What stands in the environment and in `.env`, by name: a setting that is misspelt would be no setting, silently."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from talkabiz.parent import VARIABLE

PREFIX = "TALKABIZ_"
INTERNAL = {VARIABLE}
"""What the supervisor and the application have between them."""


def find_faults(known: Iterable[str], environment: Mapping[str, str], file: Path) -> list[str]:
    """One sentence each. `known` are the settings' names, without the prefix and in small letters.

    Names without our prefix are other programs'. Values aren't repeated, nor are lines that can't be read.
    """
    names = {name.upper(): PREFIX + name.upper() for name in known}
    lines, unreadable = _read(file)
    faults = [
        *unreadable,
        *(f"{file.name}, line {line.original.line}: {why}" for line in lines if (why := _wrong(line))),
    ]
    written = [(line.key, f"{file.name}, line {line.original.line}: ") for line in lines if line.key]
    for name, where in [*((name, "") for name in environment), *written]:
        if name.upper().startswith(PREFIX) and name.upper() not in {*names.values(), *INTERNAL}:
            faults.append(f"{where}{name} is no setting of Talkabiz{_suggest(name.upper(), names)}")
    return faults


def _read(file: Path) -> tuple[list[Binding], list[str]]:
    try:
        with file.open(encoding="utf-8") as stream:
            return list(_lines(stream.read())), []
    except FileNotFoundError:
        return [], []
    except UnicodeDecodeError:
        return [], [f"{file.name} isn't text in UTF-8. Save it as UTF-8."]
    except OSError as error:
        return [], [f"{file.name} can't be read: {error.strerror}. Let the user that runs Talkabiz read it."]


def _lines(text: str) -> Iterator[Binding]:
    """With the line that a binding stands on: the parser counts from the empty ones before it."""
    for line in parse_stream(io.StringIO(text)):
        blank = len(line.original.string) - len(line.original.string.lstrip())
        skipped = line.original.string[:blank].count("\n")
        yield line._replace(original=line.original._replace(line=line.original.line + skipped))


def _wrong(line: Binding) -> str | None:
    if line.error:
        return "can't be read. Write NAME=value, and close the quotes that you open."
    if line.key and line.value is None and line.key.upper().startswith(PREFIX):
        return f"{line.key} has no value. Write {line.key}=value, or # before it."
    return None


def _suggest(name: str, known: Mapping[str, str]) -> str:
    close = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1)
    return f"; did you mean {known[close[0]]}?" if close else ". `talkabiz serve --help` lists all settings."
