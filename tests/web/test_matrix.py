"""Every path x every credential that must not do: nothing leaks, nothing changes, the documented code.

The paths come from the OpenAPI document and the application's own list. One that has no request in REQUESTS fails:
write down how it is asked rightly, and it is asked in every wrong way.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from talkabiz.domain.access import Caller, Kind, Scope
from tests.edges import API_KEY, Client, House, open_house
from tests.web.test_chats import hear
from tests.web.test_messages import form

Json = dict[str, Any]
Path_ = tuple[str, str]
"""Method and path, as the OpenAPI document writes it."""

NAME, PHONE = "Warung Rahasia", "628155555555"
PUBLIC = "public"

# How each is asked rightly: its body, and what stands in it for `{…}`. Ids of kliens are filled in.
OLDER = {"klien_id": "{klien_id}"}
FILE: Json = {"file": "a form with one"}
SAID = "Kata sandinya kuda laut."
RECEIVED, QUEUED = 1, 2  # ids of messages
HOOK = "https://example.com/rahasia"
SECRETS = (NAME, PHONE, PHONE[2:], "2@", SAID, HOOK, "whsec_", "evt_")
"""What nobody else may see a bit of."""
PLACES = {"{chat}": "628111111111", "{message_id}": str(RECEIVED)}
PLACES |= dict.fromkeys(("{media_id}", "{webhook_id}", "{delivery_id}"), "1")
REQUESTS: dict[Path_, Json | None] = {
    ("POST", "/api/v1/kliens"): {"nama": "Toko Baru"},
    ("GET", "/api/v1/kliens"): None,
    ("GET", "/api/v1/kliens/{klien_id}"): None,
    ("PATCH", "/api/v1/kliens/{klien_id}"): {"nama": "Milik saya"},
    ("DELETE", "/api/v1/kliens/{klien_id}"): None,
    ("POST", "/api/v1/kliens/{klien_id}/session"): {},
    ("GET", "/api/v1/kliens/{klien_id}/session"): None,
    ("DELETE", "/api/v1/kliens/{klien_id}/session"): None,
    ("GET", "/api/v1/kliens/{klien_id}/session/qr"): None,
    ("POST", "/api/v1/kliens/{klien_id}/session/pairing-code"): {"phone": "081234567890"},
    ("POST", "/api/v1/kliens/{klien_id}/session/restart"): {},
    ("POST", "/api/v1/kliens/{klien_id}/session/stop"): {},
    ("GET", "/api/v1/kliens/{klien_id}/events"): None,
    ("POST", "/api/v1/kliens/{klien_id}/link-tokens"): {},
    ("POST", "/api/v1/kliens/{klien_id}/messages"): {"to": "628111111111", "text": "halo"},
    ("GET", "/api/v1/kliens/{klien_id}/messages"): None,
    ("GET", "/api/v1/kliens/{klien_id}/messages/{message_id}"): None,
    ("POST", "/api/v1/kliens/{klien_id}/messages/{message_id}/cancel"): {},
    ("POST", "/api/v1/kliens/{klien_id}/messages/{message_id}/read"): {},
    ("POST", "/api/v1/kliens/{klien_id}/media"): FILE,
    ("GET", "/api/v1/kliens/{klien_id}/media/{media_id}"): None,
    ("GET", "/api/v1/kliens/{klien_id}/chats"): None,
    ("POST", "/api/v1/kliens/{klien_id}/chats/{chat}/typing"): {},
    ("POST", "/api/v1/kliens/{klien_id}/chats/{chat}/presence"): {},
    ("GET", "/api/v1/kliens/{klien_id}/contacts/check"): {"phone": "628111111111"},
    ("GET", "/api/v1/kliens/{klien_id}/pace"): None,
    ("PUT", "/api/v1/kliens/{klien_id}/pace"): {"burst": 1},
    ("POST", "/api/v1/kliens/{klien_id}/webhooks"): {"url": "https://example.com/milik-saya"},
    ("GET", "/api/v1/kliens/{klien_id}/webhooks"): None,
    ("GET", "/api/v1/kliens/{klien_id}/webhooks/{webhook_id}"): None,
    ("PATCH", "/api/v1/kliens/{klien_id}/webhooks/{webhook_id}"): {"url": "https://example.com/milik-saya"},
    ("DELETE", "/api/v1/kliens/{klien_id}/webhooks/{webhook_id}"): None,
    ("POST", "/api/v1/kliens/{klien_id}/webhooks/{webhook_id}/test"): {},
    ("POST", "/api/v1/kliens/{klien_id}/webhooks/{webhook_id}/rotate-secret"): {},
    ("POST", "/api/v1/kliens/{klien_id}/webhooks/{webhook_id}/replay"): {},
    ("GET", "/api/v1/kliens/{klien_id}/webhooks/{webhook_id}/deliveries"): None,
    ("GET", "/api/v1/kliens/{klien_id}/deliveries/{delivery_id}"): None,
    ("POST", "/api/v1/kliens/{klien_id}/deliveries/{delivery_id}/replay"): {},
    ("GET", "/api/v1/kliens/{klien_id}/incoming-secret"): None,
    ("POST", "/api/v1/kliens/{klien_id}/incoming-secret"): {},
    ("POST", "/api/message/send"): {**OLDER, "to": "628111111111", "text": "halo"},
    ("POST", "/api/v1/keys"): {"kind": "admin"},
    ("GET", "/api/v1/keys"): None,
    ("DELETE", "/api/v1/keys/{key_id}"): None,
    ("GET", "/api/v1/audit"): None,
    ("GET", "/metrics"): None,
    ("POST", "/api/session/start"): OLDER,
    ("GET", "/api/session/status/{klien_id}"): None,
    ("POST", "/api/session/stop"): OLDER,
    ("POST", "/api/session/logout"): OLDER,
    ("POST", "/api/whatsapp/webhook"): {
        "event": "connection.update",
        "klien_id": "{klien_id}",
        "status": "connected",
        "phone_number": "628166666666",
    },
    **{
        (method, f"/{older}/{name}"): OLDER
        for older in ("whatsapp", "wa")
        for method, name in (("POST", "connect"), ("POST", "disconnect"), ("GET", "status"), ("GET", "session-status"))
    },
}
FOREIGN: list[Json] = [
    {"type": "document", "media": {"media_id": 1}},
    {"text": "halo", "reply_to": RECEIVED},
    {"type": "reaction", "message_id": RECEIVED, "reaction": "x"},
    {"type": "edit", "message_id": QUEUED, "text": "x"},
    {"type": "revoke", "message_id": QUEUED},
    {"type": "forward", "message_id": RECEIVED},
]
"""Messages that name what another klien has."""
QUERIES = {"/api/v1/kliens/{klien_id}/webhooks/{webhook_id}/replay": "?since=0"}
"""Of those that need one beside their body."""

# Pages for people, which the document doesn't have: who may, and the form that is sent.
OPERATORS, KLIENS = "operators", "kliens"
PASSWORD = {"password": "kuda laut biru", "current": ""}
PAGES: dict[Path_, tuple[str, Json | None]] = {
    ("GET", "/"): (OPERATORS, None),
    ("GET", "/kliens"): (OPERATORS, None),
    ("POST", "/kliens"): (OPERATORS, {"nama": "Toko Baru"}),
    ("GET", "/kliens/{klien_id}"): (OPERATORS, None),
    ("GET", "/kliens/{klien_id}/link-tokens"): (OPERATORS, None),
    ("POST", "/kliens/{klien_id}/link-tokens"): (OPERATORS, {}),
    ("GET", "/account"): (OPERATORS, None),
    ("GET", "/account/password"): (OPERATORS, None),
    ("POST", "/account/password"): (OPERATORS, PASSWORD),
    ("POST", "/account/logout-everywhere"): (OPERATORS, {}),
    **dict.fromkeys(
        [
            *(("GET", "/static/{filename}"), ("GET", "/openapi.json"), ("GET", "/docs")),
            *(("GET", "/login"), ("POST", "/login"), ("POST", "/language")),
            # These need a secret in the path, or end a login that there isn't: tests/web/test_pages.py, test_login.py.
            *(("GET", "/login/{token}"), ("POST", "/login/{token}"), ("POST", "/logout"), ("GET", "/link/{token}")),
        ],
        (PUBLIC, None),
    ),
}


@dataclass
class Asked:
    """One path, asked about one klien."""

    method: str
    path: str
    who: str
    scopes: frozenset[Scope]
    body: Json | None
    is_page: bool

    @property
    def names_klien(self) -> bool:
        return "{klien_id}" in self.path or (self.body or {}).get("klien_id") == "{klien_id}"

    @property
    def names_a_thing(self) -> bool:
        """Of the klien's, by an id of its own."""
        return "{klien_id}" in self.path and self.path.count("{") > 1 and "{chat}" not in self.path

    @property
    def needs_a_webhook(self) -> bool:
        return "{webhook_id}" in self.path or "{delivery_id}" in self.path

    @property
    def needs_a_line(self) -> bool:
        rooms = ("messages", "media", "chats", "contacts", "pace")
        return self.path == "/api/message/send" or any(f"{{klien_id}}/{room}" in self.path for room in rooms)

    def how(self, klien_id: int, key_id: int) -> Json:
        path = self.path + QUERIES.get(self.path, "")
        path = path.replace("{klien_id}", str(klien_id)).replace("{key_id}", str(key_id))
        places = {**PLACES, "{message_id}": str(QUEUED)} if path.endswith("/cancel") else PLACES
        for place, value in places.items():
            path = path.replace(place, value)
        if self.body is None:
            return {"path": path}
        if self.body is FILE:
            return {"path": path, **form()}
        if self.method == "GET":
            query = "&".join(f"{name}={klien_id if name == 'klien_id' else value}" for name, value in self.body.items())
            return {"path": f"{path}?{query}"}
        body = {name: klien_id if value == "{klien_id}" else value for name, value in self.body.items()}
        return {"path": path, "form" if self.is_page else "json": body}


async def everything(house: House) -> list[Asked]:
    document = await house.client(None).ask("GET", "/openapi.json", expect=200)
    found = []
    for rule in house.app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        operations = document["paths"].get(path, {})
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        found += [_asked(method, path, operations.get(method.lower())) for method in methods]
    return found


def _asked(method: str, path: str, operation: Json | None) -> Asked:
    if operation is None:
        assert (method, path) in PAGES, f"{method} {path} is in no document: put it into PAGES, with who may"
        who, body = PAGES[method, path]
        return Asked(method, path, who, frozenset(), body, is_page=True)
    if operation["security"] == []:
        return Asked(method, path, PUBLIC, frozenset(), None, is_page=False)
    assert (method, path) in REQUESTS, f"{method} {path} is new: put into REQUESTS how it is asked rightly"
    scopes = frozenset(Scope(scope) for scope in operation.get("x-scopes", ()))
    return Asked(method, path, operation["x-who"], scopes, REQUESTS[method, path], is_page=False)


@dataclass
class Wrong:
    """A credential that must not do, and what it is told: of the klien, of nobody in particular."""

    name: str
    headers: dict[str, str]
    scopes: frozenset[Scope] = frozenset()
    """Of a key of that klien's own."""

    def expected(self, asked: Asked) -> tuple[int, str] | None:
        """None: it may."""
        if self.name == "operator without csrf":
            return (403, "csrf") if asked.method != "GET" else None
        if self.name in {"none", "expired", "revoked", "made up", "link token", "in the query"}:
            return 401, "unauthorized"
        if asked.is_page:
            return 404, "not_found"  # these pages are no program's
        if self.name == "another klien's":
            return self._to_a_stranger(asked)
        if asked.who == KLIENS and asked.scopes & self.scopes:
            return None
        return 403, "missing_scope"

    def _to_a_stranger(self, asked: Asked) -> tuple[int, str] | None:
        if asked.names_klien and not asked.path.endswith("/link-tokens") and asked.who == OPERATORS:
            return 404, "not_found"
        if asked.who == OPERATORS:
            return 403, "missing_scope"
        return (404, "not_found") if asked.names_klien else None  # a list has its own things alone


async def wrong_credentials(house: House, klien_id: int, other_id: int) -> list[Wrong]:
    access, caller = house.desk.access, Caller("test")
    expired = await access.make_key(Kind.ADMIN, expires_at=house.clock.now() + timedelta(seconds=1))
    revoked = await access.make_key(Kind.ADMIN)
    await access.revoke_key(revoked.row.id, caller=caller)
    house.clock.advance(2)
    link = await access.make_link_token(klien_id, caller=caller)
    return [
        Wrong("none", {}),
        Wrong("expired", bearer(expired.token)),
        Wrong("revoked", bearer(revoked.token)),
        Wrong("made up", bearer("tkb_00000000_00000000000000000000000000000000")),
        Wrong("link token", bearer(link.token)),
        Wrong("another klien's", bearer(await house.key_of(other_id))),
        *[
            Wrong(f"for {scope} alone", bearer(await house.key_of(klien_id, scope)), frozenset({scope}))
            for scope in Scope
        ],
        Wrong("operator without csrf", {"Cookie": f"talkabiz_session={await house.login()}"}),
    ]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(name="secret_id")
async def _secret_id(house: House) -> int:
    """A linked klien, about whom others must learn nothing."""
    klien_id = await house.add_klien(NAME)
    await house.link(klien_id, PHONE)
    await talk(house, klien_id)
    await hook(house, klien_id)
    return klien_id


async def hook(house: House, klien_id: int) -> None:
    """A webhook, and a delivery that waits."""
    admin, path = house.client(), f"/api/v1/kliens/{klien_id}/webhooks"
    assert (await admin.ask("POST", path, json={"url": HOOK}, expect=201))["id"] == 1
    assert (await admin.ask("POST", f"{path}/1/test", expect=202))["id"] == 1


async def talk(house: House, klien_id: int) -> None:
    """A message that came in, one that waits, and a file."""
    admin, path = house.client(), f"/api/v1/kliens/{klien_id}"
    assert (await hear(house, admin, path, "628111111111", SAID))["id"] == RECEIVED
    await admin.ask("PUT", f"{path}/pace", json={"quiet": {"from": "00:00", "to": "23:59"}}, expect=200)
    body = {"to": "628111111111", "text": SAID}
    assert (await admin.ask("POST", f"{path}/messages", json=body, expect=202))["id"] == QUEUED
    await admin.ask("POST", f"{path}/media", **form(SAID.encode()), expect=201)


async def test_whoever_may_not_learns_nothing_and_changes_nothing(house: House, secret_id: int, tmp_path: Path) -> None:
    other_id = await house.add_klien("Toko Bulan")
    wrongs = await wrong_credentials(house, secret_id, other_id)
    key_id = (await house.desk.access.make_key(Kind.ADMIN)).row.id
    before, asked_before = rows(tmp_path), [*house.whatsapp.asked, *house.conversations.asked]
    refused = 0
    for asked in await everything(house):
        if asked.who == PUBLIC:
            continue
        for wrong in wrongs:
            expected = wrong.expected(asked)
            if expected is None:
                continue
            how, client = asked.how(secret_id, key_id), Client(house.client(None).http, wrong.headers)
            answer = await client.send(asked.method, **how)
            body = await answer.get_data(as_text=True)
            told = f"{asked.method} {asked.path} by {wrong.name}: {answer.status_code} {body[:300]}"
            assert answer.status_code == expected[0], told
            assert (await answer.get_json())["code"] == expected[1], told
            assert not [secret for secret in SECRETS if secret in body], told
            refused += 1
    assert refused > 600, refused
    assert rows(tmp_path) == before
    assert [*house.whatsapp.asked, *house.conversations.asked] == asked_before


async def test_what_a_list_shows_to_one_klien_is_its_own(house: House, secret_id: int) -> None:
    other_id = await house.add_klien("Toko Bulan")
    own = house.client(await house.key_of(other_id))
    for asked in await everything(house):
        if asked.who == KLIENS and not asked.names_klien:
            answer = await own.ask(asked.method, **asked.how(secret_id, 0), expect=200)
            assert NAME not in str(answer)


async def test_another_kliens_things_are_not_under_ones_own_name(house: House, secret_id: int, tmp_path: Path) -> None:
    """Who may do everything to itself, with the ids of things that are another's: in the address, and in the body."""
    other_id = await house.add_klien("Toko Bulan")
    await house.link(other_id, "628144444444")
    own = house.client(await house.key_of(other_id))
    before, asked_before = rows(tmp_path), [*house.whatsapp.asked, *house.conversations.asked]
    tried = 0
    for client in (own, house.client()):
        for asked in await everything(house):
            if asked.names_a_thing:
                await client.refusal(asked.method, **asked.how(other_id, 0), expect=404, code="not_found")
                tried += 1
        path = f"/api/v1/kliens/{other_id}/messages"
        for body in FOREIGN:
            answer = await client.send("POST", path, json={"to": "628111111111", **body})
            assert answer.status_code in {404, 422}, body
            assert not [secret for secret in SECRETS if secret in await answer.get_data(as_text=True)], body
    assert tried > 20, tried
    assert rows(tmp_path) == before
    assert [*house.whatsapp.asked, *house.conversations.asked] == asked_before


async def test_a_key_in_the_address_opens_nothing(house: House, secret_id: int) -> None:
    for asked in await everything(house):
        if asked.who != PUBLIC and asked.method == "GET" and not asked.is_page:
            path = asked.how(secret_id, 1)["path"]
            joint = "&" if "?" in path else "?"
            for name in ("key", "token", "api_key", "apikey", "access_token", "authorization"):
                await house.client(None).refusal(
                    "GET", f"{path}{joint}{name}={API_KEY}", expect=401, code="unauthorized"
                )


async def test_an_operators_login_does_not_let_another_sites_page_in(house: House, secret_id: int) -> None:
    cookie = {"Cookie": f"talkabiz_session={await house.login()}"}
    foreign = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}]
    for asked in await everything(house):
        if asked.who == PUBLIC or asked.method == "GET":
            continue
        for headers in foreign:
            client = Client(house.client(None).http, {**cookie, **headers})
            await client.refusal(asked.method, **asked.how(secret_id, 1), expect=403, code="csrf")


async def test_each_request_of_the_matrix_is_right_but_for_its_credential(tmp_path: Path) -> None:
    """Else a refusal could have another cause. Each in a house of its own, since most change something."""
    async with open_house(tmp_path) as house, house.app.test_app():
        paths = [asked for asked in await everything(house) if asked.who != PUBLIC]
    for number, asked in enumerate(paths):
        home = tmp_path / str(number)
        home.mkdir()
        async with _ready(home) as (house, klien_id, key_id):
            if asked.path == "/api/whatsapp/webhook":  # refused beside a code on show
                await house.desk.sessions.stop(klien_id)
            if asked.needs_a_line:
                await house.link(klien_id, PHONE)
                await talk(house, klien_id)
            if asked.needs_a_webhook:
                await hook(house, klien_id)
            operator = {"Cookie": f"talkabiz_session={await house.login()}", "Sec-Fetch-Site": "same-origin"}
            client = Client(house.client(None).http, operator if asked.is_page else bearer(API_KEY))
            answer = await client.send(asked.method, **asked.how(klien_id, key_id))
            told = f"{asked.method} {asked.path}: {answer.status_code} {(await answer.get_data())[:300]!r}"
            assert answer.status_code < 400, told


@asynccontextmanager
async def _ready(home: Path) -> AsyncIterator[tuple[House, int, int]]:
    """With a code on show, and a key that can be revoked."""
    async with open_house(home) as house, house.app.test_app():
        house.whatsapp.gives_codes = True
        klien_id = await house.add_klien(NAME)
        await house.show_qr(klien_id)
        yield house, klien_id, (await house.desk.access.make_key(Kind.ADMIN)).row.id


def rows(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All of the database, but for when a credential was last used."""
    with sqlite3.connect(home / "talkabiz.db") as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in names:
            columns = [column for _, column, *_ in file.execute(f"PRAGMA table_info({name})")]
            kept = ", ".join(column for column in columns if column != "last_used_at")
            found[name] = list(file.execute(f"SELECT {kept} FROM {name}"))  # noqa: S608 - names of its own tables
    file.close()
    return found
