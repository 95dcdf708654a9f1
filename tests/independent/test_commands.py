"""The same client against the real commands: `talkabiz sandbox`, and `talkabiz serve` beside it."""

from __future__ import annotations

import base64
import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.independent.session import Session, session, text_of
from tests.running import Loopback, Phones, loopback, serving

KLIEN, BUDI, ANI = "628111000081", "628111000082", "628111000083"


def jid(number: str) -> str:
    return f"{number}@s.whatsapp.net"


async def test_it_chats_with_a_linked_klien_and_with_phones(home: Path) -> None:
    async with loopback(home) as world, serving(home, **world.settings) as server, _guest(home, world) as guest:
        phones = Phones(world.http)
        for number, name, chats in ((KLIEN, "Toko", False), (BUDI, "Budi", False), (ANI, "Ani", True)):
            await phones.call("POST", "phones", {"number": number, "name": name, "chats": chats})
        await server.link(phones, await server.add_klien("Toko Sinar"), KLIEN, "Toko")
        await guest.connect()
        await phones.scan(BUDI, await guest.qr(), "Budi")
        await guest.opened()

        # The klien's phone itself has no chats: whoever says that it could read this is the linked session.
        sent = await guest.send(jid(KLIEN), {"text": "buka jam berapa?"})
        await guest.event("receipt", lambda data: data["id"] == sent and data.get("type") in {None, "inactive"})

        asked = await guest.send(jid(ANI), {"text": "ada foto?"})
        heard = await _next(phones, ANI)
        assert (heard["id"], heard["text"], heard["from"]["phone"]) == (asked, "ada foto?", BUDI)
        picture = os.urandom(50_000)
        media = {"base64": base64.b64encode(picture).decode(), "mimetype": "image/png"}
        shown = await phones.call(
            "POST", f"phones/{ANI}/messages", {"to": BUDI, "type": "image", "media": media, "caption": "ini"}
        )
        got = await guest.message(shown["id"])
        assert got["message"]["imageMessage"]["caption"] == "ini"
        assert await guest.download(shown["id"]) == picture

        group = await phones.call("POST", f"phones/{ANI}/groups", {"name": "Semua", "participants": [BUDI, KLIEN]})
        said = await guest.send(group["jid"], {"text": "halo semua"})
        assert (await _next(phones, ANI, after=shown["id"]))["id"] == said
        answer = await phones.call("POST", f"phones/{ANI}/messages", {"to": group["jid"], "text": "halo"})
        assert text_of(await guest.message(answer["id"])) == "halo"


def _guest(home: Path, world: Loopback) -> AbstractAsyncContextManager[Session]:
    settings = world.settings
    return session(home / "guest", settings["wa_proxy_url"], settings["wa_ca_file"], settings["wa_root_key"])


async def _next(phones: Phones, number: str, after: str = "") -> dict[str, Any]:
    """The message behind that one; waits for it."""
    query = "wait=20" + (f"&after={after}" if after else "")
    (first, *_) = (await phones.call("GET", f"phones/{number}/messages?{query}"))["messages"]
    return dict(first)
