"""/api/v1/kliens/{id}/media: files of messages, taken in and handed out.

What others sent may be anything. It is handed out as a file to keep, never as something that a browser shows, and with
the right key only.
"""

from __future__ import annotations

from urllib.parse import quote

from quart import Blueprint, Response, send_file

from talkabiz.domain.access import Scope
from talkabiz.domain.content import Kind
from talkabiz.domain.ids import clean_name, parse_path_id
from talkabiz.domain.media_errors import MediaGone
from talkabiz.web import chat_bodies, message_schemas as schemas
from talkabiz.web.auth import allow, desk, remember_principal
from talkabiz.web.documented import documented
from talkabiz.web.message_reading import parse, read_form
from talkabiz.web.messages import MEDIA_REFUSALS, READS, SENDS
from talkabiz.web.reading import check_query
from talkabiz.web.shapes import Json
from talkabiz.web.uploads import UPLOAD_SECONDS

SANDBOXED = "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
LONGEST_FILENAME = 200

blueprint = Blueprint("media", __name__, url_prefix="/api/v1/kliens/<klien_id>/media")
blueprint.before_request(remember_principal)


@blueprint.post("")
@documented(
    "Messages",
    {201: schemas.File},
    form=chat_bodies.UploadFields,
    refusals={*MEDIA_REFUSALS - {"media_gone"}, "not_found"},
    scopes=SENDS,
    headers={201: {"Location": "The file's address."}},
)
async def post_media(klien_id: str) -> tuple[Json, int, dict[str, str]]:
    """Upload a file.

    For messages that name it by `media_id`, as many as you like. It is kept for 30 days, or as
    long as the operator set.
    """
    check_query()
    allowed = allow(parse_path_id(klien_id), Scope.MESSAGE)
    await desk().kliens.get(allowed)
    fields, upload = await read_form()
    kind = parse(chat_bodies.UploadFields, fields).type
    stored = await desk().media.add(
        allowed,
        upload.stream,
        kind=Kind(kind) if kind else None,
        declared=upload.mimetype,
        filename=upload.filename,
    )
    return stored.as_dict(allowed), 201, {"Location": f"/api/v1/kliens/{allowed}/media/{stored.id}"}


@blueprint.get("/<media_id>")
@documented(
    "Messages",
    refusals={"media_gone"},
    scopes=READS,
    forms={200: ("*/*",)},
    headers={200: {"Content-Disposition": "attachment, with the file's name."}},
)
async def get_media(klien_id: str, media_id: str) -> Response:
    """Fetch a file.

    As it came. 404 `media_gone` while it is being fetched from WhatsApp, and when its time has run out.
    """
    check_query()
    allowed, number = allow(parse_path_id(klien_id), *READS), parse_path_id(media_id)
    opened = await desk().media.open(allowed, number)
    try:
        answer = await send_file(opened.path, mimetype=opened.mimetype, add_etags=False)
    except FileNotFoundError:
        raise MediaGone from None
    del answer.headers["Last-Modified"]
    answer.headers["Content-Disposition"] = _attachment(_filename(opened.filename) or f"media-{number}")
    answer.headers["Content-Security-Policy"] = SANDBOXED
    answer.timeout = UPLOAD_SECONDS  # it may be large, and the way slow
    return answer


def _attachment(filename: str) -> str:
    """As RFC 6266 says it: in letters that every program reads, and as it is for those that can."""
    plain = "".join(letter if letter.isascii() else "_" for letter in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _filename(told: str | None) -> str:
    """What a file may be called on the disk of whoever keeps it."""
    kept = "".join("_" if letter in '/\\:*?"<>|' else letter for letter in told or "")
    return clean_name(kept, LONGEST_FILENAME).lstrip(".")
