"""The command line. It prints and never decides: every command is one call into bootstrap or over the wire."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from talkabiz import __version__
from talkabiz.cli import doctor, keys, kliens, linking, operators, sending, serving, webhooks
from talkabiz.cli.options import JSON
from talkabiz.cli.printing import EXIT_FAILED, Failed, say, say_error
from talkabiz.cli.teaching import epilog
from talkabiz.domain.errors import TalkabizError
from talkabiz.parent import Parent

DOCTOR_EXITS = {0: "no failure; warnings are none", 1: "a failure"}
LINK_EXITS = {0: "connected", 1: "refused, or it failed", 2: "wrong usage or settings", 3: "no server answers"}

TEST_EXITS = {
    0: "it was taken; with --wait 0, queued",
    1: "refused, not taken, or not tried yet",
    2: "wrong usage or settings",
    3: "no server answers",
}
SEND_EXITS = {
    0: "sent; with --wait 0, accepted",
    1: "refused, failed, uncertain, or still waiting",
    2: "wrong usage or settings",
    3: "no server answers",
}


def main(parent: Parent) -> None:
    """Run what the arguments of the process say, and end it with an exit code."""
    as_json = JSON in sys.argv[1:]  # also where they are too wrong to be read
    try:
        sys.exit(make_app()(obj=parent, standalone_mode=not as_json))
    except TalkabizError as error:
        failure, code = error, getattr(error, "exit_code", EXIT_FAILED)
    except typer.TyperException as error:  # with --json; else typer has told it
        wrong = error.format_message()
        failure, code = Failed("usage", f"Perintah tidak sesuai: {wrong}", wrong), error.exit_code
    say_error(failure, as_json=as_json)
    sys.exit(code)


def make_app() -> typer.Typer:
    """All commands, in the order in which `--help` lists them."""
    app = _group("Talkabiz: a WhatsApp gateway for a business that serves many customers.")
    app.callback(invoke_without_command=True)(_version)
    app.command(epilog=epilog("talkabiz serve", "talkabiz serve --port 0 --sandbox", more=serving.settings_help()))(
        serving.serve
    )
    app.command(epilog=epilog("talkabiz doctor", "talkabiz doctor --json", exits=DOCTOR_EXITS))(doctor.doctor)
    app.add_typer(_kliens(), name="klien")
    app.command(
        epilog=epilog(
            "talkabiz link 1 --key tkb_…", "talkabiz link 1 --url https://wa.example.com --json", exits=LINK_EXITS
        )
    )(linking.link)
    app.command(
        epilog=epilog(
            'talkabiz send 1 0812… "Pesanan Anda sudah siap." --key tkb_…',
            'talkabiz send 1 0812… "Halo" --wait 0 --json',
            exits=SEND_EXITS,
        )
    )(sending.send)
    app.add_typer(_webhooks(), name="webhook")
    app.add_typer(_keys(), name="key")
    app.command("login-link", epilog=epilog("talkabiz login-link", "talkabiz login-link --operator budi"))(
        operators.login_link
    )
    app.command(epilog=epilog("talkabiz audit", "talkabiz audit --limit 500 --json"))(operators.audit)
    app.command(epilog=epilog("talkabiz migrate"))(serving.migrate)
    app.command(
        "sandbox",
        epilog=epilog("talkabiz sandbox --json", "talkabiz sandbox --json --port 9000 --state /var/tmp/whatsapp"),
    )(serving.run_sandbox)
    return app


def _group(what: str) -> typer.Typer:
    return typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, help=what)


def _kliens() -> typer.Typer:
    group = _group("Kliens: the customers who each link a WhatsApp account.")
    group.command("add", epilog=epilog('talkabiz klien add "Toko Sinar"'))(kliens.add)
    group.command("list", epilog=epilog("talkabiz klien list"))(kliens.show_all)
    group.command("show", epilog=epilog("talkabiz klien show 1 --json"))(kliens.show)
    return group


def _keys() -> typer.Typer:
    group = _group("API keys: of the operator's programs, and of one klien's.")
    made = epilog(
        "talkabiz key create --klien 1",
        'talkabiz key create --klien 1 --scope message --scope read --expires 30d --label "web shop"',
        "talkabiz key create --admin --expires 2027-01-31",
    )
    group.command("create", epilog=made)(keys.create)
    group.command("list", epilog=epilog("talkabiz key list", "talkabiz key list --klien 1 --json"))(keys.show_all)
    group.command("revoke", epilog=epilog("talkabiz key revoke 3"))(keys.revoke)
    return group


def _webhooks() -> typer.Typer:
    group = _group("Webhooks: servers that are told what happens.")
    made = epilog(
        "talkabiz webhook add 1 https://example.com/talkabiz --key tkb_…",
        'talkabiz webhook add 1 https://example.com/talkabiz --event message.received --label "web shop"',
    )
    group.command("add", epilog=made)(webhooks.add)
    group.command("list", epilog=epilog("talkabiz webhook list 1", "talkabiz webhook list 1 --json"))(webhooks.show_all)
    group.command("test", epilog=epilog("talkabiz webhook test 1 2", exits=TEST_EXITS))(webhooks.ping)
    replayed = epilog("talkabiz webhook replay 1 2 --since 812", "talkabiz webhook replay 1 2 --dead")
    group.command("replay", epilog=replayed)(webhooks.replay)
    return group


def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Talkabiz: a WhatsApp gateway for a business that serves many customers."""
    if version:
        say(f"talkabiz {__version__}")
        raise typer.Exit
