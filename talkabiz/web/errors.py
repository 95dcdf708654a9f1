"""Every fault as an answer: RFC 9457 problems for programs, a plain page for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from pydantic import ValidationError
from quart import Quart, Response, jsonify, request
from quart_schema import RequestSchemaValidationError
from werkzeug.exceptions import HTTPException

from talkabiz.domain import errors as e
from talkabiz.web import pages
from talkabiz.web.headers import request_id
from talkabiz.web.reading import field_faults

log = structlog.get_logger(__name__)

STATUSES: Mapping[str, HTTPStatus] = {
    "invalid_json": HTTPStatus.BAD_REQUEST,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "missing_scope": HTTPStatus.FORBIDDEN,
    "csrf": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "no_qr": HTTPStatus.NOT_FOUND,
    "illegal_state": HTTPStatus.CONFLICT,
    "too_many_webhooks": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "invalid_input": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_starts": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "wrong_password": HTTPStatus.UNAUTHORIZED,
    "unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "starting": HTTPStatus.SERVICE_UNAVAILABLE,
    "database_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "qr_request_timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "pairing_code_timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "pairing_code_refused": HTTPStatus.BAD_GATEWAY,
    "idempotency_key_reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "media_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "media_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "voice_needs_ffmpeg": HTTPStatus.UNPROCESSABLE_ENTITY,
    "media_gone": HTTPStatus.NOT_FOUND,
    "media_not_stored": HTTPStatus.SERVICE_UNAVAILABLE,
    "url_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "url_bad_type": HTTPStatus.UNPROCESSABLE_ENTITY,
    "url_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "url_unreachable": HTTPStatus.BAD_GATEWAY,
    "url_timeout": HTTPStatus.GATEWAY_TIMEOUT,
}
"""By the error's code; a code that isn't here is a fault of ours."""

# Faults that the framework finds: status -> code and sentence.
FRAMEWORK: Mapping[int, tuple[str, e.Sentence]] = {
    400: ("invalid_request", e.Sentence("Permintaan tidak dapat dibaca.", "The request can't be read.")),
    404: (e.NotFound.code, e.NotFound.sentence),
    405: (
        "method_not_allowed",
        e.Sentence("Metode itu tidak berlaku di alamat ini.", "That method isn't possible at this address."),
    ),
    406: (
        "not_acceptable",
        e.Sentence("Bentuk yang diminta tidak tersedia.", "There is no such form of this; see Accept."),
    ),
    408: ("request_timeout", e.Sentence("Permintaan terlalu lambat.", "The request took too long to arrive.")),
    413: (e.TooLarge.code, e.TooLarge.sentence),
}
REFUSED = ("refused", e.Sentence("Permintaan ditolak.", "The request was refused."))


def add_to(app: Quart) -> None:
    app.register_error_handler(e.TalkabizError, _answer_ours)
    app.register_error_handler(RequestSchemaValidationError, _answer_invalid)
    app.register_error_handler(HTTPException, _answer_framework)
    app.register_error_handler(Exception, _answer_unforeseen)


async def _answer_ours(error: e.TalkabizError) -> Response:
    return await _answer(error, STATUSES.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR))


async def _answer_invalid(error: RequestSchemaValidationError) -> Response:
    found = error.validation_error
    fields = field_faults(found) if isinstance(found, ValidationError) else {}
    return await _answer(e.InvalidInput(fields=fields), HTTPStatus.UNPROCESSABLE_ENTITY)


async def _answer_framework(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    code, sentence = FRAMEWORK.get(status, REFUSED if status < HTTPStatus.INTERNAL_SERVER_ERROR else (None, None))
    answer = await _answer(e.TalkabizError(sentence), status, code)
    if allowed := getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


async def _answer_unforeseen(error: Exception) -> Response:
    log.error("request_failed", path=request.path, method=request.method, exc_info=error)
    return await _answer(e.TalkabizError(), HTTPStatus.INTERNAL_SERVER_ERROR)


async def _answer(error: e.TalkabizError, status: HTTPStatus, code: str | None = None) -> Response:
    if pages.wants_page():
        answer = await pages.show_error(error, status)
    else:
        answer = _problem(error, status, code or error.code)
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _problem(error: e.TalkabizError, status: HTTPStatus, code: str) -> Response:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": error.message.en,
        "code": code,
        "message": error.message.as_dict(),
        "request_id": request_id(),
    }
    if error.fields:
        body["fields"] = error.fields
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    answer: Response = jsonify(body)
    answer.status_code = status.value
    answer.content_type = "application/problem+json"
    return answer
