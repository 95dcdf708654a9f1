"""Coming in and going out: by password, or by a one-time link."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from quart import Blueprint, Response, request

from talkabiz.domain.errors import RateLimited
from talkabiz.services.operators import LOGIN_DAYS, WrongPassword, cookie_name
from talkabiz.web import auth
from talkabiz.web.auth import desk, site
from talkabiz.web.pages import go, language, local_path, login_path, set_cookie, show_page
from talkabiz.web.words import WORDS, duration

DAY_SECONDS = 86_400

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
async def show_login() -> Response:
    """Who is in already goes where they wanted to."""
    wanted = local_path(request.args.get("next", "/"))
    if await desk().operators.by_login(auth.login_cookie()):
        return go(wanted)
    return await _login_page(wanted)


@blueprint.post("/login")
async def log_in() -> Response:
    auth.check_not_foreign()
    form = await request.form
    name, wanted = form.get("name", ""), local_path(form.get("next", "/"))
    try:
        login = await desk().operators.log_in(name, form.get("password", ""), auth.address())
    except WrongPassword as error:
        told = error.message.as_dict()[language()]
        return await _login_page(wanted, status=HTTPStatus.UNAUTHORIZED, wrong=told, name=name)
    except RateLimited as error:
        return await _too_many(error, name, wanted)
    return _with_login(go(wanted), login)


async def _too_many(error: RateLimited, name: str, wanted: str) -> Response:
    seconds = error.retry_after or 1
    told = WORDS[language()]["too_many_logins"].format(wait=duration(seconds, language()))
    answer = await _login_page(wanted, status=HTTPStatus.TOO_MANY_REQUESTS, refused=told, name=name)
    answer.headers["Retry-After"] = str(seconds)
    return answer


async def _login_page(wanted: str, **values: Any) -> Response:
    return await show_page("login.html", here=login_path(wanted), wanted=wanted, **values)


@blueprint.get("/login/<token>")
async def show_login_link(token: str) -> Response:
    """A button: opening the link alone uses nothing up, because mail scanners and previews open links too."""
    name = await desk().operators.peek_link(token)
    if name is None:
        return await _used_up()
    return await show_page("login_link.html", token=token, name=name)


@blueprint.post("/login/<token>")
async def use_login_link(token: str) -> Response:
    auth.check_not_foreign()
    login = await desk().operators.log_in_by_link(token, auth.address())
    return _with_login(go("/"), login) if login else await _used_up()


@blueprint.post("/logout")
async def log_out() -> Response:
    await auth.check_own_page()
    await desk().operators.log_out(auth.login_cookie(), auth.address())
    return without_login(go("/login"))


def without_login(answer: Response) -> Response:
    """The same, and the browser forgets its cookie."""
    answer.delete_cookie(cookie_name(site().base_url), secure=site().is_https, httponly=True, samesite="Lax")
    return answer


def _with_login(answer: Response, login: str) -> Response:
    set_cookie(answer, cookie_name(site().base_url), login, LOGIN_DAYS * DAY_SECONDS)
    return answer


async def _used_up() -> Response:
    return await show_page("login_gone.html", status=HTTPStatus.GONE)
