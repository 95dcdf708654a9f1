"""The paths of the older design, kept word for word."""

from __future__ import annotations

from quart import Blueprint
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.errors import InvalidInput, Sentence
from talkabiz.domain.ids import parse_path_id, parse_session_id
from talkabiz.web.auth import allow, desk, remember_principal
from talkabiz.web.reading import KlienChoice, SessionStart, check_query, chosen_klien
from talkabiz.web.shapes import Json, as_connect, as_session_start, as_status, started_status, with_image

blueprint = Blueprint("older", __name__)
blueprint.before_request(remember_principal)


@blueprint.post("/whatsapp/connect")
@blueprint.post("/wa/connect")
@validate_request(KlienChoice)
async def connect(data: KlienChoice) -> tuple[Json, int]:
    klien_id = allow(chosen_klien(data.klien_id), Scope.SESSION)
    snapshot = await with_image(await desk().sessions.start_and_wait(klien_id))
    return as_connect(snapshot), started_status(snapshot)


@blueprint.get("/whatsapp/status")
@blueprint.get("/wa/status")
async def get_status() -> Json:
    """From the database."""
    klien_id = allow(chosen_klien(), Scope.READ, Scope.SESSION)
    return as_status(await desk().sessions.stored(klien_id))


@blueprint.get("/whatsapp/session-status")
@blueprint.get("/wa/session-status")
async def get_session_status() -> Json:
    """From the running gateway."""
    klien_id = allow(chosen_klien(), Scope.READ, Scope.SESSION)
    return as_status(await with_image(await desk().sessions.live(klien_id)))


@blueprint.post("/whatsapp/disconnect")
@blueprint.post("/wa/disconnect")
@blueprint.post("/api/session/logout")
@validate_request(KlienChoice)
async def disconnect(data: KlienChoice) -> Json:
    klien_id = allow(chosen_klien(data.klien_id), Scope.SESSION)
    return await with_image(await desk().sessions.disconnect(klien_id))


@blueprint.post("/api/session/start")
@validate_request(SessionStart)
async def start(data: SessionStart) -> tuple[Json, int]:
    klien_id = allow(chosen_klien(data.klien_id), Scope.SESSION)
    session_id = parse_session_id(data.session_id) if data.session_id is not None else None
    if data.webhook_url is not None:
        told = Sentence("webhook_url belum didukung di sini.", "webhook_url is not supported here yet.")
        raise InvalidInput(told, fields={"webhook_url": told.en})
    snapshot = await with_image(await desk().sessions.start_and_wait(klien_id, session_id))
    return as_session_start(snapshot), started_status(snapshot)


@blueprint.get("/api/session/status/<klien_id>")
async def get_session(klien_id: str) -> Json:
    check_query()
    allowed = allow(parse_path_id(klien_id), Scope.READ, Scope.SESSION)
    return await with_image(await desk().sessions.live(allowed))


@blueprint.post("/api/session/stop")
@validate_request(KlienChoice)
async def stop(data: KlienChoice) -> Json:
    klien_id = allow(chosen_klien(data.klien_id), Scope.SESSION)
    return await with_image(await desk().sessions.stop(klien_id))
