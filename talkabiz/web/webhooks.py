"""/api/v1/kliens/{id}/webhooks: who is told what happens, what came of that, and telling it again."""

from __future__ import annotations

from quart import Blueprint, request
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.ids import parse_path_id
from talkabiz.domain.media_errors import UrlRefused
from talkabiz.domain.webhook_errors import TooManyWebhooks
from talkabiz.domain.webhooks import Delivery, DeliveryStatus
from talkabiz.web import webhook_bodies as bodies, webhook_schemas as schemas
from talkabiz.web.auth import allow, allow_operators, caller, desk, remember_principal
from talkabiz.web.documented import documented
from talkabiz.web.reading import Body, check_query, query_count
from talkabiz.web.shapes import Json

ROOM = "Webhooks"
PAGE = 100
LARGEST_PAGE = 500
MAY = (Scope.WEBHOOK,)

blueprint = Blueprint("webhooks", __name__, url_prefix="/api/v1/kliens/<klien_id>")
blueprint.before_request(remember_principal)


@blueprint.post("/webhooks")
@documented(
    ROOM,
    {201: schemas.WebhookWithSecret},
    refusals={UrlRefused.code, TooManyWebhooks.code},
    scopes=MAY,
    headers={201: {"Location": "The webhook's address."}},
    example={"url": "https://example.com/talkabiz", "events": ["message.received"], "label": "kasir"},
)
@validate_request(bodies.NewWebhook)
async def post_webhook(klien_id: str, data: bodies.NewWebhook) -> tuple[Json, int, dict[str, str]]:
    """Add a webhook.

    It is told what happens from now on. Its `secret` stands in this answer and nowhere else.
    """
    check_query()
    allowed = _allow(klien_id)
    events = list(data.events) if data.events else None
    made = await desk().webhooks.add(allowed, data.url, events=events, label=data.label, caller=caller())
    shown = made.as_dict()
    return shown, 201, {"Location": f"/api/v1/kliens/{allowed}/webhooks/{shown['id']}"}


@blueprint.get("/webhooks")
@documented(ROOM, {200: schemas.WebhookPage}, scopes=MAY)
async def get_webhooks(klien_id: str) -> Json:
    """List webhooks."""
    check_query()
    found = await desk().webhooks.list(_allow(klien_id))
    return {"webhooks": [each.as_dict() for each in found], "next": None}


@blueprint.get("/webhooks/<webhook_id>")
@documented(ROOM, {200: schemas.Webhook}, scopes=MAY)
async def get_webhook(klien_id: str, webhook_id: str) -> Json:
    """Show a webhook."""
    check_query()
    return (await desk().webhooks.get(_allow(klien_id), parse_path_id(webhook_id))).as_dict()


@blueprint.patch("/webhooks/<webhook_id>")
@documented(ROOM, {200: schemas.Webhook}, refusals={UrlRefused.code}, scopes=MAY, example={"enabled": True})
@validate_request(bodies.WebhookFields)
async def patch_webhook(klien_id: str, webhook_id: str, data: bodies.WebhookFields) -> Json:
    """Change a webhook.

    While it is disabled it is told nothing, and nothing is kept for it; what it missed can be replayed afterwards.
    """
    check_query()
    allowed, number = _allow(klien_id), parse_path_id(webhook_id)
    changes = data.model_dump(exclude_unset=True)
    return (await desk().webhooks.change(allowed, number, changes, caller=caller())).as_dict()


@blueprint.delete("/webhooks/<webhook_id>")
@documented(ROOM, forms={204: ()}, scopes=MAY)
async def delete_webhook(klien_id: str, webhook_id: str) -> tuple[str, int]:
    """Delete a webhook.

    With all its deliveries.
    """
    check_query()
    await desk().webhooks.remove(_allow(klien_id), parse_path_id(webhook_id), caller=caller())
    return "", 204


@blueprint.post("/webhooks/<webhook_id>/rotate-secret")
@documented(ROOM, {200: schemas.WebhookWithSecret}, refusals={"illegal_state"}, scopes=MAY)
@validate_request(Body)
async def rotate_secret(klien_id: str, webhook_id: str, data: Body) -> Json:
    """Give a webhook another secret.

    For 24 hours all is signed with both, the one before and this one. It is shown in this answer and never again.
    """
    del data
    check_query()
    return (await desk().webhooks.rotate_secret(_allow(klien_id), parse_path_id(webhook_id), caller=caller())).as_dict()


@blueprint.post("/webhooks/<webhook_id>/test")
@documented(
    ROOM,
    {202: schemas.Delivery},
    refusals={"illegal_state"},
    scopes=MAY,
    headers={202: {"Location": "The delivery's address."}},
)
@validate_request(Body)
async def ping(klien_id: str, webhook_id: str, data: Body) -> tuple[Json, int, dict[str, str]]:
    """Send a `ping`.

    It goes as everything goes: look at the delivery to see what came of it.
    """
    del data
    check_query()
    allowed = _allow(klien_id)
    return _on_its_way(allowed, await desk().webhooks.test(allowed, parse_path_id(webhook_id), caller=caller()))


# --- deliveries -------------------------------------------------------------------------------------------------------


@blueprint.get("/webhooks/<webhook_id>/deliveries")
@documented(ROOM, {200: schemas.DeliveryPage}, query=schemas.DeliveryQuery, scopes=MAY)
async def get_deliveries(klien_id: str, webhook_id: str) -> Json:
    """List what a webhook was sent, or is to be.

    The newest first; `next` is the `cursor` of the page after this one.
    """
    check_query("status", "cursor", "limit")
    allowed, number = _allow(klien_id), parse_path_id(webhook_id)
    limit = query_count("limit", PAGE, LARGEST_PAGE, least=1)
    found = await desk().webhooks.deliveries(
        allowed,
        number,
        status=_one_of("status", *(each.value for each in DeliveryStatus)),
        before=query_count("cursor", 0) or None,
        limit=limit + 1,
    )
    shown = found[:limit]
    return {
        "deliveries": [each.as_dict() for each in shown],
        "next": shown[-1].id if len(found) > limit else None,
    }


@blueprint.get("/deliveries/<delivery_id>")
@documented(ROOM, {200: schemas.DeliveryWithAttempts}, scopes=MAY)
async def get_delivery(klien_id: str, delivery_id: str) -> Json:
    """Show a delivery, and each try."""
    check_query()
    return (await desk().webhooks.delivery(_allow(klien_id), parse_path_id(delivery_id))).as_dict()


@blueprint.post("/deliveries/<delivery_id>/replay")
@documented(
    ROOM,
    {202: schemas.Delivery},
    refusals={"illegal_state"},
    scopes=MAY,
    headers={202: {"Location": "The delivery's address."}},
)
@validate_request(Body)
async def replay_delivery(klien_id: str, delivery_id: str, data: Body) -> tuple[Json, int, dict[str, str]]:
    """Deliver again.

    The same bytes with the same `webhook-id`, and `talkabiz-replay: true`.
    """
    del data
    check_query()
    allowed = _allow(klien_id)
    return _on_its_way(allowed, await desk().webhooks.replay(allowed, parse_path_id(delivery_id), caller=caller()))


@blueprint.post("/webhooks/<webhook_id>/replay")
@documented(
    ROOM, {202: schemas.Queued}, refusals={"illegal_state", "invalid_input"}, query=schemas.ReplayQuery, scopes=MAY
)
@validate_request(Body)
async def replay_many(klien_id: str, webhook_id: str, data: Body) -> tuple[Json, int]:
    """Deliver many again.

    All after a `seq`, also what the webhook was never told, as far as it is still kept; or with `status=dead` what was
    given up, after a `seq` or at all.
    """
    del data
    check_query("since", "status")
    allowed, number = _allow(klien_id), parse_path_id(webhook_id)
    only_dead = _one_of("status", DeliveryStatus.DEAD.value) is not None
    if not only_dead and "since" not in request.args:
        raise InvalidInput(fields={"since": "Needed, unless status is dead."})
    since = query_count("since", 0)
    queued = await desk().webhooks.replay_all(allowed, number, since=since, only_dead=only_dead, caller=caller())
    return {"queued": queued}, 202


# --- what gateways outside sign with ----------------------------------------------------------------------------------


@blueprint.get("/incoming-secret")
@documented(ROOM, {200: schemas.IncomingSecretState})
async def get_incoming_secret(klien_id: str) -> Json:
    """Show whether a klien has an incoming secret."""
    check_query()
    return {"is_set": await desk().webhooks.has_incoming_secret(_allow_gatekeeper(klien_id))}


@blueprint.post("/incoming-secret")
@documented(ROOM, {201: schemas.IncomingSecret})
@validate_request(Body)
async def post_incoming_secret(klien_id: str, data: Body) -> tuple[Json, int]:
    """Make a klien's incoming secret.

    A gateway outside signs its reports to /api/whatsapp/webhook with it, and the older kind of webhook is signed with
    it. It is shown in this answer and never again; the one before is void at once. Whoever has it may say which number
    the klien has linked.
    """
    del data
    check_query()
    return {"secret": await desk().webhooks.make_incoming_secret(_allow_gatekeeper(klien_id), caller=caller())}, 201


def _allow(klien_id: str) -> int:
    return allow(parse_path_id(klien_id), *MAY)


def _allow_gatekeeper(klien_id: str) -> int:
    """Admins and operators alone, for the reason that `web.older` gives. Raises as `allow`."""
    allowed = allow(parse_path_id(klien_id), *Scope)
    allow_operators()
    return allowed


def _on_its_way(klien_id: int, delivery: Delivery) -> tuple[Json, int, dict[str, str]]:
    return delivery.as_dict(), 202, {"Location": f"/api/v1/kliens/{klien_id}/deliveries/{delivery.id}"}


def _one_of(name: str, *words: str) -> str | None:
    value = request.args.get(name)
    if value is not None and value not in words:
        raise InvalidInput(
            fields={name: f"One of {', '.join(words)}." if len(words) > 1 else f"{words[0]}, or nothing."}
        )
    return value
