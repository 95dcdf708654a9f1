"""What goes out: the snapshot as REST shows it, and the shapes of the older paths."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from talkabiz.domain.klien import iso
from talkabiz.domain.states import Status
from talkabiz.services.access import LinkToken
from talkabiz.web.auth import desk

Json = dict[str, Any]


async def with_image(snapshot: Json) -> Json:
    """The snapshot with its QR as a picture that a page can show without drawing."""
    if not snapshot["qr"]:
        return snapshot
    png = await desk().sessions.qr_png(snapshot["klien_id"])
    return {**snapshot, "qr": {**snapshot["qr"], "image": data_url(png) if png else None}}


def data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def started_status(snapshot: Json) -> int:
    """202 while the answer to a start is still to come."""
    return 202 if snapshot["status"] == Status.QR_REQUESTED else 200


def as_connect(snapshot: Json) -> Json:
    """`POST /whatsapp/connect`."""
    return {"success": True, "qr_code": _image(snapshot), "expires": _expires(snapshot), **snapshot}


def as_session_start(snapshot: Json) -> Json:
    """`POST /api/session/start`."""
    return {
        "success": True,
        "status": snapshot["status"],
        "session_id": snapshot["session_id"],
        "qr": _image(snapshot),
        "expires": _expires(snapshot),
        "snapshot": snapshot,
    }


def as_status(snapshot: Json) -> Json:
    """`GET /whatsapp/status`."""
    return {
        "success": True,
        "connected": snapshot["wa_terhubung"],
        "phone_number": snapshot["me"]["phone"] if snapshot["me"] else None,
        **snapshot,
    }


def as_pairing_code(snapshot: Json) -> Json:
    """`POST …/session/pairing-code`."""
    return {"code": snapshot["pairing"]["code"], "expires_at": snapshot["pairing"]["code_expires_at"]}


def as_link_token(link: LinkToken, base_url: str) -> Json:
    return {"url": f"{base_url}/link/{link.token}", "token": link.token, "expires_at": iso(link.expires_at)}


def _image(snapshot: Json) -> str | None:
    image: str | None = snapshot["qr"]["image"] if snapshot["qr"] else None
    return image


def _expires(snapshot: Json) -> int | None:
    """Whole seconds that the code on show has left."""
    if not snapshot["qr"]:
        return None
    left = datetime.fromisoformat(snapshot["qr"]["expires_at"]) - datetime.fromisoformat(snapshot["server_now"])
    return max(0, int(left.total_seconds()))
