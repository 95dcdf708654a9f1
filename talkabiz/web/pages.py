"""The pages for people. They show how things are when they load; from then on the socket alone moves them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from quart import Blueprint, Response, render_template, request

from talkabiz.domain.errors import InvalidInput, NotFound, TalkabizError, Unauthorized
from talkabiz.domain.ids import mask_phone, parse_path_id
from talkabiz.domain.klien import Klien
from talkabiz.services.operators import LOGIN_DAYS, cookie_name
from talkabiz.web import auth
from talkabiz.web.auth import desk, site
from talkabiz.web.headers import nonce, request_id
from talkabiz.web.words import GROUPS, LANGUAGES, WORDS

LANGUAGE_COOKIE = "talkabiz_language"
ONE_YEAR_SECONDS = 31_536_000
DAY_SECONDS = 86_400
PAGE = 50

# Addresses that answer programs whatever their Accept says.
PROGRAM_PATHS = ("/api/", "/whatsapp/", "/wa/", "/health", "/sandbox/api/", "/static/")

blueprint = Blueprint("pages", __name__)


# --- coming in --------------------------------------------------------------------------------------------------------


@blueprint.get("/login")
async def show_login() -> Response:
    """How to get a link: there is no password that could be guessed."""
    return await show_page("login.html")


@blueprint.get("/login/<token>")
async def show_login_link(token: str) -> Response:
    """A button: opening the link alone uses nothing up, because mail scanners and previews open links too."""
    if not await desk().operators.peek_link(token):
        return await _used_up()
    return await show_page("login_link.html", token=token)


@blueprint.post("/login/<token>")
async def use_login_link(token: str) -> Response:
    auth.check_not_foreign()
    login = await desk().operators.log_in_by_link(token, auth.address())
    if login is None:
        return await _used_up()
    answer = _go("/")
    _set_cookie(answer, cookie_name(site().base_url), login, LOGIN_DAYS * DAY_SECONDS)
    return answer


@blueprint.post("/logout")
async def log_out() -> Response:
    await auth.check_own_page()
    await desk().operators.log_out(auth.login_cookie(), auth.address())
    answer = _go("/login")
    answer.delete_cookie(cookie_name(site().base_url), secure=site().is_https, httponly=True, samesite="Lax")
    return answer


@blueprint.post("/language")
async def choose_language() -> Response:
    form = await request.form
    answer = _go(_local_path(form.get("back", "/")))
    if (chosen := form.get("language", "")) in LANGUAGES:
        _set_cookie(answer, LANGUAGE_COOKIE, chosen, ONE_YEAR_SECONDS)
    return answer


# --- kliens -----------------------------------------------------------------------------------------------------------


@blueprint.get("/")
async def show_kliens() -> Response:
    await _identify_operator()
    return await _kliens_page()


@blueprint.post("/kliens")
async def add_klien() -> Response:
    await _identify_operator()
    nama = (await request.form).get("nama", "")
    try:
        klien = await desk().kliens.add(nama, caller=auth.caller())
    except InvalidInput as error:
        answer = await _kliens_page(wrong=error.message.as_dict()[language()], nama=nama)
        answer.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return answer
    return _go(f"/kliens/{klien.id}")


@blueprint.get("/kliens/<klien_id>")
async def show_klien(klien_id: str) -> Response:
    await _identify_operator()
    klien = await desk().kliens.get(parse_path_id(klien_id))
    return await show_page("klien.html", klien=klien, snapshot=await desk().sessions.live(klien.id))


async def _kliens_page(**form: str) -> Response:
    """A page of kliens beside what each session says; both go by id."""
    after = parse_path_id(text) if (text := request.args.get("after")) else 0
    kliens, following = await desk().kliens.page(after, PAGE)
    snapshots = {each["klien_id"]: each for each in await desk().sessions.page(after, PAGE)}
    rows = [(klien, snapshots[klien.id]) for klien in kliens if klien.id in snapshots]
    return await show_page("kliens.html", rows=rows, after=after, following=following, phone=_phone, **form)


def _phone(klien: Klien) -> str:
    return f"+{mask_phone(klien.wa_nomor)}" if klien.wa_nomor else ""


async def _identify_operator() -> None:
    """Raises NotFound for programs of one klien: these pages aren't theirs."""
    if not (await auth.identify()).sees_all:
        raise NotFound


# --- faults, as people see them ---------------------------------------------------------------------------------------


def wants_page() -> bool:
    """Whether a person with a browser asked, rather than a program."""
    if request.path.startswith(PROGRAM_PATHS):
        return False
    return "text/html" in request.headers.get("Accept", "").lower()


async def show_error(error: TalkabizError, status: HTTPStatus) -> Response:
    """A page with a sentence; without a login, the way to one."""
    if isinstance(error, Unauthorized) and request.method in auth.SAFE_METHODS:
        return _go("/login")
    answer = await show_page("error.html", error=error, status=status, request_id=request_id())
    answer.status_code = status
    return answer


async def _used_up() -> Response:
    answer = await show_page("login_gone.html")
    answer.status_code = HTTPStatus.GONE
    return answer


# --- what every page has ----------------------------------------------------------------------------------------------


def language() -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else site().language


async def show_page(template: str, **values: Any) -> Response:
    spoken = language()
    html = await render_template(
        template,
        t=WORDS[spoken],
        language=spoken,
        languages=LANGUAGES,
        groups=GROUPS,
        nonce=nonce(),
        sandbox=site().sandbox,
        token_of_form=auth.form_token(auth.login_cookie()),
        here=request.path,
        **values,
    )
    return Response(html, content_type="text/html; charset=utf-8")


def _go(path: str) -> Response:
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


def _local_path(text: str) -> str:
    """The way back, unless it leads to another site, as two slashes (of either kind) do."""
    ours = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if ours else "/"


def _set_cookie(answer: Response, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(name, value, max_age=seconds, httponly=True, samesite="Lax", secure=site().is_https)
