"""/health: for load balancers and whoever is woken at night. No key, no klien's data."""

from __future__ import annotations

from quart import Blueprint

from talkabiz.domain.errors import Starting
from talkabiz.web import schemas
from talkabiz.web.auth import desk
from talkabiz.web.documented import documented
from talkabiz.web.shapes import Json

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("")
@documented("Health", {200: schemas.Health, 503: schemas.Health}, refusals={"starting"}, is_public=True)
async def get_health() -> tuple[Json, int]:
    """Tell how the server is.

    503 when the database or the engine is down. `sessions` counts those that there are, by status beside it.
    """
    report = await desk().health.report()
    body = {
        "status": "ok" if report.ok else "down",
        "uptime": round(report.uptime_seconds, 1),
        "sessions": sum(report.sessions.values()),
        "by_status": report.sessions,
        "checks": {"database": report.database, "engine": report.engine},
        "memory": report.memory,
        "runs": {"running": report.load.running, "queued": report.load.queued, "abandoned": report.load.abandoned},
        "threads": report.threads,
    }
    return body, 200 if report.ok else 503


@blueprint.get("/live")
@documented("Health", {200: schemas.Alive}, is_public=True)
async def get_live() -> Json:
    """Tell that the process answers.

    Nothing is looked at: a database that is down is no reason to kill it.
    """
    return {"status": "ok"}


@blueprint.get("/ready")
@documented("Health", {200: schemas.Alive}, refusals={"starting"}, is_public=True)
async def get_ready() -> tuple[Json, int]:
    """Tell whether requests may be sent here."""
    report = await desk().health.report()
    if not report.ok:
        raise Starting(retry_after=1)
    return {"status": "ok"}, 200
