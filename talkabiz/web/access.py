"""/api/v1: keys for programs, links for people, and who did what."""

from __future__ import annotations

from quart import Blueprint
from quart_schema import validate_request

from talkabiz.domain.access import Kind, Scope
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.ids import parse_path_id
from talkabiz.web import access_schemas as schemas
from talkabiz.web.auth import allow, allow_operators, caller, desk, remember_principal, site
from talkabiz.web.documented import documented
from talkabiz.web.reading import KeyFields, LinkTokenFields, check_query, parse_moment, query_count
from talkabiz.web.shapes import Json, as_link_token

PAGE = 100
LARGEST_PAGE = 500

blueprint = Blueprint("access", __name__, url_prefix="/api/v1")
blueprint.before_request(remember_principal)


# --- keys -------------------------------------------------------------------------------------------------------------


@blueprint.post("/keys")
@documented(
    "Access",
    {201: schemas.NewKey},
    refusals=["not_found"],
    headers={201: {"Location": "The key's address, without the key."}},
    example={"kind": "klien", "klien_id": 1, "scopes": ["session", "read"], "label": "kasir"},
)
@validate_request(KeyFields)
async def post_key(data: KeyFields) -> tuple[Json, int, dict[str, str]]:
    """Make a key.

    Its `token` stands in this answer and nowhere else. A klien key needs `klien_id`; `scopes` are all unless given.
    """
    allow_operators()
    kind = Kind(data.kind)
    if (kind is Kind.KLIEN) != (data.klien_id is not None):
        raise InvalidInput(fields={"klien_id": "A klien key needs it, an admin key has none."})
    if kind is Kind.ADMIN and data.scopes is not None:
        raise InvalidInput(fields={"scopes": "An admin key may do everything."})
    made = await desk().access.make_key(
        kind,
        data.klien_id,
        frozenset(Scope if data.scopes is None else map(Scope, data.scopes)),
        data.label,
        parse_moment("expires_at", data.expires_at),
        caller=caller(),
    )
    return {**made.row.as_dict(), "token": made.token}, 201, {"Location": f"/api/v1/keys/{made.row.id}"}


@blueprint.get("/keys")
@documented("Access", {200: schemas.KeyPage}, query=schemas.KeyPageQuery)
async def get_keys() -> Json:
    """List keys.

    By id, revoked and expired ones too; of one klien with `klien_id`. `next` is the `cursor` of the following page.
    """
    check_query("klien_id", "cursor", "limit")
    allow_operators()
    klien_id = query_count("klien_id", 0) or None
    cursor, limit = query_count("cursor", 0), query_count("limit", PAGE, LARGEST_PAGE, least=1)
    found = await desk().access.keys(klien_id, cursor, limit + 1)
    shown = found[:limit]
    return {"keys": [row.as_dict() for row in shown], "next": shown[-1].id if len(found) > limit else None}


@blueprint.delete("/keys/<key_id>")
@documented("Access", {200: schemas.Key}, refusals=["not_found"])
async def delete_key(key_id: str) -> Json:
    """Revoke a key, or a klien's link by its id in the audit log.

    From now on it opens nothing; its sockets are closed within 2 s. Not found the second time.
    """
    allow_operators()
    return (await desk().access.revoke_key(parse_path_id(key_id), caller=caller())).as_dict()


# --- links ------------------------------------------------------------------------------------------------------------


@blueprint.post("/kliens/<klien_id>/link-tokens")
@documented("Access", {201: schemas.LinkToken}, scopes=(Scope.SESSION,), example={"minutes": 15})
@validate_request(LinkTokenFields)
async def post_link_token(klien_id: str, data: LinkTokenFields) -> tuple[Json, int]:
    """Make a link for a klien's person.

    Whoever opens `url` sees that klien's state and QR, and may start, refresh and disconnect, until `expires_at`.
    """
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    link = await desk().access.make_link_token(allowed, data.minutes, caller=caller())
    return as_link_token(link, site().base_url), 201


# --- who did what -----------------------------------------------------------------------------------------------------


@blueprint.get("/audit")
@documented("Access", {200: schemas.AuditPage}, query=schemas.AuditQuery)
async def get_audit() -> Json:
    """Show who did what.

    Logins, keys, links, starts, disconnects, deletes; the newest first. `next` is the `before` of the page after this
    one.
    """
    check_query("before", "limit")
    allow_operators()
    before, limit = query_count("before", 0) or None, query_count("limit", PAGE, LARGEST_PAGE, least=1)
    found = await desk().audit.page(before, limit + 1)
    shown = found[:limit]
    return {"entries": [entry.as_dict() for entry in shown], "next": shown[-1].id if len(found) > limit else None}
