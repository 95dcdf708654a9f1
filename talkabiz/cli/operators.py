"""Commands about the people who run it, and what was done by whom."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from talkabiz.cli.options import AsJson
from talkabiz.cli.printing import say, say_json, say_table
from talkabiz.cli.running import CALLER, read_settings, with_office
from talkabiz.domain.klien import iso
from talkabiz.services.operators import FIRST_OPERATOR, LOGIN_LINK_MINUTES
from talkabiz.store.audit import AuditEntry


def login_link(
    operator: Annotated[str, typer.Option(metavar="NAME", help="Whom it logs in; added if new.")] = FIRST_OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Print a link that logs an operator in, once.

    It is good for 15 minutes. Whoever can run this on the server's machine needs no password.
    """
    settings = read_settings()
    token = with_office(lambda office: office.operators.make_login_link(operator, CALLER), settings)
    url = f"{settings.public_url(settings.port)}/login/{token}"
    if as_json:
        say_json({"url": url, "operator": operator, "minutes": LOGIN_LINK_MINUTES})
    else:
        say(f"login: {url}")


def audit(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many entries, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Print who did what, the newest last.

    Logins, keys, links, starts, disconnects, deletions.
    """
    found = with_office(lambda office: office.audit.page(limit=limit))[::-1]
    if as_json:
        say_json({"entries": [entry.as_dict() for entry in found]})
    elif found:
        say_table(("at", "who", "from", "did", "klien", ""), [_cells(entry) for entry in found])
    else:
        say("Nothing was done yet.")


def _cells(entry: AuditEntry) -> list[Any]:
    detail = " ".join(f"{name}={value}" for name, value in entry.detail.items() if value is not None)
    return [f"{iso(entry.at)[:19]}Z", entry.actor, entry.address, entry.action, entry.klien_id, detail]
