"""/api/v1/kliens/{id}/chats and /contacts: who was written with, who is there, and who is on WhatsApp at all."""

from __future__ import annotations

from quart import Blueprint, request
from quart_schema import validate_request

from talkabiz.domain.access import Scope
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.ids import parse_path_id
from talkabiz.web import chat_bodies, message_schemas as schemas
from talkabiz.web.auth import allow, desk, remember_principal
from talkabiz.web.documented import documented
from talkabiz.web.messages import LARGEST_PAGE, PAGE, READS, SENDS
from talkabiz.web.reading import Body, check_query, query_count
from talkabiz.web.shapes import Json

blueprint = Blueprint("chats", __name__, url_prefix="/api/v1/kliens/<klien_id>")
blueprint.before_request(remember_principal)


@blueprint.get("/chats")
@documented("Messages", {200: schemas.ChatPage}, query=schemas.ChatQuery, scopes=READS)
async def get_chats(klien_id: str) -> Json:
    """List chats.

    Those in which something was said, the newest first, each with its last message and how many are unread.
    """
    check_query("cursor", "limit")
    allowed = allow(parse_path_id(klien_id), *READS)
    await desk().kliens.get(allowed)
    limit = query_count("limit", PAGE, LARGEST_PAGE, least=1)
    shown, following = await desk().chats.page(allowed, request.args.get("cursor"), limit)
    return {"chats": [chat.as_dict() for chat in shown], "next": following}


@blueprint.post("/chats/<chat>/typing")
@documented(
    "Messages", refusals={"illegal_state", "unreachable"}, scopes=SENDS, forms={204: ()}, example={"state": "composing"}
)
@validate_request(chat_bodies.Typing)
async def post_typing(klien_id: str, chat: str, data: chat_bodies.Typing) -> tuple[str, int]:
    """Show that somebody is typing.

    Or recording, or not any more. The phone there shows it for a while.
    """
    allowed = allow(parse_path_id(klien_id), Scope.MESSAGE)
    await desk().messages.show_typing(allowed, chat, data.state)
    return "", 204


@blueprint.post("/chats/<chat>/presence")
@documented("Messages", refusals={"illegal_state", "unreachable"}, scopes=SENDS, forms={204: ()})
@validate_request(Body)
async def post_presence(klien_id: str, chat: str, data: Body) -> tuple[str, int]:
    """Ask whether a person is there.

    What comes of it is pushed as `presence`, for five minutes, in which the klien itself is shown as online: WhatsApp
    tells nobody else. Ask again to go on. Some tell nobody.
    """
    del data
    allowed = allow(parse_path_id(klien_id), Scope.MESSAGE)
    await desk().messages.watch_presence(allowed, chat)
    return "", 204


@blueprint.get("/contacts/check")
@documented(
    "Messages",
    {200: schemas.Contact},
    query=schemas.ContactQuery,
    refusals={"illegal_state", "unreachable"},
    scopes=READS,
)
async def check_contact(klien_id: str) -> Json:
    """Look whether a number is on WhatsApp.

    The answer is remembered for a day. 60 new numbers an hour at most: WhatsApp bans those who ask for many.
    """
    check_query("phone")
    allowed = allow(parse_path_id(klien_id), *READS)
    await desk().kliens.get(allowed)
    phone = request.args.get("phone")
    if phone is None:
        raise InvalidInput(fields={"phone": "Needed."})
    return (await desk().contacts.check(allowed, phone)).as_dict()
