"""The server that a command talks to: where it is, by which key, and one request to it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from talkabiz.cli.printing import EXIT_NO_SERVER, EXIT_USAGE, Failed
from talkabiz.cli.running import read_settings
from talkabiz.domain.errors import Unauthorized

ANSWER_SECONDS = 10.0

Url = Annotated[str | None, typer.Option(metavar="URL", help="The server [default: http://HOST:PORT].")]
Key = Annotated[str | None, typer.Option(metavar="KEY", help="An API key [default: TALKABIZ_API_KEY].")]

_KEY_IS_NEEDED = (
    "Kunci API diperlukan: --key tkb_… atau TALKABIZ_API_KEY.",
    "A key is needed: --key tkb_… or TALKABIZ_API_KEY.",
)


class Silence(Exception):
    """Nobody answered, or not like this server."""


class Broken(Silence):
    """Somebody was there, and the answer didn't come. What was asked for may have been done all the same."""


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    token: str

    @classmethod
    def of(cls, url: str | None, key: str | None) -> Server:
        """What the options say, or else the settings. Raises Failed."""
        settings = read_settings()
        token, address = key or settings.api_key, url or settings.public_url(settings.port)
        if not token:
            raise Failed("no_key", *_KEY_IS_NEEDED, EXIT_USAGE)
        if urlsplit(address).scheme not in {"http", "https"} or not urlsplit(address).hostname:
            raise Failed(
                "invalid_url", f"Bukan alamat server: {address}", f"Not a server's address: {address}", EXIT_USAGE
            )
        return cls(address.rstrip("/"), token)

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Blocks. Raises Silence, or Failed with the code and the sentence of a refusal."""
        request = urllib.request.Request(  # noqa: S310 - http and https alone: `of`
            f"{self.url}{path}",
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
            method=method,
        )
        try:
            with _open(request) as answer:
                status, found = answer.status, answer.read()
        except urllib.error.URLError as error:  # while it connected, or sent
            raise (Broken if isinstance(error.reason, _BREAKS) else Silence) from None
        except (OSError, HTTPException):
            raise Broken from None
        try:
            if status < HTTPStatus.BAD_REQUEST:
                return _object(found)
            refusal = _refusal(_object(found))
        except Silence:
            raise (Broken if status in _OF_PROXIES else Silence) from None
        raise refusal


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key is for this server alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


_BREAKS = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
_OF_PROXIES = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
"""What a proxy says, in words of its own, of a server that is away, or went away before it answered."""
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _open(request: urllib.request.Request) -> Any:
    """A refusal is an answer like any other."""
    try:
        return _OPENER.open(request, timeout=ANSWER_SECONDS)
    except urllib.error.HTTPError as error:
        return error


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        raise Silence from None
    if not isinstance(found, dict):
        raise Silence
    return found


def _refusal(problem: dict[str, Any]) -> Failed:
    code, message = problem.get("code"), problem.get("message")
    if not isinstance(code, str) or not isinstance(message, dict):
        raise Silence
    if code == Unauthorized.code:
        return refused()
    fields = "".join(f"\n{name}: {wrong}" for name, wrong in problem.get("fields", {}).items())
    return Failed(code, str(message.get("id", code)) + fields, str(message.get("en", code)) + fields)


def no_server(url: str) -> Failed:
    return Failed(
        "no_server",
        f"Tidak ada server yang menjawab di {url}. Jalankan: talkabiz serve",
        f"No server answers at {url}. Start one: talkabiz serve",
        EXIT_NO_SERVER,
    )


def refused() -> Failed:
    return Failed(
        Unauthorized.code,
        "Server tidak menerima kunci ini. Buat yang baru: talkabiz key create",
        "The server doesn't accept this key. Make another: talkabiz key create",
    )
