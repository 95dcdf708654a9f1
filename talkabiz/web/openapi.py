"""The OpenAPI document: quart-schema's, with the problems, headers and other forms that it doesn't know of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from quart_schema import OpenAPIProvider
from werkzeug.routing.converters import BaseConverter
from werkzeug.routing.rules import Rule

from talkabiz import __version__
from talkabiz.domain.errors import Sentence, TalkabizError
from talkabiz.domain.ids import LARGEST_ID
from talkabiz.services.operators import cookie_name
from talkabiz.web import errors, openapi_parts as parts
from talkabiz.web.auth import SAFE_METHODS, site
from talkabiz.web.documented import Documentation, documentation
from talkabiz.web.schemas import PAIRS, Problem

Json = dict[str, Any]

TAGS = {
    "Kliens": "The customers of the business. Each links one WhatsApp account.",
    "Sessions": "A klien's link to WhatsApp: start it, show its QR, stop it.",
    "Messages": "Sent, received, and what became of them.",
    "Events": "What happened, in order, for programs that were away.",
    "Webhooks": "Servers that are told what happens, signed as Standard Webhooks has it, again until they took it.",
    "Access": "Keys for programs, links for people, and who did what.",
    "Older paths": "The paths of the older design, kept. `/wa/…` is the same as `/whatsapp/…`.",
    "Health": "For load balancers, Prometheus, and whoever is woken at night.",
}

DESCRIPTION = """\
A WhatsApp gateway for a business that serves many customers.

Send a key in the header `Authorization: Bearer tkb_…` (or `X-Api-Key`), never in an address. An admin key may do
everything; a klien key may do what its scopes allow, with its own klien alone: another klien's things are not found.
A browser's login works too, from our own pages.

Bodies are JSON and types are strict: `"1"` is not an id. Every fault is a problem (RFC 9457) with a stable `code`.
Changes are pushed over Socket.IO; nothing here has to be polled.
"""

REFERENCE = "#/components/schemas/{model}"
EVERY_ANSWER = {"X-Request-Id": "The id of this request in the server's log."}
CREDENTIALS: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}, {"cookie": []}]
SIGNATURE: dict[str, list[str]] = {"signature": []}

# What may go wrong with requests of a kind, whatever the view does.
WITH_CREDENTIAL = {"unauthorized", "missing_scope", "rate_limited", "starting", "database_unavailable"}
WITH_CHANGE = {"csrf", "too_large", "request_timeout"}  # a login's form token stands in the body
WITH_BODY = {"invalid_json", "invalid_input", "too_large", "request_timeout"}

Operation = tuple[str, Json, Documentation]


class Document(OpenAPIProvider):
    """Every view that has `documented` on it, by tag and path."""

    def schema(self) -> Json:
        found = super().schema()
        found["info"] = {"title": "Talkabiz", "version": __version__, "description": DESCRIPTION}
        found["servers"] = [{"url": "/"}]
        found["tags"] = [{"name": name, "description": told} for name, told in TAGS.items()]
        found["security"] = CREDENTIALS
        found["components"]["securitySchemes"] = _security_schemes()
        schemas = found["components"]["schemas"] | _components(Problem)
        for schema in schemas.values():
            if schema.get("oneOf") == PAIRS["oneOf"]:
                del schema["oneOf"]
                schema["allOf"] = [{"$ref": REFERENCE.format(model="StatusAndReason")}]
        schemas["StatusAndReason"] = PAIRS
        found["components"]["schemas"] = dict(sorted(schemas.items()))
        found["components"]["headers"] = {
            name: {"description": told, "schema": {"type": "string"}} for name, told in EVERY_ANSWER.items()
        }
        return found

    def generate_rules(self) -> Iterable[Rule]:
        """Only what is documented, in the order of the tags."""
        known = [(found, rule) for rule in super().generate_rules() if (found := self._documentation(rule))]
        order = list(TAGS)
        return [rule for _, rule in sorted(known, key=lambda one: (order.index(one[0].room), one[1].rule))]

    def build_paths(self, rule: Rule) -> tuple[Json, Json]:
        paths, components = super().build_paths(rule)
        found = self._documentation(rule)
        assert found  # noqa: S101 - `generate_rules` gives no other
        for path, operations in paths.items():
            for method, operation in operations.items():
                operations[method] = complete(operation, method.upper(), path, found)
        return paths, components

    def build_path_parameter(self, name: str, converter: BaseConverter) -> Json:
        """Ids: the routes take any text, and answer 404 to what is no id. A chat is named by its address."""
        if name == "chat":
            return {**super().build_path_parameter(name, converter), "schema": parts.CHAT}
        whole_number = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID, "examples": [1]}
        return {**super().build_path_parameter(name, converter), "schema": whole_number}

    def build_querystring_parameters(self, model: type[BaseModel]) -> tuple[list[Json], Json]:  # type: ignore[override] # ours are pydantic's
        found, components = super().build_querystring_parameters(model)
        for parameter in found:
            parameter["schema"].pop("title", None)
        return found, components

    def build_request_body(self, model: type[BaseModel], source: Any) -> tuple[Json, Json]:  # type: ignore[override] # as above
        body, _ = super().build_request_body(model, source)
        needed = any(field.is_required() for field in model.model_fields.values())
        (content,) = body["content"].values()
        content["schema"] = _reference(model)
        return {**body, "required": needed}, _components(model, "validation")

    def build_response_object(self, model: type[BaseModel], headers_model: Any) -> tuple[Json, Json]:  # type: ignore[override] # as above
        answer, _ = super().build_response_object(model, headers_model)
        answer["content"]["application/json"]["schema"] = _reference(model)
        return answer, _components(model)

    def operation_id(self, method: str, path: str, func: Callable[..., Any]) -> str:
        """`post_whatsapp_connect`: two paths of one view are two operations."""
        del func
        words = [word.strip("{}") for word in path.replace("-", "_").split("/") if word not in {"", "api", "v1"}]
        return "_".join((method.lower(), *words))

    def _documentation(self, rule: Rule) -> Documentation | None:
        return documentation(self._app.view_functions[rule.endpoint])


def _security_schemes() -> Json:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A program's key: `tkb_…`."},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The same key."},
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie_name(site().base_url),
            "description": "A person's login.",
        },
        "signature": {
            "type": "apiKey",
            "in": "header",
            "name": "webhook-signature",
            "description": "Standard Webhooks, with `webhook-id` and `webhook-timestamp`; a klien's incoming secret.",
        },
    }


def complete(operation: Json, method: str, path: str, found: Documentation) -> Json:
    """The operation with all its answers, and who may."""
    full = deepcopy(operation)
    full["security"] = [] if found.is_public else [*CREDENTIALS, *([SIGNATURE] if found.takes_signature else [])]
    full["description"] = f"{operation.get('description', '').strip()}\n\n{_right(found)}".strip()
    full |= _who(found)
    if found.form:
        schema = _components(found.form, "validation")[found.form.__name__]
        full["requestBody"] = parts.with_form(full.get("requestBody"), schema)
    if found.example and "requestBody" in full:
        full["requestBody"]["content"]["application/json"]["example"] = dict(found.example)
    if found.takes_key:
        full["parameters"] = [*full["parameters"], parts.KEY]
    for status, forms in found.forms.items():
        answer = full["responses"].setdefault(status, {"description": ""})
        if forms:
            answer["content"] = {form: _form(form) for form in forms} | answer.get("content", {})
    for status, answer in _problems(refusals(full, method, path, found)).items():
        known = full["responses"].setdefault(status, {"description": "", "content": {}})
        known["content"] |= answer["content"]
        known["description"] = f"{known['description']}\n\n{answer['description']}".strip()
    full["responses"] = {str(status): full["responses"][status] for status in sorted(full["responses"])}
    for status, answer in full["responses"].items():
        answer["headers"] = _headers(int(status), found)
        answer["description"] = answer["description"] or "Done."
    return full


def refusals(operation: Json, method: str, path: str, found: Documentation) -> set[str]:
    """The codes of all problems that this operation may answer."""
    codes = {"internal"} | found.refusals
    codes |= {"idempotency_key_reused"} if found.takes_key else set()
    if not found.is_public:
        codes |= WITH_CREDENTIAL
        codes |= WITH_CHANGE if method not in SAFE_METHODS else set()
    if "requestBody" in operation:
        codes |= WITH_BODY
    if "{" in path:
        codes |= {"not_found"}
    if method in SAFE_METHODS and not found.is_public:
        codes |= {"invalid_input"}  # a name in the query that isn't known
    return codes


def _problems(codes: set[str]) -> dict[int, Json]:
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(_status(code), []).append(code)
    return {
        status: {
            "description": "\n".join(f"- `{code}`: {_sentences()[code].en}" for code in found),
            "content": {
                "application/problem+json": {"schema": _problem(status, found), "example": _example(status, found[0])}
            },
        }
        for status, found in by_status.items()
    }


def _status(code: str) -> int:
    framework = {known: status for status, (known, _) in errors.FRAMEWORK.items()}
    return int(errors.STATUSES.get(code) or framework.get(code, HTTPStatus.INTERNAL_SERVER_ERROR))


def _problem(status: int, codes: list[str]) -> Json:
    narrowed = {"status": {"const": status}, "code": {"enum": codes}}
    return {"allOf": [_reference(Problem)], "properties": narrowed}


def _example(status: int, code: str) -> Json:
    sentence = _sentences()[code]
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence.en,
        "code": code,
        "message": sentence.as_dict(),
        "request_id": "01KA5X9T3N8Z4Q2W7V6M1B0C5D",
    }


def _sentences() -> dict[str, Sentence]:
    """What each code means."""

    def family(error: type[TalkabizError]) -> Iterable[type[TalkabizError]]:
        yield error
        for each in error.__subclasses__():
            yield from family(each)

    return dict(errors.FRAMEWORK.values()) | {error.code: error.sentence for error in family(TalkabizError)}


def _right(found: Documentation) -> str:
    if found.is_public:
        return "Needs no key."
    if not found.scopes:
        return f"For admins and operators{', and whoever signs rightly' if found.takes_signature else ''}."
    return f"Needs the scope {' or '.join(f'`{scope}`' for scope in found.scopes)}."


def _who(found: Documentation) -> Json:
    """The same for programs."""
    if found.scopes:
        return {"x-who": "kliens", "x-scopes": [scope.value for scope in found.scopes]}
    return {"x-who": "anybody" if found.is_public else "operators"}


def _headers(status: int, found: Documentation) -> Json:
    headers: Json = {name: {"$ref": f"#/components/headers/{name}"} for name in EVERY_ANSWER}
    more = dict(found.headers.get(status, {}))
    more |= parts.REPLAYED if found.takes_key and status < HTTPStatus.BAD_REQUEST else {}
    if status in {429, 503}:
        more["Retry-After"] = "Seconds, where it makes sense to try again."
    return headers | {name: {"description": told, "schema": {"type": "string"}} for name, told in more.items()}


def _form(media_type: str) -> Json:
    return {"schema": {"type": "string"} if media_type.startswith("text/") else {}}


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": REFERENCE.format(model=model.__name__)}


def _components(model: type[BaseModel], mode: Any = "serialization") -> Json:
    schema = TypeAdapter(model).json_schema(ref_template=REFERENCE, schema_generator=_Untitled, mode=mode)
    within: Json = schema.pop("$defs", {})
    return within | {model.__name__: schema}


class _Untitled(GenerateJsonSchema):
    """`Klien Id` beside `klien_id` says nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False
