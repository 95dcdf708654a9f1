"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

JSON = "--json"

AsJson = Annotated[bool, typer.Option(JSON, help="Print JSON, for programs; a failure too, on stdout.")]
KlienId = Annotated[int, typer.Argument(min=1, metavar="KLIEN_ID", help="The klien's number: talkabiz klien list.")]
