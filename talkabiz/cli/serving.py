"""Commands that run something until it is told to stop, and the one that prepares the database for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from talkabiz import bootstrap, loopback
from talkabiz.announcing import in_words
from talkabiz.cli.options import AsJson
from talkabiz.cli.printing import leave, say, say_json
from talkabiz.cli.running import read_settings
from talkabiz.config import Settings
from talkabiz.store import database


def settings_help() -> str:
    lines = []
    for name, field in Settings.model_fields.items():
        default = f" [default: {field.default}]" if field.default not in {None, ()} else ""
        lines.append(f"TALKABIZ_{name.upper()}: {field.description}{default}")
    return "Settings come from the environment or from .env:\n\n" + "\n\n".join(lines)


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on [default: 127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one [default: 8000].")] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Talk to a loopback WhatsApp with virtual phones.")
    ] = False,
    engines: Annotated[int | None, typer.Option(help="Child processes for the gateway [default: 0].")] = None,
    no_supervisor: Annotated[bool, typer.Option("--no-supervisor", help="Run without a parent process.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run everything: web, Socket.IO and the gateway.

    Under a small parent process that starts it again when it dies. On the first start it prints an admin key and a
    login link, once. Ctrl+C stops it in order.
    """
    del no_supervisor  # decided before anything was imported: talkabiz/__main__.py
    settings = read_settings(host=host, port=port, engines=engines)
    announce = say_json if as_json else lambda told: say(in_words(told))
    leave(asyncio.run(bootstrap.serve(settings, sandbox=sandbox, announce=announce, parent=context.obj)))


def run_sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the control API; 0 takes a free one.")] = 0,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Keep phones and linked devices there. Unset: they end with it."
        ),
    ] = None,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="End when standard input ends, so when the parent dies.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the loopback WhatsApp alone.

    For other programs and their CI: docs/sandbox.md. It prints where it is, and runs until Ctrl+C or SIGTERM. With
    --json that is its first line: proxy_url, ca_file, root_key, control_url.
    """

    def announce(facts: dict[str, str]) -> None:
        if as_json:
            say_json(facts)
        else:
            say("\n".join(f"{name}: {value}" for name, value in facts.items()))

    leave(asyncio.run(loopback.run_sandbox(port, announce, state_dir=state, until_eof=until_eof)))


def migrate(as_json: AsJson = False) -> None:
    """Bring the database up to date.

    It is made where there is none. `talkabiz serve` does this by itself.
    """
    applied = asyncio.run(database.migrate(read_settings().database_url))
    if as_json:
        say_json({"applied": applied})
    else:
        say("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")
