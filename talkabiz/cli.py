"""The command line. It prints and never decides: every command is one call into bootstrap or over the wire."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from talkabiz import __version__, bootstrap
from talkabiz.config import Settings
from talkabiz.domain.errors import NotFound, TalkabizError
from talkabiz.domain.klien import parse_name
from talkabiz.parent import Parent
from talkabiz.process import SystemClock
from talkabiz.services.access import Access
from talkabiz.services.sessions import overview
from talkabiz.store import database, kliens

T = TypeVar("T")

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_SERVER = 3

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None)
klien_app = typer.Typer(no_args_is_help=True, help="Kliens: the customers who each link a WhatsApp account.")
app.add_typer(klien_app, name="klien")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def main(parent: Parent) -> None:
    """Run what the arguments of the process say."""
    app(obj=parent)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Talkabiz: a WhatsApp gateway for a business that serves many customers."""
    if version:
        print(f"talkabiz {__version__}")
        raise typer.Exit


def _settings_help() -> str:
    lines = []
    for name, field in Settings.model_fields.items():
        default = f" [default: {field.default}]" if field.default not in {None, ()} else ""
        lines.append(f"TALKABIZ_{name.upper()}: {field.description}{default}")
    return "Settings come from the environment or from .env:\n\n" + "\n\n".join(lines)


# --- the server -------------------------------------------------------------------------------------------------------


@app.command(epilog=_settings_help())
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on [default: 127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one [default: 8000].")] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Talk to a loopback WhatsApp with virtual phones.")
    ] = False,
    engines: Annotated[int | None, typer.Option(help="Child processes for the gateway [default: 0].")] = None,
    no_supervisor: Annotated[bool, typer.Option("--no-supervisor", help="Run without a parent process.")] = False,
) -> None:
    """Run everything: web, Socket.IO and the gateway, under a parent process that restarts it when it dies."""
    del no_supervisor  # decided before anything was imported: talkabiz/__main__.py
    settings = _settings(host=host, port=port, engines=engines)
    _leave(_run(bootstrap.serve(settings, sandbox=sandbox, announce=_say, parent=context.obj)))


@app.command("sandbox")
def run_sandbox(
    port: Annotated[int, typer.Option(help="Port of the control API; 0 takes a free one.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Run the loopback WhatsApp alone, for other programs and their CI. Stop it with Ctrl+C."""

    def announce(facts: dict[str, str]) -> None:
        _say(json.dumps(facts) if as_json else "\n".join(f"{name}: {value}" for name, value in facts.items()))

    _leave(_run(bootstrap.serve_sandbox(port, announce)))


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Bring the database up to date."""
    applied = _run(database.migrate(_settings().database_url))
    if as_json:
        _say(json.dumps({"applied": applied}))
    else:
        _say("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")


@app.command("login-link")
def login_link(as_json: AsJson = False) -> None:
    """Print a one-time link that logs an operator in. It is good for 15 minutes."""
    settings = _settings()
    token = _with_database(settings, Access(SystemClock()).make_login_link)
    url = f"{settings.public_url(settings.port)}/login/{token}"
    _say(json.dumps({"url": url}) if as_json else f"login: {url}")


# --- kliens -----------------------------------------------------------------------------------------------------------


@klien_app.command("add")
def klien_add(nama: str, as_json: AsJson = False) -> None:
    """Add a klien."""
    klien = _with_database(_settings(), lambda: kliens.add(parse_name(nama)))
    _say(json.dumps(klien.as_dict()) if as_json else f"klien {klien.id}: {klien.nama}")


@klien_app.command("list")
def klien_list(as_json: AsJson = False) -> None:
    """List the kliens and their state."""
    found = _with_database(_settings(), overview)
    if as_json:
        _say(json.dumps({"kliens": found}))
    elif found:
        _print_kliens(found)
    else:
        _say('No klien yet. Add one: talkabiz klien add "Toko Sinar"')


@klien_app.command("show")
def klien_show(klien_id: Annotated[int, typer.Argument(min=1)], as_json: AsJson = False) -> None:
    """Show one klien and its state, as the database has it."""
    found = _with_database(_settings(), lambda: overview(klien_id))
    if not found:
        _fail(f"There is no klien {klien_id}.")
    if as_json:
        _say(json.dumps(found[0]))
    else:
        _print_kliens(found)
        _say(found[0]["session"]["message"]["en"])


def _print_kliens(found: list[dict[str, Any]]) -> None:
    table = Table("id", "nama", "status", "reason", "number", box=None)
    for klien in found:
        session = klien["session"]
        cells = (str(klien["id"]), klien["nama"], session["status"], session["reason"] or "", klien["wa_nomor"] or "")
        table.add_row(*(Text(cell) for cell in cells))
    Console(highlight=False).print(table)


# --- linking in the terminal ------------------------------------------------------------------------------------------


@app.command()
def link(
    klien_id: Annotated[int, typer.Argument(min=1)],
    url: Annotated[str | None, typer.Option(help="The server [default: http://HOST:PORT].")] = None,
    key: Annotated[str | None, typer.Option(help="An API key [default: API_KEY].")] = None,
    as_json: AsJson = False,
) -> None:
    """Link a klien: the live QR and the state, in this terminal. Ends when connected."""
    settings = _settings()
    token = key or settings.api_key
    if not token:
        _fail("A key is needed: --key tkb_… or TALKABIZ_API_KEY.", EXIT_USAGE)
    _leave(_run(_Link(klien_id, as_json=as_json).follow(url or settings.public_url(settings.port), token)))


class _Link:
    """Follows one klien over the same Socket.IO as the browser, until it is connected or can't be."""

    def __init__(self, klien_id: int, *, as_json: bool) -> None:
        self._klien_id = klien_id
        self._as_json = as_json
        self._exit: asyncio.Future[int] | None = None

    async def follow(self, url: str, token: str) -> int:
        import socketio

        self._exit = asyncio.get_running_loop().create_future()
        client = socketio.AsyncClient(reconnection=True)
        client.on("*", self._on_event)
        reasons: list[object] = []  # the exception itself only says that there was one
        client.on("connect_error", reasons.append)
        try:
            await client.connect(url, auth={"token": token}, transports=["websocket"], wait_timeout=10)
        except socketio.exceptions.ConnectionError:
            refused = {"message": "unauthorized"} in reasons
            _complain("The server doesn't accept this key." if refused else f"No server answers at {url}.")
            return EXIT_FAILED if refused else EXIT_NO_SERVER
        try:
            answer: dict[str, Any] = {}
            for command in ("subscribe", "start"):
                answer = await client.call(command, {"klien_id": self._klien_id})
                if error := answer.get("error"):
                    unknown = error["code"] == NotFound.code
                    _complain(f"There is no klien {self._klien_id}." if unknown else error["message"]["en"])
                    return EXIT_FAILED
            self._show(answer)
            return await self._exit
        finally:
            await client.disconnect()

    async def _on_event(self, event: str, data: object = None) -> None:
        del event
        if isinstance(data, dict) and data.get("klien_id") == self._klien_id and "status" in data:
            self._show(data)

    def _show(self, snapshot: dict[str, Any]) -> None:
        if self._as_json:
            print(json.dumps(snapshot), flush=True)
        else:
            self._draw(snapshot)
        ends = {"connected": 0, "error": EXIT_FAILED}
        if snapshot["status"] in ends and not snapshot["retry_at"] and self._exit and not self._exit.done():
            self._exit.set_result(ends[snapshot["status"]])

    def _draw(self, snapshot: dict[str, Any]) -> None:
        qr = snapshot["qr"]
        if qr:
            from qrcode.main import QRCode

            if sys.stdout.isatty():
                print("\x1b[2J\x1b[H", end="")
            code = QRCode(border=2)
            code.add_data(qr["code"])
            code.print_ascii(out=sys.stdout, invert=True)
            print(f"QR {qr['n']}/{qr['of']}, until {qr['expires_at']}")
        print(f"{snapshot['status']}: {snapshot['message']['en']}", flush=True)


# --- in common --------------------------------------------------------------------------------------------------------


def _settings(**given: Any) -> Settings:
    """The settings, with what the command line says on top. Ends the program with a sentence if one is wrong."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for wrong in error.errors(include_url=False):
            name = "_".join(str(part) for part in wrong["loc"][:1]).upper()
            _complain(f"TALKABIZ_{name}: {wrong['msg']}".replace("TALKABIZ_: ", "").replace("Value error, ", ""))
        raise typer.Exit(EXIT_USAGE) from None


def _with_database(settings: Settings, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do something with the database open, also while a server runs on it."""

    async def opened() -> T:
        async with bootstrap.open_database(settings):
            return await work()

    return _run(opened())


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except TalkabizError as error:
        _fail(error.message.en)


def _say(text: str) -> None:
    print(text, flush=True)


def _complain(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _fail(sentence: str, code: int = EXIT_FAILED) -> NoReturn:
    _complain(sentence)
    raise typer.Exit(code)


def _leave(code: int) -> NoReturn:
    """Leave at once: threads of the Go library may never return, and must not hold the process up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
