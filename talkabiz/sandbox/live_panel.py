"""The control API of who looks on: streams of state and nodes, and what is on the screens."""

from __future__ import annotations

from quart import Blueprint, Response, jsonify, request

from talkabiz.sandbox.screens import Screens
from talkabiz.sandbox.streams import NodeReader, StateReader, tell
from talkabiz.sandbox.views import KlienOf, invalid
from talkabiz.sandbox.world import Sandbox

_SWITCH = {"": False, "0": False, "1": True}


def add_routes(routes: Blueprint, sandbox: Sandbox, klien_of: KlienOf, screens: Screens) -> None:
    """Under the panel's prefix, with its rules on who may call."""

    async def stream_events() -> Response:
        """`?log=1`: with the nodes too, in one connection, of which a browser has six."""
        nodes = NodeReader(sandbox.nodes, _seen()) if _switch("log") else None
        return _stream(sandbox, StateReader(sandbox, klien_of), nodes)

    async def stream_log() -> Response:
        return _stream(sandbox, None, NodeReader(sandbox.nodes, _seen()))

    async def list_screens() -> Response:
        found = [{"klien_id": screen.klien_id, "name": screen.name} for screen in await screens()]
        return jsonify({"screens": found})

    for path, view in (("/events", stream_events), ("/log", stream_log), ("/screens", list_screens)):
        routes.add_url_rule(path, view.__name__, view, methods=["GET"])


def _stream(sandbox: Sandbox, state: StateReader | None, nodes: NodeReader | None) -> Response:
    response = Response(tell(sandbox, state, nodes), content_type="text/event-stream")
    response.timeout = None  # it ends when the reader leaves
    response.headers["Cache-Control"] = "no-store"
    return response


def _seen() -> str:
    """What a browser's reader repeats by itself when it comes back, or `?after=` of one that begins anew."""
    return str(request.headers.get("Last-Event-ID") or request.args.get("after", ""))


def _switch(name: str) -> bool:
    text = request.args.get(name, "")
    if text not in _SWITCH:
        raise invalid(name, "harus 0 atau 1", "must be 0 or 1")
    return _SWITCH[text]
