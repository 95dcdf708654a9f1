"""/api/v1/kliens/{id}/session: link, look, stop; and what happened so far."""

from __future__ import annotations

from quart import Blueprint, Response, abort, jsonify, request
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.errors import NoQr
from talkabiz.domain.ids import parse_path_id, parse_session_id
from talkabiz.domain.states import Status
from talkabiz.web import event_schemas, schemas
from talkabiz.web.auth import allow, caller, desk, principal, remember_principal
from talkabiz.web.documented import documented
from talkabiz.web.reading import Body, PairingCodeWish, StartOptions, check_query, query_count
from talkabiz.web.shapes import Json, as_pairing_code, started_status, with_image

PAGE = 100
LARGEST_PAGE = 500
LOOKS = (Scope.READ, Scope.SESSION)
MOVES = (Scope.SESSION,)

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1/kliens/<klien_id>")
blueprint.before_request(remember_principal)


@blueprint.post("/session")
@documented(
    "Sessions",
    {200: schemas.Snapshot, 202: schemas.Snapshot},
    refusals={"too_many_starts", "unreachable", "qr_request_timeout"},
    scopes=MOVES,
    example={"wait": 10},
)
@validate_request(StartOptions)
async def post_session(klien_id: str, data: StartOptions) -> tuple[Json, int]:
    """Link, or bring a stored device back.

    With `wait`, the answer comes once the first QR is there, or whatever else comes of it. 202 while that is still to
    come.
    """
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    session_id = parse_session_id(data.session_id) if data.session_id is not None else None
    sessions = desk().sessions
    if data.wait:
        snapshot = await sessions.start_and_wait(allowed, session_id, data.wait, caller=caller())
    else:
        snapshot = await sessions.start(allowed, session_id, caller=caller())
    return await with_image(snapshot), started_status(snapshot)


@blueprint.get("/session")
@documented("Sessions", {200: schemas.Snapshot}, scopes=LOOKS)
async def get_session(klien_id: str) -> Json:
    """Show the session."""
    check_query()
    allowed = allow(parse_path_id(klien_id), Scope.READ, Scope.SESSION)
    return await with_image(await desk().sessions.live(allowed))


@blueprint.get("/session/qr")
@documented(
    "Sessions",
    {200: schemas.Qr},
    refusals={"no_qr", "not_acceptable"},
    scopes=LOOKS,
    forms={200: ("image/png", "image/svg+xml", "text/plain")},
    headers={200: {"Vary": "Accept"}},
)
async def get_qr(klien_id: str) -> Response:
    """Show the QR.

    The code on show, in the form that Accept asks for; a PNG if it doesn't care.
    """
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


@blueprint.post("/session/pairing-code")
@documented(
    "Sessions",
    {200: schemas.PairingCode, 202: schemas.Snapshot},
    refusals={
        *("illegal_state", "rate_limited", "pairing_code_timeout", "pairing_code_refused"),
        *("too_many_starts", "unreachable", "qr_request_timeout"),
    },
    scopes=MOVES,
    example={"phone": "081234567890"},
)
@validate_request(PairingCodeWish)
async def post_pairing_code(klien_id: str, data: PairingCodeWish) -> tuple[Json, int]:
    """Link by a code that is typed into the phone.

    Starts linking if nothing runs, and waits for the code as for a QR, which can be scanned all the same. Asked again
    for the same number, it is the same code. 202 if its turn to start hasn't come; the code is then in the snapshot as
    soon as there is one.
    """
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    snapshot = await desk().sessions.pairing_code(allowed, data.phone, caller=caller())
    if snapshot["status"] == Status.QR_REQUESTED:
        return await with_image(snapshot), 202
    return as_pairing_code(snapshot), 200


@blueprint.post("/session/stop")
@documented("Sessions", {200: schemas.Snapshot}, scopes=MOVES)
@validate_request(Body)
async def stop_session(klien_id: str, data: Body) -> Json:
    """Stop, and keep the device.

    The phone stays linked; starting again needs no scan.
    """
    del data
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    return await with_image(await desk().sessions.stop(allowed, caller=caller()))


@blueprint.post("/session/restart")
@documented("Sessions", {200: schemas.Snapshot, 202: schemas.Snapshot}, refusals={"too_many_starts"}, scopes=MOVES)
@validate_request(Body)
async def restart_session(klien_id: str, data: Body) -> tuple[Json, int]:
    """Stop and start again."""
    del data
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    snapshot = await desk().sessions.restart(allowed, caller=caller())
    return await with_image(snapshot), started_status(snapshot)


@blueprint.delete("/session")
@documented("Sessions", {200: schemas.LastSnapshot}, scopes=MOVES)
async def delete_session(klien_id: str) -> Json:
    """Log out.

    On WhatsApp too, and deletes the device.
    """
    allowed = allow(parse_path_id(klien_id), Scope.SESSION)
    return await with_image(await desk().sessions.disconnect(allowed, caller=caller()))


@blueprint.get("/events")
@documented("Events", {200: event_schemas.EventPage}, query=schemas.EventQuery, scopes=LOOKS)
async def get_events(klien_id: str) -> Json:
    """Read the journal.

    What happened after `since`, oldest first. A QR or a code is never in it; messages are for keys with the scope
    `read` or `message`.
    """
    check_query("since", "limit")
    allowed = allow(parse_path_id(klien_id), Scope.READ, Scope.SESSION)
    await desk().kliens.get(allowed)
    since, limit = query_count("since", 0), query_count("limit", PAGE, LARGEST_PAGE, least=1)
    events, gap = await desk().journal.since(allowed, since, limit, with_chats=principal().may_read_chats)
    return {"events": [event.as_dict() for event in events], "gap": gap}
