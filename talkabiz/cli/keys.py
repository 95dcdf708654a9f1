"""`talkabiz key …`: made, listed and revoked on the database, also while a server runs; it notices within 2 s."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from talkabiz.cli.expiry import parse_expiry
from talkabiz.cli.kliens import no_klien
from talkabiz.cli.options import AsJson
from talkabiz.cli.printing import EXIT_USAGE, Failed, say, say_json, say_table
from talkabiz.cli.running import CALLER, with_office
from talkabiz.domain.access import Kind, Scope
from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import iso
from talkabiz.services.access import NewKey
from talkabiz.services.desk import Office
from talkabiz.store import kliens
from talkabiz.store.keys import KeyRow

PAGE = 500
_SCOPES = f"What a klien's key may: {', '.join(Scope)}; once for each [default: all]."

OfKlien = Annotated[int | None, typer.Option("--klien", min=1, metavar="ID", help="Of this klien.")]


def create(
    klien_id: OfKlien = None,
    admin: Annotated[bool, typer.Option("--admin", help="For the operator's own programs.")] = False,
    scope: Annotated[list[Scope] | None, typer.Option(metavar="SCOPE", help=_SCOPES)] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="30d, 12h, 2027-01-31 or an ISO time, in UTC [default: never].")
    ] = None,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What it is for, to know it again.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make an API key; it is shown this once.

    A klien's key sees that klien alone, and does what its scopes say. An admin key may do everything.
    """
    if admin == (klien_id is not None):
        raise _usage("Sebutkan --klien ID atau --admin, salah satu saja.", "Say either --klien ID or --admin.")
    if admin and scope:
        raise _usage(
            "--scope hanya untuk kunci klien.", "--scope is for the key of a klien: an admin key may do everything."
        )
    kind, expires_at = Kind.ADMIN if admin else Kind.KLIEN, _read_expiry(expires) if expires else None
    scopes = frozenset(scope or Scope)

    async def make(office: Office) -> NewKey:
        try:
            return await office.access.make_key(kind, klien_id, scopes, label, expires_at, caller=CALLER)
        except NotFound:
            raise no_klien(klien_id or 0) from None

    made = with_office(make)
    if as_json:
        say_json({**_as_dict(made.row), "token": made.token})
    else:
        say(f"key: {made.token}")
        say(f"{_describe(made.row)} It isn't shown again: keep it now. To end it: talkabiz key revoke {made.row.id}")


def show_all(klien_id: OfKlien = None, as_json: AsJson = False) -> None:
    """List the API keys and their state.

    Revoked and expired ones, too; never the keys themselves.
    """

    async def read(office: Office) -> list[KeyRow]:
        if klien_id and await kliens.find(klien_id) is None:
            raise no_klien(klien_id)
        found: list[KeyRow] = []
        while page := await office.access.keys(klien_id, found[-1].id if found else 0, PAGE):
            found += page
        return found

    found = [_as_dict(row) for row in with_office(read)]
    if as_json:
        say_json({"keys": found})
    elif found:
        titles = ("id", "kind", "klien", "scopes", "label", "created", "last used", "expires", "state")
        say_table(titles, [_cells(key) for key in found])
    else:
        say("No key yet. Make one: talkabiz key create --klien 1")


def revoke(
    key_id: Annotated[int, typer.Argument(min=1, metavar="KEY_ID", help="Its number: talkabiz key list.")],
    as_json: AsJson = False,
) -> None:
    """End an API key for good.

    It opens nothing from now on; the sockets of who holds it are closed within 2 s.
    """

    async def end(office: Office) -> KeyRow:
        try:
            return await office.access.revoke_key(key_id, caller=CALLER)
        except NotFound:
            raise _no_key(key_id) from None

    row = with_office(end)
    if as_json:
        say_json(_as_dict(row))
    else:
        say(f"Key {row.id} is revoked.")


def _read_expiry(text: str) -> datetime:
    try:
        return parse_expiry(text, datetime.now(UTC))
    except (ValueError, OverflowError):
        raise _usage(
            f"--expires {text}: tulis 30d, 12h, 2027-01-31 atau waktu ISO.",
            f"--expires {text}: write 30d, 12h, 2027-01-31 or an ISO time.",
        ) from None


def _as_dict(row: KeyRow) -> dict[str, Any]:
    """As REST shows it, and its state in a word."""
    return {**row.as_dict(), "state": _state(row)}


def _state(row: KeyRow) -> str:
    if row.revoked_at:
        return "revoked"
    return "active" if row.is_valid(datetime.now(UTC)) else "expired"


def _cells(key: dict[str, Any]) -> list[Any]:
    moments = [key[name] and f"{key[name][:16]}Z" for name in ("created_at", "last_used_at", "expires_at")]
    scopes = " ".join(key["scopes"]) if key["kind"] == Kind.KLIEN else "everything"
    return [key["id"], key["kind"], key["klien_id"], scopes, key["label"], *moments, key["state"]]


def _describe(row: KeyRow) -> str:
    whose = f"of klien {row.klien_id}" if row.klien_id else "for the operator's programs"
    until = f", until {iso(row.expires_at)}" if row.expires_at else ""
    return f"Key {row.id}, {whose}{until}."


def _no_key(key_id: int) -> Failed:
    return Failed(
        NotFound.code,
        f"Tidak ada kunci {key_id} yang masih berlaku: talkabiz key list",
        f"There is no key {key_id} that could be revoked: talkabiz key list",
    )


def _usage(id: str, en: str) -> Failed:  # noqa: A002 - the language's code
    return Failed("usage", id, en, EXIT_USAGE)
