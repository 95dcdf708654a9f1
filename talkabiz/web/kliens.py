"""/api/v1/kliens: the customers themselves."""

from __future__ import annotations

from quart import Blueprint
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.ids import parse_path_id
from talkabiz.web.auth import allow, allow_operators, desk, principal, remember_principal
from talkabiz.web.reading import KlienFields, check_query, query_count
from talkabiz.web.shapes import Json

PAGE = 100
LARGEST_PAGE = 500

blueprint = Blueprint("kliens", __name__, url_prefix="/api/v1/kliens")
blueprint.before_request(remember_principal)


@blueprint.post("")
@validate_request(KlienFields)
async def post_klien(data: KlienFields) -> tuple[Json, int, dict[str, str]]:
    allow_operators()
    klien = await desk().kliens.add(data.nama)
    return klien.as_dict(), 201, {"Location": f"/api/v1/kliens/{klien.id}"}


@blueprint.get("")
async def get_kliens() -> Json:
    """By id; `next` is the `cursor` of the page after this one. A klien's own key sees itself."""
    check_query("cursor", "limit")
    cursor, limit = query_count("cursor", 0), query_count("limit", PAGE, LARGEST_PAGE, least=1)
    own = principal().klien_id
    if own is not None:
        shown, following = ([await desk().kliens.get(own)] if own > cursor else []), None
    else:
        shown, following = await desk().kliens.page(cursor, limit)
    return {"kliens": [klien.as_dict() for klien in shown], "next": following}


@blueprint.get("/<klien_id>")
async def get_klien(klien_id: str) -> Json:
    check_query()
    allowed = allow(parse_path_id(klien_id), *Scope)
    return (await desk().kliens.get(allowed)).as_dict()


@blueprint.patch("/<klien_id>")
@validate_request(KlienFields)
async def patch_klien(klien_id: str, data: KlienFields) -> Json:
    allowed = allow(parse_path_id(klien_id), *Scope)
    allow_operators()
    return (await desk().kliens.rename(allowed, data.nama)).as_dict()


@blueprint.delete("/<klien_id>")
async def delete_klien(klien_id: str) -> tuple[str, int]:
    """Stops and logs out its session, erases its rows and files."""
    allowed = allow(parse_path_id(klien_id), *Scope)
    allow_operators()
    await desk().kliens.erase(allowed)
    return "", 204
