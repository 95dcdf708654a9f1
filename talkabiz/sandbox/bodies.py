"""Bodies of requests to the control API."""

from __future__ import annotations

from typing import Any

from quart import request

from talkabiz.sandbox.views import LARGEST_BODY, Fields, invalid_json, read_body, too_large


async def json_body(fields: Fields, largest: int = LARGEST_BODY) -> dict[str, Any]:
    """JSON by its name, so that no form of another site's page can send it."""
    if request.mimetype != "application/json":
        raise invalid_json()
    if (request.content_length or 0) > largest:
        raise too_large()
    return read_body(await request.get_data(), fields, largest)
