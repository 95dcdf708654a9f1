"""What commands print, and how one ends that can't do what it was asked.

Answers go to stdout, complaints to stderr. With `--json` stdout carries JSON alone, a failure too:
`{"error": {"code", "message": {"id", "en"}}}`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from talkabiz.domain.errors import Sentence, TalkabizError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_SERVER = 3

WIDEST = 1000
"""Columns of a table that goes into a file or a pipe, where a line that is broken is of no use."""


class Failed(TalkabizError):
    """A command's own failure. Any other TalkabizError that leaves a command ends it with EXIT_FAILED."""

    def __init__(self, code: str, id: str, en: str, exit_code: int = EXIT_FAILED) -> None:  # noqa: A002 - the language's code
        super().__init__(Sentence(id, en))
        self.code = code  # type: ignore[misc] # one class for the few things that can be wrong, each with its code
        self.exit_code = exit_code


def say(text: str) -> None:
    print(text, flush=True)


def say_json(answer: object) -> None:
    say(json.dumps(answer, ensure_ascii=False))


def say_error(error: TalkabizError, *, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"code": error.code, "message": error.message.as_dict()}
        say_json({"error": told | ({"fields": error.fields} if error.fields else {})})
    elif error.fields and error.message is type(error).sentence:  # which says too little
        complain("\n".join(f"{name}: {wrong}" for name, wrong in error.fields.items()))
    else:
        complain(error.message.en)


def complain(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def say_table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """None is shown as an empty cell. What others have chosen, names and labels, isn't read as markup."""
    table = Table(*titles, box=None)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    is_terminal = sys.stdout.isatty()
    Console(highlight=False, width=None if is_terminal else WIDEST).print(table)


def leave(code: int) -> NoReturn:
    """Leave at once: threads of the Go library may never return, and must not hold the process up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
