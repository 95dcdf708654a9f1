"""/metrics: the process in figures, for Prometheus. With an admin's key: they tell how much business there is."""

from __future__ import annotations

from quart import Blueprint, Response

from talkabiz import metrics
from talkabiz.web.auth import allow_operators, desk, remember_principal
from talkabiz.web.documented import documented
from talkabiz.web.reading import check_query

blueprint = Blueprint("metrics", __name__, url_prefix="/metrics")
blueprint.before_request(remember_principal)


@blueprint.get("")
@documented("Health", forms={200: ("text/plain",)})
async def get_metrics() -> Response:
    """Tell the process in figures, for Prometheus."""
    check_query()
    allow_operators()
    return Response(metrics.exposition(await desk().health.figures()), content_type=metrics.CONTENT_TYPE)
