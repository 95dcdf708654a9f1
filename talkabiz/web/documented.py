"""What a view says of itself for the OpenAPI document beside its models: who may, which refusals, which forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel
from quart_schema import document_querystring, document_request, document_response, tag

from talkabiz.domain.access import Scope

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "_talkabiz_documentation"


@dataclass(frozen=True, slots=True)
class Documentation:
    """`forms`: status -> media types of an answer that isn't JSON; an empty tuple: it has no body."""

    room: str
    refusals: frozenset[str] = frozenset()
    scopes: tuple[Scope, ...] = ()
    """Any one of these is enough; without one, only admins and operators may."""
    is_public: bool = False
    forms: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """By status: headers that this answer has beside those that every answer has, and what they say."""
    example: Mapping[str, Any] | None = None
    """A body to send."""
    form: type[BaseModel] | None = None
    """What may stand beside `file` in a form, where one is taken."""
    takes_key: bool = False
    """Whether an Idempotency-Key counts."""
    takes_signature: bool = False
    """Whether the signature of a gateway outside does instead of a key."""


def documented(
    room: str,
    answers: Mapping[int, type[BaseModel]] | None = None,
    *,
    refusals: Iterable[str] = (),
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    **more: Any,
) -> Callable[[View], View]:
    """Put a view into the document. `room` is its tag; `refusals` are codes beyond those that follow from the rest.

    `body`: the JSON that it reads, where that isn't left to `validate_request`. `more` is what Documentation takes. The
    view's docstring is what the document says of it.
    """

    def decorate(view: View) -> View:
        for status, model in (answers or {}).items():
            document_response(model, status)(view)
        if query is not None:
            document_querystring(query)(view)
        if body is not None:
            document_request(body)(view)
        tag([room])(view)
        setattr(view, _ATTRIBUTE, Documentation(room, frozenset(refusals), **more))
        return view

    return decorate


def documentation(view: Callable[..., Any]) -> Documentation | None:
    found: Documentation | None = getattr(view, _ATTRIBUTE, None)
    return found
