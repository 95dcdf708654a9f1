"""/api/v1/kliens: the customers themselves."""

from __future__ import annotations

from quart import Blueprint
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.ids import parse_path_id
from talkabiz.web import schemas
from talkabiz.web.auth import allow, allow_operators, caller, desk, principal, remember_principal
from talkabiz.web.documented import documented
from talkabiz.web.reading import KlienFields, check_query, query_count
from talkabiz.web.shapes import Json

PAGE = 100
LARGEST_PAGE = 500

blueprint = Blueprint("kliens", __name__, url_prefix="/api/v1/kliens")
blueprint.before_request(remember_principal)


@blueprint.post("")
@documented(
    "Kliens",
    {201: schemas.Klien},
    headers={201: {"Location": "The klien's address."}},
    example={"nama": "Toko Sinar"},
)
@validate_request(KlienFields)
async def post_klien(data: KlienFields) -> tuple[Json, int, dict[str, str]]:
    """Add a klien."""
    allow_operators()
    klien = await desk().kliens.add(data.nama, caller=caller())
    return klien.as_dict(), 201, {"Location": f"/api/v1/kliens/{klien.id}"}


@blueprint.get("")
@documented("Kliens", {200: schemas.KlienPage}, query=schemas.KlienPageQuery, scopes=tuple(Scope))
async def get_kliens() -> Json:
    """List kliens.

    By id; `next` is the `cursor` of the page after this one. A klien's own key sees itself.
    """
    check_query("cursor", "limit")
    cursor, limit = query_count("cursor", 0), query_count("limit", PAGE, LARGEST_PAGE, least=1)
    own = principal().klien_id
    if own is not None:
        shown, following = ([await desk().kliens.get(own)] if own > cursor else []), None
    else:
        shown, following = await desk().kliens.page(cursor, limit)
    return {"kliens": [klien.as_dict() for klien in shown], "next": following}


@blueprint.get("/<klien_id>")
@documented("Kliens", {200: schemas.Klien}, scopes=tuple(Scope))
async def get_klien(klien_id: str) -> Json:
    """Show a klien."""
    check_query()
    allowed = allow(parse_path_id(klien_id), *Scope)
    return (await desk().kliens.get(allowed)).as_dict()


@blueprint.patch("/<klien_id>")
@documented("Kliens", {200: schemas.Klien}, example={"nama": "Toko Sinar Jaya"})
@validate_request(KlienFields)
async def patch_klien(klien_id: str, data: KlienFields) -> Json:
    """Rename a klien."""
    allowed = allow(parse_path_id(klien_id), *Scope)
    allow_operators()
    return (await desk().kliens.rename(allowed, data.nama, caller=caller())).as_dict()


@blueprint.delete("/<klien_id>")
@documented("Kliens", forms={204: ()})
async def delete_klien(klien_id: str) -> tuple[str, int]:
    """Delete a klien.

    Stops and logs out its session, erases its rows and files.
    """
    allowed = allow(parse_path_id(klien_id), *Scope)
    allow_operators()
    await desk().kliens.erase(allowed, caller=caller())
    return "", 204
