"""Virtual phones that chat, for a test: the control API, and the companions behind it in the test's own process."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quart import Quart

from talkabiz.sandbox.panel import blueprint
from talkabiz.sandbox.world import Sandbox
from talkabiz.whatsapp.binding import load
from talkabiz.whatsapp.companion import LocalCompanions

ANI = "628111111111"
BUDI = "628222222222"
CICI = "628333333333"
WAIT_SECONDS = 20


@contextmanager
def fast_directory(fallback: Path) -> Iterator[Path]:
    """In memory where that can be had."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="talkabiz-test-", dir=memory if memory.is_dir() else fallback) as directory:
        yield Path(directory)


def let_chat(world: Sandbox, directory: Path) -> None:
    library = load(ca_file=world.ca_file, root_key=bytes.fromhex(world.root_key))
    world.let_chat(LocalCompanions(library, directory / "companions", proxy_url=world.back_door_url))


class PhoneApi:
    """Requests as a program on this machine makes them."""

    def __init__(self, world: Sandbox) -> None:
        app = Quart(__name__)
        app.config["MAX_CONTENT_LENGTH"] = 64 << 10  # as the product has it
        app.register_blueprint(blueprint(world))
        self._client = app.test_client()

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and JSON; the stable code for a problem."""
        headers = {"Host": "127.0.0.1:8000"} | ({"Content-Type": "application/json"} if body is not None else {})
        if body is not None:
            more["data"] = json.dumps(body).encode()
        response = await self._client.open(
            f"/sandbox/api{path}",
            method=method,
            headers=headers,
            scope_base={"client": ("127.0.0.1", 50000)},
            **more,
        )
        raw: bytes = await response.get_data(as_text=False)
        if response.status_code >= 400:
            assert response.mimetype == "application/problem+json", raw
            return response.status_code, json.loads(raw)["code"]
        return response.status_code, json.loads(raw) if response.mimetype == "application/json" else raw

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        status, answer = await self.call(method, path, body, **more)
        assert status < 400, answer
        return answer

    async def send(self, number: str, **message: Any) -> dict[str, Any]:
        return dict(await self.ok("POST", f"/phones/{number}/messages", message))

    async def messages(self, number: str) -> list[dict[str, Any]]:
        return list((await self.ok("GET", f"/phones/{number}/messages"))["messages"])

    async def message(self, number: str, id_: str) -> dict[str, Any]:
        return dict(await self.ok("GET", f"/phones/{number}/messages/{id_}"))

    async def next(self, number: str, after: str | None = None) -> dict[str, Any]:
        """The first message behind that one; waits for it."""
        query = f"?wait={WAIT_SECONDS}" + (f"&after={after}" if after else "")
        found = (await self.ok("GET", f"/phones/{number}/messages{query}"))["messages"]
        assert found, f"nothing came to {number}"
        return dict(found[0])
