"""Settings, as a person meets them: the real command on right ones and on wrong ones."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from talkabiz.config import Settings
from tests.running import CHECKOUT, Finished, Server, finish, serving, talkabiz, until

pytestmark = pytest.mark.soak  # each is short; together they would take make test past ten minutes

CONFINED = "tests.confined"
PEER_KEY = "429683C4C977415CAAFCCE10F7D57E11"


def is_refusal(done: Finished, *words: str, code: int = 2) -> None:
    """One line, for a person, and nothing else."""
    assert (done.code, done.output) == (code, ""), done
    (line,) = done.errors.splitlines()
    assert all(word in line for word in words), line
    assert "pydantic" not in line


def left(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if path.suffix != ".err")


# --- a start that is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api_key": PEER_KEY}, ("TALKABIZ_API_KEY", "example", "openssl rand")),
        ({"api_key": "changeme-changeme-changeme-now"}, ("TALKABIZ_API_KEY", "openssl rand")),
        ({"prot": "8000"}, ("TALKABIZ_PROT", "did you mean TALKABIZ_PORT?")),
        ({"engines": "2"}, ("TALKABIZ_ENGINES", "not built yet")),
        ({"redis_url": "redis://localhost"}, ("TALKABIZ_REDIS_URL", "not built yet")),
        ({"base_url": "https://wa.example.com/app"}, ("TALKABIZ_BASE_URL", "without a path")),
        ({"allowed_origins": "*"}, ("TALKABIZ_ALLOWED_ORIGINS", "each site")),
        ({"trusted_proxies": "nginx"}, ("TALKABIZ_TRUSTED_PROXIES", "10.0.0.0/8")),
        ({"start_limit": "0/hour"}, ("TALKABIZ_START_LIMIT", '"off"')),
        ({"language": "fr"}, ("TALKABIZ_LANGUAGE", "'id' or 'en'")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
async def test_a_start_on_a_wrong_setting_is_one_sentence_and_opens_nothing(
    home: Path, settings: dict[str, str], words: tuple[str, ...]
) -> None:
    done = await finish(home, "serve", **{"port": "0", **settings})
    is_refusal(done, *words)
    assert settings.get("api_key", "no key") not in done.errors
    assert left(home) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MY_OWN=1\nTALKABIZ_LANGAUGE=en\n", (".env, line 2: TALKABIZ_LANGAUGE", "did you mean TALKABIZ_LANGUAGE?")),
        ("TALKABIZ_API_KEY 'half-a-key\n", (".env, line 1:", "Write NAME=value")),
        (f"TALKABIZ_API_KEY={PEER_KEY}\n", ("TALKABIZ_API_KEY", "openssl rand")),
    ],
)
async def test_a_start_on_a_wrong_file_is_one_sentence_and_opens_nothing(
    home: Path, text: str, words: tuple[str, ...]
) -> None:
    (home / ".env").write_text(text)
    done = await finish(home, "serve", "--port", "0")
    is_refusal(done, *words)
    assert "half-a-key" not in done.errors
    assert PEER_KEY not in done.errors
    assert left(home) == [".env"]


async def test_a_file_that_may_not_be_read_is_one_sentence(home: Path) -> None:
    (home / ".env").write_text("TALKABIZ_PORT=8000\n")
    (home / ".env").chmod(0)
    is_refusal(await finish(home, "serve", module=CONFINED), ".env can't be read: Permission denied.")


async def test_other_commands_refuse_the_same(home: Path) -> None:
    is_refusal(await finish(home, "klien", "list", langauge="en"), "did you mean TALKABIZ_LANGUAGE?")
    assert left(home) == []


@pytest.mark.parametrize("workers", ["0", "1"])
async def test_a_server_of_the_operators_choice_refuses_it_in_the_same_words(home: Path, workers: str) -> None:
    """With workers, hypercorn 0.18 loses their exit code on the way; it ends all the same."""
    arguments = ("talkabiz.asgi:create_app()", "--bind", "127.0.0.1:0", "--workers", workers)
    misspelt = await finish(home, *arguments, module="hypercorn", prot="1")
    assert misspelt.errors == "TALKABIZ_PROT is no setting of Talkabiz; did you mean TALKABIZ_PORT?\n"
    wrong = await finish(home, *arguments, module="hypercorn", api_key=PEER_KEY, language="fr")
    assert [line.split()[0] for line in wrong.errors.splitlines()] == ["TALKABIZ_LANGUAGE", "TALKABIZ_API_KEY"]
    assert PEER_KEY not in wrong.errors
    if workers == "0":
        assert (misspelt.code, wrong.code) == (1, 1)
    assert left(home) == []


# --- sessions/ --------------------------------------------------------------------------------------------------------


async def test_sessions_that_are_a_file_are_refused(home: Path) -> None:
    (home / "sessions").write_text("not a directory")
    is_refusal(await finish(home, "serve", "--port", "0"), "sessions", "can't be written to", code=1)
    assert left(home) == ["sessions"]


@pytest.mark.parametrize("kind", ["others write to it", "it holds what isn't ours"])
async def test_sessions_that_lie_open_behind_a_link_are_refused_and_left_as_they_are(home: Path, kind: str) -> None:
    (real := home / "real").mkdir()
    (home / "sessions").symlink_to(real)
    if kind == "it holds what isn't ours":
        (real / "holiday.jpg").write_bytes(b"")
    real.chmod(mode := 0o777 if kind == "others write to it" else 0o755)
    is_refusal(await finish(home, "serve", "--port", "0"), "Other users can read", "Run: chmod", code=1)
    assert real.stat().st_mode & 0o777 == mode
    assert not (home / "talkabiz.db").exists()


async def test_a_link_that_leads_nowhere_is_refused(home: Path) -> None:
    (home / "sessions").symlink_to(home / "gone")
    is_refusal(await finish(home, "serve", "--port", "0"), "sessions", code=1)
    assert left(home) == ["sessions"]


# --- a start that isn't -----------------------------------------------------------------------------------------------


async def test_an_empty_key_is_none_and_opens_nothing(home: Path) -> None:
    """As a container has it where the secret is missing."""
    async with serving(home, "--sandbox", api_key="") as server:
        made = next(line for line in server.process.lines if line.startswith("admin key: ")).removeprefix("admin key: ")
        async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http:
            for headers in (
                *({}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer None"}),
                *({"Authorization": "Basic Og=="}, {"X-Api-Key": ""}, {"X-Api-Key": "null"}),
                {"Cookie": "talkabiz_session="},
            ):
                answer = await http.get("/api/v1/kliens", headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), headers
            assert (await http.get("/api/v1/kliens", headers={"X-Api-Key": made})).status_code == 200


async def test_the_example_file_with_everything_in_it_starts(home: Path) -> None:
    text = Path(CHECKOUT, ".env.example").read_text()
    (home / ".env").write_text(re.sub(r"^# (?=TALKABIZ_)", "", text, flags=re.MULTILINE))
    async with talkabiz(home, "serve", "--port", "0", "--sandbox") as process:
        await process.read_until(lambda lines: any(line.startswith("login:") for line in lines))
        assert process.lines[0].startswith("Talkabiz runs at http://127.0.0.1:")
    assert {"sessions", "talkabiz.db"} <= set(left(home))


async def test_the_help_of_serve_lists_every_setting_with_its_default(home: Path) -> None:
    done = await finish(home, "serve", "--help")
    text = " ".join(done.output.split())
    for name, field in Settings.model_fields.items():
        assert f"TALKABIZ_{name.upper()}: {field.description}" in text
        if field.default not in {None, ()}:
            assert f"{field.description} [default: {field.default}]" in text


async def test_messages_are_kept_for_as_long_as_it_is_set(home: Path) -> None:
    assert (await finish(home, "klien", "add", "Toko Sinar")).code == 0

    def ask(statement: str) -> list[str]:
        with closing(sqlite3.connect(home / "talkabiz.db", isolation_level=None)) as connection:
            return [text for (text,) in connection.execute(statement)]

    async def only_young_ones_are_left() -> bool:
        return ask("SELECT text FROM messages ORDER BY id") == ["young"]

    ask("INSERT INTO parties (klien_id, jid, unread, created_at) VALUES (1, '628111@s.whatsapp.net', 0, 0)")
    now = datetime.now(UTC)
    for text, at in (("old", now - timedelta(days=31)), ("young", now - timedelta(days=29))):
        ask(
            "INSERT INTO messages (klien_id, chat_id, direction, source, type, text, content, mentions, status,"  # noqa: S608 - words of ours
            f" status_at, tries, created_at) VALUES (1, 1, 'in', 'contact', 'text', '{text}', '{{}}', '[]', 'received',"
            f" '{at}', 0, '{at}')"
        )
    async with serving(home):
        assert len(ask("SELECT text FROM messages")) == 2
    async with serving(home, message_days="30"):
        await until(only_young_ones_are_left)


async def test_the_journal_goes_back_as_long_as_it_is_told_to_and_says_what_is_missing(home: Path) -> None:
    assert (await finish(home, "klien", "add", "Toko Sinar")).code == 0

    async def told(server: Server) -> tuple[list[int], bool]:
        answer = await server.call("GET", "/api/v1/kliens/1/events?since=0")
        return [event["seq"] for event in answer["events"]], answer["gap"]

    now = datetime.now(UTC)
    with closing(sqlite3.connect(home / "talkabiz.db")) as connection, connection:
        for seq, days in ((1, 31), (2, 31), (3, 29)):
            connection.execute(
                "INSERT INTO journal_events (klien_id, seq, type, at, data) VALUES (1, ?, 'disconnected', ?, ?)",
                (seq, str(now - timedelta(days=days)), json.dumps({"seq": seq, "status": "disconnected"})),
            )
        connection.execute("UPDATE kliens SET seq = 3")
    async with serving(home, journal_days="0") as server:
        assert await told(server) == ([1, 2, 3], False)
    async with serving(home) as server:

        async def the_old_ones_are_gone() -> bool:
            return await told(server) == ([3], True)

        await until(the_old_ones_are_gone)


# --- behind a proxy ---------------------------------------------------------------------------------------------------


async def start_linking(server: Server, client: str) -> int:
    klien_id = await server.add_klien(f"Toko {client}")
    headers = {"X-Forwarded-For": client}
    return (await server.http.post("/whatsapp/connect", json={"klien_id": klien_id}, headers=headers)).status_code


async def test_a_forged_address_changes_nothing_and_one_from_our_proxy_is_counted(home: Path) -> None:
    async with serving(home, "--sandbox", start_limit="1/day") as server:
        assert [await start_linking(server, f"203.0.113.{last}") for last in (1, 2)] == [200, 429]
    trusted = {"start_limit": "1/day", "trusted_proxies": "127.0.0.1"}
    async with serving(home, "--sandbox", **trusted) as server:
        clients = (
            "203.0.113.1",
            "203.0.113.2",
            "203.0.113.1",
            "198.51.100.7, 203.0.113.2",
            "2001:db8::1",
            "2001:db8::2",
        )
        assert [await start_linking(server, client) for client in clients] == [200, 200, 429, 429, 200, 429]


async def test_the_sandbox_is_not_opened_by_a_proxy_that_is_trusted(home: Path) -> None:
    async with serving(home, "--sandbox", trusted_proxies="127.0.0.1") as server:
        phones = "/sandbox/api/phones"
        assert (await server.http.get(phones)).status_code == 200
        for headers in (
            *({"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-Host": "localhost"}, {"Via": "1.1 web"}),
            *({"Host": "wa.example.com"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}),
        ):
            answer = await server.http.get(phones, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), headers
