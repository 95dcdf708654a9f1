"""The control API and its page as an application of its own, for `talkabiz sandbox`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial

from hypercorn.asyncio import serve as serve_http
from hypercorn.config import Config
from quart import Quart, Response
from werkzeug.exceptions import HTTPException

from talkabiz.assets import static_dir, templates_dir
from talkabiz.h11_patterns import make_linear
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.page import page_blueprint
from talkabiz.sandbox.panel import blueprint, problem
from talkabiz.sandbox.world import Sandbox

CLOSING_SECONDS = 1  # for requests that run, once it is told to stop

_SENTENCES = {
    404: ("not_found", "Tidak ada alamat seperti itu.", "There is no such address."),
    405: ("method_not_allowed", "Alamat ini tidak menerima metode itu.", "This address doesn't take that method."),
    413: ("too_large", "Isi permintaan terlalu besar.", "The request's body is too large."),
}


def create_control_app(sandbox: Sandbox, language: str = "id") -> Quart:
    make_linear()
    app = Quart("talkabiz", static_folder=str(static_dir()), template_folder=str(templates_dir()))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.json.sort_keys = False  # type: ignore[attr-defined] # of Quart's usual provider
    app.register_blueprint(blueprint(sandbox))
    app.register_blueprint(page_blueprint(language, in_product=False))
    app.after_request(_trust_nothing)
    app.register_error_handler(HTTPException, _http_problem)
    return app


async def serve(
    sandbox: Sandbox, listener: socket.socket, *, stopping: asyncio.Event, started: Callable[[str], None]
) -> None:
    """Serves the control API on a bound socket until `stopping` is set; `started` gets its address. The caller starts
    and stops the sandbox itself.
    """
    host, number = listener.getsockname()[:2]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = CLOSING_SECONDS
    started(f"http://[{host}]:{number}" if ":" in host else f"http://{host}:{number}")
    await serve_http(create_control_app(sandbox), config, shutdown_trigger=partial(sandbox.run_until, stopping))


async def _trust_nothing(answer: Response) -> Response:
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    code, id_, en = _SENTENCES.get(status, ("http_error", f"Permintaan ditolak ({status}).", f"Refused ({status})."))
    return problem(SandboxError(code, id_, en, status))
