"""The control API of a sandbox, as a program calls it: JSON in, JSON out, and no library for it."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

ANSWER_SECONDS = 90.0
"""More than the longest that a call may be asked to wait."""
_PREFIX = "/sandbox/api"
_REFUSAL = 400
_BOUNDARY = "a-line-that-no-picture-has-in-it"


class SandboxRefused(Exception):
    """The sandbox didn't do it. `code` is stable; the text says why."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


class Control:
    """Straight to `url`: no proxy of the environment is asked."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80

    def call(self, method: str, path: str, body: object = None) -> Any:
        """What it answers, None if nothing. SandboxRefused; OSError if it isn't there (any more)."""
        content = None if body is None else json.dumps(body).encode()
        return self._exchange(method, path, content, "application/json")

    def upload(self, path: str, field: str, content: bytes) -> Any:
        """A file, as a form in a browser sends it."""
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{field}"\r\n\r\n'
        form = head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return self._exchange("POST", path, form, f"multipart/form-data; boundary={_BOUNDARY}")

    def _exchange(self, method: str, path: str, content: bytes | None, kind: str) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_SECONDS)
        try:
            headers = {"Content-Type": kind} if content is not None else {}
            connection.request(method, _PREFIX + path, content, headers)
            answer = connection.getresponse()
            told = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"the sandbox broke off: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= _REFUSAL:
            raise _refusal(answer.status, told)
        return json.loads(told) if told else None


def _refusal(status: int, told: bytes) -> SandboxRefused:
    try:
        problem = json.loads(told)
        return SandboxRefused(problem["code"], problem["message"]["en"])
    except (ValueError, KeyError, TypeError):
        return SandboxRefused(f"http_{status}", told[:200].decode("utf-8", "replace"))
