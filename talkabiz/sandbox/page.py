"""The page /sandbox: what a person without a phone, or a developer, drives the sandbox with."""

from __future__ import annotations

import secrets
from typing import Any

from quart import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.fault_words import FAULTS
from talkabiz.sandbox.faults import KINDS
from talkabiz.sandbox.guard import check_machine
from talkabiz.sandbox.words import FRAME, LANGUAGES, PAGE

PATH = "/sandbox"
LANGUAGE_COOKIE = "talkabiz_language"
"""The same as on the product's pages, so that a choice holds for both."""
ONE_YEAR_SECONDS = 31_536_000


def page_blueprint(language: str, *, in_product: bool) -> Blueprint:
    """`language` is spoken until a person chooses. `in_product`: kliens have their pages at the same address."""
    routes = Blueprint("sandbox_page", __name__)

    @routes.get(PATH)
    async def show() -> Response:
        try:
            check_machine()
        except SandboxError as refusal:
            return await _page("sandbox_closed.html", _spoken(language), status=refusal.status, refusal=refusal)
        return await _page("sandbox.html", _spoken(language), in_product=in_product, kinds=KINDS)

    if not in_product:
        routes.add_url_rule("/", "home", _go_home, methods=["GET"])
        routes.add_url_rule("/language", "choose_language", _choose_language, methods=["POST"])
    return routes


async def _go_home() -> AnyResponse:
    return redirect(PATH, 303)


async def _choose_language() -> AnyResponse:
    answer = redirect(PATH, 303)
    if (chosen := (await request.form).get("language", "")) in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, chosen, max_age=ONE_YEAR_SECONDS, httponly=True, samesite="Lax")
    return answer


def _spoken(language: str) -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else language


async def _page(template: str, language: str, *, status: int = 200, **values: Any) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = await render_template(
        template,
        t=FRAME[language],
        w=PAGE[language],
        fault_words=FAULTS[language],
        language=language,
        languages=LANGUAGES,
        nonce=nonce,
        sandbox=True,
        here=PATH,
        is_operators=True,
        **values,
    )
    answer = Response(html, status=status, content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = _policy(nonce)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Frame-Options"] = "DENY"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _policy(nonce: str) -> str:
    """As on the product's pages; and pictures that phones were sent, which the script makes into `blob:`."""
    return (
        "default-src 'none'; "
        f"script-src 'nonce-{nonce}' 'strict-dynamic'; "
        "style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
