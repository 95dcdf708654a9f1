"""Commands that are expected to do what they are asked, and what those say that aren't."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.running import Finished, finish


async def succeed(home: Path, *arguments: str, **settings: str) -> str:
    done = await finish(home, *arguments, **settings)
    assert (done.code, done.errors) == (0, ""), done
    return done.output


async def read_json(home: Path, *arguments: str, **settings: str) -> Any:
    return json.loads(await succeed(home, *arguments, "--json", **settings))


def is_refusal(done: Finished, code: int, word: str) -> None:
    """It ended in a sentence that has this word in it."""
    assert (done.code, done.output) == (code, ""), done
    assert word in done.errors
    assert len(done.errors.strip().splitlines()[-1].split()) > 3, "a sentence"
    assert "Traceback" not in done.errors


async def fail(home: Path, code: int, word: str, *arguments: str, **settings: str) -> str:
    """The error's code. Told in words without `--json`, and with it as JSON in both languages."""
    is_refusal(await finish(home, *arguments, **settings), code, word)
    done = await finish(home, *arguments, "--json", **settings)
    assert (done.code, done.errors) == (code, ""), done
    error = json.loads(done.output)["error"]
    assert set(error) - {"fields"} == {"code", "message"}
    assert set(error["message"]) == {"id", "en"}
    assert all(error["message"].values())
    return str(error["code"])
