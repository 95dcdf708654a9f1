"""The application, put together: blueprints, errors, headers, and the one hook that opens and closes everything."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from quart import Quart
from quart_schema import QuartSchema

from talkabiz.h11_patterns import make_linear
from talkabiz.services.desk import Desk
from talkabiz.web import (
    access,
    account,
    chats,
    docs,
    errors,
    headers,
    health,
    klien_pages,
    kliens,
    links,
    login,
    media,
    messages,
    metrics,
    older,
    pages,
    sessions,
    webhooks,
)
from talkabiz.web.auth import Site
from talkabiz.web.forms import MOST_PARTS
from talkabiz.web.json_bodies import JsonRequest, Places
from talkabiz.web.openapi import Document
from talkabiz.web.uncompressed import leave_sockets_uncompressed
from talkabiz.web.uploads import LARGEST_BODY, HeldConnection

Lifespan = Callable[[], AbstractAsyncContextManager[Desk]]


def create_app(
    lifespan: Lifespan,
    *,
    base_url: str,
    language: str = "id",
    static_dir: Path,
    templates_dir: Path,
    sandbox: bool = False,
) -> Quart:
    """`lifespan` opens everything and gives the desk; until it has, and after it ended, each request gets 503.

    `base_url` decides whether cookies are `Secure`; `language` is what pages speak until a person chooses;
    `sandbox` puts a banner on every page.
    """
    leave_sockets_uncompressed()
    make_linear()
    app = _Application("talkabiz", static_folder=str(static_dir), template_folder=str(templates_dir))
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config["MAX_FORM_PARTS"] = MOST_PARTS
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["site"] = Site(base_url=base_url, language=language, sandbox=sandbox)
    app.extensions["places"] = Places()
    make_response = app.make_response
    # Strict models are ours, and so is the answer to what doesn't fit them; its pages would come from a CDN.
    QuartSchema(
        app,
        openapi_path=None,
        redoc_ui_path=None,
        scalar_ui_path=None,
        swagger_ui_path=None,
        openapi_provider_class=Document,
    )
    # Views answer with JSON as it is. Else a schema would be made for each answer, which takes longer than the answer.
    app.make_response = make_response  # type: ignore[method-assign]
    app.json.sort_keys = False  # type: ignore[attr-defined] # of the provider that QuartSchema put there
    app.json.ensure_ascii = False  # type: ignore[attr-defined] # as above
    for room in (health, metrics, older, kliens, sessions, messages, media, chats, webhooks, access, docs):
        app.register_blueprint(room.blueprint)
    for room in (pages, login, account, klien_pages, links):
        app.register_blueprint(room.blueprint)
    headers.add_to(app)
    errors.add_to(app)
    _open_with(app, lifespan)
    return app


class _Application(Quart):
    request_class = JsonRequest
    asgi_http_class = HeldConnection


def _open_with(app: Quart, lifespan: Lifespan) -> None:
    @app.while_serving
    async def serve() -> AsyncGenerator[None, None]:
        async with lifespan() as desk:
            app.extensions["desk"] = desk
            try:
                yield
            finally:
                del app.extensions["desk"]
