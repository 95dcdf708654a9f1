"""/openapi.json for programs and /docs for people. Neither needs a key: they tell nothing that the sources don't."""

from __future__ import annotations

from quart import Blueprint, Response, current_app, jsonify

from talkabiz.web.pages import show_page

blueprint = Blueprint("docs", __name__)


@blueprint.get("/openapi.json")
async def get_openapi() -> Response:
    answer: Response = jsonify(_document())
    return answer


@blueprint.get("/docs")
async def show_docs() -> Response:
    return await show_page("docs.html")


def _document() -> dict[str, object]:
    """Made when it is first asked for: it takes a moment, and most processes never need it."""
    kept: dict[str, object] = current_app.extensions
    if "openapi" not in kept:
        kept["openapi"] = current_app.extensions["QUART_SCHEMA"].openapi_provider.schema()
    found: dict[str, object] = kept["openapi"]  # type: ignore[assignment] # of extensions, which hold anything
    return found
