"""A gateway outside, known by what it signs its reports with: Standard Webhooks, with one klien's incoming secret."""

from __future__ import annotations

from typing import Any, cast

from quart import g, request

from talkabiz.domain.access import Kind, Principal, Scope
from talkabiz.domain.errors import NotFound, Unauthorized
from talkabiz.domain.ids import LARGEST_ID, parse_path_id
from talkabiz.web.auth import allow, allow_operators, desk, identify, principal, sends_key

SIGNATURE = "webhook-signature"


async def remember_sender() -> None:
    """Whoever sent this report: by its signature, unless a key stands beside it, which has to be right then.

    Raises:
        Unauthorized: neither a credential nor a signature, or one that isn't right, or nobody's that is named.
        InvalidJson: it says nothing that could be read.
    """
    if SIGNATURE not in request.headers or sends_key():
        await identify()
        return
    klien_id = _named(await request.get_json())
    body = cast("bytes", await request.get_data())
    await desk().webhooks.verify_incoming(klien_id, dict(request.headers), body)
    g.principal = Principal(Kind.GATEWAY, credential_id=0, klien_id=klien_id, scopes=frozenset())
    desk().allowances.take_request(g.principal.actor)


def _named(report: Any) -> int:
    """Whose secret it has to be signed with. Raises Unauthorized: of whom it tells can't be seen."""
    told = report.get("klien_id") if isinstance(report, dict) else None
    if told is None and (in_query := request.args.get("klien_id")) is not None:
        told = _parse(in_query)
    if isinstance(told, bool) or not isinstance(told, int) or not 0 < told <= LARGEST_ID:
        raise Unauthorized
    return told


def _parse(text: str) -> int:
    try:
        return parse_path_id(text)
    except NotFound:
        raise Unauthorized from None


def allow_gateway(klien_id: int) -> int:
    """The id, if whoever sent this may speak for a gateway outside: who signs for that klien, admins and operators.

    A klien's own key may not: with it anybody at the klien's could claim a number. Raises as `allow`.
    """
    if principal().kind is Kind.GATEWAY and principal().may_see(klien_id):
        return klien_id
    allowed = allow(klien_id, *Scope)
    allow_operators()
    return allowed
