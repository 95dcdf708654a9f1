"""An operator's own page: the password, and the browsers that are logged in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from quart import Blueprint, Response, request

from talkabiz.domain.access import Principal
from talkabiz.domain.errors import InvalidInput, RateLimited
from talkabiz.domain.klien import iso
from talkabiz.services.access import token_hash
from talkabiz.services.operators import WrongPassword
from talkabiz.web import auth
from talkabiz.web.auth import desk
from talkabiz.web.login import without_login
from talkabiz.web.pages import go, identify_person, language, show_page
from talkabiz.web.words import WORDS, duration

CHANGED = "/account?changed=password"

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
async def show_account() -> Response:
    principal = await identify_person()
    return await _account_page(principal, changed=request.args.get("changed") == "password")


@blueprint.get("/account/password")
async def show_password() -> Response:
    """Whoever reloads after a password that wouldn't do."""
    await identify_person()
    return go("/account")


@blueprint.post("/account/password")
async def set_password() -> Response:
    principal = await identify_person()
    form = await request.form
    login = auth.login_cookie()
    try:
        await desk().operators.set_password(
            principal, form.get("password", ""), current=form.get("current", ""), keep=login, address=auth.address()
        )
    except InvalidInput as error:
        told = error.message.as_dict()[language()]
        return await _account_page(principal, status=HTTPStatus.UNPROCESSABLE_ENTITY, wrong=told)
    except WrongPassword:
        told = WORDS[language()]["wrong_current"]
        return await _account_page(principal, status=HTTPStatus.UNAUTHORIZED, wrong_current=told)
    except RateLimited as error:
        return await _too_many(principal, error.retry_after or 1)
    return go(CHANGED)


async def _too_many(principal: Principal, seconds: int) -> Response:
    told = WORDS[language()]["too_many_logins"].format(wait=duration(seconds, language()))
    answer = await _account_page(principal, status=HTTPStatus.TOO_MANY_REQUESTS, wrong_current=told)
    answer.headers["Retry-After"] = str(seconds)
    return answer


@blueprint.post("/account/logout-everywhere")
async def log_out_everywhere() -> Response:
    """This browser too: whoever presses it may be doing so because of this one."""
    principal = await identify_person()
    await desk().operators.log_out_everywhere(principal, auth.address())
    return without_login(go("/login"))


async def _account_page(principal: Principal, **values: Any) -> Response:
    operators = desk().operators
    return await show_page(
        "account.html",
        here="/account",
        operator=principal.name,
        has_password=await operators.has_password(principal),
        logins=await operators.logins(principal),
        own=token_hash(auth.login_cookie()),
        iso=iso,
        **values,
    )
