"""The paths of the older design, kept word for word."""

from __future__ import annotations

from quart import Blueprint, request
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.content import Kind
from talkabiz.domain.errors import InvalidInput, Sentence
from talkabiz.domain.ids import parse_path_id, parse_session_id
from talkabiz.domain.inputs import Me
from talkabiz.domain.wishes import Wish
from talkabiz.web import message_schemas, older_schemas as answers, schemas
from talkabiz.web.auth import allow, caller, desk, remember_principal
from talkabiz.web.documented import documented
from talkabiz.web.gateway import allow_gateway, remember_sender
from talkabiz.web.message_bodies import MessageSend
from talkabiz.web.message_reading import Request, fingerprint_of, read_key
from talkabiz.web.messages import SENDS, answer_accepted, send
from talkabiz.web.reading import ConnectionUpdate, KlienChoice, SessionStart, check_query, chosen_klien
from talkabiz.web.shapes import Json, as_connect, as_session_start, as_status, started_status, with_image

ROOM = "Older paths"
LOOKS = (Scope.READ, Scope.SESSION)
MOVES = (Scope.SESSION,)
REPORTS = "/api/whatsapp/webhook"
START_REFUSALS = {"not_found", "too_many_starts", "unreachable", "qr_request_timeout"}

blueprint = Blueprint("older", __name__)


@blueprint.before_request
async def remember_who() -> None:
    """Reports of gateways outside may be signed instead of carrying a key."""
    await (remember_sender() if request.path == REPORTS else remember_principal())


@blueprint.post("/whatsapp/connect")
@blueprint.post("/wa/connect")
@documented(
    ROOM,
    {200: answers.Connecting, 202: answers.Connecting},
    refusals=START_REFUSALS,
    query=schemas.KlienQuery,
    scopes=MOVES,
    example={"klien_id": 1},
)
@validate_request(KlienChoice)
async def connect(data: KlienChoice) -> tuple[Json, int]:
    """Link, and wait for the first QR.

    At most 10 seconds. 202 if its turn to start hasn't come by then.
    """
    klien_id = allow(chosen_klien(data.klien_id), Scope.SESSION)
    snapshot = await with_image(await desk().sessions.start_and_wait(klien_id, caller=caller()))
    return as_connect(snapshot), started_status(snapshot)


@blueprint.get("/whatsapp/status")
@blueprint.get("/wa/status")
@documented(ROOM, {200: answers.StoredStatus}, refusals={"not_found"}, query=schemas.KlienQuery, scopes=LOOKS)
async def get_status() -> Json:
    """Show the session from the database."""
    klien_id = allow(chosen_klien(), Scope.READ, Scope.SESSION)
    return as_status(await desk().sessions.stored(klien_id))


@blueprint.get("/whatsapp/session-status")
@blueprint.get("/wa/session-status")
@documented(ROOM, {200: answers.LiveStatus}, refusals={"not_found"}, query=schemas.KlienQuery, scopes=LOOKS)
async def get_session_status() -> Json:
    """Show the session from the running gateway."""
    klien_id = allow(chosen_klien(), Scope.READ, Scope.SESSION)
    return as_status(await with_image(await desk().sessions.live(klien_id)))


@blueprint.post("/whatsapp/disconnect")
@blueprint.post("/wa/disconnect")
@blueprint.post("/api/session/logout")
@documented(
    ROOM,
    {200: schemas.LastSnapshot},
    refusals={"not_found"},
    query=schemas.KlienQuery,
    scopes=MOVES,
    example={"klien_id": 1},
)
@validate_request(KlienChoice)
async def disconnect(data: KlienChoice) -> Json:
    """Log out, and delete the device."""
    klien_id = allow(chosen_klien(data.klien_id), Scope.SESSION)
    return await with_image(await desk().sessions.disconnect(klien_id, caller=caller()))


@blueprint.post("/api/session/start")
@documented(
    ROOM,
    {200: answers.SessionStarted, 202: answers.SessionStarted},
    refusals=START_REFUSALS | {"url_refused"},
    query=schemas.KlienQuery,
    scopes=MOVES,
    example={"klien_id": 1, "session_id": "shop-7"},
)
@validate_request(SessionStart)
async def start(data: SessionStart) -> tuple[Json, int]:
    """Link under a name of one's own, and wait for the first QR.

    `webhook_url` is told from then on when the klien is connected and when it no longer is, as `connection.update`; it
    takes the place of the one before, and needs the scope `webhook`, too.
    """
    klien_id = allow(chosen_klien(data.klien_id), Scope.SESSION)
    session_id = parse_session_id(data.session_id) if data.session_id is not None else None
    if data.webhook_url is not None:
        await _set_webhook(klien_id, data.webhook_url)
    snapshot = await with_image(await desk().sessions.start_and_wait(klien_id, session_id, caller=caller()))
    return as_session_start(snapshot), started_status(snapshot)


async def _set_webhook(klien_id: int, url: str) -> None:
    """Raises MissingScope, NotFound, and what is wrong with the address, under the name that it has here."""
    allow(klien_id, Scope.WEBHOOK)
    try:
        await desk().webhooks.set_older(klien_id, url, caller=caller())
    except InvalidInput as refused:
        raise type(refused)(refused.message, fields={"webhook_url": refused.fields.get("url", str(refused))}) from None


@blueprint.get("/api/session/status/<klien_id>")
@documented(ROOM, {200: schemas.Snapshot}, scopes=LOOKS)
async def get_session(klien_id: str) -> Json:
    """Show the session."""
    check_query()
    allowed = allow(parse_path_id(klien_id), Scope.READ, Scope.SESSION)
    return await with_image(await desk().sessions.live(allowed))


@blueprint.post("/api/session/stop")
@documented(
    ROOM,
    {200: schemas.Snapshot},
    refusals={"not_found"},
    query=schemas.KlienQuery,
    scopes=MOVES,
    example={"klien_id": 1},
)
@validate_request(KlienChoice)
async def stop(data: KlienChoice) -> Json:
    """Stop, and keep the device."""
    klien_id = allow(chosen_klien(data.klien_id), Scope.SESSION)
    return await with_image(await desk().sessions.stop(klien_id, caller=caller()))


@blueprint.post("/api/message/send")
@documented(
    ROOM,
    {202: message_schemas.Message},
    refusals={"not_found", "illegal_state"},
    query=schemas.KlienQuery,
    scopes=SENDS,
    takes_key=True,
    headers={202: {"Location": "The message's address."}},
    example={"klien_id": 1, "to": "6281234567890", "text": "Pesanan Anda sudah siap."},
)
@validate_request(MessageSend)
async def send_text(data: MessageSend) -> tuple[Json, int, dict[str, str]]:
    """Send a text.

    As POST …/messages, which knows other kinds, too.
    """
    klien_id = allow(chosen_klien(data.klien_id), Scope.MESSAGE)
    key = read_key()
    fingerprint = fingerprint_of(data.model_dump(exclude={"klien_id"})) if key else None
    return answer_accepted(await send(klien_id, Request(Wish(data.to, Kind.TEXT, data.text), None, key, fingerprint)))


@blueprint.post(REPORTS)
@documented(
    ROOM,
    {200: answers.Confirmation},
    refusals={"not_found", "illegal_state"},
    takes_signature=True,
    query=schemas.KlienQuery,
    example={
        "event": "connection.update",
        "klien_id": 1,
        "session_id": "shop-7",
        "status": "connected",
        "phone_number": "628123456789",
    },
)
@validate_request(ConnectionUpdate)
async def report(data: ConnectionUpdate) -> Json:
    """Report what a gateway outside has linked.

    The klien is `connected(external)` from then on, or `disconnected`, as if it had happened here; told twice, nothing
    changes. Refused while the klien has a device or an attempt of its own here, and where the number is another
    klien's. Needs no key where it is signed with the klien's incoming secret, as Standard Webhooks has it.
    """
    klien_id = allow_gateway(chosen_klien(data.klien_id))
    session_id = parse_session_id(data.session_id) if data.session_id is not None else None
    account = _linked_account(data)
    await desk().sessions.tell_outside(klien_id, account, session_id, caller=caller())
    return {"success": True, "message": "Connection confirmed" if account else "Disconnection confirmed"}


def _linked_account(data: ConnectionUpdate) -> Me | None:
    if data.status == "disconnected":
        return None
    if data.phone_number is None:
        told = Sentence("phone_number diperlukan bila terhubung.", "phone_number is needed when connected.")
        raise InvalidInput(told, fields={"phone_number": told.en})
    return Me(data.phone_number)
