"""The port: free, or taken by our own server, which then says how it is."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
from typing import Any

from talkabiz.doctor.findings import Check, fail, ok, warn

PORT = "port"
ANSWER_SECONDS = 3.0
_LONGEST_ANSWER = 64 * 1024
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - nobody binds here


def check_port(host: str, port: int, *, is_in_use: bool) -> Check:
    """`is_in_use`: a server runs on our sessions/."""
    where = f"{host}:{port}"
    if port == 0:
        return ok(PORT, "any free one")
    refusal = _try_binding(host, port)
    if refusal is None and is_in_use:
        advice = "It listens elsewhere, or hangs. Another one can't start beside it."
        return warn(PORT, f"{where} is free, although a server uses sessions/", advice)
    if refusal is None:
        return ok(PORT, f"{where} is free")
    if refusal.errno == errno.EADDRINUSE:
        return _judge(where, _ask_health(host, port), is_in_use=is_in_use)
    why = os.strerror(refusal.errno) if refusal.errno and refusal.errno > 0 else str(refusal)
    if refusal.errno == errno.EACCES:
        return fail(
            PORT,
            f"{where}: {why}",
            "Ports below 1024 are root's. Choose a higher TALKABIZ_PORT, with a proxy before it.",
        )
    return fail(PORT, f"{where}: {why}", "TALKABIZ_HOST must be an address of this machine.")


def _try_binding(host: str, port: int) -> OSError | None:
    """As the server does, but without listening: nobody can connect."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, UnicodeError) as error:
        return error if isinstance(error, OSError) else OSError(str(error))
    return None


def _ask_health(host: str, port: int) -> dict[str, Any] | None:
    """What our server says of itself; None: whoever answers there isn't ours."""
    connection = http.client.HTTPConnection(_ANYWHERE.get(host, host), port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health")
        health = json.loads(connection.getresponse().read(_LONGEST_ANSWER))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return health if isinstance(health, dict) and isinstance(health.get("checks"), dict) else None


def _judge(where: str, health: dict[str, Any] | None, *, is_in_use: bool) -> Check:
    if health is None and is_in_use:
        advice = "Restart it. If it was another program's port all along, see whose: ss -ltnp"
        return fail(PORT, f"{where} is taken, and no Talkabiz answers there, although one uses sessions/", advice)
    if health is None:
        return fail(PORT, f"another program uses {where}", "Choose another TALKABIZ_PORT, or see whose it is: ss -ltnp")
    if down := [name for name, is_well in health["checks"].items() if not is_well]:
        advice = "See its log, and the other checks here."
        return fail(PORT, f"our server runs at {where} and is down: {', '.join(down)}", advice)
    if not is_in_use:
        advice = "It is of another directory. Choose another TALKABIZ_PORT for this one."
        return warn(PORT, f"a Talkabiz server runs at {where}, but not on these sessions/", advice)
    return ok(PORT, f"our server runs at {where} and is well")
