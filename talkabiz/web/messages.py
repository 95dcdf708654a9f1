"""/api/v1/kliens/{id}/messages: send, look, cancel, mark as read; and how fast they go out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from quart import Blueprint, request
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.content import Kind
from talkabiz.domain.errors import InvalidInput, TalkabizError
from talkabiz.domain.ids import parse_path_id
from talkabiz.domain.message import Direction, Status
from talkabiz.domain.wishes import Wish
from talkabiz.services.messages import Accepted
from talkabiz.web import chat_bodies, message_bodies as bodies, message_schemas as schemas
from talkabiz.web.auth import allow, desk, remember_principal
from talkabiz.web.documented import documented
from talkabiz.web.json_bodies import in_its_place
from talkabiz.web.message_reading import NewFile, Request, Upload, read_message
from talkabiz.web.reading import Body, check_query, query_count
from talkabiz.web.shapes import Json

PAGE = 100
LARGEST_PAGE = 500
SENDS = (Scope.MESSAGE,)
READS = (Scope.READ, Scope.MESSAGE)
MEDIA_REFUSALS = frozenset({"media_refused", "media_too_large", "voice_needs_ffmpeg", "media_gone", "media_not_stored"})
FETCH_REFUSALS = frozenset({"url_refused", "url_bad_type", "url_too_large", "url_unreachable", "url_timeout"})

blueprint = Blueprint("messages", __name__, url_prefix="/api/v1/kliens/<klien_id>")
blueprint.before_request(remember_principal)


@blueprint.post("/messages")
@documented(
    "Messages",
    {202: schemas.Message},
    body=bodies.NewMessage,
    form=bodies.NewFile,
    refusals={"illegal_state", *MEDIA_REFUSALS, *FETCH_REFUSALS},
    scopes=SENDS,
    takes_key=True,
    headers={202: {"Location": "The message's address."}},
    example={"to": "081234567890", "text": "Pesanan Anda sudah siap."},
)
async def post_message(klien_id: str) -> tuple[Json, int, dict[str, str]]:
    """Send a message.

    Accepted is stored: it goes out in its turn, at the klien's pace, also after a restart. What becomes of it is pushed
    as `message_status`. With a file as JSON (`media`), or as a form with the file in `file`.
    """
    check_query()
    allowed = allow(parse_path_id(klien_id), Scope.MESSAGE)
    async with in_its_place(allowed) as place:
        wanted = await read_message()
        if not isinstance(wanted.file, bodies.MediaByBase64):
            await place.aclose()  # what is left of it is small
        return answer_accepted(await send(allowed, wanted))


async def send(klien_id: int, wanted: Request) -> Accepted:
    """Raises what `Messages.send` does. A request that was accepted before brings no file along a second time, and a
    file whose message isn't accepted isn't kept.
    """
    messages, wish, key, fingerprint = desk().messages, wanted.wish, wanted.key, wanted.fingerprint
    made: int | None = None
    if wanted.file and isinstance(wish, Wish):
        if key and fingerprint and (earlier := await messages.earlier(klien_id, key, fingerprint)):
            return earlier
        if isinstance(wanted.file, bodies.MediaById):
            wish = replace(wish, media_id=wanted.file.media_id)
        else:
            await messages.check(klien_id, wish)
            made = await _made(klien_id, wanted.file, wish.kind)
            wish = replace(wish, media_id=made)
    accepted: Accepted | None = None
    try:
        accepted = await messages.send(klien_id, wish, key=key, fingerprint=fingerprint)
        return accepted
    finally:
        if made and (accepted is None or accepted.is_replay):
            with suppress(TalkabizError):  # else its time runs out
                await desk().media.remove(klien_id, made)


def answer_accepted(accepted: Accepted) -> tuple[Json, int, dict[str, str]]:
    message = accepted.message
    headers = {"Location": f"/api/v1/kliens/{message.klien_id}/messages/{message.id}"}
    if accepted.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return accepted.as_dict(), 202, headers


async def _made(klien_id: int, file: NewFile, kind: Kind) -> int:
    store = desk().media
    match file:
        case bodies.MediaByUrl(url=url, filename=filename):
            return (await store.from_url(klien_id, url, kind=kind, filename=filename)).id
        case bodies.MediaByBase64(base64=text, mimetype=declared, filename=filename):
            return (await store.from_base64(klien_id, text, kind=kind, declared=declared, filename=filename)).id
        case Upload(stream=stream, mimetype=declared, filename=filename):
            return (await store.add(klien_id, stream, kind=kind, declared=declared, filename=filename)).id


@blueprint.get("/messages")
@documented("Messages", {200: schemas.MessagePage}, query=schemas.MessageQuery, scopes=READS)
async def get_messages(klien_id: str) -> Json:
    """List messages.

    Those with an `id` above `since`, oldest first: of one chat, or all. `next` is the `since` of the following page.
    """
    check_query("chat", "direction", "status", "since", "limit")
    allowed = allow(parse_path_id(klien_id), *READS)
    await desk().kliens.get(allowed)
    since, limit = query_count("since", 0), query_count("limit", PAGE, LARGEST_PAGE, least=1)
    found = await desk().messages.page(
        allowed,
        chat=request.args.get("chat"),
        direction=_one_of("direction", Direction),
        status=_one_of("status", Status),
        since=since,
        limit=limit + 1,
    )
    shown = found[:limit]
    return {
        "messages": [each.as_dict() for each in shown],
        "next": shown[-1].message.id if len(found) > limit else None,
    }


def _one_of(name: str, words: type[Direction | Status]) -> str | None:
    value = request.args.get(name)
    if value is not None and value not in {word.value for word in words}:
        raise InvalidInput(fields={name: f"One of {', '.join(word.value for word in words)}."})
    return value


@blueprint.get("/messages/<message_id>")
@documented("Messages", {200: schemas.Message}, scopes=READS)
async def get_message(klien_id: str, message_id: str) -> Json:
    """Show a message."""
    check_query()
    allowed = allow(parse_path_id(klien_id), *READS)
    return (await desk().messages.get(allowed, parse_path_id(message_id))).as_dict()


@blueprint.post("/messages/<message_id>/cancel")
@documented("Messages", {200: schemas.Message}, refusals={"illegal_state"}, scopes=SENDS)
@validate_request(Body)
async def cancel_message(klien_id: str, message_id: str, data: Body) -> Json:
    """Cancel a message.

    As long as it is queued; 409 once it is on its way.
    """
    del data
    allowed = allow(parse_path_id(klien_id), Scope.MESSAGE)
    return (await desk().messages.cancel(allowed, parse_path_id(message_id))).as_dict()


@blueprint.post("/messages/<message_id>/read")
@documented("Messages", {200: schemas.Message}, refusals={"illegal_state", "unreachable"}, scopes=SENDS)
@validate_request(Body)
async def read_one(klien_id: str, message_id: str, data: Body) -> Json:
    """Mark a message as read.

    And all that came before it in the same chat; its sender sees that.
    """
    del data
    allowed = allow(parse_path_id(klien_id), Scope.MESSAGE)
    return (await desk().messages.mark_read(allowed, parse_path_id(message_id))).as_dict()


# --- pace -------------------------------------------------------------------------------------------------------------


@blueprint.get("/pace")
@documented("Messages", {200: schemas.Pace}, scopes=READS)
async def get_pace(klien_id: str) -> Json:
    """Show how fast messages go out."""
    check_query()
    return await desk().messages.pace(allow(parse_path_id(klien_id), *READS))


@blueprint.put("/pace")
@documented("Messages", {200: schemas.Pace}, scopes=SENDS, example={"per_minute": 20, "zone": "WIB"})
@validate_request(chat_bodies.PaceFields)
async def put_pace(klien_id: str, data: chat_bodies.PaceFields) -> Json:
    """Set how fast messages go out.

    What isn't named stays as it is; null sets it back to what it is where nobody chose. WhatsApp bans numbers that
    write to many strangers fast. `"paused": false` lets a queue go on that was paused by itself.
    """
    allowed = allow(parse_path_id(klien_id), Scope.MESSAGE)
    return await desk().messages.set_pace(allowed, data.model_dump(exclude_unset=True, by_alias=True))
