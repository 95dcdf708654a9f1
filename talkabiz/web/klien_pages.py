"""The operator's pages: all kliens, and one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from quart import Blueprint, Response, request

from talkabiz.domain.access import Kind, Principal
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.ids import mask_phone, parse_path_id
from talkabiz.domain.klien import Klien
from talkabiz.services.access import LINK_MINUTES
from talkabiz.web import auth
from talkabiz.web.auth import desk, site
from talkabiz.web.pages import go, identify_operator, language, show_page
from talkabiz.web.shapes import as_link_token

PAGE = 50

blueprint = Blueprint("klien_pages", __name__)


# --- all --------------------------------------------------------------------------------------------------------------


@blueprint.get("/")
async def show_kliens() -> Response:
    return await _kliens_page(await identify_operator())


@blueprint.get("/kliens")
async def show_all() -> Response:
    """Whoever reloads after a name that couldn't be one."""
    await identify_operator()
    return go("/")


@blueprint.post("/kliens")
async def add_klien() -> Response:
    principal = await identify_operator()
    nama = (await request.form).get("nama", "")
    try:
        klien = await desk().kliens.add(nama, caller=auth.caller())
    except InvalidInput as error:
        wrong = error.message.as_dict()[language()]
        return await _kliens_page(principal, status=HTTPStatus.UNPROCESSABLE_ENTITY, wrong=wrong, nama=nama)
    return go(f"/kliens/{klien.id}")


async def _kliens_page(principal: Principal, **values: Any) -> Response:
    """A page of kliens beside what each session says; both go by id."""
    after = parse_path_id(text) if (text := request.args.get("after")) else 0
    kliens, following = await desk().kliens.page(after, PAGE)
    snapshots = {each["klien_id"]: each for each in await desk().sessions.page(after, PAGE)}
    rows = [(klien, snapshots[klien.id]) for klien in kliens if klien.id in snapshots]
    lacks_password = principal.kind is Kind.OPERATOR and not await desk().operators.has_password(principal)
    values |= {"rows": rows, "after": after, "following": following, "phone": _phone, "lacks_password": lacks_password}
    return await show_page("kliens.html", here=f"/?after={after}" if after else "/", **values)


def _phone(klien: Klien) -> str:
    return f"+{mask_phone(klien.wa_nomor)}" if klien.wa_nomor else ""


# --- one --------------------------------------------------------------------------------------------------------------


@blueprint.get("/kliens/<klien_id>")
async def show_klien(klien_id: str) -> Response:
    await identify_operator()
    return await _klien_page(parse_path_id(klien_id))


@blueprint.get("/kliens/<klien_id>/link-tokens")
async def show_link_tokens(klien_id: str) -> Response:
    """Whoever reloads a link that is shown only once."""
    await identify_operator()
    return go(f"/kliens/{parse_path_id(klien_id)}")


@blueprint.post("/kliens/<klien_id>/link-tokens")
async def add_link_token(klien_id: str) -> Response:
    """The page with a new link for the klien's person, shown in this answer alone."""
    await identify_operator()
    wanted = parse_path_id(klien_id)
    made = await desk().access.make_link_token(wanted, LINK_MINUTES, caller=auth.caller())
    link = as_link_token(made, site().base_url)
    return await _klien_page(wanted, status=HTTPStatus.CREATED, link=link, minutes=LINK_MINUTES)


async def _klien_page(klien_id: int, **values: Any) -> Response:
    klien = await desk().kliens.get(klien_id)
    snapshot = await desk().sessions.live(klien.id)
    return await show_page("klien.html", here=f"/kliens/{klien.id}", klien=klien, snapshot=snapshot, **values)
