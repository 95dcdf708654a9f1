"""What every answer carries: an id, and orders to the browser to trust nothing that we didn't send."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import structlog
from quart import Quart, Response, g, request
from ulid import ULID

from talkabiz.web.auth import site

if TYPE_CHECKING:
    from talkabiz.web.uploads import HeldBody

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
ONE_YEAR_SECONDS = 31_536_000
REST_SECONDS = 2.0
"""How long a body that nobody wants may take to arrive."""


def add_to(app: Quart) -> None:
    app.before_request(_begin)
    app.after_request(_finish)


def request_id() -> str:
    found: str = g.request_id
    return found


def nonce() -> str:
    """This answer's word, by which the browser knows our own script; asking for it makes the answer a page."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    found: str = g.nonce
    return found


async def _begin() -> None:
    g.request_id = str(ULID())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


async def _finish(answer: Response) -> Response:
    await _take_the_rest()
    headers = answer.headers
    headers["X-Request-Id"] = request_id()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    # The sandbox's page brings its own.
    headers.setdefault("Content-Security-Policy", _page_policy(g.nonce) if "nonce" in g else NOTHING)
    if site().is_https:
        headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR_SECONDS}"
    # Files are asked for each time, and mostly answered by 304: after an upgrade, half-old pages would break.
    headers["Cache-Control"] = "no-cache" if request.endpoint == "static" else "no-store"
    return answer


async def _take_the_rest() -> None:
    """Of a body that nobody read, as of a refusal that came first: hypercorn would close a connection that the client
    thinks it may use again.
    """
    body = cast("HeldBody", request.body)
    with suppress(TimeoutError):
        async with asyncio.timeout(REST_SECONDS):
            await body.drop()


def _page_policy(word: str) -> str:
    """Scripts by nonce and what they import; pictures of our own, and the QR as `data:`; the socket back to us."""
    return (
        "default-src 'none'; "
        f"script-src 'nonce-{word}' 'strict-dynamic'; "
        "style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
