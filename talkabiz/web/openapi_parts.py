"""Parts of the OpenAPI document that only paths about messages have."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CHAT: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": 100,
    "examples": ["628123456789", "628123456789@s.whatsapp.net"],
}
"""A chat in a path: a number or an address."""

KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "Your own name for this request, as order-1234. Sent again with the same body, it is accepted once.",
}
REPLAYED = {"Idempotent-Replayed": "`true`: an earlier request with this key was accepted; the answer is its message."}

_FILE: Json = {"type": "string", "format": "binary"}


def with_form(body: Json | None, fields: Json) -> Json:
    """The request's body, which may be a form with a file instead, or has to be one; `fields` is what else is in it."""
    schema = {
        **fields,
        "properties": {**fields.get("properties", {}), "file": _FILE},
        "required": [*fields.get("required", []), "file"],
    }
    content = body["content"] if body else {}
    return {"required": True, "content": {**content, "multipart/form-data": {"schema": schema}}}
