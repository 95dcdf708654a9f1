"""What every page for people has: its language, its frame, and faults as sentences.

Pages show how things are when they load; from then on the socket alone moves them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from quart import Blueprint, Response, render_template, request
from werkzeug.urls import iri_to_uri

from talkabiz.domain.access import Kind, Principal
from talkabiz.domain.errors import NotFound, TalkabizError, Unauthorized
from talkabiz.web import auth
from talkabiz.web.auth import site
from talkabiz.web.headers import nonce, request_id
from talkabiz.web.words import GROUPS, LANGUAGES, WORDS, duration

LANGUAGE_COOKIE = "talkabiz_language"
ONE_YEAR_SECONDS = 31_536_000

KLIENS_OWN = "/link/"
"""Where a klien's person is, who has no business with the operator's pages."""

# Addresses that answer programs whatever their Accept says.
PROGRAM_PATHS = ("/api/", "/whatsapp/", "/wa/", "/health", "/sandbox/api/", "/static/")

blueprint = Blueprint("pages", __name__)


@blueprint.post("/language")
async def choose_language() -> Response:
    form = await request.form
    answer = go(local_path(form.get("back", "/")))
    if (chosen := form.get("language", "")) in LANGUAGES:
        set_cookie(answer, LANGUAGE_COOKIE, chosen, ONE_YEAR_SECONDS)
    return answer


# --- who looks --------------------------------------------------------------------------------------------------------


async def identify_operator() -> Principal:
    """Raises NotFound for programs of one klien: these pages aren't theirs."""
    principal = await auth.identify()
    if not principal.sees_all:
        raise NotFound
    return principal


async def identify_person() -> Principal:
    """An operator in a browser. Raises NotFound for programs, an admin's too: they have no account."""
    principal = await auth.identify()
    if principal.kind is not Kind.OPERATOR:
        raise NotFound
    return principal


# --- faults, as people see them ---------------------------------------------------------------------------------------


def wants_page() -> bool:
    """Whether a person with a browser asked, rather than a program."""
    if request.path.startswith(PROGRAM_PATHS):
        return False
    return "text/html" in request.headers.get("Accept", "").lower()


async def show_error(error: TalkabizError, status: HTTPStatus) -> Response:
    """A page with a sentence; without a login, the way to one, and from there back."""
    if isinstance(error, Unauthorized) and request.method in auth.SAFE_METHODS:
        return go(login_path(_here()))
    wait = duration(error.retry_after, language()) if error.retry_after else ""
    return await show_page("error.html", status=status, error=error, wait=wait, request_id=request_id())


# --- what every page has ----------------------------------------------------------------------------------------------


def language() -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else site().language


async def show_page(
    template: str, *, status: HTTPStatus = HTTPStatus.OK, here: str | None = None, **values: Any
) -> Response:
    """`here`: the address that shows this page again, where it isn't the one that was asked."""
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
        here=here or _here(),
        is_operators=not request.path.startswith(KLIENS_OWN),
        status=status,
        **values,
    )
    return Response(html, status=status, content_type="text/html; charset=utf-8")


def go(path: str) -> Response:
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


def login_path(wanted: str) -> str:
    """To the login, and from there on to what was wanted."""
    return "/login" if wanted == "/" else f"/login?{urlencode({'next': wanted})}"


def local_path(text: str) -> str:
    """The way back, unless it leads to another site, as two slashes (of either kind) do."""
    ours = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return iri_to_uri(text) if ours else "/"


def set_cookie(answer: Response, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(name, value, max_age=seconds, httponly=True, samesite="Lax", secure=site().is_https)


def _here() -> str:
    """The way to this page, as it was asked for."""
    return local_path(request.full_path.rstrip("?"))
