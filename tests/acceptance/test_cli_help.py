"""What the commands teach: `--help`, completion, and JSON for whoever asks for it."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from talkabiz.cli import make_app
from tests.acceptance.commands import succeed
from tests.running import CHECKOUT, finish, talkabiz

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

ROOT: Any = typer.main.get_command(make_app())
AS_A_SCRIPT = "import sys; sys.argv[0] = 'talkabiz'; from talkabiz.__main__ import main; main()"


def _commands(group: Any = ROOT, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, *path, name)
        else:
            yield (*path, name)


def _find(words: list[str]) -> tuple[Any, list[str]]:
    command = ROOT
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


COMMANDS = list(_commands())


def test_all_commands_are_there() -> None:
    assert {" ".join(path) for path in COMMANDS} >= {
        *("serve", "doctor", "klien add", "klien list", "klien show", "key create", "key list", "key revoke"),
        *("login-link", "link", "send", "migrate", "sandbox", "audit"),
        *("webhook add", "webhook list", "webhook test", "webhook replay"),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
async def test_each_command_says_what_it_does_with_examples_that_it_takes(home: Path, path: tuple[str, ...]) -> None:
    text = await succeed(home, *path, "--help")
    assert "--json" in text
    _, _, rest = text.partition("Examples:\n")
    examples = re.findall(r"^ +talkabiz (.+)$", rest.partition("\n\n")[0], re.MULTILINE)
    assert examples
    for example in examples:
        command, words = _find(shlex.split(example))
        assert command.name == path[-1]
        command.make_context(command.name, words)  # reads the words and does nothing; wrong ones are an error


@pytest.mark.parametrize("group", [(), ("klien",), ("key",), ("webhook",)], ids=" ".join)
async def test_a_list_of_commands_has_a_whole_sentence_for_each(home: Path, group: tuple[str, ...]) -> None:
    text = await succeed(home, *group, "--help")
    lines = text.partition("Commands:\n")[2].splitlines()
    assert lines
    assert all(re.fullmatch(r"  [\w-]+ +[A-Z].+[^.]\.", line) for line in lines), lines


@pytest.mark.parametrize("command", ["link", "send"])
async def test_the_exit_codes_of_what_waits_are_told(home: Path, command: str) -> None:
    told = (await succeed(home, command, "--help")).partition("Exit codes:")[2]
    assert re.findall(r"^ +(\d) ", told, re.MULTILINE) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nonsense", "--json"), 2),
        (("klien", "show", "x", "--json"), 2),
        (("klien", "show", "--json"), 2),
        (("migrate", "--nonsense", "--json"), 2),
        (("klien", "show", "7", "--json"), 1),
        (("klien", "add", " ", "--json"), 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_a_failure_is_json_on_stdout_too(home: Path, arguments: tuple[str, ...], code: int) -> None:
    done = await finish(home, *arguments)
    assert (done.code, done.errors) == (code, "")
    error = json.loads(done.output)["error"]
    assert error["code"] in {"usage", "not_found", "invalid_input"}
    assert all(error["message"][language] for language in ("id", "en"))


async def test_a_refused_start_is_json_too(home: Path) -> None:
    done = await finish(home, "serve", "--json", port="70000")
    assert (done.code, json.loads(done.output)["error"]["code"]) == (2, "invalid_settings")


async def test_serve_tells_in_json_where_it_is_and_on_the_first_start_how_to_come_in(home: Path) -> None:
    for facts in ({"url", "admin_key", "login"}, {"url", "login"}):
        async with talkabiz(home, "serve", "--port", "0", "--sandbox", "--json") as process:
            await process.read_until(bool)
            assert set(json.loads(process.lines[0])) == facts
            assert await process.end() == 0


async def test_the_shell_gets_a_script_that_completes_commands(home: Path) -> None:
    program = f"{shlex.quote(sys.executable)} -c {shlex.quote(AS_A_SCRIPT)}"
    script = await _bash(f"{program} --show-completion; true")
    assert "complete" in script.splitlines()[-1]
    assert "_TALKABIZ_COMPLETE=complete_bash" in script
    found = await _bash(f"COMP_WORDS='talkabiz kl' COMP_CWORD=1 _TALKABIZ_COMPLETE=complete_bash {program}")
    assert found.split() == ["klien"]


async def _bash(line: str) -> str:
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", line, stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": CHECKOUT, "PATH": "/usr/bin:/bin"}
    )
    output, _ = await asyncio.wait_for(shell.communicate(), 20)
    return output.decode()
