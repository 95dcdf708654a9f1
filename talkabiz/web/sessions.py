"""/api/v1/kliens/{id}/session: link, look, stop; and what happened so far."""

from __future__ import annotations

from quart import Blueprint, Response, abort, jsonify, request
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.errors import NoQr
from talkabiz.domain.ids import parse_path_id, parse_session_id
from talkabiz.web.auth import allow, desk, remember_principal
from talkabiz.web.reading import Body, StartOptions, check_query, query_count
from talkabiz.web.shapes import Json, started_status, with_image

PAGE = 100
LARGEST_PAGE = 500

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1/kliens/<klien_id>")
blueprint.before_request(remember_principal)


@blueprint.post("/session")
@validate_request(StartOptions)
async def post_session(klien_id: str, data: StartOptions) -> tuple[Json, int]:
    """Link, or bring a stored device back."""
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    session_id = parse_session_id(data.session_id) if data.session_id is not None else None
    sessions = desk().sessions
    if data.wait:
        snapshot = await sessions.start_and_wait(allowed, session_id, data.wait)
    else:
        snapshot = await sessions.start(allowed, session_id)
    return await with_image(snapshot), started_status(snapshot)


@blueprint.get("/session")
async def get_session(klien_id: str) -> Json:
    check_query()
    allowed = allow(parse_path_id(klien_id), Scope.READ, Scope.SESSION)
    return await with_image(await desk().sessions.live(allowed))


@blueprint.get("/session/qr")
async def get_qr(klien_id: str) -> Response:
    """The code on show, in the form that Accept asks for; a PNG if it doesn't care."""
    check_query()
    allowed = allow(parse_path_id(klien_id), Scope.READ, Scope.SESSION)
    forms = ["image/png", "image/svg+xml", "text/plain", "application/json"]
    form = request.accept_mimetypes.best_match(forms) if request.accept_mimetypes else forms[0]
    if form is None:
        abort(406)
    snapshot = await with_image(await desk().sessions.live(allowed))
    png = await desk().sessions.qr_png(allowed) if form == forms[0] else None
    if not snapshot["qr"] or (form == forms[0] and png is None):
        raise NoQr
    bodies = {"image/png": png, "image/svg+xml": snapshot["qr"]["svg"], "text/plain": snapshot["qr"]["code"]}
    answer: Response = Response(bodies[form], mimetype=form) if form in bodies else jsonify(snapshot["qr"])
    answer.headers["Vary"] = "Accept"
    return answer


@blueprint.post("/session/stop")
@validate_request(Body)
async def stop_session(klien_id: str, data: Body) -> Json:
    """Run no longer; the device is kept."""
    del data
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    return await with_image(await desk().sessions.stop(allowed))


@blueprint.post("/session/restart")
@validate_request(Body)
async def restart_session(klien_id: str, data: Body) -> tuple[Json, int]:
    del data
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    snapshot = await desk().sessions.restart(allowed)
    return await with_image(snapshot), started_status(snapshot)


@blueprint.delete("/session")
async def delete_session(klien_id: str) -> Json:
    """Log out on WhatsApp, delete the device."""
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    return await with_image(await desk().sessions.disconnect(allowed))


@blueprint.get("/events")
async def get_events(klien_id: str) -> Json:
    """The journal after `since`, oldest first."""
    check_query("since", "limit")
    allowed = allow(parse_path_id(klien_id), Scope.READ, Scope.SESSION)
    await desk().kliens.get(allowed)
    since, limit = query_count("since", 0), query_count("limit", PAGE, LARGEST_PAGE, least=1)
    events, gap = await desk().journal.since(allowed, since, limit)
    return {"events": [event.as_dict() for event in events], "gap": gap}
