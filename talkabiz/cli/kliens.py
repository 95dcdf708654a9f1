"""`talkabiz klien …`"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from talkabiz.cli.options import AsJson, KlienId
from talkabiz.cli.printing import Failed, say, say_json, say_table
from talkabiz.cli.running import CALLER, with_office
from talkabiz.services.kliens import add_klien
from talkabiz.services.overview import overview


def add(
    nama: Annotated[str, typer.Argument(help="Its name, as the pages show it; quote one with spaces.")],
    as_json: AsJson = False,
) -> None:
    """Add a klien, and print its number."""
    klien = with_office(lambda office: add_klien(nama, office.audit, CALLER))
    if as_json:
        say_json(klien.as_dict())
    else:
        say(f"klien {klien.id}: {klien.nama}")


def show_all(as_json: AsJson = False) -> None:
    """List the kliens and their state."""
    found = with_office(lambda _: overview())
    if as_json:
        say_json({"kliens": found})
    elif found:
        _say_kliens(found)
    else:
        say('No klien yet. Add one: talkabiz klien add "Toko Sinar"')


def show(klien_id: KlienId, as_json: AsJson = False) -> None:
    """Show one klien and its state."""
    found = with_office(lambda _: overview(klien_id))
    if not found:
        raise no_klien(klien_id)
    if as_json:
        say_json(found[0])
    else:
        _say_kliens(found)
        say(found[0]["session"]["message"]["en"])


def no_klien(klien_id: int) -> Failed:
    return Failed("not_found", f"Tidak ada klien {klien_id}.", f"There is no klien {klien_id}: talkabiz klien list")


def _say_kliens(found: list[dict[str, Any]]) -> None:
    say_table(
        ("id", "nama", "status", "reason", "number"),
        [
            (klien["id"], klien["nama"], klien["session"]["status"], klien["session"]["reason"], klien["wa_nomor"])
            for klien in found
        ],
    )
