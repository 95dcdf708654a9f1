"""What comes to the application before the libraries see it: sockets at their own path, with frames that can be read.

Quart has no sockets and engineio expects no nonsense: both would meet a stranger's with an exception, and engineio
would take whoever sent it for present until its next ping.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

AsgiApp = Callable[..., Coroutine[Any, Any, None]]
Message = dict[str, Any]

SOCKET_PATH = "socket.io"
POLICY_VIOLATED, PROTOCOL_BROKEN = 1008, 1002
_FRAME = re.compile(r"[1356]\Z|[23](?:probe)?\Z|4[0-4]", re.ASCII)
"""Of Engine.IO 4, as clients send it: close, ping and pong, upgrade, noop, and messages that aren't binary."""


def with_gate(app: AsgiApp) -> AsgiApp:
    async def gate(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
        elif f"{scope['path']}/".startswith(f"/{SOCKET_PATH}/"):
            await app(scope, partial(_receive_sound, receive), send)
        else:
            await send({"type": "websocket.close", "code": POLICY_VIOLATED})

    return gate


async def _receive_sound(receive: Callable[[], Coroutine[Any, Any, Message]]) -> Message:
    """The next message; after nonsense, the client is as good as gone."""
    message = await receive()
    if message["type"] == "websocket.receive" and not _FRAME.match(message.get("text") or ""):
        return {"type": "websocket.disconnect", "code": PROTOCOL_BROKEN}
    return message
